//! `walk`: touches every place it is told to, one fault after the other.
//!
//! A fault ends the run of a process. The board on which this one runs starts it
//! again each time, without limit, and the number of its restarts says how far it
//! has come: probe number *n* of the table is made in the run after *n* faults. What
//! it may touch, it touches before the first; so a fault that should not be and one
//! that should be and is not both show.
//!
//! The table is the setting `walk`, which the test computes:
//!
//! | word | is |
//! | --- | --- |
//! | 0 | where its break has to be, from the start of its RAM |
//! | 1.. | four words each: first address, how many, step, accesses; ends with 0 of how many |
//!
//! Accesses: bit 0 read, 1 write, 2 execute; bit 31: they are allowed. An address to
//! be executed is rounded down to an even one. An allowed write writes what was
//! there; an allowed execution first puts a return instruction there.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::arch::asm;
use libtock::{ErrorCode, memop};
use test_apps::{Line, Setting};

libtock::main!(main);

static TABLE: Setting<8192> = Setting::new("walk", "");

const READ: u32 = 1 << 0;
const WRITE: u32 = 1 << 1;
const EXECUTE: u32 = 1 << 2;
const ALLOWED: u32 = 1 << 31;

/// One line of the table.
#[derive(Clone, Copy)]
struct Range {
    start: u32,
    count: u32,
    step: u32,
    accesses: u32,
}

impl Range {
    fn is_allowed(&self) -> bool {
        self.accesses & ALLOWED != 0
    }

    /// Returns how many probes there are in it.
    fn probes(&self) -> u32 {
        self.count * (self.accesses & (READ | WRITE | EXECUTE)).count_ones()
    }

    /// Probe `number`: the address and one access.
    fn probe(&self, number: u32) -> (u32, u32) {
        let address = self.start.wrapping_add(number % self.count * self.step);
        let access = [READ, WRITE, EXECUTE]
            .into_iter()
            .filter(|access| self.accesses & access != 0)
            .nth((number / self.count) as usize);
        (address, access.unwrap_or(0))
    }
}

fn table() -> impl Iterator<Item = Range> {
    (1..)
        .step_by(4)
        .map(|word| Range {
            start: TABLE.word(word),
            count: TABLE.word(word + 1),
            step: TABLE.word(word + 2),
            accesses: TABLE.word(word + 3),
        })
        .take_while(|range| range.count != 0)
}

fn main() {
    match run() {
        Ok(()) => {}
        Err(code) => Line::new().text("walk: failed: ").text(code.name()).print(),
    }
}

fn run() -> Result<(), ErrorCode> {
    let new_break = memop::ram_start()? + TABLE.word(0) as usize;
    // SAFETY: above all that is linked.
    unsafe { memop::brk(new_break) }?;
    let done = restarts()?;
    if done == 0 {
        own_memory();
    }
    let mut left = done;
    for range in table().filter(|range| !range.is_allowed()) {
        if left < range.probes() {
            let (address, access) = range.probe(left);
            touch(address, access);
            Line::new()
                .text("walk: NOT STOPPED at 0x")
                .hex(address)
                .text(", access ")
                .decimal(access)
                .print();
            return Ok(());
        }
        left -= range.probes();
    }
    Line::new()
        .text("walk: all of ")
        .decimal(done)
        .text(" probes faulted")
        .print();
    Ok(())
}

/// Everything that is allowed.
fn own_memory() {
    let mut probes = 0;
    for range in table().filter(Range::is_allowed) {
        for number in 0..range.probes() {
            let (address, access) = range.probe(number);
            if access == EXECUTE {
                put_return(address);
            }
            touch(address, access);
        }
        probes += range.probes();
    }
    Line::new()
        .text("walk: all of ")
        .decimal(probes)
        .text(" allowed probes passed")
        .print();
}

/// Returns how often this process was restarted.
fn restarts() -> Result<u32, ErrorCode> {
    Ok(test_apps::own::stats("walk")?.1.restarts)
}

/// One access of one byte, or a call.
fn touch(address: u32, access: u32) {
    // SAFETY: none: the point of this process is to do what it may not, and what it
    // may leaves everything as it was.
    unsafe {
        match access {
            READ => asm!("ldrb {v}, [{a}]", a = in(reg) address, v = out(reg) _),
            // One after the other, so that nothing changes the byte in between.
            WRITE => {
                if memory_is_own(address) {
                    asm!("ldrb {v}, [{a}]", "strb {v}, [{a}]", a = in(reg) address, v = out(reg) _);
                } else {
                    asm!("strb {v}, [{a}]", a = in(reg) address, v = in(reg) 0xa5);
                }
            }
            _ => asm!("blx {a}", a = in(reg) address | 1, clobber_abi("C")),
        }
    }
}

/// Returns whether the table allows it to be written.
fn memory_is_own(address: u32) -> bool {
    table()
        .filter(|range| range.is_allowed() && range.accesses & WRITE != 0)
        .any(|range| address.wrapping_sub(range.start) < range.count * range.step)
}

/// `bx lr` at `address` (even).
fn put_return(address: u32) {
    const BX_LR: u16 = 0x4770;
    // SAFETY: the table gives only unused memory below the break for this.
    unsafe {
        core::ptr::without_provenance_mut::<u16>(address as usize & !1).write_volatile(BX_LR);
        asm!("dsb", "isb");
    }
}
