//! Slices of byte cells in process memory.

use core::cell::Cell;
use core::ops::{Index, Range, RangeFrom, RangeTo};

use crate::errorcode::ErrorCode;

/// One byte of process memory that can be read.
#[repr(transparent)]
pub struct ReadableProcessByte {
    cell: Cell<u8>,
}

impl ReadableProcessByte {
    /// Its value now.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u8 {
        self.cell.get()
    }
}

/// Bytes of process memory that can be read.
#[repr(transparent)]
pub struct ReadableProcessSlice {
    slice: [ReadableProcessByte],
}

/// Bytes of process memory that can be read and written.
#[repr(transparent)]
pub struct WriteableProcessSlice {
    slice: [Cell<u8>],
}

/// # Safety
///
/// `length` bytes from `address` can be read and no `&mut` covers them for
/// `'a`; nothing is required if `length` is 0.
#[allow(unsafe_code)]
pub(super) unsafe fn readable<'a>(address: usize, length: usize) -> &'a ReadableProcessSlice {
    if length == 0 {
        return from_bytes(&[]);
    }
    let start = core::ptr::with_exposed_provenance::<ReadableProcessByte>(address);
    // SAFETY: the caller vouches for the range; a cell of u8 has no alignment
    // and no invalid values.
    from_bytes(unsafe { core::slice::from_raw_parts(start, length) })
}

/// # Safety
///
/// As [`readable`], and the bytes can be written.
#[allow(unsafe_code)]
pub(super) unsafe fn writeable<'a>(address: usize, length: usize) -> &'a WriteableProcessSlice {
    if length == 0 {
        return from_cells(&[]);
    }
    let start = core::ptr::with_exposed_provenance::<Cell<u8>>(address);
    // SAFETY: the caller vouches for the range.
    from_cells(unsafe { core::slice::from_raw_parts(start, length) })
}

#[allow(unsafe_code)]
fn from_bytes(slice: &[ReadableProcessByte]) -> &ReadableProcessSlice {
    // SAFETY: `ReadableProcessSlice` is a transparent wrapper of this slice.
    unsafe { &*(core::ptr::from_ref(slice) as *const ReadableProcessSlice) }
}

#[allow(unsafe_code)]
fn from_cells(slice: &[Cell<u8>]) -> &WriteableProcessSlice {
    // SAFETY: `WriteableProcessSlice` is a transparent wrapper of this slice.
    unsafe { &*(core::ptr::from_ref(slice) as *const WriteableProcessSlice) }
}

/// What names a byte or a part of a slice: a number, or a range of them. Nobody else implements it.
pub trait ProcessSliceIndex<S: ?Sized>: sealed::Sealed {
    /// What it names.
    type Output: ?Sized;
    /// It, if it is all inside.
    fn get(self, slice: &S) -> Option<&Self::Output>;
    /// It.
    ///
    /// # Panics
    ///
    /// When it is not all inside.
    fn index(self, slice: &S) -> &Self::Output;
}

mod sealed {
    use core::ops::{Range, RangeFrom, RangeTo};

    pub trait Sealed {}
    impl Sealed for usize {}
    impl Sealed for Range<usize> {}
    impl Sealed for RangeFrom<usize> {}
    impl Sealed for RangeTo<usize> {}
}

