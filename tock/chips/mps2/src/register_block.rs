//! A block of registers as a value: base address and length, accesses checked.
//!
//! For code that knows offsets only at run time (a board exposes blocks to
//! containers this way). Drivers of this chip use typed register structs.

#![allow(unsafe_code)]

use cortexm4::bus;

/// A block of memory-mapped registers.
#[derive(Clone, Copy, Debug)]
pub struct RegisterBlock {
    base: usize,
    len: usize,
}

macro_rules! access {
    ($read:ident $write:ident $try_read:ident $try_write:ident $type:ty, $bits:literal) => {
        #[doc = concat!("Load ", $bits, " bits at byte `offset`, where a bus error is possible. `None`: there was one, or misaligned or outside.")]
        #[must_use]
        pub fn $try_read(&self, offset: usize) -> Option<$type> {
            let register = self.register::<$type>(offset)?;
            // SAFETY: as below; drivers run with interrupts open.
            unsafe { bus::$try_read(register.expose_provenance()) }
        }

        #[doc = concat!("Store ", $bits, " bits at byte `offset`, where a bus error is possible. `None`: there was one, or misaligned or outside.")]
        pub fn $try_write(&self, offset: usize, value: $type) -> Option<()> {
            let register = self.register::<$type>(offset)?;
            // SAFETY: as below.
            unsafe { bus::$try_write(register.expose_provenance(), value) }
        }

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

    access!(read8 write8 try_read8 try_write8 u8, "8");
    access!(read16 write16 try_read16 try_write16 u16, "16");
    access!(read32 write32 try_read32 try_write32 u32, "32");
}

#[cfg(test)]
mod tests {
    use super::RegisterBlock;

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
        assert_eq!(block.try_read32(8), None);
        assert_eq!(block.try_write16(5, 0), None);
        assert_eq!(block.try_read8(0), Some(0));
        assert_eq!(block.try_write32(4, 0), Some(()));
        assert_eq!(block.read32(4), Some(0));
        assert_eq!(block.write8(5, 7), Some(()));
        assert_eq!(block.read32(4), Some(0x700));
        assert_eq!(block.write32(8, 0), None);
        assert_eq!(memory[2], 0xFFFF_FFFF);
    }
}
