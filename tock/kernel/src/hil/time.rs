//! Clocks, alarms and timers.
//!
//! Counters wrap, so times are compared with [`Ticks::within_range`], never
//! with `<`.

use core::cmp::Ordering;
use core::fmt::Debug;

use crate::errorcode::ErrorCode;

/// A wrapping count of clock ticks.
pub trait Ticks: Clone + Copy + From<u32> + Debug + Ord + PartialOrd + Eq {
    /// Bits that count.
    fn width() -> u32;
    /// As `usize`, cut off.
    fn into_usize(self) -> usize;
    /// As `u32`, cut off.
    fn into_u32(self) -> u32;
    /// Shifted so that the counter's highest bit is the `u32`'s: wraps as a 32-bit counter does.
    fn into_u32_left_justified(self) -> u32;
    /// `width` bits less than 32: how far [`into_u32_left_justified`](Self::into_u32_left_justified) shifts.
    #[must_use]
    fn u32_padding() -> u32 {
        32u32.saturating_sub(Self::width())
    }
    /// Returns the ticks per second of a clock of the frequency `F` once its ticks are
    /// [left-justified](Self::into_u32_left_justified), at most `u32::MAX`.
    #[must_use]
    fn u32_left_justified_scale_freq<F: Frequency>() -> u32 {
        let scaled = u64::from(F::frequency()) << Self::u32_padding();
        u32::try_from(scaled).unwrap_or(u32::MAX)
    }
    /// The inverse of [`into_u32_left_justified`](Self::into_u32_left_justified).
    #[must_use]
    fn from_u32_left_justified(value: u32) -> Self {
        Self::from(value >> Self::u32_padding())
    }
    /// Sum, wrapping at the width.
    #[must_use]
    fn wrapping_add(self, other: Self) -> Self;
    /// Difference, wrapping at the width.
    #[must_use]
    fn wrapping_sub(self, other: Self) -> Self;
    /// Whether `self` is one of the ticks from `start` up to but not including `end`, wrapping.
    fn within_range(self, start: Self, end: Self) -> bool {
        self.wrapping_sub(start) < end.wrapping_sub(start)
    }
    /// The largest count.
    #[must_use]
    fn max_value() -> Self;
    /// Half of the largest count.
    #[must_use]
    fn half_max_value() -> Self;
    /// From a wider number; the largest count if it does not fit.
    #[must_use]
    fn from_or_max(value: u64) -> Self;
    /// `self * numerator / denominator`, at most `u32::MAX`.
    fn saturating_scale(self, numerator: u32, denominator: u32) -> u32;
}

macro_rules! ticks {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $width:expr, $wide:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name($inner);

        impl $name {
            const MASK: $inner = <$inner>::MAX >> (<$inner>::BITS - $width);
        }

        #[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, clippy::cast_lossless)]
        impl From<u32> for $name {
            fn from(value: u32) -> Self {
                Self(value as $inner & Self::MASK)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.cmp(&other.0)
            }
        }

        #[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, clippy::cast_lossless)]
        impl Ticks for $name {
            fn width() -> u32 {
                $width
            }
            fn into_usize(self) -> usize {
                self.0 as usize
            }
            fn into_u32(self) -> u32 {
                self.0 as u32
            }
            fn into_u32_left_justified(self) -> u32 {
                (self.0 as u32) << Self::u32_padding()
            }
            fn wrapping_add(self, other: Self) -> Self {
                Self(self.0.wrapping_add(other.0) & Self::MASK)
            }
            fn wrapping_sub(self, other: Self) -> Self {
                Self(self.0.wrapping_sub(other.0) & Self::MASK)
            }
            fn max_value() -> Self {
                Self(Self::MASK)
            }
            fn half_max_value() -> Self {
                Self(Self::MASK / 2 + 1)
            }
            fn from_or_max(value: u64) -> Self {
                if value > Self::MASK as u64 {
                    Self::max_value()
                } else {
                    Self(value as $inner)
                }
            }
            fn saturating_scale(self, numerator: u32, denominator: u32) -> u32 {
                if denominator == 0 {
                    return u32::MAX;
                }
                let scaled = self.0 as $wide * numerator as $wide / denominator as $wide;
                u32::try_from(scaled).unwrap_or(u32::MAX)
            }
        }
    };
}

