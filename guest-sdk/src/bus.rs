//! What ends a transfer on one of the kernel's buses.

/// Why a transfer was not made. The names are those of `wasi:i2c` and of `embedded-hal`, where they have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusError {
    /// Nobody answers at the address, or a byte is refused.
    NoAcknowledge,
    /// More bytes than a transfer has.
    TooLong,
    /// No byte at all, no such address, or a rate or mode that the bus does not have.
    Invalid,
    /// The container was paused meanwhile: how far the transfer came is not known.
    Interrupted,
    /// A Tock error code that none of the others stands for.
    Other(u32),
}

/// The result of a call.
pub(crate) const fn outcome(code: i32) -> Result<(), BusError> {
    match code {
        0 => Ok(()),
        6 => Err(BusError::Invalid),
        7 => Err(BusError::TooLong),
        8 => Err(BusError::Interrupted),
        13 => Err(BusError::NoAcknowledge),
        code => Err(BusError::Other(code as u32)),
    }
}

impl core::fmt::Display for BusError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoAcknowledge => "nobody answers, or a byte is refused",
            Self::TooLong => "more bytes than a transfer has",
            Self::Invalid => "no byte, no such address, or no such rate or mode",
            Self::Interrupted => "the container was paused meanwhile",
            Self::Other(code) => return write!(f, "error {code}"),
        })
    }
}

impl core::error::Error for BusError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_meaning() {
        assert_eq!(outcome(0), Ok(()));
        assert_eq!(outcome(13), Err(BusError::NoAcknowledge));
        assert_eq!(outcome(7), Err(BusError::TooLong));
        assert_eq!(outcome(6), Err(BusError::Invalid));
        assert_eq!(outcome(8), Err(BusError::Interrupted));
        assert_eq!(outcome(1), Err(BusError::Other(1)));
    }
}
