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
