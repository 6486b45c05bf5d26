//! `bench_kernels`: computes what containers compute to be compared with it (`berth_kernels`), and prints instructions.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use berth_kernels::ALL;
use libtock::{ErrorCode, alarm};
use test_apps::Line;

libtock::main!(main);

/// What the harness boots with.
const INSTRUCTIONS_PER_SECOND: u64 = 1_000_000_000 / 64;

/// Memory for what is in maps and lists.
#[global_allocator]
static HEAP: emballoc::Allocator<8192> = emballoc::Allocator::new();

fn main() {
    let said = match measure() {
        Ok(()) => "bench: done",
        Err(_) => "bench: failed: no alarm, or a wrong result",
    };
    Line::new().text(said).print();
}

fn measure() -> Result<(), ErrorCode> {
    let frequency = u64::from(alarm::frequency()?);
    for kernel in ALL {
        let start = alarm::now()?;
        let result = (kernel.run)();
        let ticks = alarm::now()?.wrapping_sub(start);
        if result != kernel.result {
            return Err(ErrorCode::Fail);
        }
        let instructions = u64::from(ticks) * INSTRUCTIONS_PER_SECOND / frequency.max(1);
        let name = kernel.name;
        let mut line = Line::new();
        line.text("native.").text(name).text(".process = ");
        line.decimal(instructions as u32).print();
    }
    Ok(())
}
