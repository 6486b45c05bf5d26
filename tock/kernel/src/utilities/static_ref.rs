//! A pointer to memory-mapped registers that derefs like a reference.

use core::ops::Deref;

/// A `'static` reference known by address only; how a chip names its registers.
#[derive(Debug)]
pub struct StaticRef<T> {
    pointer: *const T,
}

impl<T> StaticRef<T> {
    /// Name the object at `pointer`.
    ///
    /// # Safety
    ///
    /// `pointer` is aligned, never null, and addresses a valid `T` (usually a
    /// register block, whose fields are volatile cells) for the whole run.
    #[allow(unsafe_code)]
    pub const unsafe fn new(pointer: *const T) -> Self {
        Self { pointer }
    }

    /// The address.
    #[must_use]
    pub const fn as_ptr(&self) -> *const T {
        self.pointer
    }
}

impl<T> Clone for StaticRef<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StaticRef<T> {}

impl<T> Deref for StaticRef<T> {
    type Target = T;

    #[allow(unsafe_code)]
    fn deref(&self) -> &T {
        // SAFETY: the caller of `new` vouched for a valid `T` at this address.
        unsafe { &*self.pointer }
    }
}
