//! A block of registers as a value: base address and length, accesses checked.
//!
//! For code that knows offsets only at run time (a board exposes blocks to
//! containers this way). Drivers of this chip use typed register structs.

#![allow(unsafe_code)]

use cortexm4::bus;

pub use cortexm4::bus::Width;

/// A block of memory-mapped registers.
#[derive(Clone, Copy, Debug)]
pub struct RegisterBlock {
    base: usize,
    len: usize,
}

macro_rules! access {
    ($read:ident $write:ident $type:ty, $bits:literal) => {
        #[doc = concat!("Load ", $bits, " bits at byte `offset`. `None`: misaligned or outside.")]
        #[must_use]
        pub fn $read(&self, offset: usize) -> Option<$type> {
            let register = self.register::<$type>(offset)?;
            // SAFETY: inside the block and aligned, as `register` checked; the
            // block is device memory, as `new` demands.
            Some(unsafe { register.read_volatile() })
        }

        #[doc = concat!("Store ", $bits, " bits at byte `offset`. `None`: misaligned or outside, nothing stored.")]
        pub fn $write(&self, offset: usize, value: $type) -> Option<()> {
            let register = self.register::<$type>(offset)?;
            // SAFETY: as above.
            unsafe { register.write_volatile(value) };
            Some(())
        }
    };
}

impl RegisterBlock {
    /// The `len` bytes of registers at `base`.
    ///
    /// # Safety
    ///
    /// The range must be device registers and nothing else, and no access to
    /// them may break memory safety: no DMA controller, no part of the processor.
    #[must_use]
    pub const unsafe fn new(base: usize, len: usize) -> Self {
        Self { base, len }
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// First address.
    #[must_use]
    pub const fn base(&self) -> usize {
        self.base
    }

    /// No registers at all?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn register<T>(&self, offset: usize) -> Option<*mut T> {
        let end = offset.checked_add(size_of::<T>())?;
        (end <= self.len && offset.is_multiple_of(size_of::<T>()))
            .then(|| core::ptr::with_exposed_provenance_mut(self.base + offset))
    }

    /// Where an access is; `None`: misaligned or outside.
    #[inline(always)]
    fn place(&self, width: Width, offset: u16) -> Option<usize> {
        // The bytes of an access behind its first are the bits that are zero in an aligned offset.
        let (behind, offset) = (width as usize, usize::from(offset));
        (offset & behind == 0 && offset + behind < self.len).then(|| self.base + offset)
    }

    /// Load at byte `offset`, where a bus error is possible. `None`: there was one, or misaligned or outside.
    #[must_use]
    #[inline(always)]
    pub fn try_load(&self, width: Width, offset: u16) -> Option<u32> {
        let address = self.place(width, offset)?;
        // SAFETY: inside the block and aligned, as `place` checked; the block is device memory, as `new`
        // demands; drivers run with interrupts open.
        unsafe { bus::try_load(width, address) }
    }

    /// Store the low bits of `value` at byte `offset`, where a bus error is possible. `None`: there was one, or misaligned or
    /// outside.
    #[inline(always)]
    pub fn try_store(&self, width: Width, offset: u16, value: u32) -> Option<()> {
        let address = self.place(width, offset)?;
        // SAFETY: as above.
        unsafe { bus::try_store(width, address, value) }
    }

    access!(read8 write8 u8, "8");
    access!(read16 write16 u16, "16");
    access!(read32 write32 u32, "32");
}

#[cfg(test)]
mod tests {
    use super::{RegisterBlock, Width};

    #[test]
    fn only_aligned_accesses_inside_the_block_reach_it() {
        let mut memory = [0x0403_0201u32, 0x0807_0605, 0xFFFF_FFFF];
        // SAFETY: memory of this test; no access has a side effect.
        let block = unsafe { RegisterBlock::new((&raw mut memory).expose_provenance(), 8) };
        for offset in (0..20).chain([usize::MAX, usize::MAX - 3]) {
            let inside = |width: usize| offset <= 8 - width && offset % width == 0;
            assert_eq!(block.read8(offset).is_some(), inside(1), "{offset}");
            assert_eq!(block.read16(offset).is_some(), inside(2), "{offset}");
            assert_eq!(block.read32(offset).is_some(), inside(4), "{offset}");
            assert_eq!(block.write16(offset, 0).is_some(), inside(2));
        }
        for offset in (0..20).chain([u16::MAX, u16::MAX - 3]) {
            let place = usize::from(offset);
            let inside = |width: usize| place <= 8 - width && place % width == 0;
            for (width, bytes) in [(Width::Byte, 1), (Width::Half, 2), (Width::Word, 4)] {
                assert_eq!(block.try_load(width, offset).is_some(), inside(bytes));
                assert_eq!(block.try_store(width, offset, 0).is_some(), inside(bytes));
            }
        }
        assert_eq!(block.try_store(Width::Word, 4, 0x1_0203), Some(()));
        assert_eq!(block.try_load(Width::Byte, 5), Some(2));
        assert_eq!(block.try_store(Width::Word, 4, 0), Some(()));
        assert_eq!(block.read32(4), Some(0));
        assert_eq!(block.write8(5, 7), Some(()));
        assert_eq!(block.read32(4), Some(0x700));
        assert_eq!(block.write32(8, 0), None);
        assert_eq!(memory[2], 0xFFFF_FFFF);
    }
}
