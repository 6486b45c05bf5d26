//! `chatter`: a process of the firmware that prints a few bytes every five milliseconds.
//!
//! Its line fits what the console sends at once, so all that it does itself is over soon; it waits for the line as
//! long as others have it.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libtock::{ErrorCode, alarm};
use test_apps::Line;

libtock::main!(main);

const PERIOD_MS: u32 = 5;

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("chatter: failed: ")
            .text(code.name())
            .print();
    }
}

fn run() -> Result<(), ErrorCode> {
    loop {
        Line::new().text("chatter").print();
        alarm::sleep_ms(PERIOD_MS)?;
    }
}
