//! `deadline`: a task of the firmware that must run every millisecond.
//!
//! It asks for an alarm every millisecond and looks how late it is woken. After every 500
//! periods it tells how many were later than the deadline of 250 us:
//!
//! ```text
//! deadline: 500 periods, 0 missed, worst 61440 ns
//! ```

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use libtock::{ErrorCode, alarm, wait_for};
use test_apps::Line;

libtock::main!(main);

const PERIODS: u32 = 500;
const PERIOD_US: u32 = 1_000;
const DEADLINE_US: u32 = 250;
/// The alarm's event.
const FIRED: usize = 0;

fn main() {
    if let Err(code) = run() {
        Line::new()
            .text("deadline: failed: ")
            .text(code.name())
            .print();
    }
}

fn run() -> Result<(), ErrorCode> {
    let frequency = alarm::frequency()?;
    let ticks = |us: u32| (u64::from(us) * u64::from(frequency) / 1_000_000) as u32;
    loop {
        // Printing takes longer than a period: it is between two rounds.
        let mut due = alarm::now()?;
        let (mut missed, mut worst) = (0, 0);
        for _ in 0..PERIODS {
            alarm::set_absolute(due, ticks(PERIOD_US))?;
            due = due.wrapping_add(ticks(PERIOD_US));
            let _ = wait_for(alarm::DRIVER_NUM, FIRED);
            let late = alarm::now()?.wrapping_sub(due);
            missed += u32::from(late > ticks(DEADLINE_US));
            worst = worst.max(late);
        }
        Line::new()
            .text("deadline: ")
            .decimal(PERIODS)
            .text(" periods, ")
            .decimal(missed)
            .text(" missed, worst ")
            .decimal((u64::from(worst) * 1_000_000_000 / u64::from(frequency)) as u32)
            .text(" ns")
            .print();
    }
}
