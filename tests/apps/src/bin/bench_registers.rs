//! `bench_registers`: what a register write through `wasm_host` costs a native process.
//!
//! Claims a block and times 1,000 and 2,000 writes with the alarm's clock; the difference is
//! free of what starting, stopping and asking the time cost. The same loops without the
//! system call are subtracted. The harness knows how long an instruction takes.

#![no_std]
#![no_main]

use core::arch::asm;

use berth_exposure::{DRIVER_NUM, command, register};
use libtock::{ErrorCode, alarm, wasm_host};
use test_apps::Line;

libtock::main!(main);

/// Rounds of the shorter loop.
const COUNT: u32 = 1000;

/// A loop of `$rounds` with `$body` in it, arguments loaded before each.
macro_rules! rounds {
    ($rounds:expr, $register:expr, $body:literal) => {
        // SAFETY: the body is `nop` or a command that lends and subscribes
        // nothing; what a system call may change is declared lost.
        unsafe {
            asm!(
                "2:",
                "mov r0, r5",
                "mov r1, r8",
                "mov r2, r9",
                "movs r3, #0",
                $body,
                "subs r4, r4, #1",
                "bne 2b",
                inout("r4") $rounds => _,
                in("r5") DRIVER_NUM,
                in("r8") command::WRITE32,
                in("r9") $register,
                clobber_abi("C"),
            );
        }
    };
}

fn writes(register: usize, rounds: u32) {
    rounds!(rounds, register, "svc 2");
}

fn nothing(register: usize, rounds: u32) {
    rounds!(rounds, register, "nop");
}

/// Ticks of `COUNT` rounds.
fn ticks(run: fn(usize, u32), register: usize) -> Result<u32, ErrorCode> {
    let start = alarm::now()?;
    run(register, COUNT);
    let middle = alarm::now()?;
    run(register, 2 * COUNT);
    let end = alarm::now()?;
    Ok(end
        .wrapping_sub(middle)
        .wrapping_sub(middle.wrapping_sub(start)))
}

fn measure() -> Result<u64, ErrorCode> {
    let leds = wasm_host::claim(1, "fpgaio")?;
    let target = register(leds.handle, 0);
    wasm_host::write32(leds.handle, 0, 0)?;
    let frequency = u64::from(alarm::frequency()?).max(1);
    let net = ticks(writes, target)?.wrapping_sub(ticks(nothing, target)?);
    // The `nop` that stands for the `svc` was subtracted with its loop, and
    // the `svc` is part of the write: one instruction of 64 ns a round.
    Ok(u64::from(net) * 1_000_000_000 / frequency + u64::from(COUNT) * 64)
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
