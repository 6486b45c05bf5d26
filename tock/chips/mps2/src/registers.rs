//! Registers behind a trait, so that drivers run in host tests over models of their hardware.

use crate::register_block::RegisterBlock;

/// Registers of 32 bits by byte offset.
pub trait Registers {
    /// Reads one.
    fn read(&self, offset: usize) -> u32;
    /// Writes one.
    fn write(&self, offset: usize, value: u32);
}

impl Registers for RegisterBlock {
    #[inline]
    fn read(&self, offset: usize) -> u32 {
        // The offsets of drivers are constants inside their blocks.
        self.read32(offset).unwrap_or(0)
    }

    #[inline]
    fn write(&self, offset: usize, value: u32) {
        let _ = self.write32(offset, value);
    }
}
