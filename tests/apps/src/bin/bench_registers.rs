//! `bench_registers`: what a register write through `wasm_host` costs a native process.
//!
//! Claims a block and times 1,000 and 2,000 calls of libtock's `write32`, from the call instruction
//! to its return, with the alarm's clock; the difference is free of what starting, stopping and
//! asking the time cost. The same loops with an empty function are subtracted, call and
//! return apart. The harness knows how long an instruction takes.

#![no_std]
#![no_main]

use core::hint::black_box;

use libtock::{ErrorCode, alarm, wasm_host};
use test_apps::Line;

libtock::main!(main);

/// Rounds of the shorter loop.
const COUNT: u32 = 1000;
/// The call and the return, which the empty function has as well.
const CALL_AND_RETURN: u64 = 2;
/// Nanoseconds of an instruction, as the harness boots.
const INSTRUCTION_NS: u64 = 64;

type Write = fn(u16, u16, u32) -> bool;

#[inline(never)]
fn write(handle: u16, offset: u16, value: u32) -> bool {
    wasm_host::write32(handle, offset, value).is_ok()
}

#[inline(never)]
fn nothing(_: u16, _: u16, _: u32) -> bool {
    true
}

fn rounds(write: Write, handle: u16, count: u32) -> bool {
    let write = black_box(write);
    (0..count).fold(true, |all, _| all & write(handle, 0, 0))
}

/// Ticks of `COUNT` rounds.
fn ticks(write: Write, handle: u16) -> Result<u32, ErrorCode> {
    let start = alarm::now()?;
    let first = rounds(write, handle, black_box(COUNT));
    let middle = alarm::now()?;
    let second = rounds(write, handle, black_box(2 * COUNT));
    let end = alarm::now()?;
    if first && second {
        Ok(end
            .wrapping_sub(middle)
            .wrapping_sub(middle.wrapping_sub(start)))
    } else {
        Err(ErrorCode::Fail)
    }
}

fn measure() -> Result<u64, ErrorCode> {
    let leds = wasm_host::claim(1, "fpgaio")?;
    let frequency = u64::from(alarm::frequency()?).max(1);
    let net = ticks(write, leds.handle)?.wrapping_sub(ticks(nothing, leds.handle)?);
    let calls = u64::from(COUNT) * CALL_AND_RETURN * INSTRUCTION_NS;
    Ok(u64::from(net) * 1_000_000_000 / frequency + calls)
}

fn main() {
    match measure() {
        Ok(nanoseconds) => {
            Line::new()
                .text("nanoseconds of 1000 writes = ")
                .decimal(u32::try_from(nanoseconds).unwrap_or(u32::MAX))
                .print();
            Line::new().text("bench: done").print();
        }
        Err(code) => Line::new()
            .text("bench: failed: ")
            .text(code.name())
            .print(),
    }
}
