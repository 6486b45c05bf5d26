//! The Serial Peripheral Interface, from the side that drives the clock, and from the other.
//!
//! ```text
//!   capsule ── SpiMasterDevice (one chip select) ── SpiMaster (the bus) ── chip
//!   capsule ── SpiSlaveDevice ── SpiSlave (driven by another's clock) ── chip
//! ```
//!
//! Transfers are split-phase: [`SpiMaster::read_write_bytes`] takes buffers over, and
//! [`SpiMasterClient::read_write_done`] gives them back. A call that fails gives
//! them back in its error.

use crate::ErrorCode;
use crate::utilities::leasable_buffer::SubSliceMut;

/// Buffers that a transfer did not take, and why.
pub type Refused = (
    ErrorCode,
    SubSliceMut<'static, u8>,
    Option<SubSliceMut<'static, u8>>,
);

/// Chip selects: which level of which pin selects a peripheral.
pub mod cs {
    use crate::hil::gpio::Output;

    /// Says that a peripheral is selected while its pin is low.
    pub enum ActiveLow {}

    /// Says that a peripheral is selected while its pin is high.
    pub enum ActiveHigh {}

    /// One of the two above.
    pub trait ChipSelectActivePolarity: sealed::Sealed {
        /// The level that selects.
        const POLARITY: Polarity;
    }

    impl ChipSelectActivePolarity for ActiveLow {
        const POLARITY: Polarity = Polarity::Low;
    }

    impl ChipSelectActivePolarity for ActiveHigh {
        const POLARITY: Polarity = Polarity::High;
    }

    mod sealed {
        pub trait Sealed {}
        impl Sealed for super::ActiveLow {}
        impl Sealed for super::ActiveHigh {}
    }

    /// The level that selects.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Polarity {
        /// Low.
        Low,
        /// High.
        High,
    }

    /// What a board's pin or number becomes to be a chip select of type `T`, by how it is active.
    pub trait IntoChipSelect<T, POLARITY> {
        /// Returns the chip select.
        fn into_cs(self) -> T;
    }

    /// A chip select at a pin, with the level that selects.
    pub struct ChipSelectPolar<'a, P: Output> {
        /// The level that selects.
        pub polarity: Polarity,
        /// The pin.
        pub pin: &'a P,
    }

    // Not derived: `P` need not be `Copy` for a reference to it to be.
    impl<P: Output> Clone for ChipSelectPolar<'_, P> {
        fn clone(&self) -> Self {
            *self
        }
    }
    impl<P: Output> Copy for ChipSelectPolar<'_, P> {}

    impl<P: Output> ChipSelectPolar<'_, P> {
        /// Selects the peripheral.
        pub fn activate(&self) {
            match self.polarity {
                Polarity::Low => self.pin.clear(),
                Polarity::High => self.pin.set(),
            }
        }

        /// Leaves the peripheral alone.
        pub fn deactivate(&self) {
            match self.polarity {
                Polarity::Low => self.pin.set(),
                Polarity::High => self.pin.clear(),
            }
        }
    }

    impl<'a, P: Output, A: ChipSelectActivePolarity> IntoChipSelect<ChipSelectPolar<'a, P>, A>
        for &'a P
    {
        fn into_cs(self) -> ChipSelectPolar<'a, P> {
            ChipSelectPolar {
                polarity: A::POLARITY,
                pin: self,
            }
        }
    }
}

/// Which bit of a byte goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataOrder {
    /// The most significant.
    MSBFirst,
    /// The least significant.
    LSBFirst,
}

/// The level of the clock between transfers (CPOL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockPolarity {
    /// Low.
    IdleLow,
    /// High.
    IdleHigh,
}

/// The edge of the clock at which a bit is sampled (CPHA).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockPhase {
    /// The first of a bit.
    SampleLeading,
    /// The second.
    SampleTrailing,
}

/// Is told when a transfer is over.
pub trait SpiMasterClient {
    /// The transfer is over: `status` says how many bytes went each way. The buffers are those that were
    /// given, with the parts active that were.
    fn read_write_done(
        &self,
        write_buffer: SubSliceMut<'static, u8>,
        read_buffer: Option<SubSliceMut<'static, u8>>,
        status: Result<usize, ErrorCode>,
    );
}

