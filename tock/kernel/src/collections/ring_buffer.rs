//! A ring buffer in memory that the caller provides.

use core::mem::MaybeUninit;

use super::queue::Queue;

/// Closed to other crates: `RingMemory::places` would let them put
/// what is no `T` into a `[T]`.
mod memory {
    use core::mem::MaybeUninit;

    /// Memory that a [`RingBuffer`](super::RingBuffer) of `T` can be made in: `[T]`, as in Tock 2.2, or
    /// `[MaybeUninit<T>]`, as in the versions after it; arrays of both, too.
    pub trait RingMemory<T> {
        /// Returns the memory as places that hold nothing yet.
        fn places(&mut self) -> &mut [MaybeUninit<T>];
    }

    impl<T> RingMemory<T> for [MaybeUninit<T>] {
        fn places(&mut self) -> &mut [MaybeUninit<T>] {
            self
        }
    }

    impl<T: Copy> RingMemory<T> for [T] {
        #[allow(unsafe_code)]
        fn places(&mut self) -> &mut [MaybeUninit<T>] {
            let length = self.len();
            // SAFETY: `MaybeUninit<T>` has the layout of `T`; the memory stays borrowed as long as the
            // result. This module writes only whole values of `T` through it (`put`), so what the owner
            // gets back is initialized; `T: Copy` has nothing to drop.
            unsafe { core::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), length) }
        }
    }

    impl<T: Copy, const N: usize> RingMemory<T> for [T; N] {
        fn places(&mut self) -> &mut [MaybeUninit<T>] {
            self.as_mut_slice().places()
        }
    }

    impl<T, const N: usize> RingMemory<T> for [MaybeUninit<T>; N] {
        fn places(&mut self) -> &mut [MaybeUninit<T>] {
            self
        }
    }
}

use memory::RingMemory;

/// First in, first out, in borrowed memory. Holds as many elements as the
/// memory is long (upstream's holds one less).
#[derive(Debug)]
pub struct RingBuffer<'a, T: 'a> {
    /// The `length` places from `head` on, going round, are initialized.
    ring: &'a mut [MaybeUninit<T>],
    /// Where the oldest element stands.
    head: usize,
    /// How many elements there are.
    length: usize,
}

impl<'a, T: Copy> RingBuffer<'a, T> {
    /// Makes an empty queue in `ring`.
    pub fn new(ring: &'a mut (impl RingMemory<T> + ?Sized)) -> Self {
        Self {
            ring: ring.places(),
            head: 0,
            length: 0,
        }
    }

    /// Room that is left.
    #[must_use]
    pub fn available_len(&self) -> usize {
        self.ring.len() - self.length
    }

    /// The oldest element that `f` accepts.
    pub fn find_first_matching<F: Fn(&T) -> bool>(&self, f: F) -> Option<T> {
        (0..self.length)
            .filter_map(|i| self.at(i))
            .find(|value| f(value))
    }

    /// The one or two runs of elements, oldest first; a run that would be empty is none.
    #[must_use]
    pub fn as_slices(&self) -> (Option<&[T]>, Option<&[T]>) {
        let first_end = (self.head + self.length).min(self.ring.len());
        let first = self.ring.get(self.head..first_end).unwrap_or(&[]);
        let rest = self.length - first.len();
        let rest = self.ring.get(..rest).unwrap_or(&[]);
        // SAFETY: the `length` places from `head` on are initialized, and these are they.
        #[allow(unsafe_code)]
        let (first, rest) = unsafe { (assume_init(first), assume_init(rest)) };
        (
            (!first.is_empty()).then_some(first),
            (!rest.is_empty()).then_some(rest),
        )
    }

    /// Puts the first of these elements behind the others, as many as there is room for, and returns how many.
    pub fn extend(&mut self, elements: &[T]) -> usize {
        let taken = elements.len().min(self.available_len());
        let elements = elements.get(..taken).unwrap_or_default();
        let position = self.position(self.length);
        let (before, behind) = self.ring.split_at_mut(position);
        let (first, rest) = elements.split_at(taken.min(behind.len()));
        // Up to the end of the memory, and then from its beginning.
        for (places, elements) in [(behind, first), (before, rest)] {
            for (place, element) in places.iter_mut().zip(elements) {
                place.write(*element);
            }
        }
        self.length += taken;
        taken
    }

    /// Where the `i`-th oldest element stands; `i` up to the ring's length.
    fn position(&self, i: usize) -> usize {
        let position = self.head + i;
        if position >= self.ring.len() {
            position - self.ring.len()
        } else {
            position
        }
    }

