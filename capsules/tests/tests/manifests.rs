//! What is used beside upstream Tock needs nothing that upstream has not, its own tests included.

mod folders;

use std::fs;
use std::path::{Path, PathBuf};
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

/// What only this kernel has of what a capsule could use; a board may give it to one.
const ONLY_HERE: [&str; 11] = [
    "set_later",
    "put_in_background",
    "kernel::hil::i2c::Refused",
    "kernel::hil::spi::Refused",
    "kernel::hil::spi::SlaveRefused",
    "kernel::process::Change",
    "kernel::process::Life",
    "kernel::process::RestartBudget",
    "kernel::utilities::single_core",
    "kernel::syscall_driver",
    "kernel::test_utils",
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

/// The paths of a file's `use`s, each alone, and its code without comments.
fn code(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let code: Vec<_> = lines.filter(|line| !line.starts_with("//")).collect();
    let code = code.join(" ");
    let mut paths = String::new();
    for one in code.split("use ").skip(1) {
        let path = one.split(';').next().unwrap_or_default();
        if let Some((before, names)) = path.split_once('{') {
            for name in names.trim_end_matches('}').split(',') {
                paths += &format!("{before}{} ", name.trim());
            }
        }
    }
    code + &paths
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn capsules_use_nothing_that_only_this_kernel_has() {
    let paths = code("use kernel::hil::i2c::{\n    self, Refused,\n};\n// set_later\n");
    assert!(paths.contains("kernel::hil::i2c::Refused") && !paths.contains("set_later"));
    for folder in capsules() {
        let mut files = Vec::new();
        sources(&root().join(&folder).join("src"), &mut files);
        assert!(!files.is_empty(), "{folder}");
        let mut found = Vec::new();
        for file in files {
            let code = code(&fs::read_to_string(&file).unwrap());
            let words = ONLY_HERE.iter().filter(|word| code.contains(*word));
            found.extend(words.map(|word| format!("{}: {word}", file.display())));
        }
        assert!(found.is_empty(), "{found:?}");
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
