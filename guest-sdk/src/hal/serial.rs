//! The kernel's UART as a stream of bytes.

use crate::bus::BusError;
use crate::uart::{self, LONGEST};
use embedded_io::{Error, ErrorKind, ErrorType, Read, Write};

/// The kernel's UART.
#[derive(Clone, Copy, Debug, Default)]
pub struct Serial;

impl Error for BusError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Interrupted => ErrorKind::Interrupted,
            Self::Invalid | Self::TooLong => ErrorKind::InvalidInput,
            Self::NoAcknowledge | Self::Other(_) => ErrorKind::Other,
        }
    }
}

impl ErrorType for Serial {
    type Error = BusError;
}

impl Read for Serial {
    /// Waits for a byte, while other containers run, and takes that one: the kernel tells when so many have come as are asked
    /// for, and not how many have.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BusError> {
        match buffer.first_mut() {
            Some(place) => uart::read(core::slice::from_mut(place)).map(|()| 1),
            None => Ok(0),
        }
    }
}

impl Write for Serial {
    /// Sends as many bytes as the kernel takes at once, and waits until they have left.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, BusError> {
        let some = bytes.get(..LONGEST).unwrap_or(bytes);
        if some.is_empty() {
            return Ok(0);
        }
        uart::write(some).map(|()| some.len())
    }

    fn flush(&mut self) -> Result<(), BusError> {
        Ok(())
    }
}
