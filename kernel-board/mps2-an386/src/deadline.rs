//! A driver of the firmware with a deadline (feature `deadline-task`, which no product has).
//!
//! CMSDK timer 1 interrupts every millisecond; the driver looks how late it is served. After
//! every 500 periods it tells how many were later than 100 us:
//!
//! ```text
//! driver: 500 periods, 0 missed, worst 41 us
//! ```

use core::cell::Cell;

use kernel::debug;
use mps2::interrupts::TIMER1;
use mps2::register_block::RegisterBlock;

/// The line of the driver's timer.
pub(crate) const LINE: u32 = TIMER1;

const CTRL: usize = 0x0;
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;
const CLEAR: usize = 0xc;
/// In `CTRL`: the counter, its interrupt.
const ON: u32 = 0b1001;

const TICKS_PER_US: u32 = 25;
const PERIOD: u32 = 1_000 * TICKS_PER_US;
const DEADLINE: u32 = 100 * TICKS_PER_US;
const PERIODS: u32 = 500;

// SAFETY: AN386 has CMSDK timer 1 there; it cannot master the bus.
static TIMER: RegisterBlock = unsafe { RegisterBlock::new(0x4000_1000, 0x10) };

/// The driver.
pub(crate) struct Task {
    periods: Cell<u32>,
    missed: Cell<u32>,
    worst: Cell<u32>,
}

impl Task {
    pub(crate) const fn new() -> Self {
        Self {
            periods: Cell::new(0),
            missed: Cell::new(0),
            worst: Cell::new(0),
        }
    }

    /// Begin.
    pub(crate) fn start(&self) {
        let _ = TIMER.write32(RELOAD, PERIOD - 1);
        let _ = TIMER.write32(CTRL, ON);
    }

    /// The timer's interrupt.
    pub(crate) fn service(&self) {
        let late = PERIOD - 1 - TIMER.read32(VALUE).unwrap_or_default();
        let _ = TIMER.write32(CLEAR, 1);
        self.worst.set(self.worst.get().max(late));
        if late > DEADLINE {
            self.missed.set(self.missed.get() + 1);
        }
        self.periods.set(self.periods.get() + 1);
        if self.periods.get() == PERIODS {
            self.periods.set(0);
            debug!(
                "driver: {PERIODS} periods, {} missed, worst {} us",
                self.missed.take(),
                self.worst.take() / TICKS_PER_US
            );
        }
    }
}
