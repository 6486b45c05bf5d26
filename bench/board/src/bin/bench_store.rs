//! Measures the container store on the board (`StoreBench` in the library); prints `key = value`. Then it changes
//! the store until the power goes.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
mod bench_frame;

#[cfg(target_os = "none")]
mod process {
    extern crate alloc;

    use crate::bench_frame::{self, NS_PER_INSTRUCTION, print};
    use alloc::boxed::Box;
    use alloc::format;
    use supervisor_bench::{Failed, StoreBench, Value};
    use wasm_supervisor::platform::Platform;

    libtock::main!(run);

    fn run() {
        bench_frame::end(measure());
    }

    fn measure() -> Result<(), Failed> {
        let board = bench_frame::board()?;
        let flash = board.flash().ok_or(Failed("no flash"))?;
        let mut bench = Box::new(StoreBench::measure(
            flash,
            || board.now_us(),
            |key, value| {
                print(&match value {
                    Value::Ratio(parts) => {
                        format!("{key} = {}.{:03}\r\n", parts / 1000, parts % 1000)
                    }
                    Value::Microseconds(time) => {
                        format!("{key} = {}\r\n", time * 1000 / NS_PER_INSTRUCTION)
                    }
                    Value::Number(number) => format!("{key} = {number}\r\n"),
                });
            },
        )?);
        print("bench: done\r\n");
        loop {
            bench.go_on()?;
        }
    }
}

/// The flash is a board's.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("bench_store measures on a board");
}
