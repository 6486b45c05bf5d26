//! A value that lives in a container's arena together with all it owns.
//!
//! This is the only way for the rest of the supervisor to have something in
//! an arena, and it is what makes abandoning a step safe to use: after an
//! abandoned step nothing of the value is touched again, and when the value goes, its
//! arena is wiped.

#![allow(unsafe_code)]

use alloc::boxed::Box;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU32, Ordering};

use super::global;
use super::guard::{self, OutOfMemory};
use super::pool::{ARENAS, ArenaId};

/// One bit an arena: does an [`Owned`] live in it?
static TAKEN: AtomicU32 = AtomicU32::new(0);
const _: () = assert!(ARENAS <= u32::BITS as usize);

/// A `T` in an arena that is all its own.
pub struct Owned<T: 'static> {
    arena: Arena,
    value: ManuallyDrop<Box<T>>,
    abandoned: bool,
}

/// The right to use one arena; wipes it when it goes.
struct Arena(ArenaId);

impl Arena {
    fn take(id: ArenaId) -> Option<Self> {
        // Without the allocator, arenas hold nothing and tests share their numbers.
        if guard::is_installed() {
            let bit = 1 << id.number();
            if TAKEN.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
                return None;
            }
        }
        Some(Self(id))
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: `take` gave this arena to nobody else, so all that lives in it was
        // made by steps of our `Owned`, whose value has been dropped or forgotten
        // before this field is dropped. Steps return only `Copy` values without
        // borrows, and the supervisor's containers put nothing made in a step
        // anywhere else.
        unsafe { global::wipe(self.0) }
        TAKEN.fetch_and(!(1 << self.0.number()), Ordering::Relaxed);
    }
}

impl<T: 'static> Owned<T> {
    /// Make a value in arena `id`.
    ///
    /// # Errors
    ///
    /// `Err(OutOfMemory)` if the arena ran out of memory or is taken; the inner
    /// error is what `make` returns. The arena is empty then.
    pub fn new<E: Copy + 'static>(
        id: ArenaId,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Result<Self, E>, OutOfMemory> {
        let arena = Arena::take(id).ok_or(OutOfMemory)?;
        // On failure the box, if there is one, is forgotten with its arena.
        let made = guard::run(id, || {
            // First, so that it stands below what making leaves holes in.
            let place = Box::new_uninit();
            make().map(|value| ManuallyDrop::new(Box::write(place, value)))
        })?;
        Ok(made.map(|value| Self {
            arena,
            value,
            abandoned: false,
        }))
    }

    /// Run one step on the value, its arena being current.
    ///
    /// # Errors
    ///
    /// If the step ran out of memory, now or before: the value is lost.
    pub fn run<R: Copy + 'static>(
        &mut self,
        step: impl FnOnce(&mut T) -> R,
    ) -> Result<R, OutOfMemory> {
        if self.abandoned {
            return Err(OutOfMemory);
        }
        let value = &mut **self.value;
        let result = guard::run(self.arena.0, || step(value));
        self.abandoned = result.is_err();
        result
    }

    /// Look at the value. Returns `None` if it is lost.
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        (!self.abandoned).then(|| &**self.value)
    }

    /// The arena.
    #[must_use]
    pub const fn arena(&self) -> ArenaId {
        self.arena.0
    }
}

impl<T: 'static> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.abandoned {
            global::end(self.arena.0);
            // SAFETY: dropped once, here; nothing uses the value afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

/// Run a step in arena `id` and leave nothing behind.
///
/// # Errors
///
/// If it ran out of memory or the arena is taken.
pub fn scratch<R: Copy + 'static>(id: ArenaId, step: impl FnOnce() -> R) -> Result<R, OutOfMemory> {
    let arena = Arena::take(id).ok_or(OutOfMemory)?;
    guard::run(arena.0, step)
}
