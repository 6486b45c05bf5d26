//! How often something may happen: at a steady rate, and twice in a row.
//!
//! For interrupts that somebody outside can raise as fast as they are serviced. One that comes at the rate, each served up
//! to an interval late, is never too fast.

use core::cell::Cell;

/// A rate, one each `INTERVAL` ticks of a clock, and how far it is used up.
pub struct Pace<const INTERVAL: u32> {
    /// When all is forgotten that happened before.
    idle_at: Cell<u32>,
}

impl<const INTERVAL: u32> Default for Pace<INTERVAL> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const INTERVAL: u32> Pace<INTERVAL> {
    /// Nothing is used up.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            idle_at: Cell::new(0),
        }
    }

    /// Whether one may happen now, which then counts. A clock of 32 bits may wrap.
    pub fn allows(&self, now: u32) -> bool {
        // At most two intervals; what seems longer is from before the clock wrapped, or over.
        let ahead = match self.idle_at.get().wrapping_sub(now) {
            ahead if ahead <= 2 * INTERVAL => ahead,
            _ => 0,
        };
        let allowed = ahead <= INTERVAL;
        if allowed {
            self.idle_at.set(now.wrapping_add(ahead + INTERVAL));
        }
        allowed
    }

    /// Forget what happened before.
    pub fn forget(&self, now: u32) {
        self.idle_at.set(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_at_once_and_then_one_an_interval() {
        for start in [0, 1_000, u32::MAX - 100] {
            let pace = Pace::<100>::new();
            pace.forget(start);
            let at = |ticks: u32| pace.allows(start.wrapping_add(ticks));
            assert!(at(0) && at(0) && !at(0));
            assert!(!at(99));
            assert!(at(100) && !at(100) && !at(199));
            assert!(at(200) && !at(200));
            // After a pause two again, never more.
            assert!(at(1_000) && at(1_000) && !at(1_000));
        }
    }

    #[test]
    fn a_steady_one_is_never_too_fast_however_late_each_is_served() {
        let pace = Pace::<100>::new();
        let mut random = 0x2545_f491_u32;
        for number in 0..100_000_u32 {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            // Before the next one is there.
            let late = random % 105;
            assert!(pace.allows((number * 105).wrapping_add(late)), "{number}");
        }
    }

    #[test]
    fn what_was_is_forgotten() {
        let pace = Pace::<100>::new();
        assert!(pace.allows(7) && pace.allows(7) && !pace.allows(8));
        pace.forget(8);
        assert!(pace.allows(8) && pace.allows(8) && !pace.allows(8));
    }
}
