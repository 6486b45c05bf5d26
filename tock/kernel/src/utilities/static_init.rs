//! Objects that live for the whole run, made at start-up without a heap.
//!
//! [`static_init!`](crate::static_init) reserves room for one object in the
//! image, writes it, and hands out the only reference.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};

/// Room for one `T`, handed out once.
pub struct StaticUninitializedBuffer<T> {
    taken: AtomicBool,
    room: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: `take` hands out the room exactly once, to whoever swaps the atomic
// flag first; there is no other access.
#[allow(unsafe_code)]
unsafe impl<T> Sync for StaticUninitializedBuffer<T> {}

impl<T> Default for StaticUninitializedBuffer<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> StaticUninitializedBuffer<T> {
    /// Empty room; called by [`static_buf!`](crate::static_buf).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            taken: AtomicBool::new(false),
            room: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// The room, once.
    ///
    /// # Panics
    ///
    /// When called a second time: two owners of one object is a mistake in the
    /// board's start-up code, found on its first run.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    pub fn take(&'static self) -> &'static mut MaybeUninit<T> {
        claim(&self.taken);
        // SAFETY: the swap in `claim` let exactly one caller through.
        unsafe { &mut *self.room.get() }
    }
}

/// Let the first caller through, and no other. One copy of it: a board has dozens of rooms.
#[inline(never)]
fn claim(taken: &AtomicBool) {
    assert!(!taken.swap(true, Ordering::Relaxed), "a static room, twice");
}

/// Reserve room for one object: `&'static mut MaybeUninit<T>`.
#[macro_export]
macro_rules! static_buf {
    ($T:ty $(,)?) => {{
        static BUFFER: $crate::utilities::static_init::StaticUninitializedBuffer<$T> =
            $crate::utilities::static_init::StaticUninitializedBuffer::new();
        BUFFER.take()
    }};
}

/// Fill `room` with what `make` makes, one by one: no more than one of them is on the stack, however many there are.
#[allow(unsafe_code)]
pub fn fill<T, const N: usize>(
    room: &'static mut MaybeUninit<[T; N]>,
    make: impl Fn() -> T,
) -> &'static mut [T; N] {
    let places = room.as_mut_ptr().cast::<T>();
    for index in 0..N {
        // SAFETY: the room has `N` places, and is borrowed for good.
        unsafe { places.add(index).write(make()) };
    }
    // SAFETY: all of them were just written.
    unsafe { room.assume_init_mut() }
}

/// Make one object that lives for the whole run: `&'static mut T`.
///
/// It is on the stack before it is in its place. Where the number of parts of an array is somebody's choice, [`fill`] makes it.
///
/// [`fill`]: crate::utilities::static_init::fill
#[macro_export]
macro_rules! static_init {
    ($T:ty, $value:expr $(,)?) => {{
        let value: $T = $value;
        $crate::static_buf!($T).write(value)
    }};
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_array_is_made_one_by_one() {
        let made = core::cell::Cell::new(0);
        let next = || {
            made.set(made.get() + 1);
            std::string::ToString::to_string(&made.get())
        };
        let array = super::fill(crate::static_buf!([std::string::String; 3]), next);
        assert_eq!(array, &["1", "2", "3"]);
    }

    #[test]
    fn made_once() {
        fn make() -> &'static mut u32 {
            crate::static_init!(u32, 7)
        }
        let first = make();
        *first += 1;
        assert_eq!(*first, 8);
        assert!(std::panic::catch_unwind(make).is_err());
    }
}
