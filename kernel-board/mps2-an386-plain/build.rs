//! Links the kernel with the board's `kernel.ld` and the workspace's `layout.ld`.

use std::env;
use std::path::PathBuf;

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = here.ancestors().nth(2).unwrap_or(&here);
    let script = here.with_file_name("mps2-an386").join("kernel.ld");
    for file in [&script, &root.join("layout.ld")] {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    // A host build has its own linker script.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo::rustc-link-arg-bins=-L{}", root.display());
        println!("cargo::rustc-link-arg-bins=-T{}", script.display());
        println!("cargo::rustc-link-arg-bins=--nmagic");
    }
}
