//! What can go wrong with a process.

use core::fmt;

use crate::errorcode::ErrorCode;
use crate::{KERNEL_MAJOR_VERSION, KERNEL_MINOR_VERSION};
use tock_tbf::types::TbfParseError;

/// Why something could not be done with a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no such process any more (it ended or was restarted).
    NoSuchApp,
    /// Its memory is used up.
    OutOfMemory,
    /// An address is not the process's own.
    AddressOutOfBounds,
    /// The process exists but does not run any more.
    InactiveApp,
    /// The kernel's own bookkeeping does not allow it.
    KernelError,
    /// The grant or buffer is in use further up the stack.
    AlreadyInUse,
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> Self {
        match error {
            Error::OutOfMemory => ErrorCode::NOMEM,
            Error::AddressOutOfBounds => ErrorCode::INVAL,
            Error::NoSuchApp => ErrorCode::INVAL,
            Error::InactiveApp | Error::KernelError => ErrorCode::FAIL,
            Error::AlreadyInUse => ErrorCode::BUSY,
        }
    }
}

impl From<Error> for Result<(), ErrorCode> {
    fn from(error: Error) -> Self {
        Err(error.into())
    }
}

/// Why a process in flash was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessLoadError {
    /// Its header is malformed.
    TbfHeaderParseFailure(TbfParseError),
    /// There is not enough RAM, or not enough at its fixed address.
    NotEnoughMemory,
    /// The MPU cannot protect flash of this shape.
    MpuInvalidFlashLength,
    /// It is linked for RAM that is not free here.
    MemoryAddressMismatch {
        /// Where its RAM should begin.
        expected_address: usize,
    },
    /// It is linked for another place in flash.
    IncorrectFlashAddress {
        /// Where its binary lies.
        actual_address: usize,
        /// Where it should lie.
        expected_address: usize,
    },
    /// It needs another kernel version, or does not say which.
    IncompatibleKernelVersion {
        /// What it asks for.
        version: Option<(u16, u16)>,
    },
    /// The board, or its place, has no slot left for it.
    NoProcessSlot,
    /// Its header is longer than any that is looked at.
    HeaderTooLong {
        /// How long it is.
        length: u16,
        /// How long it may be.
        most: u16,
    },
    /// The architecture could not prepare it.
    InternalError,
}

impl fmt::Display for ProcessLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TbfHeaderParseFailure(error) => write!(f, "its header is wrong: {error}"),
            Self::NotEnoughMemory => f.write_str("there is not enough RAM for it"),
            Self::MpuInvalidFlashLength => {
                f.write_str("the MPU cannot protect flash of its length")
            }
            Self::MemoryAddressMismatch { expected_address } => write!(
                f,
                "it is linked for RAM at {expected_address:#010x}, which is not free"
            ),
            Self::IncorrectFlashAddress {
                actual_address,
                expected_address,
            } => write!(
                f,
                "it is linked for flash at {expected_address:#010x} and lies at {actual_address:#010x}"
            ),
            Self::IncompatibleKernelVersion {
                version: Some((major, minor)),
            } => write!(
                f,
                "it needs kernel version {major}.{minor}, this is {KERNEL_MAJOR_VERSION}.{KERNEL_MINOR_VERSION}"
            ),
            Self::IncompatibleKernelVersion { version: None } => {
                f.write_str("it does not say which kernel version it needs")
            }
            Self::NoProcessSlot => f.write_str("its place has no room for another process"),
            Self::HeaderTooLong { length, most } => {
                write!(f, "its header has {length} bytes, more than {most}")
            }
            Self::InternalError => f.write_str("this processor cannot run it"),
        }
    }
}