macro_rules! process_slice {
    ($name:ident, $element:ty, $wrap:ident) => {
        impl $name {
            /// Number of bytes.
            #[must_use]
            pub fn len(&self) -> usize {
                self.slice.len()
            }

            /// Whether there are no bytes.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.slice.is_empty()
            }

            /// The bytes one by one.
            pub fn iter(&self) -> core::slice::Iter<'_, $element> {
                self.slice.iter()
            }

            /// In pieces of `chunk_size` bytes, the last one shorter; none if `chunk_size` is 0.
            pub fn chunks(&self, chunk_size: usize) -> impl Iterator<Item = &$name> {
                let whole: &[$element] = if chunk_size == 0 { &[] } else { &self.slice };
                whole.chunks(chunk_size.max(1)).map($wrap)
            }

            /// A byte or a part; `None` if it is not all inside.
            #[must_use]
            pub fn get<I: ProcessSliceIndex<Self>>(&self, index: I) -> Option<&I::Output> {
                index.get(self)
            }

            /// The part from a place to the end.
            #[must_use]
            pub fn get_from(&self, range: RangeFrom<usize>) -> Option<&$name> {
                self.get(range)
            }

            /// The part from the beginning to a place.
            #[must_use]
            pub fn get_to(&self, range: RangeTo<usize>) -> Option<&$name> {
                self.get(range)
            }

            /// Copy all bytes to `dest`, which is as long.
            ///
            /// # Panics
            ///
            /// When it is not; see [`copy_to_slice_or_err`](Self::copy_to_slice_or_err).
            pub fn copy_to_slice(&self, dest: &mut [u8]) {
                assert!(self.copy_to_slice_or_err(dest).is_ok(), "lengths differ");
            }

            /// Copy all bytes to `dest`, which is as long.
            ///
            /// # Errors
            ///
            /// `SIZE` when it is not; nothing is copied.
            pub fn copy_to_slice_or_err(&self, dest: &mut [u8]) -> Result<(), ErrorCode> {
                if self.len() != dest.len() {
                    return Err(ErrorCode::SIZE);
                }
                for (to, from) in dest.iter_mut().zip(self.iter()) {
                    *to = from.get();
                }
                Ok(())
            }
        }

        impl ProcessSliceIndex<$name> for usize {
            type Output = $element;
            fn get(self, slice: &$name) -> Option<&$element> {
                slice.slice.get(self)
            }
            fn index(self, slice: &$name) -> &$element {
                &slice.slice[self]
            }
        }

        process_slice!($name, $wrap, Range<usize>);
        process_slice!($name, $wrap, RangeFrom<usize>);
        process_slice!($name, $wrap, RangeTo<usize>);

        impl<I: ProcessSliceIndex<Self>> Index<I> for $name {
            type Output = I::Output;
            fn index(&self, index: I) -> &I::Output {
                index.index(self)
            }
        }
    };
    ($name:ident, $wrap:ident, $range:ty) => {
        impl ProcessSliceIndex<$name> for $range {
            type Output = $name;
            fn get(self, slice: &$name) -> Option<&$name> {
                slice.slice.get(self).map($wrap)
            }
            fn index(self, slice: &$name) -> &$name {
                $wrap(&slice.slice[self])
            }
        }
    };
}

process_slice!(ReadableProcessSlice, ReadableProcessByte, from_bytes);
process_slice!(WriteableProcessSlice, Cell<u8>, from_cells);

impl WriteableProcessSlice {
    /// Copy all of `src`, which is as long as this slice, here.
    ///
    /// # Panics
    ///
    /// When it is not; see [`copy_from_slice_or_err`](Self::copy_from_slice_or_err).
    pub fn copy_from_slice(&self, src: &[u8]) {
        assert!(self.copy_from_slice_or_err(src).is_ok(), "lengths differ");
    }

    /// Copy all of `src`, which is as long as this slice, here.
    ///
    /// # Errors
    ///
    /// `SIZE` when it is not; nothing is copied.
    pub fn copy_from_slice_or_err(&self, src: &[u8]) -> Result<(), ErrorCode> {
        if self.len() != src.len() {
            return Err(ErrorCode::SIZE);
        }
        for (to, from) in self.iter().zip(src) {
            to.set(*from);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn parts_and_copies() {
        let mut memory = *b"abcdef";
        let cells = Cell::from_mut(&mut memory[..]).as_slice_of_cells();
        let slice = from_cells(cells);
        assert!(slice.get(2..7).is_none());
        let part = slice.get(2..4).unwrap_or(slice);
        part.copy_from_slice(b"XY");
        assert_eq!(part.copy_from_slice_or_err(b"XYZ"), Err(ErrorCode::SIZE));
        let mut out = [0; 6];
        slice.copy_to_slice(&mut out);
        assert_eq!(&out, b"abXYef");
        let lengths: Vec<usize> = slice.chunks(4).map(WriteableProcessSlice::len).collect();
        assert_eq!(lengths, [4, 2]);
        assert_eq!(slice.chunks(0).count(), 0);
        assert_eq!(slice[1..][0].get(), b'b');
        assert_eq!(slice.get(5).map(Cell::get), Some(b'f'));
        assert!(slice.get(6).is_none() && slice.get(7..).is_none() && slice.get(..7).is_none());
        let length = |part: Option<&WriteableProcessSlice>| part.map(WriteableProcessSlice::len);
        assert_eq!(length(slice.get(2..)), Some(4));
        assert_eq!(length(slice.get(..5)), Some(5));
    }
}
