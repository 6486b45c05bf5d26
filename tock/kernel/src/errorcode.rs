//! Error codes that system calls and drivers return.

/// Why an operation failed; the numbers are part of the system-call ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum ErrorCode {
    /// Failed without a better reason.
    FAIL = 1,
    /// Underlying system is busy; retry later.
    BUSY = 2,
    /// The state asked for is already there.
    ALREADY = 3,
    /// The component is powered down.
    OFF = 4,
    /// Something must be reserved or claimed first.
    RESERVE = 5,
    /// An argument is invalid.
    INVAL = 6,
    /// A length is too large or too small.
    SIZE = 7,
    /// The operation was cancelled.
    CANCEL = 8,
    /// No memory left.
    NOMEM = 9,
    /// The operation or argument is not supported.
    NOSUPPORT = 10,
    /// There is no such driver or device.
    NODEVICE = 11,
    /// The device is not physically installed.
    UNINSTALLED = 12,
    /// The other side did not acknowledge.
    NOACK = 13,
}

impl From<ErrorCode> for usize {
    fn from(code: ErrorCode) -> usize {
        code as usize
    }
}

impl TryFrom<usize> for ErrorCode {
    type Error = ();

    fn try_from(value: usize) -> Result<Self, ()> {
        use ErrorCode::*;
        Ok(match value {
            1 => FAIL,
            2 => BUSY,
            3 => ALREADY,
            4 => OFF,
            5 => RESERVE,
            6 => INVAL,
            7 => SIZE,
            8 => CANCEL,
            9 => NOMEM,
            10 => NOSUPPORT,
            11 => NODEVICE,
            12 => UNINSTALLED,
            13 => NOACK,
            _ => return Err(()),
        })
    }
}

impl From<ErrorCode> for Result<(), ErrorCode> {
    fn from(code: ErrorCode) -> Self {
        Err(code)
    }
}

/// The status code an upcall carries: 0 for success, else the error's number.
#[must_use]
pub fn into_statuscode(result: Result<(), ErrorCode>) -> usize {
    match result {
        Ok(()) => 0,
        Err(code) => code as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for n in 0..20 {
            match ErrorCode::try_from(n) {
                Ok(code) => assert_eq!(usize::from(code), n),
                Err(()) => assert!(n == 0 || n > 13),
            }
        }
        assert_eq!(into_statuscode(Ok(())), 0);
        assert_eq!(into_statuscode(Err(ErrorCode::NOACK)), 13);
    }
}
