//! Compiles `exposure.dts` to the kernel's table, and links the kernel with this
//! board's `kernel.ld` and the workspace's `layout.ld`.
//!
//! `BERTH_EXPOSURE` names another configuration for this board to build with.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::exit;

use berth_exposure_compiler::{compile, kernel_table};

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = here.ancestors().nth(2).unwrap_or(&here).to_owned();
    // Only the board: a host build of the workspace has its own linker script.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo:rustc-link-arg-bins=-L{}", root.display());
        println!(
            "cargo:rustc-link-arg-bins=-T{}",
            here.join("kernel.ld").display()
        );
        println!("cargo:rustc-link-arg-bins=--nmagic");
        println!("cargo:rustc-link-arg-bins=--icf=all");
    }
    println!(
        "cargo:rerun-if-changed={}",
        here.join("kernel.ld").display()
    );
    println!(
        "cargo:rerun-if-changed={}",
        root.join("layout.ld").display()
    );
    exposures(&here, &root.join("layout.ld"));
}

/// Write the table to `OUT_DIR`, or say what is wrong and stop the build.
fn exposures(here: &Path, layout: &Path) {
    println!("cargo:rerun-if-env-changed=BERTH_EXPOSURE");
    let source =
        env::var_os("BERTH_EXPOSURE").map_or_else(|| here.join("exposure.dts"), PathBuf::from);
    // The configuration includes and names other files beside it.
    let folder = source.parent().unwrap_or(here);
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        if matches!(kind, Some("dts" | "dtsi" | "svd")) {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("exposures.rs");
    let problems = match compile(&source, layout) {
        // What claims need, and what the kernel looks at.
        Ok(configuration)
            if (configuration.keys.is_empty() && configuration.operators.is_empty())
                == env::var_os("CARGO_FEATURE_KEYS").is_some() =>
        {
            vec!["`keys` of the exposures and the feature `keys` go together".to_owned()]
        }
        Ok(configuration) => match fs::write(&out, kernel_table(&configuration)) {
            Ok(()) => return,
            Err(error) => vec![format!("{}: {error}", out.display())],
        },
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    };
    for problem in problems {
        println!("cargo::error={problem}");
    }
    exit(1);
}
