//! Puts what measures the supervisor into the supervisor's slot of the memory map.

/// Bytes of stack, as many as the supervisor has.
const STACK: u32 = 26 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for process in ["bench_containers", "bench_leak", "bench_store"] {
        libtock_build::link(process, "SUPERVISOR", STACK);
    }
}
