//! Finds htmx, which the set-up has fetched (`tools/setup/setup.sh page`), so that it becomes a part of the program.

use std::{env, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let folder = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let file = folder
        .unwrap_or_default()
        .join("../../target/tools/page/htmx.min.js");
    println!("cargo::rerun-if-changed={}", file.display());
    if !file.exists() {
        println!(
            "cargo::error=htmx is not there, which the gateway's pages are shown with: run tools/setup/setup.sh page"
        );
        return ExitCode::FAILURE;
    }
    println!("cargo::rustc-env=BERTH_HTMX={}", file.display());
    ExitCode::SUCCESS
}
