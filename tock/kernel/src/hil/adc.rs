//! Voltages as numbers.
//!
//! ```text
//!   capsule ── AdcChannel (one channel) ── Adc (all channels) ── chip
//! ```
//!
//! Sampling is split-phase: a call begins it, and the client is told the sample. A sample's bits are the upper ones of 16.

use crate::ErrorCode;

/// A converter with several channels.
pub trait Adc<'a> {
    /// What names a channel.
    type Channel: PartialEq;

    /// Takes one sample of `channel`.
    ///
    /// # Errors
    ///
    /// `BUSY` one is being taken, `OFF` not powered.
    fn sample(&self, channel: &Self::Channel) -> Result<(), ErrorCode>;

    /// Takes samples of `channel`, `frequency` a second, until it is [stopped](Self::stop_sampling).
    ///
    /// # Errors
    ///
    /// As [`sample`](Self::sample); `INVAL` there is no such frequency, `NOSUPPORT` the hardware cannot.
    fn sample_continuous(&self, channel: &Self::Channel, frequency: u32) -> Result<(), ErrorCode>;

    /// Takes no more samples: the client is not called any more.
    ///
    /// # Errors
    ///
    /// `OFF` not powered, `NOSUPPORT` the hardware cannot.
    fn stop_sampling(&self) -> Result<(), ErrorCode>;

    /// Returns how many of a sample's 16 bits the hardware tells, 1 to 16.
    fn get_resolution_bits(&self) -> usize;

    /// Returns the voltage of the largest sample in millivolts, if it is known.
    fn get_voltage_reference_mv(&self) -> Option<usize>;

    /// Says who is told samples.
    fn set_client(&self, client: &'a dyn Client);
}

/// Is told samples.
pub trait Client {
    /// A sample was taken.
    fn sample_ready(&self, sample: u16);
}

/// A converter that fills whole buffers at a pace, the second while the client has the first.
pub trait AdcHighSpeed<'a>: Adc<'a> {
    /// Takes samples of `channel`, `frequency` a second: the first `length1` into `buffer1`, the next `length2` into `buffer2`.
    ///
    /// # Errors
    ///
    /// As [`Adc::sample_continuous`]; `INVAL` also, a buffer is shorter. The buffers come back.
    fn sample_highspeed(
        &self,
        channel: &Self::Channel,
        frequency: u32,
        buffer1: &'static mut [u16],
        length1: usize,
        buffer2: &'static mut [u16],
        length2: usize,
    ) -> Result<(), (ErrorCode, &'static mut [u16], &'static mut [u16])>;

    /// Gives a buffer to be filled next, while sampling goes on.
    ///
    /// # Errors
    ///
    /// `BUSY` the next one is there, `INVAL` nothing is being sampled; the buffer comes back.
    fn provide_buffer(
        &self,
        buf: &'static mut [u16],
        length: usize,
    ) -> Result<(), (ErrorCode, &'static mut [u16])>;

    /// Takes the buffers back, when sampling was stopped.
    ///
    /// # Errors
    ///
    /// `INVAL` it was not.
    #[expect(clippy::type_complexity, reason = "upstream's signature")]
    fn retrieve_buffers(
        &self,
    ) -> Result<(Option<&'static mut [u16]>, Option<&'static mut [u16]>), ErrorCode>;

    /// Says who gets the buffers.
    fn set_highspeed_client(&self, client: &'a dyn HighSpeedClient);
}

/// Is told when a buffer is full.
pub trait HighSpeedClient {
    /// `length` samples stand in `buf`.
    fn samples_ready(&self, buf: &'static mut [u16], length: usize);
}

/// One channel of a converter.
pub trait AdcChannel<'a> {
    /// As [`Adc::sample`].
    ///
    /// # Errors
    ///
    /// As there.
    fn sample(&self) -> Result<(), ErrorCode>;

    /// As [`Adc::sample_continuous`], at the pace of whoever made the channel.
    ///
    /// # Errors
    ///
    /// As there.
    fn sample_continuous(&self) -> Result<(), ErrorCode>;

    /// As [`Adc::stop_sampling`].
    ///
    /// # Errors
    ///
    /// As there.
    fn stop_sampling(&self) -> Result<(), ErrorCode>;

    /// As [`Adc::get_resolution_bits`].
    fn get_resolution_bits(&self) -> usize;

    /// As [`Adc::get_voltage_reference_mv`].
    fn get_voltage_reference_mv(&self) -> Option<usize>;

    /// Says who is told samples.
    fn set_client(&self, client: &'a dyn Client);
}
