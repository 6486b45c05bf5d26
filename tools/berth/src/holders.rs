//! Who else has a serial port open: programs that know nothing of our lock.
//!
//! Two that read one port get each a part of what comes, so the second has to be told, and by whom it is held. The
//! system knows (`/proc`), as far as those programs are ours to look at, all of them for root.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Another program that has the port open, and its process id. Whoever started us may hold it.
pub(crate) fn of(port: &Path) -> Option<String> {
    let port = port.canonicalize().ok()?;
    let kin = ancestors();
    let processes = fs::read_dir("/proc").ok()?;
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|process| !kin.contains(process) && has_open(*process, &port))
        .map(|process| format!("{} (process {process})", name(process)))
}

fn folder(process: u32) -> PathBuf {
    Path::new("/proc").join(process.to_string())
}

fn has_open(process: u32, port: &Path) -> bool {
    let files = fs::read_dir(folder(process).join("fd"));
    files.is_ok_and(|files| {
        files
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|target| target == port))
    })
}

fn name(process: u32) -> String {
    let name = fs::read_to_string(folder(process).join("comm")).unwrap_or_default();
    match name.trim() {
        "" => "another program".to_owned(),
        name => name.to_owned(),
    }
}

/// This process, the one that started it, and so on.
fn ancestors() -> Vec<u32> {
    let mut process = std::process::id();
    let mut all = vec![process];
    while let Some(parent) = parent(process)
        && parent > 1
        && !all.contains(&parent)
    {
        all.push(parent);
        process = parent;
    }
    all
}

fn parent(process: u32) -> Option<u32> {
    let text = fs::read_to_string(folder(process).join("stat")).ok()?;
    // The name stands in parentheses and may have any character in it.
    let (_, behind) = text.rsplit_once(')')?;
    behind.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_started_us_is_known() {
        let kin = ancestors();
        assert_eq!(kin.first(), Some(&std::process::id()));
        assert_eq!(kin.get(1), Some(&std::os::unix::process::parent_id()));
    }
}