ticks!(
    /// A 16-bit counter.
    Ticks16, u16, 16, u64
);
ticks!(
    /// A 24-bit counter.
    Ticks24, u32, 24, u64
);
ticks!(
    /// A 32-bit counter.
    Ticks32, u32, 32, u64
);
ticks!(
    /// A 64-bit counter.
    Ticks64, u64, 64, u128
);

impl Ticks64 {
    /// Returns the whole count.
    #[must_use]
    pub const fn into_u64(self) -> u64 {
        self.0
    }
}

impl From<u64> for Ticks64 {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

/// A clock rate as a type.
pub trait Frequency {
    /// Ticks per second.
    #[must_use]
    fn frequency() -> u32;
}

macro_rules! frequencies {
    ($($(#[$doc:meta])* $name:ident = $hz:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl Frequency for $name {
            fn frequency() -> u32 {
                $hz
            }
        }
    )+};
}
frequencies! {
    /// 100 MHz.
    Freq100MHz = 100_000_000;
    /// 25 MHz.
    Freq25MHz = 25_000_000;
    /// 16 MHz.
    Freq16MHz = 16_000_000;
    /// 10 MHz.
    Freq10MHz = 10_000_000;
    /// 1 MHz.
    Freq1MHz = 1_000_000;
    /// 32,768 Hz.
    Freq32KHz = 32_768;
    /// 16 kHz.
    Freq16KHz = 16_000;
    /// 1 kHz.
    Freq1KHz = 1_000;
}

/// Something that tells the time.
pub trait Time {
    /// How fast it counts.
    type Frequency: Frequency;
    /// How wide it counts.
    type Ticks: Ticks;
    /// The count now.
    fn now(&self) -> Self::Ticks;
}

/// Conversions between ticks of a clock and human units.
pub trait ConvertTicks<T: Ticks> {
    /// Seconds to ticks, at most the largest count.
    fn ticks_from_seconds(&self, s: u32) -> T;
    /// Milliseconds to ticks, at most the largest count.
    fn ticks_from_ms(&self, ms: u32) -> T;
    /// Microseconds to ticks, at most the largest count.
    fn ticks_from_us(&self, us: u32) -> T;
    /// Ticks to whole seconds.
    fn ticks_to_seconds(&self, tick: T) -> u32;
    /// Ticks to whole milliseconds.
    fn ticks_to_ms(&self, tick: T) -> u32;
    /// Ticks to whole microseconds.
    fn ticks_to_us(&self, tick: T) -> u32;
}

/// `value * frequency / divisor` in ticks.
fn scaled<T: Time + ?Sized>(value: u32, divisor: u64) -> T::Ticks {
    let rate = u64::from(<T::Frequency as Frequency>::frequency());
    T::Ticks::from_or_max(u64::from(value) * rate / divisor)
}

impl<T: Time + ?Sized> ConvertTicks<T::Ticks> for T {
    fn ticks_from_seconds(&self, s: u32) -> T::Ticks {
        scaled::<T>(s, 1)
    }
    fn ticks_from_ms(&self, ms: u32) -> T::Ticks {
        scaled::<T>(ms, 1_000)
    }
    fn ticks_from_us(&self, us: u32) -> T::Ticks {
        scaled::<T>(us, 1_000_000)
    }
    fn ticks_to_seconds(&self, tick: T::Ticks) -> u32 {
        tick.saturating_scale(1, <T::Frequency as Frequency>::frequency())
    }
    fn ticks_to_ms(&self, tick: T::Ticks) -> u32 {
        tick.saturating_scale(1_000, <T::Frequency as Frequency>::frequency())
    }
    fn ticks_to_us(&self, tick: T::Ticks) -> u32 {
        tick.saturating_scale(1_000_000, <T::Frequency as Frequency>::frequency())
    }
}

/// A moment that stands still: [`now`](Time::now) always returns the same count.
pub trait Timestamp: Time {}

/// Is told when a counter wraps.
pub trait OverflowClient {
    /// It wrapped.
    fn overflow(&self);
}

/// A counter that can be controlled.
pub trait Counter<'a>: Time {
    /// Who is told when it wraps.
    fn set_overflow_client(&self, client: &'a dyn OverflowClient);
    /// Let it run.
    ///
    /// # Errors
    ///
    /// `FAIL` if it cannot.
    fn start(&self) -> Result<(), ErrorCode>;
    /// Stop it.
    ///
    /// # Errors
    ///
    /// `BUSY` if something depends on it, `FAIL` if it cannot.
    fn stop(&self) -> Result<(), ErrorCode>;
    /// Set it to zero.
    ///
    /// # Errors
    ///
    /// `FAIL` if it cannot.
    fn reset(&self) -> Result<(), ErrorCode>;
    /// Whether it runs.
    fn is_running(&self) -> bool;
}

/// Is told when an alarm goes off.
pub trait AlarmClient {
    /// The time has come.
    fn alarm(&self);
}

/// A clock that can call at a time.
pub trait Alarm<'a>: Time {
    /// Who is called.
    fn set_alarm_client(&self, client: &'a dyn AlarmClient);
    /// Call at `reference + dt`; at once if that has passed. `reference` is in
    /// the past: a count that was read before.
    fn set_alarm(&self, reference: Self::Ticks, dt: Self::Ticks);
    /// The time it is set to.
    fn get_alarm(&self) -> Self::Ticks;
    /// Do not call; afterwards no call comes.
    ///
    /// # Errors
    ///
    /// `FAIL` if a call may still come.
    fn disarm(&self) -> Result<(), ErrorCode>;
    /// Whether a call will come.
    fn is_armed(&self) -> bool;
    /// The shortest `dt` that works.
    fn minimum_dt(&self) -> Self::Ticks;
}

/// Is told when a timer expires.
pub trait TimerClient {
    /// It expired.
    fn timer(&self);
}

/// A clock that can call after intervals.
pub trait Timer<'a>: Time {
    /// Who is called.
    fn set_timer_client(&self, client: &'a dyn TimerClient);
    /// Call once after `interval`; returns the interval used.
    fn oneshot(&self, interval: Self::Ticks) -> Self::Ticks;
    /// Call every `interval`; returns the interval used.
    fn repeating(&self, interval: Self::Ticks) -> Self::Ticks;
    /// The interval, if one is set.
    fn interval(&self) -> Option<Self::Ticks>;
    /// Whether one call will come.
    fn is_oneshot(&self) -> bool {
        self.interval().is_some() && !self.is_repeating()
    }
    /// Whether calls will come repeatedly.
    fn is_repeating(&self) -> bool;
    /// Whether a call will come.
    fn is_enabled(&self) -> bool {
        self.interval().is_some()
    }
    /// What is left until the next call.
    fn time_remaining(&self) -> Option<Self::Ticks>;
    /// Do not call.
    ///
    /// # Errors
    ///
    /// `FAIL` if a call may still come.
    fn cancel(&self) -> Result<(), ErrorCode>;
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clock;
    impl Time for Clock {
        type Frequency = Freq32KHz;
        type Ticks = Ticks24;
        fn now(&self) -> Ticks24 {
            Ticks24::from(0)
        }
    }

    #[test]
    fn ranges_wrap() {
        let t = |n: u32| Ticks24::from(n);
        assert!(t(5).within_range(t(0x00ff_fff0), t(16)));
        assert!(!t(16).within_range(t(0x00ff_fff0), t(16)));
        assert!(t(0x00ff_fff0).within_range(t(0x00ff_fff0), t(16)));
        assert!(!t(3).within_range(t(3), t(3)));
        assert_eq!(t(0x00ff_ffff).wrapping_add(t(2)), t(1));
        assert_eq!(t(1).wrapping_sub(t(2)), Ticks24::max_value());
        assert_eq!(t(1).into_u32_left_justified(), 0x100);
        assert_eq!(Ticks24::from_u32_left_justified(0x1ff), t(1));
    }

    #[test]
    fn conversions_saturate() {
        assert_eq!(Clock.ticks_from_ms(1000), Ticks24::from(32_768));
        assert_eq!(Clock.ticks_from_seconds(u32::MAX), Ticks24::max_value());
        assert_eq!(Clock.ticks_to_us(Ticks24::from(32_768)), 1_000_000);
        assert_eq!(Ticks64::max_value().saturating_scale(1_000, 1), u32::MAX);
        assert_eq!(Ticks16::from_or_max(1 << 40), Ticks16::max_value());
        let wide = Ticks64::from(u64::MAX).wrapping_sub(Ticks64::from(1_u32));
        assert_eq!(wide.into_u64(), u64::MAX - 1);
        let justified = [
            Ticks32::u32_left_justified_scale_freq::<Freq32KHz>(),
            Ticks24::u32_left_justified_scale_freq::<Freq32KHz>(),
            Ticks16::u32_left_justified_scale_freq::<Freq100MHz>(),
        ];
        assert_eq!(justified, [32_768, 32_768 << 8, u32::MAX]);
    }
}
