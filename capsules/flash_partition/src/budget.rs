//! How many erases a process has: the life of the part is the manufacturer's, not the process's.
//!
//! A page of flash can be erased some ten thousand times, and whoever may erase at will wears one out in
//! minutes. So each page has a *budget*: some erases at once, and one more each time a period has
//! passed, up to as many as at the beginning. What [`Budget::most`] computes is what a page can
//! suffer in years, whatever the process does. Budgets are in RAM: a reset fills them, so how often
//! a device is reset counts.

use core::cell::Cell;

/// What each page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Erases that a page has at once after a reset, and at most at any time.
    pub burst: u16,
    /// Seconds after which a page has one more.
    pub period_s: u32,
}

impl Budget {
    /// Most erases of any page in so many years with so many resets.
    #[must_use]
    pub const fn most(self, years: u32, resets: u32) -> u64 {
        const YEAR_S: u64 = 365 * 24 * 3600 + 6 * 3600;
        let period = if self.period_s == 0 { 1 } else { self.period_s };
        (resets as u64 + 1) * self.burst as u64 + years as u64 * YEAR_S / period as u64
    }
}

/// Seconds since some moment; wraps.
pub trait Seconds {
    /// What the clock shows.
    fn seconds(&self) -> u32;
}

/// What the pages of a partition have left.
pub struct Wear<'a> {
    budget: Budget,
    clock: &'a dyn Seconds,
    /// When all pages had their last period.
    since: Cell<u32>,
    left: &'a [Cell<u16>],
}

impl<'a> Wear<'a> {
    /// Full budgets for as many pages as `left` has.
    #[must_use]
    pub fn new(budget: Budget, clock: &'a dyn Seconds, left: &'a [Cell<u16>]) -> Self {
        for page in left {
            page.set(budget.burst);
        }
        Self {
            budget,
            clock,
            since: Cell::new(clock.seconds()),
            left,
        }
    }

    /// Give pages what time has brought them.
    fn refill(&self) {
        let passed = self.clock.seconds().wrapping_sub(self.since.get());
        let periods = passed / self.budget.period_s.max(1);
        if periods == 0 {
            return;
        }
        let whole = periods.wrapping_mul(self.budget.period_s.max(1));
        self.since.set(self.since.get().wrapping_add(whole));
        let more = u16::try_from(periods).unwrap_or(u16::MAX);
        for page in self.left {
            page.set(page.get().saturating_add(more).min(self.budget.burst));
        }
    }

    /// Whether a page may be erased now.
    pub(crate) fn may_erase(&self, page: usize) -> bool {
        self.refill();
        self.left.get(page).is_some_and(|left| left.get() > 0)
    }

    /// Note an erase of a page.
    pub(crate) fn erased(&self, page: usize) {
        if let Some(left) = self.left.get(page) {
            left.set(left.get().saturating_sub(1));
        }
    }

    /// Erases that the page with the fewest has left, what a page has at most, and the seconds of a period.
    pub(crate) fn told(&self) -> (u32, u32, u32) {
        self.refill();
        let fewest = self.left.iter().map(Cell::get).min().unwrap_or(0);
        (
            fewest.into(),
            self.budget.burst.into(),
            self.budget.period_s,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    struct Clock(Cell<u32>);

    impl Seconds for Clock {
        fn seconds(&self) -> u32 {
            self.0.get()
        }
    }

    /// A page that is erased whenever it may be, for ten years, the clock wrapping or not, never
    /// suffers more than what is computed.
    #[test]
    fn no_page_suffers_more_than_what_is_computed() {
        const YEAR_S: u64 = 31_557_600;
        let budget = Budget {
            burst: 256,
            period_s: 24 * 3600,
        };
        // What a part usually promises, with the defaults of the exposure compiler and twenty resets.
        assert!(budget.most(10, 20) <= 10_000);
        for start in [0, u32::MAX - 1000] {
            let clock = Clock(Cell::new(start));
            let left: Vec<Cell<u16>> = (0..3).map(|_| Cell::new(0)).collect();
            let wear = Wear::new(budget, &clock, &left);
            let (mut erases, mut passed) = (0_u64, 0_u64);
            // Odd steps, so that periods are hit and missed.
            while passed < 10 * YEAR_S {
                while wear.may_erase(1) {
                    wear.erased(1);
                    erases += 1;
                }
                clock.0.set(clock.0.get().wrapping_add(7_919));
                passed += 7_919;
            }
            let most = budget.most(10, 0);
            assert!(erases <= most && erases + 2 >= most, "{erases} of {most}");
            assert!(wear.may_erase(0), "another page is its own");
        }
    }

    #[test]
    fn a_page_that_rests_gets_back_what_it_had_and_no_more() {
        let clock = Clock(Cell::new(5));
        let left = [Cell::new(0), Cell::new(0)];
        let budget = Budget {
            burst: 2,
            period_s: 100,
        };
        let wear = Wear::new(budget, &clock, &left);
        wear.erased(0);
        wear.erased(0);
        assert!(!wear.may_erase(0) && wear.may_erase(1) && !wear.may_erase(2));
        assert_eq!(wear.told(), (0, 2, 100));
        clock.0.set(104);
        assert!(!wear.may_erase(0));
        clock.0.set(105);
        assert!(wear.may_erase(0));
        clock.0.set(100_000);
        assert_eq!(wear.told(), (2, 2, 100));
    }
}
