//! Programs as real compilers make them, at every level of optimisation.
//!
//! Each exports `run`, which takes a number and returns one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::outcome::Value;

/// The compiler that the set-up installs.
const CLANG: &str = "clang-14";
const LEVELS: [&str; 6] = ["0", "1", "2", "3", "s", "z"];

/// Compiles all programs into `folder`, and returns what to call each, and its image.
///
/// # Errors
///
/// If a compiler is missing or fails.
pub fn compile(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    let mut images = Vec::new();
    for level in LEVELS {
        let object = folder.join(format!("c{level}.o"));
        let linked = folder.join(format!("c{level}.wasm"));
        let optimised = format!("-O{level}");
        run(Command::new(CLANG)
            .args(["--target=wasm32", "-mbulk-memory", "-c", &optimised, "-o"])
            .args([&object, &sources.join("mixed.c")]))?;
        // In a step of its own, without -O: with it clang would hand the module to a `wasm-opt`.
        run(Command::new(CLANG)
            .args(["--target=wasm32", "-nostdlib", "-Wl,--no-entry", "-o"])
            .args([&linked, &object]))?;
        images.push((format!("clang -O{level}"), read(&linked)?));

        let linked: PathBuf = folder.join(format!("rust{level}.wasm"));
        run(Command::new("rustc")
            .args(["--edition", "2024", "--target", "wasm32-unknown-unknown"])
            .args([
                "-C",
                "panic=abort",
                "-C",
                "strip=symbols",
                "-C",
                &format!("opt-level={level}"),
                "-o",
            ])
            .args([&linked, &sources.join("mixed.rs")]))?;
        images.push((format!("rustc opt-level={level}"), read(&linked)?));
    }
    Ok(images)
}

/// Returns arguments for so many calls.
#[must_use]
pub fn calls(many: i32) -> Vec<Vec<Value>> {
    (0..many).map(|seed| vec![Value::I32(seed)]).collect()
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        let text = String::from_utf8_lossy(&output.stderr);
        Err(format!("{command:?}: {text}"))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
