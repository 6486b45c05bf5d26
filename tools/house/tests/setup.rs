//! The set-up says which version of a Debian package its outputs were tested with, where this machine has another.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../setup")
}

/// Every package of every list, and the version that stands beside it.
fn packages() -> Vec<(String, String)> {
    let lists = fs::read_dir(folder()).unwrap();
    let mut found = Vec::new();
    for list in lists.map(|entry| entry.unwrap().path()) {
        if list.to_string_lossy().ends_with("-packages.txt") {
            for line in fs::read_to_string(&list).unwrap().lines() {
                let (name, version) = line.split_once(' ').expect(line);
                assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{line}");
                found.push((name.to_owned(), version.to_owned()));
            }
        }
    }
    assert!(found.len() >= 10, "{found:?}");
    found
}

/// What the set-up says where every package is there in the version that `installed` makes of the tested one.
fn set_up(installed: fn(&str) -> String) -> String {
    let place = TempDir::new().unwrap();
    let mut query =
        "#!/bin/sh\ncase \"$3\" in *Status*) printf installed; exit ;; esac\ncase $4 in\n"
            .to_owned();
    for (name, version) in packages() {
        query += &format!("'{name}') printf '%s' '{}' ;;\n", installed(&version));
    }
    query += "*) exit 1 ;;\nesac\n";
    let program = place.path().join("dpkg-query");
    fs::write(&program, query).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", place.path().display());
    let output = Command::new("/bin/sh")
        .arg(folder().join("setup.sh"))
        .args(["debian", "clean-room"])
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn the_tested_version_is_said_where_another_is_there() {
    // Epochs and Debian's own revisions are none.
    assert_eq!(
        set_up(|tested| format!("1:{tested}+dfsg-7+deb12u18+b3")),
        ""
    );
    assert_eq!(set_up(|tested| format!("{tested}-1")), "");
    assert_eq!(set_up(str::to_owned), "");
    for other in [
        |tested: &str| format!("1:{tested}1-2"),
        |_: &str| "99.0-1".to_owned(),
    ] {
        let said = set_up(other);
        assert_eq!(said.lines().count(), 3, "{said}");
        for name in ["qemu-system-arm", "device-tree-compiler", "debootstrap"] {
            assert!(said.contains(name), "{said}");
        }
        assert!(said.contains("tested with 7.2,"), "{said}");
    }
}
