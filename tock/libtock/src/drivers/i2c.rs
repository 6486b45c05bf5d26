//! I2C controller (driver 0x20003).

use crate::{ErrorCode, allow, command, wait_for};

/// Driver number.
pub const DRIVER_NUM: usize = 0x20003;

/// Command numbers.
pub mod commands {
    /// Is the driver there?
    pub const EXISTS: usize = 0;
    /// Send.
    pub const WRITE: usize = 1;
    /// Receive.
    pub const READ: usize = 2;
    /// Send, and receive after a repeated start.
    pub const WRITE_READ: usize = 3;
}

/// Upcall: a transfer is over. Argument: status.
pub const DONE: usize = 0;
/// Read-write buffer: what to send, and where to put what comes.
pub const BUFFER: usize = 1;

/// Is there a bus?
pub fn exists() -> bool {
    command(DRIVER_NUM, commands::EXISTS, 0, 0)
        .success()
        .is_ok()
}

/// Send `bytes` to `address`. (They are lent for writing, as the driver wants it, and do not change.)
///
/// # Errors
///
/// `NoAck` if nobody answers or a byte is refused, `Size` if the kernel's buffer is shorter.
pub fn write(address: u8, bytes: &mut [u8]) -> Result<(), ErrorCode> {
    let length = bytes.len();
    allow::with_read_write(DRIVER_NUM, BUFFER, bytes, || {
        run(commands::WRITE, address.into(), length)
    })?
}

/// Receive into `room` from `address`.
///
/// # Errors
///
/// As [`write()`].
pub fn read(address: u8, room: &mut [u8]) -> Result<(), ErrorCode> {
    let length = room.len();
    allow::with_read_write(DRIVER_NUM, BUFFER, room, || {
        run(commands::READ, address.into(), length)
    })?
}

/// Send the first `sent` bytes of `buffer` to `address`, then receive `received` bytes to its beginning.
///
/// # Errors
///
/// As [`write()`].
pub fn write_read(
    address: u8,
    buffer: &mut [u8],
    sent: u8,
    received: usize,
) -> Result<(), ErrorCode> {
    let first = usize::from(address) | usize::from(sent) << 8;
    allow::with_read_write(DRIVER_NUM, BUFFER, buffer, || {
        run(commands::WRITE_READ, first, received)
    })?
}

fn run(number: usize, first: usize, second: usize) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, number, first, second).success()?;
    let [status, ..] = wait_for(DRIVER_NUM, DONE);
    match status {
        0 => Ok(()),
        code => Err(ErrorCode::from_raw(code)),
    }
}
