//! Puts the supervisor, or what measures it, into its slot of the memory map.

/// Bytes of stack. Loading a module takes the most: 16 KiB were not enough for it.
const STACK: u32 = 18 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    libtock_build::link("wasm_supervisor", "SUPERVISOR", STACK);
    if std::env::var_os("CARGO_FEATURE_BENCH").is_some() {
        libtock_build::link("bench_containers", "SUPERVISOR", STACK);
        libtock_build::link("bench_leak", "SUPERVISOR", STACK);
    }
}
