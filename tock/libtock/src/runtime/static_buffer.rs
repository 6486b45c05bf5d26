//! Buffers that live for ever and are handed out once.
//!
//! A buffer lent to the kernel across several calls must not go away: the
//! kernel wants `&'static mut`. This is how safe code gets one without a heap.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// `N` zeroed bytes that can be taken once.
///
/// ```
/// static LINE: libtock::StaticBuffer<64> = libtock::StaticBuffer::new();
/// let line = LINE.take().unwrap();
/// line[0] = b'a';
/// assert!(LINE.take().is_none());
/// ```
pub struct StaticBuffer<const N: usize> {
    taken: AtomicBool,
    bytes: UnsafeCell<[u8; N]>,
}

// SAFETY: the cell is reached only through `take`, whose atomic swap hands the
// one reference to one caller.
unsafe impl<const N: usize> Sync for StaticBuffer<N> {}

impl<const N: usize> StaticBuffer<N> {
    /// A buffer nobody has taken yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            taken: AtomicBool::new(false),
            bytes: UnsafeCell::new([0; N]),
        }
    }

    /// The buffer, the first time; `None` ever after.
    #[expect(clippy::mut_from_ref, reason = "given out once, see above")]
    pub fn take(&'static self) -> Option<&'static mut [u8; N]> {
        if self.taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        // SAFETY: the swap above returned false exactly once, so this is the
        // only reference that will ever exist; `self` is static.
        Some(unsafe { &mut *self.bytes.get() })
    }
}

impl<const N: usize> Default for StaticBuffer<N> {
    fn default() -> Self {
        Self::new()
    }
}
