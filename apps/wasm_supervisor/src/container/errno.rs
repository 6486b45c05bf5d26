//! Error numbers as containers see them: those of Tock's `ErrorCode`.

/// Not now: something is full or in use.
pub(super) const BUSY: u8 = 2;
/// It is done already.
pub(super) const ALREADY: u8 = 3;
/// An argument that cannot be.
pub(super) const INVALID: u8 = 6;
/// Too long, or too many.
pub(super) const SIZE: u8 = 7;
/// No memory.
pub(super) const NO_MEMORY: u8 = 9;
/// There is no such.
pub(super) const NO_DEVICE: u8 = 11;
