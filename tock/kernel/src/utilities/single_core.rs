//! State that one thread of execution owns although it lives in a `static`.
//!
//! The kernel runs on one core and never inside an interrupt handler, so its
//! few globals need no locks. On a host, where tests run in parallel, the
//! `kernel_global!` macro gives every thread its own copy instead.

/// A value in a `static` that only one thread of execution ever touches.
pub struct SingleCore<T> {
    value: T,
}

// SAFETY: `new` is unsafe and its caller promised that no second thread or
// interrupt handler touches the value.
#[allow(unsafe_code)]
unsafe impl<T> Sync for SingleCore<T> {}

impl<T> SingleCore<T> {
    /// Wrap `value`.
    ///
    /// # Safety
    ///
    /// Nothing but one thread of execution may access the value: not another
    /// core, not an interrupt handler.
    #[allow(unsafe_code)]
    pub const unsafe fn new(value: T) -> Self {
        Self { value }
    }

    /// Use the value.
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        f(&self.value)
    }
}

/// Define a global of the kernel: one on a board, one a thread in host tests.
macro_rules! kernel_global {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;) => {
        #[cfg(any(test, feature = "test-utils"))]
        std::thread_local! {
            $(#[$meta])*
            static $name: $type = const { $init };
        }
        #[cfg(not(any(test, feature = "test-utils")))]
        $(#[$meta])*
        #[allow(unsafe_code)]
        static $name: $crate::utilities::single_core::SingleCore<$type> =
            // SAFETY: kernel globals are used from the kernel's own thread only:
            // interrupt handlers mask and return, they run no kernel code.
            unsafe { $crate::utilities::single_core::SingleCore::new($init) };
    };
}
pub(crate) use kernel_global;
