//! When an alarm goes off: the one implementation of this arithmetic.
//!
//! A counter wraps, so "has it expired?" cannot be told from the expiry alone: an alarm
//! almost a full turn away looks like one that has just passed. An alarm is therefore kept as
//! a reference and a distance, and *brought forward* at each look: the reference is moved to
//! now and what remains is shortened. What has expired becomes [`Expiration::Due`] and stays that until its
//! owner has been told; it is neither "off" nor "far away", whatever happens meanwhile.
//!
//! Rules that users keep: bring every alarm forward at least once in a turn of the counter,
//! and never leave the hardware alone for more than half a turn.

use kernel::hil::time::Ticks;

/// What an alarm waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expiration<T> {
    /// Nothing.
    #[default]
    Off,
    /// Expires when `dt` ticks have passed since `reference`.
    Armed { reference: T, dt: T },
    /// Has expired; its owner was not told yet.
    Due { expiry: T },
}

impl<T: Ticks> Expiration<T> {
    /// The alarm as seen at `now`, not more than a turn after the last look.
    #[inline(always)]
    #[must_use]
    pub(crate) fn brought_to(self, now: T) -> Self {
        match self {
            Self::Armed { reference, dt } => {
                let elapsed = now.wrapping_sub(reference);
                if elapsed >= dt {
                    Self::Due {
                        expiry: reference.wrapping_add(dt),
                    }
                } else {
                    Self::Armed {
                        reference: now,
                        dt: dt.wrapping_sub(elapsed),
                    }
                }
            }
            Self::Off | Self::Due { .. } => self,
        }
    }

    /// Ticks from the last look until it expires, none left if it has; `None` if it is off.
    #[inline(always)]
    #[must_use]
    pub(crate) fn remaining(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::Armed { dt, .. } => Some(dt),
            Self::Due { .. } => Some(T::from(0)),
        }
    }

    /// The count at which it expires or has expired; `None` if it is off.
    #[inline(always)]
    #[must_use]
    pub(crate) fn expiry(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::Armed { reference, dt } => Some(reference.wrapping_add(dt)),
            Self::Due { expiry } => Some(expiry),
        }
    }
}

/// The shorter of two waits, where `None` is to wait for nothing.
#[inline(always)]
#[must_use]
pub(crate) fn shorter<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::hil::time::{Ticks16, Ticks24, Ticks32};
    use proptest::prelude::*;

    /// Looks at an alarm at each of these distances, and what it must be then: armed until
    /// the sum reaches `dt`, due from there on, with the same expiry all the time.
    fn check<T: Ticks>(start: u32, dt: u32, steps: &[u32]) {
        let mask = u32::MAX >> (32 - T::width().min(32));
        let dt = dt & mask;
        let (start, distance) = (T::from(start), T::from(dt));
        let expiry = start.wrapping_add(distance);
        let mut alarm = Expiration::Armed {
            reference: start,
            dt: distance,
        };
        let (mut now, mut passed) = (start, 0_u64);
        for step in steps {
            now = now.wrapping_add(T::from(*step));
            passed += u64::from(step & mask);
            alarm = alarm.brought_to(now);
            assert_eq!(alarm.expiry(), Some(expiry));
            let left = u64::from(dt).saturating_sub(passed);
            let remaining = alarm.remaining().map(|t| u64::from(t.into_u32()));
            assert_eq!(remaining, Some(left), "{dt} after {passed}");
            let is_due = matches!(alarm, Expiration::Due { .. });
            assert_eq!(is_due, passed >= u64::from(dt));
        }
    }

    proptest! {
        /// However often and when it is looked at, and wherever the counter wraps.
        #[test]
        fn an_alarm_is_armed_until_its_time_and_due_from_then_on(
            start: u32,
            dt: u32,
            steps in prop::collection::vec(any::<u32>(), 0..20),
        ) {
            check::<Ticks32>(start, dt, &steps);
            check::<Ticks24>(start, dt, &steps);
            check::<Ticks16>(start, dt, &steps);
        }
    }

    #[test]
    fn off_is_never_due_and_due_is_never_off() {
        let off = Expiration::<Ticks32>::Off;
        assert_eq!(off.brought_to(7.into()), off);
        assert_eq!((off.remaining(), off.expiry()), (None, None));
        let due = Expiration::Due {
            expiry: Ticks32::from(3),
        };
        for now in [0, 3, 4, u32::MAX] {
            assert_eq!(due.brought_to(now.into()), due);
        }
        assert_eq!(due.remaining(), Some(0.into()));
    }

    #[test]
    fn waiting_for_nothing_is_longer_than_any_wait() {
        assert_eq!(shorter(Some(3), Some(2)), Some(2));
        assert_eq!(shorter(None, Some(0)), Some(0));
        assert_eq!(shorter(Some(u32::MAX), None), Some(u32::MAX));
        assert_eq!(shorter::<u32>(None, None), None);
    }
}
