//! What a system call costs a native process.

use anyhow::Result;

use crate::figure::{Group, Key, Unit};
use crate::process;

const fn key(name: &'static str, what: &'static str, upstream: f64, must: f64, goal: f64) -> Key {
    Key {
        name,
        unit: Unit::Instructions,
        what,
        reference: Some(("upstream", upstream)),
        must: Some(must),
        goal: Some(goal),
    }
}

const KEYS: [Key; 8] = [
    key(
        "syscall.command_missing",
        "Command to a driver that is not there",
        568.0,
        284.0,
        200.0,
    ),
    key(
        "syscall.command_null",
        "Command 0 of low-level debug, which enters no grant",
        578.0,
        289.0,
        200.0,
    ),
    key(
        "syscall.command_grant",
        "Command that enters its grant and does nothing there (ours: alarm 3, no alarm set; upstream's: console 0)",
        844.0,
        422.0,
        350.0,
    ),
    key(
        "syscall.memop",
        "Memop 2, start of RAM",
        607.0,
        303.0,
        200.0,
    ),
    key(
        "syscall.allow_ro",
        "Allow read-only: swap of a 64-byte buffer, console 1",
        861.0,
        430.0,
        400.0,
    ),
    key(
        "syscall.subscribe",
        "Subscribe: swap of a function, console 1",
        936.0,
        468.0,
        450.0,
    ),
    key(
        "syscall.yield_nowait",
        "Yield-NoWait with a flag byte, nothing pending",
        510.0,
        255.0,
        200.0,
    ),
    key(
        "syscall.alarm_upcall",
        "Alarm set to 0 ticks, Yield-Wait, interrupt, upcall",
        2761.0,
        1380.0,
        1300.0,
    ),
];

/// Boots `bench_syscalls`.
///
/// # Errors
/// If the process does not measure.
pub fn measure() -> Result<Group> {
    Ok(Group {
        title: "System calls",
        how: "Round trip from process to process, the `svc` included: from one `svc` to the instruction behind it. \
              The native process `bench_syscalls` runs each in a loop of 1,000 and of 2,000 rounds, asks the alarm for the time \
              before and after, and prints the difference; the same loops with `nop` in place of `svc` are subtracted. \
              *upstream*: Tock master of August 2026 on the same emulated board, means of 1,000, loop cost removed.",
        figures: process::measure("bench_syscalls", &KEYS)?,
        ..Group::default()
    })
}
