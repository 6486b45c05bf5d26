//! How often a container may have its state written to flash.
//!
//! What an operator does (`pause`, `stop`, an update) is always stored. What follows from what a container does, an
//! exit or a fault with new state, costs one write of its budget; without one the state waits in memory
//! until there is, and only the last of it is written then. So the wear of the flash is the
//! operator's choice and not the author's.
//!
//! It is in memory. A container that was there before the supervisor began has one write at first, not a day's: what
//! comes on top of the budget is one for each reset, however many there were to be spent.
//!
//! The usual budget of [`WRITES_DEFAULT`] a day for each of [`CONTAINERS_MAX`](super::CONTAINERS_MAX)
//! containers lets a flash of 128 pages with 10,000 erases each last for more than ten years, whatever
//! they save (`wear_tests.rs` measures it).

/// Writes a day of a container for which the operator chose nothing.
pub(super) const WRITES_DEFAULT: u16 = 4;

/// A day in microseconds.
const DAY_US: u64 = 86_400_000_000;

/// Who has caused a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The operator, who may.
    Operator,
    /// The container, out of its budget.
    Container,
}

/// The writes that one container has left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    /// Used and not yet given back.
    used: u16,
    /// When the next of them is given back, in microseconds; only while some are used. Since when there is one, while
    /// what was before is not known.
    back_us: u64,
    /// How many were used before the supervisor began is not known.
    unknown: bool,
}

impl Budget {
    /// Returns that of a container that was there before the supervisor began, which is `now_us`: one write, as if all
    /// others were used.
    pub(super) const fn one_left(now_us: u64) -> Self {
        Self {
            used: 0,
            back_us: now_us,
            unknown: true,
        }
    }

    /// Take one of `a_day` writes at `now_us`.
    ///
    /// # Errors
    ///
    /// When there is one, in microseconds; the end of time if there is none ever.
    pub(super) fn take(&mut self, a_day: u16, now_us: u64) -> Result<(), u64> {
        let Some(every_us) = DAY_US.checked_div(u64::from(a_day)) else {
            return Err(u64::MAX);
        };
        if core::mem::take(&mut self.unknown) {
            self.used = a_day - 1;
            self.back_us = self.back_us.saturating_add(every_us);
        }
        if let Some(over_us) = now_us.checked_sub(self.back_us)
            && self.used > 0
        {
            let back = 1 + over_us / every_us;
            self.used = self
                .used
                .saturating_sub(u16::try_from(back).unwrap_or(u16::MAX));
            self.back_us = self.back_us.saturating_add(back.saturating_mul(every_us));
        }
        if self.used >= a_day {
            return Err(self.back_us);
        }
        if self.used == 0 {
            self.back_us = now_us.saturating_add(every_us);
        }
        self.used += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how many writes somebody gets who asks every `step_us` for `days`.
    fn writes(a_day: u16, step_us: u64, days: u64) -> u64 {
        let mut budget = Budget::default();
        (0..days * DAY_US / step_us)
            .filter(|step| budget.take(a_day, step * step_us).is_ok())
            .count() as u64
    }

    #[test]
    fn whoever_asks_all_the_time_gets_the_budget_and_a_day_of_it_at_first() {
        for a_day in [1, 10, 97, 1_000] {
            let got = writes(a_day, 500_000, 20);
            let due = u64::from(a_day) * 20;
            assert!(
                (due..=due + u64::from(a_day)).contains(&got),
                "{got} of {due}"
            );
        }
        assert_eq!(writes(0, 1_000_000, 1), 0);
    }

    #[test]
    fn after_a_reset_there_is_one_write_and_the_others_come_back_in_their_time() {
        for a_day in [1, 2, 4, 1_000] {
            let begun = 7 * DAY_US;
            let every_us = DAY_US / u64::from(a_day);
            let mut budget = Budget::one_left(begun);
            assert_eq!(budget.take(a_day, begun + 5), Ok(()));
            assert!(budget.take(a_day, begun + 6).is_err());
            assert!(budget.take(a_day, begun + every_us - 1).is_err());
            // A day's only one counts from when it was used.
            assert_eq!(budget.take(a_day, begun + 5 + every_us), Ok(()));
            // Who asks for the first time after a day has all of them, and no more.
            let mut budget = Budget::one_left(begun);
            let later = begun + DAY_US;
            let got = (0..2 * u64::from(a_day)).filter(|n| budget.take(a_day, later + n).is_ok());
            assert_eq!(got.count() as u64, u64::from(a_day));
        }
        assert_eq!(Budget::one_left(3).take(0, 4), Err(u64::MAX));
    }

    #[test]
    fn whoever_asks_seldom_gets_all_and_saves_up_no_more_than_a_day() {
        assert_eq!(writes(10, DAY_US / 10, 50), 500);
        let mut budget = Budget::default();
        let later = 400 * DAY_US;
        let got = (0..100)
            .filter(|n| budget.take(10, later + n).is_ok())
            .count();
        assert_eq!(got, 10);
        assert_eq!(budget.take(10, later + 100), Err(later + DAY_US / 10));
        assert_eq!(budget.take(10, later + DAY_US / 10), Ok(()));
        // A smaller budget holds at once, and a larger one does.
        assert!(budget.take(5, later + DAY_US / 10 + 1).is_err());
        assert!(budget.take(20, later + DAY_US / 10 + 2).is_ok());
        // The end of time is no trap.
        assert!(budget.take(u16::MAX, u64::MAX).is_ok());
    }
}
