//! `bench_syscalls`: what a system call costs, in instructions.
//!
//! A process cannot read a cycle counter, but it can ask the alarm for the time,
//! and under `-icount` time is instructions: the harness boots this process with
//! 64 ns an instruction.
//!
//! Every operation is timed in a loop of [`COUNT`] rounds and in one of twice as many;
//! the difference is free of what starting, stopping and asking the time cost. The
//! same is done with an empty loop, in which `nop` stands where the system calls
//! stand. A tick of the alarm is ten instructions, so a mean of 1,000 is good to a
//! fiftieth of one. A result is the difference of the two and one for each `svc`: the
//! instructions from a `svc` to the one behind it. Loading arguments is not counted.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::arch::asm;

use libtock::raw::class;
use libtock::{ErrorCode, alarm, memop, raw};
use test_apps::Line;

libtock::main!(main);

/// Rounds of the shorter loop.
const COUNT: u32 = 1000;
/// What the harness boots with.
const INSTRUCTIONS_PER_SECOND: u64 = 1_000_000_000 / 64;

const ALARM: usize = 0;
const CONSOLE: usize = 1;
const LOW_LEVEL_DEBUG: usize = 8;
/// No driver has this number.
const MISSING: usize = 0x7777;

const ALARM_STOP: usize = 3;
const ALARM_SET_RELATIVE: usize = 5;
const MEMOP_RAM_START: usize = 2;

/// Runs and does nothing.
extern "C" fn upcall(_: usize, _: usize, _: usize, _: usize) {}

/// A loop of `$rounds` with `$body` in it; `r0` to `r3` are loaded before each body.
macro_rules! rounds {
    ($rounds:expr, $registers:expr, $($body:literal),+) => {{
        let [a, b, c, d]: [usize; 4] = $registers;
        // SAFETY: the callers below lend a static buffer, subscribe a function
        // that touches nothing, and else ask for nothing that changes memory;
        // upcalls are C functions, so what such a function may destroy is declared lost.
        unsafe {
            asm!(
                "2:",
                "mov r0, r5",
                "mov r1, r8",
                "mov r2, r9",
                "mov r3, r10",
                $($body,)+
                "subs r4, r4, #1",
                "bne 2b",
                inout("r4") $rounds => _,
                inout("r5") a => _,
                inout("r8") b => _,
                inout("r9") c => _,
                inout("r10") d => _,
                clobber_abi("C"),
            );
        }
    }};
}

/// A loop of so many rounds, with the registers before each system call.
type Loop = fn([usize; 4], u32);

fn empty(registers: [usize; 4], count: u32) {
    rounds!(count, registers, "nop");
}
fn yields(registers: [usize; 4], count: u32) {
    rounds!(count, registers, "svc 0");
}
fn subscribes(registers: [usize; 4], count: u32) {
    rounds!(count, registers, "svc 1");
}
fn commands(registers: [usize; 4], count: u32) {
    rounds!(count, registers, "svc 2");
}
fn allows_read_only(registers: [usize; 4], count: u32) {
    rounds!(count, registers, "svc 4");
}
fn memops(registers: [usize; 4], count: u32) {
    rounds!(count, registers, "svc 5");
}
fn command_then_yield_wait(registers: [usize; 4], count: u32) {
    rounds!(count, registers, "svc 2", "movs r0, #1", "svc 0");
}
fn empty_pair(registers: [usize; 4], count: u32) {
    rounds!(count, registers, "nop", "movs r0, #1", "nop");
}

fn ticks(run: Loop, registers: [usize; 4], count: u32) -> Result<u32, ErrorCode> {
    let before = alarm::now()?;
    run(registers, count);
    Ok(alarm::now()?.wrapping_sub(before))
}

/// Instructions of [`COUNT`] rounds.
fn instructions(run: Loop, registers: [usize; 4]) -> Result<u64, ErrorCode> {
    // The first use of a driver allocates its grant.
    run(registers, 1);
    let once = ticks(run, registers, COUNT)?;
    let twice = ticks(run, registers, 2 * COUNT)?;
    let ticks = u64::from(twice.wrapping_sub(once));
    let frequency = u64::from(alarm::frequency()?).max(1);
    Ok((ticks * INSTRUCTIONS_PER_SECOND + frequency / 2) / frequency)
}

/// Print the instructions of one round of `run`, which has `svcs` system calls,
/// to one decimal place.
fn report(
    key: &str,
    svcs: u64,
    run: Loop,
    without: Loop,
    registers: [usize; 4],
) -> Result<(), ErrorCode> {
    let rounds = u64::from(COUNT);
    let all = instructions(run, registers)? + svcs * rounds;
    let net = all.saturating_sub(instructions(without, registers)?);
    let tenths = (net * 10 + rounds / 2) / rounds;
    Line::new()
        .text(key)
        .text(" = ")
        .decimal((tenths / 10) as u32)
        .text(".")
        .decimal((tenths % 10) as u32)
        .print();
    Ok(())
}

fn main() {
    match measure() {
        Ok(()) => Line::new().text("bench: done").print(),
        Err(code) => Line::new()
            .text("bench: failed: ")
            .text(code.name())
            .print(),
    }
}

fn measure() -> Result<(), ErrorCode> {
    // No grant is allocated yet: control block and grant table.
    let kernel_part = memop::ram_end()?.wrapping_sub(memop::grant_start()?);
    Line::new()
        .text("kernel.ram_per_process_bytes = ")
        .decimal(kernel_part as u32)
        .print();

    let mut flag = 0u8;
    let flag = (&raw mut flag).expose_provenance();
    let mut buffer = [0u8; 64];
    let buffer = buffer.as_mut_ptr().expose_provenance();
    let function = upcall as *const () as usize;
    let one = |key, run, registers| report(key, 1, run, empty, registers);

    one("syscall.command_missing", commands, [MISSING, 0, 0, 0])?;
    one("syscall.command_null", commands, [LOW_LEVEL_DEBUG, 0, 0, 0])?;
    // Stopping an alarm that is not set: enters the grant, finds nothing, leaves.
    one("syscall.command_grant", commands, [ALARM, ALARM_STOP, 0, 0])?;
    one("syscall.memop", memops, [MEMOP_RAM_START, 0, 0, 0])?;
    one(
        "syscall.allow_ro",
        allows_read_only,
        [CONSOLE, 1, buffer, 64],
    )?;
    one("syscall.subscribe", subscribes, [CONSOLE, 1, function, 0])?;
    // SAFETY: these take back what the loops above left with the kernel.
    unsafe {
        raw::call::<{ class::ALLOW_READ_ONLY }>([CONSOLE, 1, 0, 0]);
        raw::call::<{ class::SUBSCRIBE }>([CONSOLE, 1, 0, 0]);
    }
    one("syscall.yield_nowait", yields, [0, flag, 0, 0])?;

    // SAFETY: the function touches nothing.
    unsafe { raw::call::<{ class::SUBSCRIBE }>([ALARM, 0, function, 0]) };
    report(
        "syscall.alarm_upcall",
        2,
        command_then_yield_wait,
        empty_pair,
        [ALARM, ALARM_SET_RELATIVE, 0, 0],
    )?;
    // SAFETY: as above.
    unsafe { raw::call::<{ class::SUBSCRIBE }>([ALARM, 0, 0, 0]) };
    Ok(())
}
