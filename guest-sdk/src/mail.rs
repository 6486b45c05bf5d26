//! Messages to and from other containers.

use crate::imports;

/// Longest message in bytes.
pub const MESSAGE_MAX: usize = 64;

/// Longest name of a container in bytes.
const NAME_MAX: usize = 32;

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The receiver has not taken enough of what it has; try again later.
    Full,
    /// It is longer than [`MESSAGE_MAX`].
    TooLong,
    /// The device has no memory for it.
    NoMemory,
    /// No container of this name is active.
    NoReceiver,
}

/// Send a message to the container called `name`. It is copied; nothing waits.
///
/// # Errors
///
/// See [`SendError`].
pub fn send(name: &str, message: &[u8]) -> Result<(), SendError> {
    send_to(name.as_bytes(), message)
}

fn send_to(name: &[u8], message: &[u8]) -> Result<(), SendError> {
    match imports::send(name, message) {
        0 => Ok(()),
        imports::BUSY => Err(SendError::Full),
        imports::SIZE => Err(SendError::TooLong),
        imports::NODEVICE => Err(SendError::NoReceiver),
        _ => Err(SendError::NoMemory),
    }
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender([u8; NAME_MAX]);

impl Sender {
    /// The container's name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        let end = self.0.iter().position(|byte| *byte == 0);
        self.0.get(..end.unwrap_or(NAME_MAX)).unwrap_or_default()
    }

    /// Send it a message.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub fn reply(&self, message: &[u8]) -> Result<(), SendError> {
        send_to(self.name(), message)
    }
}

/// Wait for a message; others run meanwhile. Who sent it, and how long it is: what is longer
/// than `buffer` is cut.
pub fn receive(buffer: &mut [u8]) -> (Sender, usize) {
    let mut sender = Sender([0; NAME_MAX]);
    let length = imports::receive(buffer, &mut sender.0);
    (sender, length)
}
