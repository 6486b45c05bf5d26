//! Something that is used at one place at a time.

use core::cell::UnsafeCell;

/// A value that its users reach one after the other, as in a `RefCell`, without the count of
/// a `RefCell`, which would cost every system call fourteen instructions.
pub(super) struct Lone<T>(UnsafeCell<T>);

impl<T> Lone<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Use the value.
    ///
    /// # Safety
    ///
    /// `f` must not use the same value again, neither itself nor through anything that it calls.
    #[allow(unsafe_code)]
    #[inline]
    pub(super) unsafe fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the only reference while `f` runs, as the caller promised; the type is not
        // `Sync`, so nobody else is at it meanwhile.
        f(unsafe { &mut *self.0.get() })
    }
}
