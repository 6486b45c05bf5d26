//! How much of the processor's time goes to interrupts of containers.
//!
//! Time is looked at in windows of 10 ms. What the kernel does for containers in a
//! window is added up; a line opens again only if the rest of the window's share is
//! enough for it and for every line that is open already, each as long as the longest
//! so far. Lines are masked until their handler has run, so there is no other way in
//! which work for containers can come up.
//!
//! A share may be too small for all lines to be open at once, and one interrupt that took long,
//! for whatever reason, would make it so. So a line that had to stay shut opens in the next
//! window in any case: each is served, and the share is exceeded by one interrupt of it.

use crate::window::Clock;
use core::cell::Cell;

/// Windows in a second.
const WINDOWS: u32 = 100;
/// Microseconds of a window.
const WINDOW_US: u32 = 1_000_000 / WINDOWS;

/// What was used of the present window.
pub(crate) struct Share {
    clock: &'static dyn Clock,
    /// Ticks of a window.
    window: u32,
    /// Ticks of a window that may be used.
    allowance: u32,
    /// When the window began.
    since: Cell<u32>,
    spent: Cell<u32>,
    /// Most ticks that one interrupt took.
    longest: Cell<u32>,
    /// Lines that had to stay shut in this window, as sets of interrupts.
    refused: Cell<u32>,
    /// Lines that had to in an earlier one, and have not opened since.
    overdue: Cell<u32>,
}

impl Share {
    /// `percent` (0 to 100) of every window.
    pub(crate) fn new(clock: &'static dyn Clock, percent: u32) -> Self {
        // In the range that a clock promises no product here exceeds 32 bits.
        let window = (clock.ticks_per_second() / WINDOWS).clamp(100, 1_000_000);
        Self {
            clock,
            window,
            allowance: window * percent.min(100) / 100,
            since: Cell::new(clock.now()),
            spent: Cell::new(0),
            longest: Cell::new(0),
            refused: Cell::new(0),
            overdue: Cell::new(0),
        }
    }

    /// Work begins.
    pub(crate) fn begin(&self) -> u32 {
        self.clock.now()
    }

    /// Work that began at `begin` is done; it served so many `interrupts`.
    pub(crate) fn end(&self, begin: u32, interrupts: u32) {
        let ticks = self.clock.now().wrapping_sub(begin);
        self.spent.set(self.spent.get().saturating_add(ticks));
        if let Some(each) = ticks.checked_div(interrupts) {
            self.longest.set(self.longest.get().max(each));
        }
    }

    /// Microseconds until `line`, the set of its interrupts, may open beside `open` others; 0: now.
    pub(crate) fn wait_us(&self, line: u32, open: u32) -> u32 {
        let mut gone = self.clock.now().wrapping_sub(self.since.get());
        if gone >= self.window {
            self.since.set(self.clock.now());
            self.spent.set(0);
            self.overdue.set(self.overdue.get() | self.refused.take());
            gone = 0;
        }
        let overdue = self.overdue.get();
        if overdue & line != 0 {
            self.overdue.set(overdue & !line);
            return 0;
        }
        let spent = self.spent.get();
        let ahead = self.longest.get().saturating_mul(open.saturating_add(1));
        // A window in which nothing was done is good for one interrupt, however
        // small the share: else it would never be served.
        if spent == 0 && open == 0 || spent.saturating_add(ahead) <= self.allowance {
            return 0;
        }
        self.refused.set(self.refused.get() | line);
        let left = (self.window - gone) * (WINDOW_US / 100) / (self.window / 100);
        left.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::TestClock;

    /// 1 MHz: a tick is a microsecond, a window 10,000.
    fn share(percent: u32) -> (Share, &'static TestClock) {
        let clock = TestClock::leak();
        (Share::new(clock, percent), clock)
    }

    const LINE: u32 = 0b1;
    const OTHER: u32 = 0b10;

    fn work(share: &Share, clock: &TestClock, ticks: u32) {
        let begin = share.begin();
        clock.advance(ticks);
        share.end(begin, 1);
    }

    #[test]
    fn a_window_has_its_share_and_the_next_one_again() {
        let (share, clock) = share(10);
        for _ in 0..9 {
            assert_eq!(share.wait_us(LINE, 0), 0);
            work(&share, clock, 100);
        }
        // 100 ticks are left: enough for one line, not for two.
        assert_eq!(share.wait_us(OTHER, 1), 10_000 - 900);
        assert_eq!(share.wait_us(LINE, 0), 0);
        work(&share, clock, 100);
        assert_eq!(share.wait_us(LINE, 0), 9_000);
        clock.advance(8_999);
        assert_eq!(share.wait_us(LINE, 0), 1);
        clock.advance(1);
        assert_eq!(share.wait_us(LINE, 0), 0);
        assert_eq!(share.wait_us(LINE, 9), 0);
        assert_ne!(share.wait_us(LINE, 10), 0);
    }

    #[test]
    fn a_line_that_had_to_stay_shut_opens_in_the_next_window() {
        let (share, clock) = share(10);
        // Something took a whole window once: no two lines fit into a share any more.
        work(&share, clock, 10_000);
        assert_eq!(share.wait_us(LINE, 0), 0);
        let wait = share.wait_us(OTHER, 1);
        assert_eq!(wait, 10_000);
        clock.advance(wait - 1);
        assert_eq!(share.wait_us(OTHER, 1), 1);
        clock.advance(1);
        // However busy the other is.
        work(&share, clock, 500);
        assert_eq!(share.wait_us(OTHER, 1), 0);
        // Once: then it waits as all do.
        assert_ne!(share.wait_us(OTHER, 1), 0);
    }

    #[test]
    fn the_smallest_share_serves_one_a_window() {
        let (share, clock) = share(0);
        for _ in 0..3 {
            assert_eq!(share.wait_us(LINE, 0), 0);
            work(&share, clock, 50);
            assert_eq!(share.wait_us(LINE, 0), 9_950);
            clock.advance(9_950);
        }
    }

    #[test]
    fn the_counter_may_wrap() {
        let (share, clock) = share(10);
        clock.advance(u32::MAX - 500);
        assert_eq!(share.wait_us(LINE, 0), 0);
        work(&share, clock, 1_001);
        assert_eq!(share.wait_us(LINE, 0), 8_999);
    }
}
