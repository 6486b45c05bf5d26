//! What is used beside upstream Tock needs nothing that upstream has not, its own tests included.

use std::fs;
use std::path::Path;

/// Folders that are copied beside upstream's, from the workspace's root.
const ALONE: [&str; 7] = [
    "capsules/wasm_host",
    "capsules/wasm_host_board",
    "capsules/run_record",
    "capsules/flash_partition",
    "crates/exposure",
    "crates/flash",
    "tock/libtock",
];

/// What a manifest of theirs must not ask for, and why.
const FOREIGN: [(&str, &str); 2] = [
    (
        "workspace",
        "is inherited, and a copy has no such workspace",
    ),
    ("test-utils", "is a feature of this kernel alone"),
];

#[test]
fn a_copied_folder_asks_for_nothing_that_is_only_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for folder in ALONE {
        let manifest = fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
        let lines = manifest.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            for (word, why) in FOREIGN {
                assert!(!line.contains(word), "{folder}: `{line}` {why}");
            }
        }
    }
}
