//! `minimal`: a small but honest container, for the figure "RAM of a minimal
//! container".
//!
//! Once a second it notes down how late it woke, keeps the last 256 notes, and
//! ends if it was late by more than a second on average. Two imports, about 360
//! bytes of module; 1024 bytes of stack and 1024 of notes make 2048 bytes of
//! linear memory exactly.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{now_us, sleep_us};
use core::sync::atomic::{AtomicU32, Ordering};

berth_guest::main!(main);

const PERIOD_US: u64 = 1_000_000;
const NOTES: usize = 256;

static LATE_US: [AtomicU32; NOTES] = [const { AtomicU32::new(0) }; NOTES];

fn main() {
    let mut turn = 0;
    while mean() < PERIOD_US as u32 {
        let due = now_us() + PERIOD_US;
        sleep_us(PERIOD_US);
        if let Some(note) = LATE_US.get(turn % NOTES) {
            note.store(now_us().saturating_sub(due) as u32, Ordering::Relaxed);
        }
        turn += 1;
    }
}

/// Mean of all notes, in microseconds.
#[inline(never)]
fn mean() -> u32 {
    let sum = LATE_US.iter().fold(0u32, |sum, note| {
        sum.wrapping_add(note.load(Ordering::Relaxed))
    });
    sum / NOTES as u32
}
