//! A clock for tests.
//!
//! Also a part of `capsules/tests`, so it names what it uses by the crate's root.

use crate::Clock;
use std::boxed::Box;
use std::sync::Mutex;

/// A clock of one megahertz that stands still until told otherwise.
#[derive(Default)]
pub(crate) struct TestClock {
    now: Mutex<u32>,
    /// Ticks that pass at every look.
    step: Mutex<u32>,
}

impl TestClock {
    pub(crate) fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    pub(crate) fn advance(&self, ticks: u32) {
        let mut now = self.now.lock().unwrap();
        *now = now.wrapping_add(ticks);
    }

    /// From now on every look at the clock takes so long.
    pub(crate) fn set_step(&self, ticks: u32) {
        *self.step.lock().unwrap() = ticks;
    }
}

impl Clock for TestClock {
    fn now(&self) -> u32 {
        let step = *self.step.lock().unwrap();
        self.advance(step);
        *self.now.lock().unwrap()
    }
    fn ticks_per_second(&self) -> u32 {
        1_000_000
    }
}
