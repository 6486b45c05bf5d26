//! Puts the supervisor into its slot of the memory map.

/// Bytes of stack. Making the supervisor takes a frame of 22 KiB, loading a module for a request 18.
const STACK: u32 = 26 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    libtock_build::link("wasm_supervisor", "SUPERVISOR", STACK);
}
