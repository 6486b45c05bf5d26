//! How fast a process may begin again.
//!
//! Some restarts at once, so that a rare fault costs no time, and then one each so many seconds, for as long as it goes
//! on: a process that ends whenever it starts takes little of the others' time, and is there again when what
//! ended it has passed.

use core::cell::Cell;

use super::RestartPace;

/// Restarts that are left, and a clock that brings new ones.
pub struct RestartBudget {
    /// Restarts that can be left.
    most: u32,
    /// Seconds until one more is.
    seconds_each: u32,
    /// The clock: seconds, may wrap.
    clock: fn() -> u32,
    left: Cell<u32>,
    /// Second of the clock up to which the restarts left are counted.
    counted: Cell<u32>,
}

impl RestartBudget {
    /// A full budget of `most` restarts; each comes back after `seconds_each` seconds of `clock`, one after the other.
    #[must_use]
    pub fn new(most: u32, seconds_each: u32, clock: fn() -> u32) -> Self {
        Self {
            most,
            seconds_each,
            clock,
            left: Cell::new(most),
            counted: Cell::new(clock()),
        }
    }

    fn count(&self) -> u32 {
        let passed = (self.clock)().wrapping_sub(self.counted.get());
        let more = passed.checked_div(self.seconds_each).unwrap_or(self.most);
        if more > 0 {
            let counted = more.wrapping_mul(self.seconds_each);
            self.counted.set(self.counted.get().wrapping_add(counted));
            self.left
                .set(self.left.get().saturating_add(more).min(self.most));
        }
        self.left.get()
    }
}

impl RestartPace for RestartBudget {
    fn is_due(&self) -> bool {
        self.count() > 0
    }

    fn restarted(&self) {
        self.left.set(self.count().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    #[test]
    fn some_at_once_and_then_one_by_one() {
        static NOW: AtomicU32 = AtomicU32::new(u32::MAX - 5);
        let budget = RestartBudget::new(3, 10, || NOW.load(Relaxed));
        let begin = || {
            let mut begun = 0;
            while budget.is_due() {
                budget.restarted();
                begun += 1;
            }
            begun
        };
        for (seconds, expected) in [
            (0, 3),
            (9, 0),
            (1, 1),
            (5, 0),
            (5, 1),
            (25, 2),
            (4, 0),
            (1, 1),
        ] {
            NOW.fetch_add(seconds, Relaxed);
            assert_eq!(begin(), expected, "after {seconds}");
        }
        NOW.fetch_add(1_000_000, Relaxed);
        assert_eq!(begin(), 3, "no more than there is room for");
    }

    /// Over a device's life: no pattern gets more than the clock brings.
    #[test]
    fn the_average_is_bounded() {
        static NOW: AtomicU32 = AtomicU32::new(0);
        let budget = RestartBudget::new(8, 8, || NOW.load(Relaxed));
        let mut begun = 0;
        for second in 0..8_000 {
            NOW.store(second, Relaxed);
            // Tries in bursts.
            if second % 40 < 3 {
                while budget.is_due() {
                    budget.restarted();
                    begun += 1;
                }
            }
        }
        assert!((990..=1_008).contains(&begun), "{begun}");
    }
}
