//! A UART beside the console's (driver 0x20000): the console's calls.

use crate::command;

/// Driver number.
pub const DRIVER_NUM: usize = 0x20000;

/// Command numbers.
pub mod commands {
    /// Is the driver there?
    pub const EXISTS: usize = 0;
    /// Send.
    pub const WRITE: usize = 1;
    /// Receive.
    pub const READ: usize = 2;
    /// Complete what is being received with what has come.
    pub const ABORT: usize = 3;
}

/// Upcall: all is sent. Argument: bytes.
pub const WRITTEN: usize = 1;
/// Upcall: all is there. Arguments: status, bytes.
pub const READ: usize = 2;
/// Read-only buffer: what to send.
pub const TO_SEND: usize = 1;
/// Read-write buffer that the driver does not use.
pub const UNUSED: usize = 0;
/// Read-write buffer: where to put what comes.
pub const RECEIVED: usize = 1;

/// Is there such a UART?
pub fn exists() -> bool {
    command(DRIVER_NUM, commands::EXISTS, 0, 0)
        .success()
        .is_ok()
}

/// Complete what is being received with what has come.
pub fn abort() {
    // There may be none, and it may be over.
    let _ = command(DRIVER_NUM, commands::ABORT, 0, 0).success();
}
