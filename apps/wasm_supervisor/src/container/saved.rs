//! The state that a container saves, and finds again when it is started next.
//!
//! WASMICO's co-operative pause: `_pause` runs, says where its state lies, and the state is copied out.
//! The copy is the supervisor's, so it outlives the container's memory; a container may
//! also save from its main, as a checkpoint. It is kept until the container saves
//! again or is deleted. All of it is bounded, and saving can fail.

use alloc::vec::Vec;

use crate::errno;

pub use crate::sizes::SAVED_MAX;

/// Why state was not saved. Tock's numbers of the same names; containers see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum SaveError {
    /// Longer than [`SAVED_MAX`] (`SIZE`).
    TooLong = errno::SIZE as i32,
    /// The device has no memory for it (`NOMEM`).
    NoMemory = errno::NO_MEMORY as i32,
}

/// The saved state of one container.
#[derive(Debug)]
pub struct Saved {
    bytes: Vec<u8>,
    /// Saved since the last time this was asked?
    fresh: bool,
    /// The store has it, or nothing was ever saved.
    stored: bool,
}

impl Default for Saved {
    fn default() -> Self {
        Self::new()
    }
}

impl Saved {
    /// Nothing saved.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            fresh: false,
            stored: true,
        }
    }

    /// Returns one with nothing saved and room for anything; `None` if there is no memory.
    pub(super) fn reserved() -> Option<Self> {
        let mut saved = Self::new();
        saved.bytes.try_reserve_exact(SAVED_MAX).ok()?;
        Some(saved)
    }

    /// Be as `other`. One that was [`reserved`](Self::reserved) has room for it.
    pub(super) fn copy(&mut self, other: &Self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&other.bytes);
        self.fresh = other.fresh;
        self.stored = other.stored;
    }

    /// Replace what is saved.
    ///
    /// # Errors
    ///
    /// Why it could not be; the old state is kept then.
    pub fn save(&mut self, bytes: &[u8]) -> Result<(), SaveError> {
        if bytes.len() > SAVED_MAX {
            return Err(SaveError::TooLong);
        }
        // A block of exactly this length: most save the same few bytes again and again.
        if self.bytes.capacity() != bytes.len() {
            let mut block = Vec::new();
            block
                .try_reserve_exact(bytes.len())
                .map_err(|_| SaveError::NoMemory)?;
            self.bytes = block;
        }
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.fresh = true;
        self.stored = false;
        Ok(())
    }

    /// Take what the store has; nothing if there is no memory for it.
    pub fn restore(&mut self, bytes: &[u8]) {
        // As if it had been saved before the reset.
        let _ = self.save(bytes);
        self.fresh = false;
        self.stored = true;
    }

    /// What is saved, if the store does not have it yet.
    #[must_use]
    pub fn unstored(&self) -> Option<&[u8]> {
        (!self.stored).then_some(self.bytes.as_slice())
    }

    /// The store has it now.
    pub const fn set_stored(&mut self) {
        self.stored = true;
    }

    /// What is saved.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Has something been saved since this was asked last?
    pub const fn take_fresh(&mut self) -> bool {
        core::mem::replace(&mut self.fresh, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_last_is_found() {
        let mut saved = Saved::new();
        assert_eq!(saved.bytes(), b"");
        for bytes in [b"one".as_slice(), b"three", b"", &[7; SAVED_MAX]] {
            assert!(!saved.take_fresh());
            assert_eq!(saved.save(bytes), Ok(()));
            assert_eq!(saved.bytes(), bytes);
            assert!(saved.take_fresh());
        }
    }

    #[test]
    fn too_much_is_refused_and_the_old_state_kept() {
        let mut saved = Saved::new();
        saved.save(b"kept").unwrap();
        saved.take_fresh();
        assert_eq!(saved.save(&[0; SAVED_MAX + 1]), Err(SaveError::TooLong));
        assert_eq!(saved.bytes(), b"kept");
        assert!(!saved.take_fresh());
    }
}
