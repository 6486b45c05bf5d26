//! How often pages of flash may be erased: the manufacturer's word, which stands in the list of exposures.

/// What each page has, and all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Erases that a page has at once when the power comes, and at most at any time.
    pub burst: u16,
    /// Seconds after which a page has one more.
    pub period_s: u32,
    /// Erases of all pages in a second.
    pub per_second: u16,
}

impl Budget {
    /// Returns the most erases of any page in so many years in which the power came so many times.
    #[must_use]
    pub const fn most(self, years: u32, power_ups: u32) -> u64 {
        const YEAR_S: u64 = 365 * 24 * 3600 + 6 * 3600;
        power_ups as u64 * self.burst as u64 + years as u64 * YEAR_S / self.period() as u64
    }

    /// Returns the period in seconds, at least one.
    #[must_use]
    pub const fn period(self) -> u32 {
        if self.period_s == 0 { 1 } else { self.period_s }
    }
}
