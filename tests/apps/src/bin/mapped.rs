//! `mapped`: has a block mapped, uses it, then reaches for what it may not.
//!
//! It stands in the supervisor's place, whose process the board restarts after a fault; each
//! run does another deed, and each but the last must end in a fault:
//!
//! | run | reads |
//! | --- | --- |
//! | 1 | the word below its mapped block |
//! | 2 | the word above it |
//! | 3 | the block, after giving it back |
//! | 4 | the block, before claiming it: the last run had it mapped when it ended |
//! | 5 | the block, claimed and mapped, and ends |

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use libtock::{ErrorCode, wasm_host};
use test_apps::{Line, own};

libtock::main!(main);

const LABEL: &str = "uart1";
const BLOCK: usize = 0x4000_5000;
/// Of the block: a register that can be written and read back.
const BAUDDIV: usize = 0x10;

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("mapped: failed: ")
            .text(code.name())
            .print();
    }
}

fn run() -> Result<(), ErrorCode> {
    let run = own::stats("mapped")?.1.restarts + 1;
    if run == 4 {
        reach(run, "the block of the run before", BLOCK + BAUDDIV);
    }
    // Free again although the run before faulted.
    let claimed = wasm_host::claim(run, LABEL)?;
    let mapping = wasm_host::map(claimed.handle)?;
    let (start, end) = (
        mapping.address(),
        mapping.address() + mapping.length() as usize,
    );
    write(start + BAUDDIV, 16 + run);
    let direct = read(start + BAUDDIV);
    let through_kernel = wasm_host::read32(claimed.handle, BAUDDIV as u16)?;
    // Up to the last word: reading it must not fault.
    read(end - 4);
    Line::new()
        .text("mapped: run ")
        .decimal(run)
        .text(" wrote and read ")
        .decimal(direct)
        .text(" and ")
        .decimal(through_kernel)
        .print();
    match run {
        1 => reach(run, "below", start - 4),
        2 => reach(run, "above", end),
        3 => {
            wasm_host::release(claimed.handle)?;
            reach(run, "a block given back", start + BAUDDIV);
        }
        _ => {}
    }
    Ok(())
}

/// Read where it must not be possible.
fn reach(run: u32, what: &str, address: usize) {
    Line::new()
        .text("mapped: run ")
        .decimal(run)
        .text(" reads ")
        .text(what)
        .text(", 0x")
        .hex(address as u32)
        .print();
    let value = read(address);
    Line::new()
        .text("mapped: NOT STOPPED, 0x")
        .hex(value)
        .print();
}

fn read(address: usize) -> u32 {
    // SAFETY: none where it may not; the point of this process is that the memory
    // protection unit answers. Else the word is a register.
    unsafe { core::ptr::without_provenance::<u32>(address).read_volatile() }
}

fn write(address: usize, value: u32) {
    // SAFETY: as above.
    unsafe { core::ptr::without_provenance_mut::<u32>(address).write_volatile(value) }
}
