//! Pins that are high for a part of each period.
//!
//! ```text
//!   capsule ── PwmPin (one pin) ── Pwm (all pins) ── chip
//! ```

use crate::ErrorCode;

/// What drives pins by pulses.
pub trait Pwm {
    /// What names a pin.
    type Pin;

    /// Begins pulses at `pin`, `frequency_hz` a second. `duty_cycle` says how long the pin is high:
    /// [`get_maximum_duty_cycle`](Self::get_maximum_duty_cycle) is all the time, half of that is half of it.
    ///
    /// # Errors
    ///
    /// `INVAL` there is no such pin, or no such frequency or duty cycle; `FAIL` another reason.
    fn start(
        &self,
        pin: &Self::Pin,
        frequency_hz: usize,
        duty_cycle: usize,
    ) -> Result<(), ErrorCode>;

    /// Ends the pulses at `pin`.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn stop(&self, pin: &Self::Pin) -> Result<(), ErrorCode>;

    /// Returns the highest frequency in Hz.
    fn get_maximum_frequency_hz(&self) -> usize;

    /// Returns the duty cycle of a pin that is always high: the resolution of the hardware.
    fn get_maximum_duty_cycle(&self) -> usize;
}

/// One pin that is driven by pulses.
pub trait PwmPin {
    /// As [`Pwm::start`].
    ///
    /// # Errors
    ///
    /// As there.
    fn start(&self, frequency_hz: usize, duty_cycle: usize) -> Result<(), ErrorCode>;

    /// As [`Pwm::stop`].
    ///
    /// # Errors
    ///
    /// As there.
    fn stop(&self) -> Result<(), ErrorCode>;

    /// As [`Pwm::get_maximum_frequency_hz`].
    fn get_maximum_frequency_hz(&self) -> usize;

    /// As [`Pwm::get_maximum_duty_cycle`].
    fn get_maximum_duty_cycle(&self) -> usize;
}
