//! I2C, from the side that drives the clock.
//!
//! ```text
//!   capsule ── I2CDevice (one address) ── I2CMaster (the bus) ── chip
//!              SMBusDevice                SMBusMaster
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

/// A bus that can keep to the System Management Bus: what its transfers change of the hardware they change back, so that
/// those of [`I2CMaster`] stay what they are.
pub trait SMBusMaster<'a>: I2CMaster<'a> {
    /// As [`I2CMaster::write_read`], by the rules of the System Management Bus.
    ///
    /// # Errors
    ///
    /// As there.
    fn smbus_write_read(
        &self,
        addr: u8,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), Refused>;

    /// As [`I2CMaster::write`], by the rules of the System Management Bus.
    ///
    /// # Errors
    ///
    /// As there.
    fn smbus_write(&self, addr: u8, data: &'static mut [u8], len: usize) -> Result<(), Refused>;

    /// As [`I2CMaster::read`], by the rules of the System Management Bus.
    ///
    /// # Errors
    ///
    /// As there.
    fn smbus_read(&self, addr: u8, buffer: &'static mut [u8], len: usize) -> Result<(), Refused>;
}

/// One address on a [bus](SMBusMaster) that can keep to the System Management Bus.
pub trait SMBusDevice: I2CDevice {
    /// As [`SMBusMaster::smbus_write_read`].
    ///
    /// # Errors
    ///
    /// As there.
    fn smbus_write_read(
        &self,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), Refused>;

    /// As [`SMBusMaster::smbus_write`].
    ///
    /// # Errors
    ///
    /// As there.
    fn smbus_write(&self, data: &'static mut [u8], len: usize) -> Result<(), Refused>;

    /// As [`SMBusMaster::smbus_read`].
    ///
    /// # Errors
    ///
    /// As there.
    fn smbus_read(&self, buffer: &'static mut [u8], len: usize) -> Result<(), Refused>;
}

/// Stands where something asks for a [`SMBusMaster`] and the board has none: it does nothing, and refuses every transfer with
/// [`Error::NotSupported`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSMBus;

impl<'a> I2CMaster<'a> for NoSMBus {
    fn set_master_client(&self, _: &'a dyn I2CHwMasterClient) {}

    fn enable(&self) {}

    fn disable(&self) {}

    fn write_read(
        &self,
        _: u8,
        data: &'static mut [u8],
        _: usize,
        _: usize,
    ) -> Result<(), Refused> {
        Err((Error::NotSupported, data))
    }

    fn write(&self, _: u8, data: &'static mut [u8], _: usize) -> Result<(), Refused> {
        Err((Error::NotSupported, data))
    }

    fn read(&self, _: u8, buffer: &'static mut [u8], _: usize) -> Result<(), Refused> {
        Err((Error::NotSupported, buffer))
    }
}

impl SMBusMaster<'_> for NoSMBus {
    fn smbus_write_read(
        &self,
        addr: u8,
        data: &'static mut [u8],
        write_len: usize,
        read_len: usize,
    ) -> Result<(), Refused> {
        self.write_read(addr, data, write_len, read_len)
    }

    fn smbus_write(&self, addr: u8, data: &'static mut [u8], len: usize) -> Result<(), Refused> {
        self.write(addr, data, len)
    }

    fn smbus_read(&self, addr: u8, buffer: &'static mut [u8], len: usize) -> Result<(), Refused> {
        self.read(addr, buffer, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn a_board_without_smbus_refuses_and_gives_buffers_back() {
        let refused = |result: Result<(), Refused>, length| {
            let (error, buffer) = result.unwrap_err();
            assert_eq!((error, buffer.len()), (Error::NotSupported, length));
        };
        let buffer = |length| vec![0; length].leak();
        refused(NoSMBus.smbus_write_read(0x10, buffer(1), 1, 1), 1);
        refused(NoSMBus.smbus_write(0x10, buffer(2), 1), 2);
        refused(NoSMBus.smbus_read(0x10, buffer(3), 1), 3);
        refused(NoSMBus.write_read(0x10, buffer(4), 1, 1), 4);
        refused(NoSMBus.write(0x10, buffer(5), 1), 5);
        refused(NoSMBus.read(0x10, buffer(6), 1), 6);
    }
}
