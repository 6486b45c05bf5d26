//! A block of registers, as the table of exposures has it.

#![allow(unsafe_code)]

use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use wasm_host::{BusError, Width, Window};

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

    /// The address of the register at `offset`, if it is aligned and inside.
    fn register(&self, offset: u16, width: Width) -> Option<usize> {
        let (bytes, offset) = (width.bytes() as usize, usize::from(offset));
        (offset % bytes == 0 && offset + bytes <= self.length).then(|| self.base + offset)
    }
}

impl Window for Block {
    fn len(&self) -> usize {
        self.length
    }

    fn address(&self) -> Option<usize> {
        Some(self.base)
    }

    fn load(&self, offset: u16, width: Width) -> Result<u32, BusError> {
        let address = self.register(offset, width).ok_or(BusError)?;
        // SAFETY: `register` found it aligned and inside the block, which `new`'s caller vouched for.
        Ok(unsafe {
            match width {
                Width::Bits8 => with_exposed_provenance::<u8>(address)
                    .read_volatile()
                    .into(),
                Width::Bits16 => with_exposed_provenance::<u16>(address)
                    .read_volatile()
                    .into(),
                Width::Bits32 => with_exposed_provenance::<u32>(address).read_volatile(),
            }
        })
    }

    fn store(&self, offset: u16, width: Width, value: u32) -> Result<(), BusError> {
        let address = self.register(offset, width).ok_or(BusError)?;
        // SAFETY: as in `load`. Truncation is what a narrow store does.
        unsafe {
            match width {
                Width::Bits8 => {
                    with_exposed_provenance_mut::<u8>(address).write_volatile(value as u8);
                }
                Width::Bits16 => {
                    with_exposed_provenance_mut::<u16>(address).write_volatile(value as u16);
                }
                Width::Bits32 => with_exposed_provenance_mut::<u32>(address).write_volatile(value),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Block;
    use wasm_host::{BusError, Width, Window};

    #[test]
    fn only_aligned_accesses_inside_reach_the_registers() {
        let mut memory = [0x0403_0201_u32, 0x0807_0605, 0xFFFF_FFFF];
        let base = (&raw mut memory).expose_provenance();
        // SAFETY: memory of this test; no access has a side effect.
        let block = unsafe { Block::new(base, 8) };
        assert_eq!((block.len(), block.address()), (8, Some(base)));
        assert_eq!(block.load(4, Width::Bits32), Ok(0x0807_0605));
        assert_eq!(block.load(2, Width::Bits16), Ok(0x0403));
        assert_eq!(block.load(7, Width::Bits8), Ok(8));
        for offset in [1, 2, 3, 5, 8, 12, u16::MAX, u16::MAX - 3] {
            assert_eq!(block.load(offset, Width::Bits32), Err(BusError), "{offset}");
            assert_eq!(
                block.store(offset, Width::Bits32, 0),
                Err(BusError),
                "{offset}"
            );
        }
        assert_eq!(block.store(7, Width::Bits16, 0), Err(BusError));
        assert_eq!(block.store(8, Width::Bits8, 0), Err(BusError));
        assert_eq!(memory, [0x0403_0201, 0x0807_0605, 0xFFFF_FFFF]);
        assert_eq!(block.store(4, Width::Bits16, 0xCC_AAAA), Ok(()));
        assert_eq!(block.store(7, Width::Bits8, 0xBB), Ok(()));
        assert_eq!(memory[1], 0xBB07_AAAA);
    }
}
