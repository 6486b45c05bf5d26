//! A block of registers, as the table of exposures has it.

#![allow(unsafe_code)]

use core::mem::size_of;
use core::ptr;
use wasm_host::{BusError, Window};

/// The registers from an address on. An access outside is answered like one that the bus refuses.
///
/// A real bus error is not caught: upstream's kernel has nothing for that. So a block that the firmware ever leaves without
/// clock or power must not be exposed.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    base: usize,
    length: usize,
}

impl Block {
    /// The `length` bytes of registers at `base`. What `exposure --table` writes calls this for every exposed block.
    ///
    /// # Safety
    ///
    /// The range holds device registers and nothing else, and no access to them breaks memory safety: none of them
    /// makes the device write to memory, and none is the processor's own.
    #[must_use]
    pub const unsafe fn new(base: usize, length: usize) -> Self {
        Self { base, length }
    }

    /// The register at `offset`, if it is aligned and inside.
    fn register<T>(&self, offset: usize) -> Option<*mut T> {
        let end = offset.checked_add(size_of::<T>())?;
        (end <= self.length && offset % size_of::<T>() == 0)
            .then(|| ptr::with_exposed_provenance_mut(self.base + offset))
    }

    fn load<T>(&self, offset: usize) -> Result<T, BusError> {
        let register = self.register(offset).ok_or(BusError)?;
        // SAFETY: `register` found it aligned and inside the block, which `new`'s caller vouched for.
        Ok(unsafe { ptr::read_volatile(register) })
    }

    fn store<T>(&self, offset: usize, value: T) -> Result<(), BusError> {
        let register = self.register(offset).ok_or(BusError)?;
        // SAFETY: as in `load`.
        unsafe { ptr::write_volatile(register, value) };
        Ok(())
    }
}

impl Window for Block {
    fn len(&self) -> usize {
        self.length
    }

    fn address(&self) -> Option<usize> {
        Some(self.base)
    }

    fn read8(&self, offset: usize) -> Result<u8, BusError> {
        self.load(offset)
    }

    fn read16(&self, offset: usize) -> Result<u16, BusError> {
        self.load(offset)
    }

    fn read32(&self, offset: usize) -> Result<u32, BusError> {
        self.load(offset)
    }

    fn write8(&self, offset: usize, value: u8) -> Result<(), BusError> {
        self.store(offset, value)
    }

    fn write16(&self, offset: usize, value: u16) -> Result<(), BusError> {
        self.store(offset, value)
    }

    fn write32(&self, offset: usize, value: u32) -> Result<(), BusError> {
        self.store(offset, value)
    }
}

#[cfg(test)]
mod tests {
    use super::Block;
    use wasm_host::{BusError, Window};

    #[test]
    fn only_aligned_accesses_inside_reach_the_registers() {
        let mut memory = [0x0403_0201_u32, 0x0807_0605, 0xFFFF_FFFF];
        let base = (&raw mut memory).expose_provenance();
        // SAFETY: memory of this test; no access has a side effect.
        let block = unsafe { Block::new(base, 8) };
        assert_eq!((block.len(), block.address()), (8, Some(base)));
        assert_eq!(block.read32(4), Ok(0x0807_0605));
        assert_eq!(block.read16(2), Ok(0x0403));
        assert_eq!(block.read8(7), Ok(8));
        for offset in [1, 2, 3, 5, 8, 12, usize::MAX, usize::MAX - 3] {
            assert_eq!(block.read32(offset), Err(BusError), "{offset}");
            assert_eq!(block.write32(offset, 0), Err(BusError), "{offset}");
        }
        assert_eq!(block.write16(7, 0), Err(BusError));
        assert_eq!(block.write8(8, 0), Err(BusError));
        assert_eq!(memory, [0x0403_0201, 0x0807_0605, 0xFFFF_FFFF]);
        assert_eq!(block.write16(4, 0xAAAA), Ok(()));
        assert_eq!(block.write8(7, 0xBB), Ok(()));
        assert_eq!(memory[1], 0xBB07_AAAA);
    }
}
