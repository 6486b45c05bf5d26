//! How a grant lies in the memory of its process.
//!
//! ```text
//!  base ──► shape: number of upcalls, read-only and read-write buffers (one word)
//!           upcalls:      (function, appdata) each
//!           read-only:    (address, length) each
//!           read-write:   (address, length) each
//!           padding
//!           T
//! ```
//!
//! The pairs are cells: the kernel swaps them at Subscribe and Allow without
//! entering the grant, also while its driver is inside it.

use core::cell::Cell;
use core::mem::{align_of, size_of};
use core::ptr::NonNull;

/// (function, appdata) or (address, length).
pub(crate) type Pair = (usize, usize);

/// How many slots of each kind a grant has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) upcalls: u8,
    pub(crate) read_only: u8,
    pub(crate) read_write: u8,
}

impl Shape {
    fn pairs(self) -> usize {
        usize::from(self.upcalls) + usize::from(self.read_only) + usize::from(self.read_write)
    }

    /// Bytes of the shape word and the pairs.
    const fn kernel_size(pairs: usize) -> usize {
        size_of::<usize>() + pairs * size_of::<Pair>()
    }

    /// Where T begins, from the base.
    pub(crate) const fn data_offset(self, align: usize) -> usize {
        let pairs = self.upcalls as usize + self.read_only as usize + self.read_write as usize;
        (Self::kernel_size(pairs) + align - 1) & !(align - 1)
    }

    /// Bytes of the whole grant for a T of this size and alignment.
    pub(crate) const fn total_size(self, size: usize, align: usize) -> usize {
        self.data_offset(align) + size
    }

    /// Alignment of the base for a T of this alignment.
    pub(crate) const fn base_align(align: usize) -> usize {
        if align > align_of::<Pair>() {
            align
        } else {
            align_of::<Pair>()
        }
    }
}

/// The kernel's part of an allocated grant.
#[derive(Clone, Copy)]
pub(crate) struct KernelPart<'a> {
    shape: Shape,
    pairs: &'a [Cell<Pair>],
}

impl<'a> KernelPart<'a> {
    /// Write a new, empty kernel part.
    ///
    /// # Safety
    ///
    /// `base` is aligned to [`Shape::base_align`], has room for
    /// [`Shape::total_size`] bytes and nothing refers to that memory.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn initialize(base: NonNull<u8>, shape: Shape) {
        // SAFETY: room and alignment as the caller vouches; `Shape` fits a word.
        unsafe {
            base.cast::<Shape>().write(shape);
            let first = base.add(size_of::<usize>()).cast::<Cell<Pair>>();
            for i in 0..shape.pairs() {
                first.add(i).write(Cell::new((0, 0)));
            }
        }
    }

    /// Look at the kernel part at `base`.
    ///
    /// # Safety
    ///
    /// `base` was given to [`initialize`](Self::initialize) and the process's
    /// memory stays where it is for `'a`.
    #[allow(unsafe_code)]
    #[inline]
    pub(crate) unsafe fn at(base: NonNull<u8>) -> Self {
        // SAFETY: `initialize` wrote a shape and as many pairs as it says; only
        // the kernel reaches this memory, and only through shared cells.
        unsafe {
            let shape = base.cast::<Shape>().read();
            let first = base.add(size_of::<usize>()).cast::<Cell<Pair>>();
            Self {
                shape,
                pairs: core::slice::from_raw_parts(first.as_ptr(), shape.pairs()),
            }
        }
    }

    /// The cell of an upcall.
    #[inline]
    pub(crate) fn upcall(&self, number: usize) -> Option<&'a Cell<Pair>> {
        self.slot(0, self.shape.upcalls, number)
    }

    /// The cell of a read-only buffer.
    #[inline]
    pub(crate) fn read_only(&self, number: usize) -> Option<&'a Cell<Pair>> {
        self.slot(
            usize::from(self.shape.upcalls),
            self.shape.read_only,
            number,
        )
    }

    /// The cell of a read-write buffer.
    #[inline]
    pub(crate) fn read_write(&self, number: usize) -> Option<&'a Cell<Pair>> {
        let first = usize::from(self.shape.upcalls) + usize::from(self.shape.read_only);
        self.slot(first, self.shape.read_write, number)
    }

    #[inline]
    fn slot(&self, first: usize, count: u8, number: usize) -> Option<&'a Cell<Pair>> {
        if number < usize::from(count) {
            self.pairs.get(first + number)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_do_not_overlap() {
        let shape = Shape {
            upcalls: 3,
            read_only: 2,
            read_write: 1,
        };
        let mut room = [0usize; 32];
        assert!(shape.total_size(0, 1) <= size_of_val(&room));
        let base = NonNull::from(&mut room).cast::<u8>();
        // SAFETY: `room` is aligned, large enough and used only through `part`.
        #[allow(unsafe_code)]
        let part = unsafe {
            KernelPart::initialize(base, shape);
            KernelPart::at(base)
        };
        let cells = |i: usize| match i {
            0..3 => part.upcall(i),
            3..5 => part.read_only(i - 3),
            _ => part.read_write(i - 5),
        };
        for i in 0..6 {
            assert_eq!(cells(i).map(Cell::get), Some((0, 0)));
            if let Some(cell) = cells(i) {
                cell.set((i, i + 100));
            }
        }
        for i in 0..6 {
            assert_eq!(cells(i).map(Cell::get), Some((i, i + 100)));
        }
        assert!(part.upcall(3).is_none());
        assert!(part.read_only(2).is_none());
        assert!(part.read_write(1).is_none());
    }

    #[test]
    fn data_is_aligned() {
        let shape = Shape {
            upcalls: 1,
            read_only: 0,
            read_write: 0,
        };
        for align in [1, 2, 4, 8, 16, 64] {
            assert_eq!(shape.data_offset(align) % align, 0);
            assert!(shape.data_offset(align) >= size_of::<usize>() * 3);
            assert_eq!(Shape::base_align(align) % align, 0);
        }
    }
}
