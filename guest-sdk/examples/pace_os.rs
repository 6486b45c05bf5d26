//! `pace_os`: five steps at 100 ms from the first on, however long each takes: it waits until a time instead of for one.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{alarm, info};

berth_guest::main!(main);

/// Nanoseconds between two steps.
const STEP: u64 = 100_000_000;

fn main() {
    let begun = alarm::now();
    for step in 1..=5 {
        let due = begun + step * STEP;
        alarm::wait_until(due);
        let is_due = alarm::now() >= due;
        info!(
            "step {}, {}",
            step,
            if is_due {
                "not before its time"
            } else {
                "too early"
            }
        );
    }
    alarm::wait_for(STEP / 2);
    info!("done");
}
