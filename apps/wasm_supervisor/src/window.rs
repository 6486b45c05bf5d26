//! What the kernel has mapped into this process: blocks of registers, and the store's flash.
//!
//! Here and in the arena allocator are the only `unsafe` blocks of the supervisor. A
//! [`Window`] is a block of registers: one access, no system call. It is made from what shows that the kernel opened the block, and refuses every
//! access that does not lie in it, aligned, in a width that the block takes.
//!
//! What is behind a window is device registers, never memory of this program, so no
//! access through it can break a reference. A window that outlives its claim is no
//! danger either: the kernel has closed the block, and an access faults the process.
//! It does not come to that, since windows live in a container's host, which is dropped before
//! its claims are released.

#![allow(unsafe_code)]

use core::num::NonZeroUsize;

use berth_exposure::Width;

/// The store's flash, for reading.
#[cfg(target_os = "none")]
pub struct StoreMemory(libtock::flash_partition::Partition);

#[cfg(target_os = "none")]
impl StoreMemory {
    /// The partition that the kernel opened.
    #[must_use]
    pub const fn new(partition: libtock::flash_partition::Partition) -> Self {
        Self(partition)
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let start = core::ptr::with_exposed_provenance(self.0.address());
        // SAFETY: the kernel opened this memory to the process for reading, until the process
        // ends. It changes only by the calls of the partition, which is in here and of which there
        // is one: `partition` takes what `bytes` borrows.
        unsafe { core::slice::from_raw_parts(start, self.0.length()) }
    }

    /// What the kernel says of its erases.
    #[must_use]
    pub fn erases(&self) -> Option<berth_flash::Erases> {
        self.0.erases()
    }

    /// To change it.
    pub const fn partition(&mut self) -> &mut libtock::flash_partition::Partition {
        &mut self.0
    }
}

/// A mapped block. Compiled code reads the first two words (`berth_compiler::entry::context::WINDOWS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Window {
    /// Its first address, which is not 0.
    start: NonZeroUsize,
    /// How many whole words it has; 0 if it takes no words. Drivers spend their time with words.
    words: u32,
    /// Bytes, of which there are as many as a word has.
    length: u32,
    /// The widths that it takes: each is the bit of its own number of bytes. And [`MEDIATED`].
    widths: u32,
}

/// Among its widths: it stands for a block that is not mapped.
const MEDIATED: u32 = 1 << 31;

// SAFETY: what is in it came of what shows that the kernel opened the block, or has no words; `of` counts these.
#[cfg(all(feature = "compiled", target_os = "none"))]
unsafe impl supervisor_native::Window for Window {}

impl Window {
    /// The block that the kernel opened. Returns `None` if it is shorter than a word.
    #[cfg(target_os = "none")]
    #[must_use]
    pub const fn new(mapping: &libtock::wasm_host::Mapping) -> Option<Self> {
        Self::of(mapping.address(), mapping.length(), mapping.widths())
    }

    /// Memory that plays a block, for tests.
    #[cfg(not(target_os = "none"))]
    #[must_use]
    pub fn over(words: &'static [core::sync::atomic::AtomicU32], widths: u32) -> Option<Self> {
        let length = u32::try_from(core::mem::size_of_val(words)).ok()?;
        Self::of(words.as_ptr().expose_provenance(), length, widths)
    }

    /// One that refuses every access, in the place of another.
    pub const SHUT: Self = Self {
        start: NonZeroUsize::MIN,
        words: 0,
        length: Width::Bits32.bytes(),
        widths: 0,
    };

    /// One that stands for a block to which the kernel makes the accesses, and refuses every access.
    pub const MEDIATED: Self = Self {
        widths: MEDIATED,
        ..Self::SHUT
    };

    /// Does the kernel make the accesses?
    #[inline(always)]
    #[must_use]
    pub const fn is_mediated(&self) -> bool {
        self.widths & MEDIATED != 0
    }

    const fn of(start: usize, length: u32, widths: u32) -> Option<Self> {
        // `inside` subtracts a width from the length.
        if length < Width::Bits32.bytes() {
            return None;
        }
        let Some(start) = NonZeroUsize::new(start) else {
            return None;
        };
        Some(Self {
            start,
            words: if widths & Width::Bits32.bytes() == 0 {
                0
            } else {
                length / Width::Bits32.bytes()
            },
            length,
            widths: widths & !MEDIATED,
        })
    }

