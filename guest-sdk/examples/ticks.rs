//! `ticks`: a timer that interrupts a hundred times a second.
//!
//! The handler only counts; main tells the count once a second. The registers are those
//! of Arm's CMSDK timer (Cortex-M System Design Kit).

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{Level, Line, Word, sleep_ms};

berth_guest::main!(main);
berth_guest::block!(
    /// The timer.
    fn timer = "mmio:timer0"
);
berth_guest::irq!(
    /// Its interrupt: it has counted down to 0.
    TimerInterrupt = "irq:timer0"
);

/// What is switched on.
const CTRL: u32 = 0x00;
/// In `CTRL`: the counter, its interrupt.
const ON: u32 = 1 << 0 | 1 << 3;
/// Where counting begins, and begins again.
const RELOAD: u32 = 0x08;
/// The device's clock, in hertz.
const CLOCK: u32 = 25_000_000;

/// Ticks so far.
static TICKS: Word = Word::new(0);

extern "C" fn tick(_source: u32, count: u32) {
    TICKS.add(count);
}

fn main() {
    let timer = timer();
    if TimerInterrupt::register(0, 20, tick, &[]).is_err() {
        berth_guest::error!("no interrupt");
        return;
    }
    timer.write32(RELOAD, CLOCK / 100 - 1);
    timer.write32(CTRL, ON);
    loop {
        sleep_ms(1000);
        Line::<24>::new()
            .text("ticks ")
            .unsigned(TICKS.get())
            .log(Level::Info);
    }
}
