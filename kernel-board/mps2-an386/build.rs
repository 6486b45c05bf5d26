//! Links the kernel with this board's `kernel.ld` and the workspace's `layout.ld`.

use std::env;
use std::path::PathBuf;

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = here.join("../..");
    // Only the board: a host build of the workspace has its own linker script.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo:rustc-link-arg-bins=-L{}", root.display());
        println!(
            "cargo:rustc-link-arg-bins=-T{}",
            here.join("kernel.ld").display()
        );
        println!("cargo:rustc-link-arg-bins=--nmagic");
    }
    println!(
        "cargo:rerun-if-changed={}",
        here.join("kernel.ld").display()
    );
    println!(
        "cargo:rerun-if-changed={}",
        root.join("layout.ld").display()
    );
}
