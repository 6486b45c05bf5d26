//! Puts the supervisor, or what measures it, into its slot of the memory map.

/// Bytes of stack. Measured high-water mark while a small module is loaded: 16,668. The next 4 KiB border of
/// the memory protection, 2 KB further, leaves room for statics to grow.
const STACK: u32 = 18 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    libtock_build::link("wasm_supervisor", "SUPERVISOR", STACK);
    if std::env::var_os("CARGO_FEATURE_BENCH").is_some() {
        libtock_build::link("bench_containers", "SUPERVISOR", STACK);
        libtock_build::link("bench_leak", "SUPERVISOR", STACK);
    }
}
