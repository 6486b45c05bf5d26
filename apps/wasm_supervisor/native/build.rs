//! Makes a number of all sources that code in the flash depends on: what makes it, what looks at it, and what it calls.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// From this crate's folder.
const FOLDERS: [&str; 6] = [
    "src",
    "../../../crates/admission/src",
    "../../../crates/checker/src",
    "../../../crates/code/src",
    "../../../crates/compiler/src",
    "../../../crates/instance/src",
];

/// All files below `folder`, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a folder is read").path())
        .collect();
    paths.sort();
    let below = paths.into_iter().map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    });
    below.flatten().collect()
}

fn main() {
    let mut sum = 0x811c_9dc5_u32;
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        for file in files(Path::new(folder)) {
            for byte in fs::read(&file).expect("a source is read") {
                sum = (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
            }
            // Where one file ends and another begins is part of it.
            sum = sum.rotate_left(1);
        }
    }
    let text = format!(
        "/// Another number for other sources of the compiler, the checker, and all that compiled code expects around it.\n\
         pub const SOURCES: u32 = {sum:#010x};\n"
    );
    let folder = env::var("OUT_DIR").expect("cargo says where");
    fs::write(Path::new(&folder).join("sources.rs"), text).expect("cargo's folder can be written");
}
