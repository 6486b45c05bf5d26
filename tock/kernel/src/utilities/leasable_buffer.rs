//! A buffer that remembers its full extent while only a part of it is in use.
//!
//! A driver lends a part of its buffer to another and gets the whole back:
//! [`SubSliceMut::slice`] narrows, [`SubSliceMut::reset`] widens again.

use core::ops::{Bound, Index, IndexMut, Range, RangeBounds};
use core::slice::SliceIndex;

/// Clamp `range`, relative to `active`, to what is inside `active`.
fn narrow(active: &Range<usize>, range: impl RangeBounds<usize>) -> Range<usize> {
    let length = active.end - active.start;
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&end) => end.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => length,
    };
    let end = end.min(length);
    let start = start.min(end);
    active.start + start..active.start + end
}

/// A mutable buffer with an active part.
#[derive(Debug, PartialEq)]
pub struct SubSliceMut<'a, T> {
    internal: &'a mut [T],
    active: Range<usize>,
}

impl<'a, T> SubSliceMut<'a, T> {
    /// All of `buffer` is active.
    pub fn new(buffer: &'a mut [T]) -> Self {
        let active = 0..buffer.len();
        Self {
            internal: buffer,
            active,
        }
    }

    /// Make all of the buffer active again.
    pub fn reset(&mut self) {
        self.active = 0..self.internal.len();
    }

    /// Give the whole buffer back.
    pub fn take(self) -> &'a mut [T] {
        self.internal
    }

    /// Number of active elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.active.end - self.active.start
    }

    /// Whether no element is active.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a part of the buffer is inactive.
    #[must_use]
    pub fn is_sliced(&self) -> bool {
        self.len() != self.internal.len()
    }

    /// The active range, in elements of the whole buffer.
    #[must_use]
    pub fn active_range(&self) -> Range<usize> {
        self.active.clone()
    }

    /// Where the active elements begin.
    #[must_use]
    pub fn as_ptr(&self) -> *const T {
        self.as_slice().as_ptr()
    }

    /// The active elements.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.internal.get(self.active.clone()).unwrap_or(&[])
    }

    /// The active elements, to write.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.internal
            .get_mut(self.active.clone())
            .unwrap_or(&mut [])
    }

    /// Narrow the active part to `range` of it; what lies outside is ignored.
    pub fn slice<R: RangeBounds<usize>>(&mut self, range: R) {
        self.active = narrow(&self.active, range);
    }
}

impl<T, I: SliceIndex<[T]>> Index<I> for SubSliceMut<'_, T> {
    type Output = I::Output;

    /// Panics beyond the active elements, as a slice does.
    fn index(&self, index: I) -> &I::Output {
        &self.as_slice()[index]
    }
}

impl<T, I: SliceIndex<[T]>> IndexMut<I> for SubSliceMut<'_, T> {
    fn index_mut(&mut self, index: I) -> &mut I::Output {
        &mut self.as_mut_slice()[index]
    }
}

/// A read-only buffer with an active part.
#[derive(Debug, PartialEq)]
pub struct SubSlice<'a, T> {
    internal: &'a [T],
    active: Range<usize>,
}

impl<'a, T> SubSlice<'a, T> {
    /// All of `buffer` is active.
    #[must_use]
    pub fn new(buffer: &'a [T]) -> Self {
        Self {
            internal: buffer,
            active: 0..buffer.len(),
        }
    }

    /// Make all of the buffer active again.
    pub fn reset(&mut self) {
        self.active = 0..self.internal.len();
    }

    /// Give the whole buffer back.
    #[must_use]
    pub fn take(self) -> &'a [T] {
        self.internal
    }

    /// Number of active elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.active.end - self.active.start
    }

    /// Whether no element is active.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a part of the buffer is inactive.
    #[must_use]
    pub fn is_sliced(&self) -> bool {
        self.len() != self.internal.len()
    }

    /// The active range, in elements of the whole buffer.
    #[must_use]
    pub fn active_range(&self) -> Range<usize> {
        self.active.clone()
    }

    /// Where the active elements begin.
    #[must_use]
    pub fn as_ptr(&self) -> *const T {
        self.as_slice().as_ptr()
    }

    /// The active elements.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.internal.get(self.active.clone()).unwrap_or(&[])
    }

    /// Narrow the active part to `range` of it; what lies outside is ignored.
    pub fn slice<R: RangeBounds<usize>>(&mut self, range: R) {
        self.active = narrow(&self.active, range);
    }
}

impl<T, I: SliceIndex<[T]>> Index<I> for SubSlice<'_, T> {
    type Output = I::Output;

    /// Panics beyond the active elements, as a slice does.
    fn index(&self, index: I) -> &I::Output {
        &self.as_slice()[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrows_and_widens() {
        let mut bytes = [0u8, 1, 2, 3, 4, 5];
        let mut part = SubSliceMut::new(&mut bytes);
        part.slice(1..5);
        part.slice(1..);
        assert_eq!(part.as_slice(), &[2, 3, 4]);
        assert_eq!(part.active_range(), 2..5);
        part[0] = 9;
        assert_eq!(
            (part[0], &part[1..], part.as_ptr()),
            (9, &[3, 4][..], &raw const part[0])
        );
        part.slice(..100);
        assert_eq!(part.len(), 3);
        part.slice(7..9);
        assert!(part.is_empty() && part.is_sliced());
        part.reset();
        assert_eq!(part.take().len(), 6);
    }
}
