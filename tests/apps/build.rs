//! Puts each test process into a slot of the memory map.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PEEK_ADDRESS");
    println!("cargo::rerun-if-env-changed=PEEK_ACCESS");
    println!("cargo::rerun-if-env-changed=HOSTILE_CALLS");
    libtock_build::link("hello", "APP0", 2048);
    libtock_build::link("conformance", "APP1", 4096);
    libtock_build::link("bench_syscalls", "APP1", 2048);
    libtock_build::link("spin", "APP1", 2048);
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        // It notes the registers down before the library's entry point uses them.
        println!("cargo::rustc-link-arg-bin=conformance=--entry=note_registers");
    }
    libtock_build::link("chatter", "APP2", 2048);
    libtock_build::link("echo", "APP2", 2048);
    libtock_build::link("misbehave", "APP2", 2048);
    libtock_build::link("filtered", "SUPERVISOR", 2048);
    libtock_build::link("flash_rules", "SUPERVISOR", 4096);
    libtock_build::link("compiled", "SUPERVISOR", 4096);
    libtock_build::link("bench_registers", "SUPERVISOR", 2048);
    libtock_build::link("bench_led", "SUPERVISOR", 2048);
    libtock_build::link("bench_growth", "SUPERVISOR", 4096);
    libtock_build::link("bench_kernels", "SUPERVISOR", 8192);
    libtock_build::link("bench_interrupts", "SUPERVISOR", 2048);
    libtock_build::link("hostile", "SUPERVISOR", 4096);
    libtock_build::link("mapped", "SUPERVISOR", 2048);
    libtock_build::link("peek", "APP2", 2048);
    libtock_build::link("jailer", "APP2", 2048);
    libtock_build::link("warden", "APP2", 2048);
    libtock_build::link("witness", "APP0", 2048);
    libtock_build::link("declared", "APP1", 2048);
    libtock_build::link("walk", "APP2", 2048);
    libtock_build::link("supervisor_crash", "SUPERVISOR", 2048);
    libtock_build::link("buses", "APP1", 4096);
    libtock_build::link("bus_abuse", "SUPERVISOR", 4096);
    libtock_build::link("deadline", "APP0", 2048);
    libtock_build::link("fuzz", "SUPERVISOR", 2048);
    libtock_build::link("gated", "SUPERVISOR", 2048);
    libtock_build::link("abuse", "SUPERVISOR", 2048);
    libtock_build::link("assault", "SUPERVISOR", 8192);
    libtock_build::link("instants", "SUPERVISOR", 4096);
    libtock_build::link("forger", "SUPERVISOR", 4096);
    libtock_build::link("longest", "SUPERVISOR", 8192);
    // Its permissions do not fit (`Makefile`).
    libtock_build::link_behind(0x200, "siege", "SUPERVISOR", 8192);
    libtock_build::link("occupy", "SUPERVISOR", 2048);
    libtock_build::link("storm", "SUPERVISOR", 2048);
    libtock_build::link("heir", "APP2", 2048);
    libtock_build::link("native", "SUPERVISOR", 8192);
    module();
}

/// The module that `native` compiles.
fn module() {
    println!("cargo::rerun-if-changed=src/bin/native/program.wat");
    let wasm =
        wat::parse_file("src/bin/native/program.wat").unwrap_or_else(|error| panic!("{error}"));
    let folder = std::env::var_os("OUT_DIR").unwrap_or_default();
    let written = std::fs::write(std::path::Path::new(&folder).join("native.wasm"), wasm);
    written.unwrap_or_else(|error| panic!("native.wasm: {error}"));
}
