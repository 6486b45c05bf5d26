//! `hello`: the first thing to run on a new board.
//!
//! Prints a line, then changes LED 0 every 500 ms and prints the count.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libtock::{ErrorCode, alarm, led};
use test_apps::Line;

libtock::main!(main);

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("hello: failed: ")
            .text(code.name())
            .print();
        libtock::terminate(code as u32);
    }
}

fn run() -> Result<(), ErrorCode> {
    Line::new().text("hello from a process").print();
    let mut count = 0u32;
    loop {
        led::toggle(0)?;
        count = count.wrapping_add(1);
        Line::new()
            .text("hello: LED 0 changed, ")
            .decimal(count)
            .print();
        alarm::sleep_ms(500)?;
    }
}
