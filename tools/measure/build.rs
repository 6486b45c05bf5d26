//! Builds the loader (`loader/`) as a WebAssembly module, which the library carries.
//!
//! It needs the target `wasm32-unknown-unknown`, which `rust-toolchain.toml` lists. Where a compiler without
//! it builds this, the library carries none and says so: it measures nothing then.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// What the loader is made of, from the root of the workspace.
const SOURCES: [&str; 5] = [
    "tools/measure/loader",
    "apps/wasm_supervisor/src",
    "crates",
    "Cargo.lock",
    "Cargo.toml",
];

fn main() {
    let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(variable("OUT_DIR"));
    let root = folder.join("../..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let module = out.join("loader.wasm");
    if has_target() {
        let built = build(&folder, &out);
        fs::copy(&built, &module)
            .unwrap_or_else(|error| panic!("copying {}: {error}", built.display()));
    } else {
        println!(
            "cargo::warning=without the target {TARGET} (rustup target add {TARGET}) `pack --check` does not measure what loading takes"
        );
        fs::write(&module, []).expect("writing to the folder for outputs");
    }
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"))
}

/// Has the compiler the libraries of the target?
fn has_target() -> bool {
    let output = Command::new(variable("RUSTC"))
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    output.is_ok_and(|output| {
        output.status.success()
            && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}

/// Builds the loader beside what this build makes, once for all builds of one profile.
fn build(folder: &Path, out: &Path) -> PathBuf {
    // The profile's folder, below which cargo keeps `build/<package>/out`.
    let target = out.ancestors().nth(3).unwrap_or(out).join("loader");
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args([
            "build",
            "--quiet",
            "--locked",
            "--lib",
            "--profile",
            "loader",
        ])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&target)
        .arg("--manifest-path")
        .arg(folder.join("loader/Cargo.toml"));
    // What is said to the compiler of the program around this is not for another target, nor is what containers are
    // linked with: this is none.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", "");
    for name in [
        "RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOCFLAGS",
        "CLIPPY_ARGS",
    ] {
        cargo.env_remove(name);
    }
    let status = cargo.status().expect("running cargo");
    assert!(status.success(), "building the loader: {status}");
    target.join(TARGET).join("loader/berth_loader.wasm")
}
