//! How the linker lays out a container: memory counted in bytes, not in pages of 64 KiB, and a stack of 1 KiB.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        for flag in ["--page-size=1", "-zstack-size=1024"] {
            println!("cargo::rustc-cdylib-link-arg={flag}");
        }
    }
}