    /// Read a register. Returns `None` if the access is not one of this block.
    #[inline(always)]
    #[must_use]
    pub fn read(&self, width: Width, offset: u32) -> Option<u32> {
        let address = self.inside(width, offset)?;
        // SAFETY: `inside` found the access aligned and inside the block, which
        // the kernel opened to this process for reading and writing.
        Some(unsafe {
            match width {
                Width::Bits8 => u32::from(pointer::<u8>(address).read_volatile()),
                Width::Bits16 => u32::from(pointer::<u16>(address).read_volatile()),
                Width::Bits32 => pointer::<u32>(address).read_volatile(),
            }
        })
    }

    /// Write the bits of `value` that the width carries; `None`, and nothing
    /// written, if the access is not one of this block.
    #[inline(always)]
    #[must_use]
    pub fn write(&self, width: Width, offset: u32, value: u32) -> Option<()> {
        let address = self.inside(width, offset)?;
        // SAFETY: as in `read`.
        unsafe {
            match width {
                Width::Bits8 => pointer::<u8>(address).write_volatile(value as u8),
                Width::Bits16 => pointer::<u16>(address).write_volatile(value as u16),
                Width::Bits32 => pointer::<u32>(address).write_volatile(value),
            }
        }
        Some(())
    }

    /// The address of an access, if it is allowed.
    #[inline(always)]
    fn inside(&self, width: Width, offset: u32) -> Option<usize> {
        let bytes = width.bytes();
        let allowed = match width {
            // The number of the word, if it is aligned; a bit of what is not becomes one of the highest, and so the
            // number is larger than any. One comparison for both.
            Width::Bits32 => offset.rotate_right(2) < self.words,
            Width::Bits8 | Width::Bits16 => {
                self.widths & bytes != 0
                    && offset <= self.length - bytes
                    // A width is a power of two.
                    && offset & (bytes - 1) == 0
            }
        };
        allowed.then(|| self.start.get() + offset as usize)
    }
}

/// Registers were never allocated by this program, so no provenance is lost.
#[inline]
const fn pointer<T>(address: usize) -> *mut T {
    core::ptr::with_exposed_provenance_mut(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU32, Ordering};

    const WIDTHS: [Width; 3] = [Width::Bits8, Width::Bits16, Width::Bits32];

    fn block() -> &'static [AtomicU32; 2] {
        Box::leak(Box::new([
            AtomicU32::new(0x0403_0201),
            AtomicU32::new(0x0807_0605),
        ]))
    }

    #[test]
    fn exactly_the_aligned_accesses_inside_in_allowed_widths_are_made() {
        for widths in 0..8 {
            let window = Window::over(block(), widths).unwrap();
            for width in WIDTHS {
                let bytes = width.bytes();
                let offsets = (0..20).chain([u32::MAX - 7, u32::MAX - 3, u32::MAX, 1 << 31]);
                for offset in offsets {
                    let allowed = widths & bytes != 0
                        && offset % bytes == 0
                        && u64::from(offset) + u64::from(bytes) <= 8;
                    assert_eq!(window.read(width, offset).is_some(), allowed);
                    assert_eq!(window.write(width, offset, 0).is_some(), allowed);
                }
            }
        }
    }

    #[test]
    fn an_access_moves_its_width_and_nothing_else() {
        let words = block();
        let window = Window::over(words, 7).unwrap();
        assert_eq!(window.read(Width::Bits8, 5), Some(0x06));
        assert_eq!(window.read(Width::Bits16, 6), Some(0x0807));
        assert_eq!(window.read(Width::Bits32, 4), Some(0x0807_0605));
        assert_eq!(window.write(Width::Bits8, 1, 0xffff_ff99), Some(()));
        assert_eq!(window.write(Width::Bits16, 6, 0x1234_5678), Some(()));
        let values = words.each_ref().map(|word| word.load(Ordering::Relaxed));
        assert_eq!(values, [0x0403_9901, 0x5678_0605]);
    }

    #[test]
    fn one_that_is_shut_makes_no_access() {
        for width in WIDTHS {
            for offset in [0, 1, 2, 4, u32::MAX - 3, u32::MAX] {
                for shut in [Window::SHUT, Window::MEDIATED] {
                    assert_eq!(shut.read(width, offset), None);
                    assert_eq!(shut.write(width, offset, 0), None);
                }
            }
        }
    }

    #[test]
    fn a_block_shorter_than_a_word_is_no_window() {
        assert_eq!(Window::over(&[], 7), None);
    }
}