/// A bus with several chip selects.
///
/// Rate, polarity and phase belong to a chip select: choose it first, then set them. They are kept while another
/// one is chosen.
pub trait SpiMaster<'a> {
    /// What names a chip select.
    type ChipSelect: Copy;

    /// Prepares the bus; once, before anything else.
    ///
    /// # Errors
    ///
    /// `OFF` not powered, `RESERVE` no clock, `FAIL` another reason.
    fn init(&self) -> Result<(), ErrorCode>;

    /// Says who gets the buffers back.
    fn set_client(&self, client: &'a dyn SpiMasterClient);

    /// Returns whether a transfer is under way.
    fn is_busy(&self) -> bool;

    /// Sends the active part of `write_buffer` and receives as many bytes into `read_buffer`, if there is one. The
    /// shorter of both says how many.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way, `INVAL` no byte at all, `OFF` not powered; the buffers come back and the client is not
    /// called.
    fn read_write_bytes(
        &self,
        write_buffer: SubSliceMut<'static, u8>,
        read_buffer: Option<SubSliceMut<'static, u8>>,
    ) -> Result<(), Refused>;

    /// Sends one byte and waits until it is sent. For debugging: it blocks.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way, `OFF` not powered, `FAIL` another reason.
    fn write_byte(&self, val: u8) -> Result<(), ErrorCode>;

    /// Sends a zero byte and returns the one that came back. It blocks.
    ///
    /// # Errors
    ///
    /// As [`write_byte`](Self::write_byte).
    fn read_byte(&self) -> Result<u8, ErrorCode>;

    /// Sends one byte and returns the one that came back. It blocks.
    ///
    /// # Errors
    ///
    /// As [`write_byte`](Self::write_byte).
    fn read_write_byte(&self, val: u8) -> Result<u8, ErrorCode>;

    /// Chooses the peripheral that is meant from now on.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way, `INVAL` there is no such chip select.
    fn specify_chip_select(&self, cs: Self::ChipSelect) -> Result<(), ErrorCode>;

    /// Sets the clock, in bits a second, and returns what it is now: the hardware has not every rate.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way, `INVAL` the bus cannot be so slow or so fast.
    fn set_rate(&self, rate: u32) -> Result<u32, ErrorCode>;

    /// Returns the clock, in bits a second.
    fn get_rate(&self) -> u32;

    /// Sets the level of the idle clock.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way.
    fn set_polarity(&self, polarity: ClockPolarity) -> Result<(), ErrorCode>;

    /// Returns the level of the idle clock.
    fn get_polarity(&self) -> ClockPolarity;

    /// Sets the edge at which bits are sampled.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way.
    fn set_phase(&self, phase: ClockPhase) -> Result<(), ErrorCode>;

    /// Returns the edge at which bits are sampled.
    fn get_phase(&self) -> ClockPhase;

    /// Keeps the peripheral selected after transfers from now on, so that several make one.
    fn hold_low(&self);

    /// Ends the selection after each transfer from now on.
    fn release_low(&self);
}

/// One peripheral on a bus: a chip select that its user cannot change.
pub trait SpiMasterDevice<'a> {
    /// Says who gets the buffers back.
    fn set_client(&self, client: &'a dyn SpiMasterClient);

    /// Sets polarity, phase and rate together.
    ///
    /// # Errors
    ///
    /// As the three below.
    fn configure(&self, cpol: ClockPolarity, cpal: ClockPhase, rate: u32) -> Result<(), ErrorCode>;

    /// As [`SpiMaster::read_write_bytes`].
    ///
    /// # Errors
    ///
    /// As there.
    fn read_write_bytes(
        &self,
        write_buffer: SubSliceMut<'static, u8>,
        read_buffer: Option<SubSliceMut<'static, u8>>,
    ) -> Result<(), Refused>;

    /// Sets the clock, in bits a second. [`get_rate`](Self::get_rate) tells what it is then.
    ///
    /// # Errors
    ///
    /// As [`SpiMaster::set_rate`].
    fn set_rate(&self, rate: u32) -> Result<(), ErrorCode>;

    /// Returns the clock, in bits a second.
    fn get_rate(&self) -> u32;

    /// As [`SpiMaster::set_polarity`].
    ///
    /// # Errors
    ///
    /// As there.
    fn set_polarity(&self, polarity: ClockPolarity) -> Result<(), ErrorCode>;

    /// Returns the level of the idle clock.
    fn get_polarity(&self) -> ClockPolarity;

    /// As [`SpiMaster::set_phase`].
    ///
    /// # Errors
    ///
    /// As there.
    fn set_phase(&self, phase: ClockPhase) -> Result<(), ErrorCode>;

    /// Returns the edge at which bits are sampled.
    fn get_phase(&self) -> ClockPhase;
}

/// Buffers that a transfer of the peripheral's side did not take, and why.
pub type SlaveRefused = (
    ErrorCode,
    Option<&'static mut [u8]>,
    Option<&'static mut [u8]>,
);

/// Is told what the side that drives the clock has done.
pub trait SpiSlaveClient {
    /// This side was selected.
    fn chip_selected(&self);

