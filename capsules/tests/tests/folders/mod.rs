//! Folders of the workspace, and copies of them.

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Every folder of capsules, from the workspace's root: all below `capsules`, and Tock's own. The crates of their tests are none.
pub(crate) fn capsules() -> Vec<String> {
    let mut found = Vec::new();
    for (above, beginning) in [("capsules", ""), ("tock", "capsules-")] {
        for entry in fs::read_dir(root().join(above)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let tests = name.ends_with("tests");
            if name.starts_with(beginning) && !tests && entry.path().join("Cargo.toml").exists() {
                found.push(format!("{above}/{name}"));
            }
        }
    }
    found.sort();
    assert!(found.len() >= 7, "{found:?}");
    found
}
