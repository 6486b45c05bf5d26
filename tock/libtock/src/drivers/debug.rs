//! Low-level debug: numbers to the kernel's debug output (driver 0x8).
//!
//! The kernel prints them without any help from the process, so this works
//! before memory is set up and when all else has failed.

use crate::{ErrorCode, command};

/// Driver number.
pub const DRIVER_NUM: usize = 0x8;

/// Alert codes with a fixed meaning.
pub mod alert_code {
    /// The process panicked.
    pub const PANIC: u32 = 0x01;
    /// The process is not at the addresses it was linked for.
    pub const WRONG_LOCATION: u32 = 0x02;
    /// There is not enough memory to start.
    pub const NO_MEMORY: u32 = 0x03;
}

/// Report a code; see [`alert_code`].
pub fn alert(code: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, 1, code as usize, 0).success()
}

/// Print a number.
pub fn print_1(value: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, 2, value as usize, 0).success()
}

/// Print two numbers.
pub fn print_2(first: u32, second: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, 3, first as usize, second as usize).success()
}
