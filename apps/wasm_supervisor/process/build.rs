//! Puts the supervisor, or what measures it, into its slot of the memory map.

/// Bytes of stack. Measured high-water mark while a module is loaded: 13 KiB.
const STACK: u32 = 16 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    libtock_build::link("wasm_supervisor", "SUPERVISOR", STACK);
    if std::env::var_os("CARGO_FEATURE_BENCH").is_some() {
        libtock_build::link("bench_containers", "SUPERVISOR", STACK);
    }
}
