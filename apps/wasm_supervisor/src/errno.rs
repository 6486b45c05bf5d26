//! Error numbers as containers see them, and as the system below gives them: those of Tock's `ErrorCode`.

/// What was given is none.
pub const FAIL: u8 = 1;
/// Not now: something is full or in use.
pub const BUSY: u8 = 2;
/// It is done already, or something of the kind is under way.
pub const ALREADY: u8 = 3;
/// Not claimed.
pub const RESERVE: u8 = 5;
/// An argument that cannot be.
pub const INVALID: u8 = 6;
/// Too long, or too many.
pub const SIZE: u8 = 7;
/// Its container was paused meanwhile.
pub const CANCEL: u8 = 8;
/// No memory, or no room for one more.
pub const NO_MEMORY: u8 = 9;
/// Not exposed.
pub const NO_SUPPORT: u8 = 10;
/// There is no such.
pub const NO_DEVICE: u8 = 11;
/// Nobody answered, or a device did not become ready.
pub const NO_ACK: u8 = 13;