    /// Returns the `i`-th oldest element.
    fn at(&self, i: usize) -> Option<T> {
        if i >= self.length {
            return None;
        }
        let place = self.ring.get(self.position(i))?;
        // SAFETY: one of the `length` places from `head` on, as compared above.
        #[allow(unsafe_code)]
        Some(unsafe { place.assume_init() })
    }

    fn put(&mut self, i: usize, value: T) {
        let position = self.position(i);
        if let Some(place) = self.ring.get_mut(position) {
            place.write(value);
        }
    }
}

/// Returns the values in `places`.
///
/// # Safety
///
/// All of them are initialized.
#[allow(unsafe_code)]
unsafe fn assume_init<T>(places: &[MaybeUninit<T>]) -> &[T] {
    // SAFETY: the caller vouches for the values; layout and lifetime are the same.
    unsafe { core::slice::from_raw_parts(places.as_ptr().cast(), places.len()) }
}

impl<T: Copy> Queue<T> for RingBuffer<'_, T> {
    fn has_elements(&self) -> bool {
        self.length != 0
    }

    fn is_full(&self) -> bool {
        self.length == self.ring.len()
    }

    fn len(&self) -> usize {
        self.length
    }

    fn enqueue(&mut self, value: T) -> bool {
        if self.is_full() {
            return false;
        }
        self.put(self.length, value);
        self.length += 1;
        true
    }

    fn push(&mut self, value: T) -> Option<T> {
        let oldest = if self.is_full() { self.dequeue() } else { None };
        self.enqueue(value);
        oldest
    }

    fn dequeue(&mut self) -> Option<T> {
        if self.length == 0 {
            return None;
        }
        let value = self.at(0);
        self.head = self.position(1);
        self.length -= 1;
        value
    }

    fn remove_first_matching<F: Fn(&T) -> bool>(&mut self, f: F) -> Option<T> {
        let found = (0..self.length).find(|&i| self.at(i).is_some_and(|value| f(&value)))?;
        let value = self.at(found);
        for i in found + 1..self.length {
            if let Some(next) = self.at(i) {
                self.put(i - 1, next);
            }
        }
        self.length -= 1;
        value
    }

    fn empty(&mut self) {
        self.head = 0;
        self.length = 0;
    }

    fn retain<F: FnMut(&T) -> bool>(&mut self, mut f: F) {
        let mut kept = 0;
        for i in 0..self.length {
            if let Some(value) = self.at(i)
                && f(&value)
            {
                self.put(kept, value);
                kept += 1;
            }
        }
        self.length = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::vec::Vec;

    /// Random operations against `VecDeque`.
    #[test]
    fn behaves_like_a_deque() {
        behaves_like_a_deque_in(&mut [0u32; 5]);
        behaves_like_a_deque_in(&mut [MaybeUninit::<u32>::uninit(); 5][..]);
    }

    fn behaves_like_a_deque_in(room: &mut (impl RingMemory<u32> + ?Sized)) {
        let mut ring = RingBuffer::new(room);
        let mut model = VecDeque::new();
        let mut seed = 1u32;
        for step in 0..10_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match (seed >> 16) % 7 {
                0 | 1 => {
                    let fits = model.len() < 5;
                    if fits {
                        model.push_back(step);
                    }
                    assert_eq!(ring.enqueue(step), fits);
                }
                2 => assert_eq!(ring.dequeue(), model.pop_front()),
                3 => {
                    let dropped = if model.len() == 5 {
                        model.pop_front()
                    } else {
                        None
                    };
                    model.push_back(step);
                    assert_eq!(ring.push(step), dropped);
                }
                4 => {
                    let want = model.iter().position(|v| v % 3 == 0);
                    let want = want.and_then(|i| model.remove(i));
                    assert_eq!(ring.remove_first_matching(|v| v % 3 == 0), want);
                }
                5 => {
                    let new: Vec<u32> = (step..step + seed % 4).collect();
                    let room = new.len().min(5 - model.len());
                    model.extend(&new[..room]);
                    assert_eq!(ring.extend(&new), room);
                }
                _ => {
                    model.retain(|v| v % 7 != 0);
                    ring.retain(|v| v % 7 != 0);
                }
            }
            let (a, b) = ring.as_slices();
            let all: Vec<u32> = [a, b].into_iter().flatten().flatten().copied().collect();
            assert_eq!(all, Vec::from(model.clone()));
            assert_eq!(ring.len() + ring.available_len(), 5);
        }
    }

    #[test]
    fn empty_room_holds_nothing() {
        let mut ring = RingBuffer::<u8>::new(&mut [0; 0]);
        assert!(!ring.enqueue(1));
        assert_eq!(ring.dequeue(), None);
    }
}
