//! SPI controller: bytes out and in at the same time (driver 0x20001).

use crate::{ErrorCode, allow, command, wait_for};

/// Driver number.
pub const DRIVER_NUM: usize = 0x20001;

/// Command numbers.
pub mod commands {
    /// Is the driver there?
    pub const EXISTS: usize = 0;
    /// Send and receive.
    pub const READ_WRITE: usize = 2;
    /// Set the rate.
    pub const SET_RATE: usize = 5;
    /// Get the rate.
    pub const GET_RATE: usize = 6;
    /// Set the phase.
    pub const SET_PHASE: usize = 7;
    /// Get the phase.
    pub const GET_PHASE: usize = 8;
    /// Set the polarity.
    pub const SET_POLARITY: usize = 9;
    /// Get the polarity.
    pub const GET_POLARITY: usize = 10;
    /// Receive; zeros are sent.
    pub const READ: usize = 11;
}

/// Upcall: a transfer is over. Arguments: bytes, status.
pub const DONE: usize = 0;
/// Read-only buffer: what to send.
pub const TO_SEND: usize = 0;
/// Read-write buffer: where to put what comes.
pub const RECEIVED: usize = 0;

/// Is there a bus?
pub fn exists() -> bool {
    command(DRIVER_NUM, commands::EXISTS, 0, 0)
        .success()
        .is_ok()
}

/// Send `bytes`, and put what comes meanwhile into `room`, which is as long.
///
/// # Errors
///
/// `Invalid` if nothing is to be sent or `room` is shorter; what the bus says.
pub fn transfer(bytes: &[u8], room: &mut [u8]) -> Result<usize, ErrorCode> {
    allow::with_read_only(DRIVER_NUM, TO_SEND, bytes, || {
        allow::with_read_write(DRIVER_NUM, RECEIVED, room, || {
            run(commands::READ_WRITE, bytes.len())
        })
    })??
}

/// Send `bytes`; what comes meanwhile is lost.
///
/// # Errors
///
/// As [`transfer`].
pub fn send(bytes: &[u8]) -> Result<usize, ErrorCode> {
    allow::with_read_only(DRIVER_NUM, TO_SEND, bytes, || {
        run(commands::READ_WRITE, bytes.len())
    })?
}

/// Receive into `room`; zeros are sent.
///
/// # Errors
///
/// As [`transfer`].
pub fn receive(room: &mut [u8]) -> Result<usize, ErrorCode> {
    let length = room.len();
    allow::with_read_write(DRIVER_NUM, RECEIVED, room, || run(commands::READ, length))?
}

fn run(number: usize, length: usize) -> Result<usize, ErrorCode> {
    command(DRIVER_NUM, number, length, 0).success()?;
    let [bytes, status, _] = wait_for(DRIVER_NUM, DONE);
    match status {
        0 => Ok(bytes),
        code => Err(ErrorCode::from_raw(code)),
    }
}

/// Set the clock, in bits a second; it becomes the next one below that the bus has.
///
/// # Errors
///
/// `Invalid` if the bus has none.
pub fn set_rate(rate: u32) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, commands::SET_RATE, rate as usize, 0).success()
}

/// Set when the clock samples and how it idles: SPI's modes 0 to 3.
///
/// # Errors
///
/// `NoDevice` without a bus.
pub fn set_mode(mode: u8) -> Result<(), ErrorCode> {
    let (phase, polarity) = (usize::from(mode & 1), usize::from(mode >> 1 & 1));
    command(DRIVER_NUM, commands::SET_PHASE, phase, 0).success()?;
    command(DRIVER_NUM, commands::SET_POLARITY, polarity, 0).success()
}

/// The clock, in bits a second.
///
/// # Errors
///
/// `NoDevice` without a bus.
pub fn rate() -> Result<u32, ErrorCode> {
    command(DRIVER_NUM, commands::GET_RATE, 0, 0).success_u32()
}
