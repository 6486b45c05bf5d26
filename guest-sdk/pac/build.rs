//! Makes the crate of the board's SVD file, as `svd2rust -i mps2-an386.svd` does.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let svd = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?)
        .join("../../kernel-board/mps2-an386/mps2-an386.svd");
    println!("cargo::rerun-if-changed={}", svd.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut config = svd2rust::Config::default();
    config.edition = svd2rust::config::RustEdition::E2024;
    // They stand at the head of `src/lib.rs`, which includes the rest.
    config.skip_crate_attributes = true;
    let made = svd2rust::generate(&fs::read_to_string(svd)?, &config)?;
    fs::write(
        PathBuf::from(env::var("OUT_DIR")?).join("pac.rs"),
        made.lib_rs,
    )?;
    Ok(())
}
