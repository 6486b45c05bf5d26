//! Files that are written whole or not at all.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process,
};

/// Writes the file `path`: where that fails (no room left), what was there before is still there, and nothing where
/// there was nothing. Devices and pipes are written to as they are.
///
/// # Errors
/// What the system says.
pub fn write_whole(path: &Path, contents: impl AsRef<[u8]>) -> io::Result<()> {
    if path.exists() && !path.is_file() {
        return fs::write(path, contents);
    }
    // A link stays one: what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let new = beside(&path);
    let written = fs::write(&new, contents)
        .and_then(|()| match fs::metadata(&path) {
            Ok(old) => fs::set_permissions(&new, old.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&new, &path));
    if written.is_err() {
        // What failed is said; this is only what is left of it.
        let _ = fs::remove_file(&new);
    }
    written
}

/// A name in the same folder that nobody else takes.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(format!(".new-{}", process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_what_is_written_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_whole(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(write_whole(folder.path(), "new").is_err());
        write_whole(Path::new("/dev/null"), "new").unwrap();
    }
}
