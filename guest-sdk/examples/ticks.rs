//! `ticks`: a timer that interrupts a hundred times a second.
//!
//! The handler only counts; main tells the count once a second. The registers are those
//! of Arm's CMSDK timer (Cortex-M System Design Kit).

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::mps2_an386::timer0::{self, ctrl, interrupts};
use berth_guest::{Level, Line, Word, sleep_ms};

berth_guest::main!(main);

/// The device's clock, in hertz.
const CLOCK: u32 = 25_000_000;

/// Ticks so far.
static TICKS: Word = Word::new(0);

extern "C" fn tick(_source: u32, count: u32) {
    TICKS.add(count);
}

fn main() {
    let timer = timer0::registers();
    // When it has counted down to 0.
    if timer0::Interrupts::register(interrupts::TIMER, 20, tick, &[]).is_err() {
        berth_guest::error!("no interrupt");
        return;
    }
    timer.reload.write(CLOCK / 100 - 1);
    timer.ctrl.put(ctrl::ENABLE.set().and(ctrl::INTEN.set()));
    loop {
        sleep_ms(1000);
        Line::<24>::new()
            .text("ticks ")
            .unsigned(TICKS.get())
            .log(Level::Info);
    }
}
