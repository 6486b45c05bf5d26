//! `filtered`: stands in the supervisor's place and asks what it may call.
//!
//! Gives every driver every command from 0 to 31 and compares all four registers
//! of the answer with those of a driver that no board has. Prints, for each driver,
//! the commands that were answered differently as bits, and the same for the LED
//! driver's commands with an index that is not exposed.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use test_apps::Line;

libtock::main!(main);

/// No board has this one.
const ABSENT: usize = 0x7_7777;
/// The drivers of Tock's list that boards have, and those of this project.
const DRIVERS: [usize; 17] = [
    0x0, 0x1, 0x2, 0x3, 0x4, 0x5, 0x8, 0x9, 0x10000, 0x10002, 0x2_0001, 0x2_0003, 0x4_0001,
    0x5_0001, 0xA_0000, 0xA_0001, 0xA_0002,
];
const COMMANDS: usize = 32;
const LED: usize = 0x2;
const CONSOLE: usize = 0x1;
/// The console's command, and the event of its end.
const WRITE: usize = 1;

/// What is asked: how it is called, driver, argument.
fn questions() -> impl Iterator<Item = (&'static str, usize, usize)> {
    let drivers = DRIVERS.into_iter().map(|driver| ("driver", driver, 0));
    drivers.chain([("led-1", LED, 1)])
}

fn main() {
    let mut answers = [0; DRIVERS.len() + 1];
    for (answer, (_, driver, argument)) in answers.iter_mut().zip(questions()) {
        *answer = answered(driver, argument);
    }
    // The console has completed a write of nothing: that must not be taken for the completion of a line.
    let mut asked = answers.into_iter().zip(questions());
    if asked.any(|(bits, (_, driver, _))| driver == CONSOLE && bits >> WRITE & 1 == 1) {
        let _ = libtock::wait_for(CONSOLE, WRITE);
    }
    for (answer, (what, driver, _)) in answers.into_iter().zip(questions()) {
        Line::new()
            .text("filtered: ")
            .text(what)
            .text(" 0x")
            .hex(driver as u32)
            .text(" answers 0x")
            .hex(answer)
            .print();
    }
    Line::new().text("filtered: done").print();
}

/// The commands that are answered otherwise than by a driver that is not there, as bits.
fn answered(driver: usize, argument: usize) -> u32 {
    let mut answered = 0;
    for command in 0..COMMANDS {
        let ask = |driver| libtock::command(driver, command, argument, 0).registers();
        if ask(driver) != ask(ABSENT) {
            answered |= 1 << command;
        }
    }
    answered
}
