//! Alarm: a free-running 32-bit counter and one alarm a process (driver 0x0).

use crate::{ErrorCode, EventSlot, command, subscribe, wait_for};

/// Driver number.
pub const DRIVER_NUM: usize = 0x0;

mod commands {
    pub(super) const FREQUENCY: usize = 1;
    pub(super) const NOW: usize = 2;
    pub(super) const STOP: usize = 3;
    pub(super) const SET_RELATIVE: usize = 5;
    pub(super) const SET_ABSOLUTE: usize = 6;
}

/// Event number: `(now, expiry, 0)`, both in ticks.
const FIRED: usize = 0;

/// Ticks a second.
pub fn frequency() -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, commands::FREQUENCY, 0, 0).success_u32()
}

/// The counter; wraps at 2^32.
pub fn now() -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, commands::NOW, 0, 0).success_u32()
}

/// Have the alarm's events filled into `slot`.
///
/// # Errors
///
/// `NoDevice` without an alarm.
pub fn notify(slot: &'static EventSlot) -> Result<(), ErrorCode> {
    subscribe(DRIVER_NUM, FIRED, slot)
}

/// Set the alarm `ticks` from now; returns when it will expire. Replaces an
/// alarm that is set.
pub fn set_relative(ticks: u32) -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, commands::SET_RELATIVE, ticks as usize, 0).success_u32()
}

/// Set the alarm `ticks` after the moment `reference` (a value of [`now`] in
/// the past); returns when it will expire. Does not drift when the caller is
/// late.
pub fn set_absolute(reference: u32, ticks: u32) -> Result<u32, ErrorCode> {
    command(
        DRIVER_NUM,
        commands::SET_ABSOLUTE,
        reference as usize,
        ticks as usize,
    )
    .success_u32()
}

/// Stop the alarm. `Already` if none is set.
pub fn stop() -> Result<(), ErrorCode> {
    command(DRIVER_NUM, commands::STOP, 0, 0).success()
}

/// Sleep for `ticks`. Uses the process's one alarm; other events stay queued.
pub fn sleep_ticks(ticks: u32) -> Result<(), ErrorCode> {
    set_relative(ticks)?;
    let _ = wait_for(DRIVER_NUM, FIRED);
    Ok(())
}

/// Sleep for `milliseconds`, in several steps if the counter is too narrow.
pub fn sleep_ms(milliseconds: u32) -> Result<(), ErrorCode> {
    /// Half the counter's range: expiries further away look like the past.
    const STEP_MAX: u64 = 1 << 31;
    let mut left = u64::from(milliseconds) * u64::from(frequency()?) / 1000;
    while left > STEP_MAX {
        sleep_ticks(STEP_MAX as u32)?;
        left -= STEP_MAX;
    }
    sleep_ticks(left as u32)
}

/// Time in microseconds since the clock was made, from the wrapping counter.
///
/// [`Clock::now_us`] must be called at least once every 2^32 ticks (171 s at
/// 25 MHz), or whole turns of the counter are missed.
pub struct Clock {
    frequency: u32,
    /// `ticks` take `microseconds`: frequency and a million in lowest terms, so that most
    /// steps of the clock are one division of 32 bits. It is read all the time.
    ticks: u32,
    microseconds: u32,
    last: u32,
    now_us: u64,
    /// What is not a whole microsecond yet, in microseconds by `ticks`.
    rest: u32,
}

impl Clock {
    /// Start at 0 now.
    ///
    /// # Errors
    ///
    /// `NoDevice` without an alarm, `BadRVal` if its frequency is 0.
    pub fn new() -> Result<Self, ErrorCode> {
        match frequency()? {
            0 => Err(ErrorCode::BadRVal),
            frequency => Ok(Self::starting(frequency, now()?)),
        }
    }

    fn starting(frequency: u32, last: u32) -> Self {
        let (mut divisor, mut rest) = (frequency, 1_000_000);
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        Self {
            frequency,
            ticks: frequency / divisor,
            microseconds: 1_000_000 / divisor,
            last,
            now_us: 0,
            rest: 0,
        }
    }

    /// Microseconds since the clock was made.
    ///
    /// # Errors
    ///
    /// Those of [`now`].
    pub fn now_us(&mut self) -> Result<u64, ErrorCode> {
        let now = now()?;
        self.pass(now.wrapping_sub(self.last));
        self.last = now;
        Ok(self.now_us)
    }

    /// So many ticks have passed.
    fn pass(&mut self, ticks: u32) {
        let passed = u64::from(ticks) * u64::from(self.microseconds) + u64::from(self.rest);
        if let Ok(passed) = u32::try_from(passed) {
            self.now_us += u64::from(passed / self.ticks);
            self.rest = passed % self.ticks;
        } else {
            self.now_us += passed / u64::from(self.ticks);
            self.rest = (passed % u64::from(self.ticks)) as u32;
        }
    }

    /// The tick count that `microseconds` take, rounded up; at most half the
    /// counter's range, which is as far ahead as an alarm can be set.
    #[must_use]
    pub fn ticks(&self, microseconds: u64) -> u32 {
        let frequency = u64::from(self.frequency);
        let seconds = microseconds / 1_000_000;
        let rest = (microseconds % 1_000_000 * frequency).div_ceil(1_000_000);
        let ticks = seconds.saturating_mul(frequency).saturating_add(rest);
        ticks.min(1 << 31) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::variant;

    #[test]
    fn the_clock_goes_on_when_the_counter_wraps() {
        let mut times = [0xffff_0000, 0xffff_0000 + 25, 0, 0x1_0000].into_iter();
        crate::host::install(move |_, [_, number, ..]| match number {
            commands::FREQUENCY => [variant::SUCCESS_U32, 25_000_000, 0, 0],
            _ => [variant::SUCCESS_U32, times.next().unwrap(), 0, 0],
        });
        let mut clock = Clock::new().unwrap();
        assert_eq!(clock.now_us(), Ok(1));
        assert_eq!(clock.now_us(), Ok(0x1_0000 / 25));
        assert_eq!(clock.now_us(), Ok(0x2_0000 / 25));
    }

    #[test]
    fn ticks_round_up_and_are_bounded() {
        let clock = Clock::starting(32_768, 0);
        assert_eq!(clock.ticks(0), 0);
        assert_eq!(clock.ticks(1), 1);
        assert_eq!(clock.ticks(1_000_000), 32_768);
        assert_eq!(clock.ticks(u64::MAX), 1 << 31);
    }

    #[test]
    fn nothing_is_lost_however_the_time_is_cut_and_whatever_the_frequency() {
        for frequency in [1, 32_768, 1_000_000, 16_000_000, 25_000_000, 48_000_001] {
            let mut clock = Clock::starting(frequency, 0);
            let mut all = 0u64;
            for step in 0..2_000u32 {
                let ticks = step.wrapping_mul(2_654_435_761) >> (step % 32);
                clock.pass(ticks);
                all += u64::from(ticks);
                let exact = u128::from(all) * 1_000_000 / u128::from(frequency);
                assert_eq!(u128::from(clock.now_us), exact, "{frequency} Hz");
            }
        }
    }
}
