//! `witness`: a process that minds its own business while others misbehave.
//!
//! Ten times a second it looks whether the pattern in its memory is intact and what
//! became of the other processes, and says so (a process that is about to be restarted
//! may show as terminated):
//!
//! ```text
//! witness: intact, 12
//! witness: misbehave has faulted
//! witness: CHANGED at 0x20010890
//! ```

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};
use libtock::process_info::{self, State};
use libtock::{ErrorCode, alarm};
use test_apps::Line;

libtock::main!(main);

const WORDS: usize = 1024;
/// Processes it keeps an eye on.
const PROCESSES: usize = 4;

static PATTERN: [AtomicU32; WORDS] = [const { AtomicU32::new(0) }; WORDS];

/// What word `index` of the pattern is.
fn pattern(index: usize) -> u32 {
    (index as u32).wrapping_mul(0x9e37_79b9) ^ 0x5a5a_5a5a
}

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("witness: failed: ")
            .text(code.name())
            .print();
        libtock::terminate(code as u32);
    }
}

fn run() -> Result<(), ErrorCode> {
    for (index, word) in PATTERN.iter().enumerate() {
        word.store(pattern(index), Ordering::Relaxed);
    }
    let mut ended = [false; PROCESSES];
    for count in 1.. {
        look_at_pattern(count);
        look_at_others(&mut ended)?;
        alarm::sleep_ms(100)?;
    }
    Ok(())
}

fn look_at_pattern(count: u32) {
    let wrong = PATTERN
        .iter()
        .enumerate()
        .find(|(index, word)| word.load(Ordering::Relaxed) != pattern(*index));
    let mut line = Line::new();
    match wrong {
        None => line.text("witness: intact, ").decimal(count),
        Some((_, word)) => line
            .text("witness: CHANGED at 0x")
            .hex(core::ptr::from_ref(word).addr() as u32),
    };
    line.print();
}

/// Say of each process once that it has ended.
fn look_at_others(ended: &mut [bool; PROCESSES]) -> Result<(), ErrorCode> {
    let mut ids = [0; 4 * PROCESSES];
    process_info::ids(&mut ids)?;
    for (id, ended) in ids.chunks_exact(4).zip(ended) {
        let id = id.first_chunk().map_or(0, |id| u32::from_le_bytes(*id));
        let Ok(stats) = process_info::stats(id) else {
            continue;
        };
        let how = match stats.state {
            State::Faulted => "faulted",
            State::Terminated => "terminated",
            _ => continue,
        };
        if core::mem::replace(ended, true) {
            continue;
        }
        let mut name = [0; 32];
        Line::new()
            .text("witness: ")
            .text(process_info::name(id, &mut name)?)
            .text(" has ")
            .text(how)
            .print();
    }
    Ok(())
}
