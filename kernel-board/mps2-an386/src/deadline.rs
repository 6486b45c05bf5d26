//! A driver of the firmware with a deadline (feature `deadline-task`, which no product has).
//!
//! A half of the dual timer interrupts every 1,024 us; the driver looks at another clock how late it is served.
//! After every 500 periods it tells how many were later than 205 us, or not served at all:
//!
//! ```text
//! driver: 500 periods, 0 missed, worst 41600 ns
//! ```
//!
//! The timer is set anew for each period: the emulator's periodic timers skip periods when its
//! time jumps. It is not exposed in this kernel (`exposure-deadline.dts`).

#![allow(unsafe_code)]

use core::cell::Cell;

use kernel::debug;
use mps2::fpgaio;
use mps2::interrupts::DUAL_TIMER;
use mps2::register_block::RegisterBlock;

/// The line of the driver's timer.
pub(crate) const LINE: u32 = DUAL_TIMER;

const LOAD: usize = 0x0;
const CONTROL: usize = 0x8;
const CLEAR: usize = 0xc;
/// In `CONTROL`: counts 32 bits down once, with interrupt.
const ONCE: u32 = 0xa3;

/// Clocks of the timer in a tick of the clock.
const TICK: u32 = 16;
/// Nanoseconds of a tick of the clock.
const TICK_NS: u32 = 640;
/// 1,024 us, in ticks.
const PERIOD: u32 = 1_600;
/// 205 us, in ticks. A line on the console takes half of it: the emulator's UART is done with a byte at once.
const DEADLINE: u32 = 320;
const PERIODS: u32 = 500;

// SAFETY: AN386 has the first half of the dual timer there; it cannot master the bus.
static TIMER: RegisterBlock = unsafe { RegisterBlock::new(0x4000_2000, 0x20) };

// SAFETY: AN386 has FPGAIO there; it cannot master the bus.
static FPGAIO: RegisterBlock = unsafe { RegisterBlock::new(fpgaio::BASE, 0x50) };
/// In FPGAIO: the kernel's clock.
const COUNTER: usize = 0x18;

/// Ticks of 0.64 us.
fn now() -> u32 {
    FPGAIO.read32(COUNTER).unwrap_or_default()
}

/// The driver.
pub(crate) struct Task {
    /// When the next interrupt comes.
    due: Cell<u32>,
    periods: Cell<u32>,
    missed: Cell<u32>,
    worst: Cell<u32>,
}

impl Task {
    pub(crate) const fn new() -> Self {
        Self {
            due: Cell::new(0),
            periods: Cell::new(0),
            missed: Cell::new(0),
            worst: Cell::new(0),
        }
    }

    /// Begin.
    pub(crate) fn start(&self) {
        self.due.set(now().wrapping_add(PERIOD));
        self.set_timer();
    }

    /// Have the timer interrupt when the next period is over.
    fn set_timer(&self) {
        let left = self.due.get().wrapping_sub(now());
        let _ = TIMER.write32(CONTROL, 0);
        let _ = TIMER.write32(LOAD, left * TICK);
        let _ = TIMER.write32(CONTROL, ONCE);
    }

    /// The timer's interrupt.
    pub(crate) fn service(&self) {
        let _ = TIMER.write32(CLEAR, 1);
        let late = now().wrapping_sub(self.due.get());
        self.worst.set(self.worst.get().max(late));
        // What came meanwhile is lost.
        let lost = late / PERIOD;
        let passed = lost + 1;
        self.due.set(self.due.get().wrapping_add(passed * PERIOD));
        self.set_timer();
        self.missed
            .set(self.missed.get() + lost + u32::from(late % PERIOD > DEADLINE));
        self.periods.set(self.periods.get() + 1);
        if self.periods.get() == PERIODS {
            self.periods.set(0);
            debug!(
                "driver: {PERIODS} periods, {} missed, worst {} ns",
                self.missed.take(),
                self.worst.take() * TICK_NS
            );
        }
    }
}
