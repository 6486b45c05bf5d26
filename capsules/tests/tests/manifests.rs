//! What is used beside upstream Tock needs nothing that upstream has not, its own tests included.

mod folders;

use std::fs;
use std::path::Path;
use std::process::Command;

use folders::{capsules, copy, root};

/// What is copied with them, from the workspace's root.
const WITH_THEM: [&str; 3] = ["crates/exposure", "crates/flash", "tock/libtock"];

/// Folders that are copied beside upstream's.
fn alone() -> Vec<String> {
    let mut folders = capsules();
    folders.extend(WITH_THEM.map(str::to_owned));
    folders
}

/// What a manifest of theirs must not ask for, and why.
const FOREIGN: [(&str, &str); 2] = [
    (
        "workspace",
        "is inherited, and a copy has no such workspace",
    ),
    ("test-utils", "is a feature of this kernel alone"),
];

/// The newest that upstream's compilers take: its release 2.2 has a nightly of November 2024.
const NEWEST: [&str; 2] = ["edition = \"2021\"", "rust-version = \"1.84\""];

#[test]
fn a_copied_folder_asks_for_nothing_that_is_only_here() {
    for folder in alone() {
        let manifest = fs::read_to_string(root().join(&folder).join("Cargo.toml")).unwrap();
        let lines: Vec<_> = manifest
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let mut depends = false;
        for line in &lines {
            for (word, why) in FOREIGN {
                assert!(!line.contains(word), "{folder}: `{line}` {why}");
            }
            if line.starts_with('[') {
                depends = line.contains("dependencies");
            } else if depends && !line.is_empty() {
                // Upstream's kernel and capsules take nothing from registries.
                assert!(line.contains("{ path = "), "{folder}: `{line}`");
            }
        }
        for needed in NEWEST {
            assert!(lines.contains(&needed), "{folder} does not say {needed}");
        }
    }
}

/// A crate without features, as upstream's kernel is to those who use it, with sources of here.
fn stand_in(place: &Path, name: &str, sources: &str, dependencies: &str) {
    fs::create_dir_all(place).unwrap();
    let sources = root().join(sources).canonicalize().unwrap();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [lib]\npath = \"{}\"\n[dependencies]\n{dependencies}\n",
        sources.display()
    );
    fs::write(place.join("Cargo.toml"), manifest).unwrap();
}

/// Their copies, in a workspace that knows nothing of this one, beside a kernel without features.
#[test]
fn copied_folders_build_in_a_workspace_of_their_own() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alone");
    let _ = fs::remove_dir_all(&place);
    for folder in alone() {
        copy(&root().join(&folder), &place.join(&folder));
    }
    stand_in(
        &place.join("tock/kernel"),
        "kernel",
        "tock/kernel/src/lib.rs",
        "tock-registers = \"=0.10.1\"\ntock-tbf = { path = \"../tock-tbf\" }",
    );
    stand_in(
        &place.join("tock/tock-tbf"),
        "tock-tbf",
        "tock/libraries/tock-tbf/src/lib.rs",
        "",
    );
    let workspace = format!("[workspace]\nresolver = \"2\"\nmembers = {:?}\n", alone());
    fs::write(place.join("Cargo.toml"), workspace).unwrap();
    fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args([
            "check",
            "--workspace",
            "--exclude",
            "kernel",
            "--exclude",
            "tock-tbf",
        ])
        .args(["--all-targets", "--offline"])
        .current_dir(&place)
        .env("CARGO_TARGET_DIR", place.with_file_name("alone-target"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
