//! Puts the program into the supervisor's slot of the memory map.

/// Bytes of stack. Measured high-water mark while a module is loaded: 13 KiB.
const STACK: u32 = 16 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    libtock_build::link("engine_proof", "SUPERVISOR", STACK);
}
