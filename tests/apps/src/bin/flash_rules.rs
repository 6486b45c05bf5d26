//! `flash_rules`: uses its partition of the flash, then reaches for what it may not.
//!
//! It stands in the supervisor's place, whose process the board restarts after a fault. Each run
//! counts itself in the flash: one word a run, programmed. Then:
//!
//! | run since the board's start | does |
//! | --- | --- |
//! | 1 | tries what the part's rules permit and forbid; writes to the mapped flash |
//! | 2 | executes the mapped flash |
//! | 3 | reads the flash without having it mapped: the last run had |
//! | 4 | reads behind the mapped flash |
//!
//! Each must end in a fault.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::flash_partition::Partition;
use libtock::{ErrorCode, EventSlot};
use test_apps::{Line, own};

libtock::main!(main);

/// The page with a word for each run, and the page for trying.
const RUNS: usize = 1;
const TRIALS: usize = 126;
const ERASED: u32 = u32::MAX;

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("flash: failed: ")
            .text(code.name())
            .print();
    }
}

fn run() -> Result<(), ErrorCode> {
    let run = own::stats("flash_rules")?.1.restarts + 1;
    if run == 3 {
        reach(run, "without a mapping", || read(0x14_1000));
    }
    static DONE: EventSlot = EventSlot::new();
    let mut flash = Partition::open(&DONE)?;
    let (start, page) = (flash.address(), flash.page());
    let before = (0..page / 4)
        .take_while(|word| read(start + RUNS * page + word * 4) != ERASED)
        .count();
    flash.program(RUNS * page + before * 4, &run.to_le_bytes())?;
    Line::new()
        .text("flash: ")
        .decimal(before as u32)
        .text(" runs before")
        .print();
    let end = start + flash.length();
    match run {
        1 => {
            rules(&mut flash)?;
            reach(run, "writing", || write(start + 64, 0));
        }
        2 => reach(run, "executing", || execute(start + TRIALS * page)),
        4 => reach(run, "behind", || {
            read(end - 4);
            read(end)
        }),
        _ => {}
    }
    Ok(())
}

/// Say how the part answers, in order.
fn rules(flash: &mut Partition) -> Result<(), ErrorCode> {
    let (start, page) = (flash.address(), flash.page());
    let (trials, length) = (TRIALS * page, flash.length());
    flash.erase(TRIALS)?;
    let mut line = Line::new();
    line.text("flash:");
    for (offset, bytes) in [
        // Twice is permitted, clearing bits, and no more.
        (trials, &[0xf0; 4][..]),
        (trials, &[0x70; 4]),
        (trials, &[0x70; 4]),
        // A bit that is zero stays so; the words before it, in the same program, too.
        (trials + 8, &[0x0f; 4]),
        (trials + 4, &[0, 0, 0, 0, 0x1f, 0, 0, 0]),
        (trials + 2, &[0; 4]),
        (trials, &[0; 3]),
        (length, &[0; 4]),
        (length - 4, &[0; 8]),
    ] {
        line.text(" ").text(match flash.program(offset, bytes) {
            Ok(()) => "ok",
            Err(code) => code.name(),
        });
    }
    line.text(match flash.erase(length / page) {
        Ok(()) => " ok",
        Err(_) => " no",
    });
    line.print();
    let words = [0, 4, 8].map(|offset| read(start + trials + offset));
    flash.erase(TRIALS)?;
    Line::new()
        .text("flash: words 0x")
        .hex(words[0])
        .text(" 0x")
        .hex(words[1])
        .text(" 0x")
        .hex(words[2])
        .text(", erased 0x")
        .hex(read(start + trials))
        .print();
    // More than one program takes, for the other run to execute: `bx lr`.
    let returns: [u8; 1024] = core::array::from_fn(|place| [0x70, 0x47][place % 2]);
    flash.program(trials, &returns)
}

/// Do what must not be possible.
fn reach(run: u32, what: &str, deed: impl FnOnce() -> u32) {
    Line::new()
        .text("flash: run ")
        .decimal(run)
        .text(" reaches: ")
        .text(what)
        .print();
    let value = deed();
    Line::new()
        .text("flash: NOT STOPPED, 0x")
        .hex(value)
        .print();
}

fn read(address: usize) -> u32 {
    // SAFETY: memory that is mapped, or the memory protection unit answers.
    unsafe { core::ptr::without_provenance::<u32>(address).read_volatile() }
}

fn write(address: usize, value: u32) -> u32 {
    // SAFETY: as above.
    unsafe { core::ptr::without_provenance_mut::<u32>(address).write_volatile(value) }
    value
}

fn execute(address: usize) -> u32 {
    let address = core::ptr::without_provenance::<()>(address | 1);
    // SAFETY: the code there, put there by the run before, returns at once; and the memory
    // protection unit answers.
    let function: extern "C" fn() -> u32 = unsafe { core::mem::transmute(address) };
    function()
}
