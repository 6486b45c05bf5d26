//! I2C, from the side that drives the clock.
//!
//! ```text
//!   capsule ── I2CDevice (one address) ── I2CMaster (the bus) ── chip
//! ```
//!
//! Transfers are split-phase: a call takes a buffer over, and the client gets it back. A call that
//! fails gives it back in its error. Addresses have seven bits.

use core::fmt;

use crate::ErrorCode;

/// A buffer that a transfer did not take, and why.
pub type Refused = (Error, &'static mut [u8]);

/// Why a transfer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nobody answered to the address.
    AddressNak,
    /// A byte was not acknowledged.
    DataNak,
    /// Somebody else drove the bus.
    ArbitrationLost,
    /// More bytes than there is room for, or than were taken.
    Overrun,
    /// The hardware cannot do it.
    NotSupported,
    /// A transfer is under way.
    Busy,
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> Self {
        match error {
            Error::AddressNak | Error::DataNak => Self::NOACK,
            Error::ArbitrationLost => Self::RESERVE,
            Error::Overrun => Self::SIZE,
            Error::NotSupported => Self::NOSUPPORT,
            Error::Busy => Self::BUSY,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AddressNak => "nobody answers to the address",
            Self::DataNak => "a byte was not acknowledged",
            Self::ArbitrationLost => "somebody else drives the bus",
            Self::Overrun => "too many bytes",
            Self::NotSupported => "not supported",
            Self::Busy => "the bus is busy",
        })
    }
}

/// A bus.
pub trait I2CMaster<'a> {
    /// Says who gets the buffers back.
    fn set_master_client(&self, master_client: &'a dyn I2CHwMasterClient);

    /// Switches the bus on.
    fn enable(&self);

    /// Switches the bus off.
    fn disable(&self);

    /// Sends the first `write_len` bytes of `data` to `addr`, and after a repeated start receives `read_len` bytes into its
    /// beginning.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] a transfer is under way, [`Error::Overrun`] a length beyond the buffer; the buffer comes back.
    fn write_read(
        &self,
        addr: u8,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), Refused>;

    /// Sends the first `len` bytes of `data` to `addr`.
    ///
    /// # Errors
    ///
    /// As [`write_read`](Self::write_read).
    fn write(&self, addr: u8, data: &'static mut [u8], len: usize) -> Result<(), Refused>;

    /// Receives `len` bytes from `addr` into the beginning of `buffer`.
    ///
    /// # Errors
    ///
    /// As [`write_read`](Self::write_read).
    fn read(&self, addr: u8, buffer: &'static mut [u8], len: usize) -> Result<(), Refused>;
}

/// Is told when a transfer on a bus is over.
pub trait I2CHwMasterClient {
    /// The transfer is over; `buffer` is what was given.
    fn command_complete(&self, buffer: &'static mut [u8], status: Result<(), Error>);
}

/// One address on a bus.
pub trait I2CDevice {
    /// Has the bus on.
    fn enable(&self);

    /// Needs the bus no more.
    fn disable(&self);

    /// As [`I2CMaster::write_read`].
    ///
    /// # Errors
    ///
    /// As there.
    fn write_read(
        &self,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), Refused>;

    /// As [`I2CMaster::write`].
    ///
    /// # Errors
    ///
    /// As there.
    fn write(&self, data: &'static mut [u8], len: usize) -> Result<(), Refused>;

    /// As [`I2CMaster::read`].
    ///
    /// # Errors
    ///
    /// As there.
    fn read(&self, buffer: &'static mut [u8], len: usize) -> Result<(), Refused>;
}

/// Is told when a transfer with one address is over.
pub trait I2CClient {
    /// The transfer is over; `buffer` is what was given.
    fn command_complete(&self, buffer: &'static mut [u8], status: Result<(), Error>);
}
