//! The error codes of the system call ABI (TRD104 section 3.3).

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ErrorCode {
    /// No better description exists.
    Fail = 1,
    /// The service is busy with an earlier request; try again.
    Busy = 2,
    /// What was asked for is already so.
    Already = 3,
    /// The device is switched off.
    Off = 4,
    /// Something has to be reserved first.
    Reserve = 5,
    /// An argument is invalid.
    Invalid = 6,
    /// A size is too large (or too small).
    Size = 7,
    /// The operation was cancelled.
    Cancel = 8,
    /// Out of memory.
    NoMem = 9,
    /// The driver does not have this operation.
    NoSupport = 10,
    /// There is no such driver.
    NoDevice = 11,
    /// The device is not physically there.
    Uninstalled = 12,
    /// The other side did not acknowledge.
    NoAck = 13,
    /// The kernel answered with a return variant or a code that this library
    /// does not expect (userspace code, never sent by a kernel).
    BadRVal = 1024,
}

impl ErrorCode {
    /// The code behind a number; a number that the ABI does not define gives
    /// [`ErrorCode::BadRVal`].
    #[must_use]
    pub const fn from_raw(code: usize) -> Self {
        match code {
            1 => Self::Fail,
            2 => Self::Busy,
            3 => Self::Already,
            4 => Self::Off,
            5 => Self::Reserve,
            6 => Self::Invalid,
            7 => Self::Size,
            8 => Self::Cancel,
            9 => Self::NoMem,
            10 => Self::NoSupport,
            11 => Self::NoDevice,
            12 => Self::Uninstalled,
            13 => Self::NoAck,
            _ => Self::BadRVal,
        }
    }

    /// Read the status argument of an upcall: 0 is success, all else an error.
    pub const fn from_status(status: usize) -> Result<(), Self> {
        match status {
            0 => Ok(()),
            code => Err(Self::from_raw(code)),
        }
    }

    /// The ABI's name of the code, for messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "FAIL",
            Self::Busy => "BUSY",
            Self::Already => "ALREADY",
            Self::Off => "OFF",
            Self::Reserve => "RESERVE",
            Self::Invalid => "INVAL",
            Self::Size => "SIZE",
            Self::Cancel => "CANCEL",
            Self::NoMem => "NOMEM",
            Self::NoSupport => "NOSUPPORT",
            Self::NoDevice => "NODEVICE",
            Self::Uninstalled => "UNINSTALLED",
            Self::NoAck => "NOACK",
            Self::BadRVal => "BADRVAL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_code_survives_the_round_trip() {
        for code in 1..=13 {
            assert_eq!(ErrorCode::from_raw(code) as usize, code);
        }
        for code in [0, 14, 1023, usize::MAX] {
            assert_eq!(ErrorCode::from_raw(code), ErrorCode::BadRVal);
        }
        assert_eq!(ErrorCode::from_status(0), Ok(()));
        assert_eq!(ErrorCode::from_status(8), Err(ErrorCode::Cancel));
    }
}
