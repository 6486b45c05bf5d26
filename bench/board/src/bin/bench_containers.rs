//! Measures containers on the board (see `supervisor_bench`); prints `key = value`.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
mod bench_frame;

#[cfg(target_os = "none")]
mod process {
    extern crate alloc;

    use crate::bench_frame::{self, NS_PER_INSTRUCTION, print};
    use alloc::format;

    libtock::main!(run);

    fn run() {
        bench_frame::run(|bench| {
            bench.run(|key, microseconds, times| {
                let instructions = microseconds * 1000 / NS_PER_INSTRUCTION / u64::from(times);
                print(&format!("{key} = {instructions}\r\n"));
            })
        });
    }
}

/// Instructions are counted on the board only.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("bench_containers measures on a board");
}
