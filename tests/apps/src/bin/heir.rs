//! `heir`: takes over a timer from a process that ended while it was at work.
//!
//! It waits until it gets the block, looks whether the timer stands still and its line is
//! quiet, and then handles ten interrupts.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libtock::wasm_host::interrupts::{self, Records};
use libtock::{ErrorCode, EventSlot, alarm, wasm_host, yield_wait};
use test_apps::Line;

libtock::main!(main);

static RECORDS: Records<64> = Records::new();
static RECORDED: EventSlot = EventSlot::new();

const CTRL: u16 = 0x0;
const RELOAD: u16 = 0x8;
const ON: u32 = 0b1001;

fn main() {
    if let Err(code) = run() {
        Line::new().text("heir: failed: ").text(code.name()).print();
    }
}

fn run() -> Result<(), ErrorCode> {
    // The first claim belongs to the other.
    alarm::sleep_ms(10)?;
    let timer = loop {
        match wasm_host::claim(1, "timer0") {
            Ok(claimed) => break claimed.handle,
            Err(ErrorCode::Busy) => alarm::sleep_ms(5)?,
            Err(code) => return Err(code),
        }
    };
    RECORDS.lend()?;
    interrupts::notify(&RECORDED)?;
    let control = wasm_host::read32(timer, CTRL)?;
    let registered = RECORDS.register(timer, 0, 5, &[])?;
    alarm::sleep_ms(20)?;
    let quiet = control == 0 && RECORDS.waiting() == 0;
    let clean = if quiet { "clean" } else { "NOT CLEAN" };
    wasm_host::write32(timer, RELOAD, 24_999)?;
    wasm_host::write32(timer, CTRL, ON)?;
    for _ in 0..10 {
        while RECORDS.waiting() & registered.bit() == 0 {
            yield_wait();
        }
        RECORDS.take(registered.bit());
        interrupts::acknowledge(registered.interrupt)?;
    }
    Line::new()
        .text("heir: ")
        .text(clean)
        .text(", ten handled")
        .print();
    Ok(())
}
