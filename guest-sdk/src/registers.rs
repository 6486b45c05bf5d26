//! Access to a block of registers.

use crate::imports;

/// A block of registers that belongs to this container.
///
/// Offsets are in bytes from the start of the block. An access that the
/// device's owner does not permit (outside the block, misaligned, a register
/// that is not exposed, a bit that may not be written) stops the container with
/// a trap; the operator sees which access it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    handle: i32,
}

impl Block {
    /// Used by [`block!`](crate::block!). A number that is no handle of this
    /// container traps at the first access.
    #[doc(hidden)]
    #[must_use]
    pub fn from_handle(handle: i32) -> Self {
        Self { handle }
    }

    /// What the device calls it.
    pub(crate) const fn number(self) -> i32 {
        self.handle
    }

    /// Read 8 bits.
    #[must_use]
    pub fn read8(self, offset: u32) -> u8 {
        imports::read8(self.handle, offset) as u8
    }

    /// Read 16 bits.
    #[must_use]
    pub fn read16(self, offset: u32) -> u16 {
        imports::read16(self.handle, offset) as u16
    }

    /// Read 32 bits.
    #[must_use]
    pub fn read32(self, offset: u32) -> u32 {
        imports::read32(self.handle, offset)
    }

    /// Write 8 bits.
    pub fn write8(self, offset: u32, value: u8) {
        imports::write8(self.handle, offset, u32::from(value));
    }

    /// Write 16 bits.
    pub fn write16(self, offset: u32, value: u16) {
        imports::write16(self.handle, offset, u32::from(value));
    }

    /// Write 32 bits.
    pub fn write32(self, offset: u32, value: u32) {
        imports::write32(self.handle, offset, value);
    }

    /// Change the bits of `mask` to those of `value` and leave the others as
    /// they are; nobody else's access comes in between.
    pub fn modify32(self, offset: u32, mask: u32, value: u32) {
        imports::modify32(self.handle, offset, mask, value);
    }
}