    /// The transfer is over: `len` bytes went each way for which a buffer was given, which may be fewer than it holds.
    fn read_write_done(
        &self,
        write_buffer: Option<&'static mut [u8]>,
        read_buffer: Option<&'static mut [u8]>,
        len: usize,
        status: Result<(), ErrorCode>,
    );
}

/// The peripheral's side: whoever is selected and follows another's clock.
pub trait SpiSlave<'a> {
    /// Prepares the hardware for this side; once, before anything else.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way, `FAIL` another reason.
    fn init(&self) -> Result<(), ErrorCode>;

    /// Returns whether somebody uses it.
    fn has_client(&self) -> bool;

    /// Says who gets the buffers back; `None`: nobody uses it any more.
    fn set_client(&self, client: Option<&'a dyn SpiSlaveClient>);

    /// Sets the byte that goes out where no buffer says what.
    fn set_write_byte(&self, write_byte: u8);

    /// Lends buffers for the next transfer: what goes out, and where to put what comes in, `len` bytes at most. One of both may be
    /// `None`.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way, `INVAL` no buffer at all; the buffers come back and the client is not called.
    fn read_write_bytes(
        &self,
        write_buffer: Option<&'static mut [u8]>,
        read_buffer: Option<&'static mut [u8]>,
        len: usize,
    ) -> Result<(), SlaveRefused>;

    /// Sets the level of the idle clock that is expected.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way, `FAIL` another reason.
    fn set_polarity(&self, polarity: ClockPolarity) -> Result<(), ErrorCode>;

    /// Returns the level of the idle clock that is expected.
    fn get_polarity(&self) -> ClockPolarity;

    /// Sets the edge at which bits are sampled.
    ///
    /// # Errors
    ///
    /// `BUSY` a transfer is under way, `FAIL` another reason.
    fn set_phase(&self, phase: ClockPhase) -> Result<(), ErrorCode>;

    /// Returns the edge at which bits are sampled.
    fn get_phase(&self) -> ClockPhase;
}

/// The peripheral's side as capsules use it: prepared, and theirs.
pub trait SpiSlaveDevice<'a> {
    /// Says who gets the buffers back.
    fn set_client(&self, client: &'a dyn SpiSlaveClient);

    /// Sets polarity and phase together.
    ///
    /// # Errors
    ///
    /// As [`SpiSlave::set_polarity`].
    fn configure(&self, cpol: ClockPolarity, cpal: ClockPhase) -> Result<(), ErrorCode>;

    /// As [`SpiSlave::read_write_bytes`].
    ///
    /// # Errors
    ///
    /// As there.
    fn read_write_bytes(
        &self,
        write_buffer: Option<&'static mut [u8]>,
        read_buffer: Option<&'static mut [u8]>,
        len: usize,
    ) -> Result<(), SlaveRefused>;

    /// As [`SpiSlave::set_polarity`].
    ///
    /// # Errors
    ///
    /// As there.
    fn set_polarity(&self, polarity: ClockPolarity) -> Result<(), ErrorCode>;

    /// Returns the level of the idle clock that is expected.
    fn get_polarity(&self) -> ClockPolarity;

    /// As [`SpiSlave::set_phase`].
    ///
    /// # Errors
    ///
    /// As there.
    fn set_phase(&self, phase: ClockPhase) -> Result<(), ErrorCode>;

    /// Returns the edge at which bits are sampled.
    fn get_phase(&self) -> ClockPhase;
}

#[cfg(test)]
mod tests {
    use super::cs::{ActiveHigh, ActiveLow, ChipSelectPolar, IntoChipSelect};
    use crate::hil::gpio::Output;
    use core::cell::Cell;

    struct Pin(Cell<bool>);

    impl Output for Pin {
        fn set(&self) {
            self.0.set(true);
        }
        fn clear(&self) {
            self.0.set(false);
        }
        fn toggle(&self) -> bool {
            self.0.set(!self.0.get());
            self.0.get()
        }
    }

    #[test]
    fn a_chip_select_drives_its_pin_to_the_level_that_selects() {
        let pin = Pin(Cell::new(false));
        let low: ChipSelectPolar<'_, Pin> = IntoChipSelect::<_, ActiveLow>::into_cs(&pin);
        low.deactivate();
        assert!(pin.0.get());
        low.activate();
        assert!(!pin.0.get());
        let high: ChipSelectPolar<'_, Pin> = IntoChipSelect::<_, ActiveHigh>::into_cs(&pin);
        high.activate();
        assert!(pin.0.get());
        high.deactivate();
        assert!(!pin.0.get());
    }
}
