//! `supervisor_crash`: in the supervisor's place, ends as soon as it starts, in one way and the other.
//!
//! For the policy of the board: how often it lets a supervisor begin again. And for the run record: each
//! run tells what the one before left, and leaves how many there were.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use libtock::run_record;
use test_apps::Line;

libtock::main!(main);

/// First word of the kernel's RAM.
const KERNEL_RAM: usize = 0x2000_0000;

/// The run that restarts itself instead of faulting.
const RESTARTING: u32 = 2;

/// How many runs there were, and how many of them knew of no other.
static RECORD: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

fn main() {
    let before = run_record::previous(0);
    let run = before.unwrap_or(0) + 1;
    let first = run_record::previous(1).unwrap_or(0) + u32::from(before.is_none());
    let shared = run_record::share(&RECORD);
    // After it was lent: what counts is what it says at the end.
    RECORD[0].store(run, Relaxed);
    RECORD[1].store(first, Relaxed);
    Line::new()
        .text("supervisor_crash: started, run ")
        .decimal(run)
        .text(", first ones: ")
        .decimal(first)
        .text(if shared.is_ok() { "" } else { " NOT SHARED" })
        .print();
    if run == RESTARTING && run_record::keep().is_ok() {
        libtock::restart(1);
    }
    // SAFETY: none: the point of this process is to do what it may not.
    unsafe { core::ptr::without_provenance_mut::<u32>(KERNEL_RAM).write_volatile(0) };
    Line::new().text("supervisor_crash: NOT STOPPED").print();
}
