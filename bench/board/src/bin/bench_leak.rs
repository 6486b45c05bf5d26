//! Starts and stops a container 100,000 times on the board (`Bench::leak` in the library) and prints
//! `key = value`.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
mod bench_frame;

#[cfg(target_os = "none")]
mod process {
    extern crate alloc;

    use crate::bench_frame::{self, print};
    use alloc::format;

    libtock::main!(run);

    const CYCLES: u32 = 100_000;

    fn run() {
        bench_frame::run(|bench| {
            let lost = bench.leak(CYCLES)?;
            print(&format!("leak.bytes_after_100000_cycles = {lost}\r\n"));
            Ok(())
        });
    }
}

/// What a board loses is seen on a board only.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("bench_leak measures on a board");
}
