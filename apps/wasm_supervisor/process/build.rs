//! Puts the supervisor, or what measures it, into its slot of the memory map.

/// Bytes of stack. Making the supervisor takes a frame of 22 KiB, loading a module for a request 18.
const STACK: u32 = 26 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    libtock_build::link("wasm_supervisor", "SUPERVISOR", STACK);
    if std::env::var_os("CARGO_FEATURE_BENCH").is_some() {
        libtock_build::link("bench_containers", "SUPERVISOR", STACK);
        libtock_build::link("bench_leak", "SUPERVISOR", STACK);
        libtock_build::link("bench_store", "SUPERVISOR", STACK);
    }
}
