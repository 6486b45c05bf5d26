//! Records of the log: their form, and a buffer in which one is made.
//!
//! A record is a row of words. The first says its kind and three bytes of argument, the last is
//! the *commit word*, all zeros. Words are programmed in ascending order, and a word that was
//! interrupted on its way to zero is not zero; so a commit word that reads zero says that the
//! whole record is there. No checksum could be as certain.

use crate::{HASH_BYTES, Key, META_MAX};
use berth_flash::{ERASED, WORD_BYTES};

/// An object with a hash: `key`, start and length of metadata, length, hash, metadata.
pub(crate) const IMAGE: u8 = 1;
/// An object without a hash: the same without it.
pub(crate) const BLOB: u8 = 2;
/// A page is about to be erased: `page` (two bytes), its erases from now on.
pub(crate) const PAGE: u8 = 3;
/// An object changes its key: `from`, `to`, `drop`.
pub(crate) const RENAME: u8 = 4;
/// Objects are deleted: `key`, `and`.
pub(crate) const REMOVE: u8 = 5;
/// An object was copied: `from` (two bytes), new start.
pub(crate) const MOVED: u8 = 6;

/// No key.
pub(crate) const NO_KEY: Key = 0xff;

/// What the commit word reads when the record is complete.
pub(crate) const COMMITTED: u32 = 0;

/// Bytes of an object's record before hash and metadata.
pub(crate) const OBJECT_HEAD: usize = 4 * WORD_BYTES;

/// The longest record.
pub(crate) const RECORD_MAX: usize = OBJECT_HEAD + HASH_BYTES + META_MAX + WORD_BYTES;

/// Length of a record in bytes, commit word included, from its first two words.
pub(crate) const fn length(kind: u8, second: u32) -> Option<usize> {
    let meta = (second >> 16) as usize;
    match kind {
        IMAGE if meta <= META_MAX => {
            Some(OBJECT_HEAD + HASH_BYTES + meta.next_multiple_of(WORD_BYTES) + WORD_BYTES)
        }
        BLOB if meta <= META_MAX => {
            Some(OBJECT_HEAD + meta.next_multiple_of(WORD_BYTES) + WORD_BYTES)
        }
        PAGE | MOVED => Some(3 * WORD_BYTES),
        RENAME | REMOVE => Some(2 * WORD_BYTES),
        _ => None,
    }
}

/// The two bytes in which a record's first word carries a page number.
pub(crate) const fn page_arguments(page: usize) -> [u8; 3] {
    [page as u8, (page >> 8) as u8, NO_KEY]
}

/// A record (or a part of a log page) on its way to flash.
pub(crate) struct Buffer {
    bytes: [u8; RECORD_MAX],
    length: usize,
}

impl Buffer {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [ERASED; RECORD_MAX],
            length: 0,
        }
    }

    /// The beginning of a record.
    pub(crate) fn record(kind: u8, arguments: [u8; 3]) -> Self {
        let [first, second, third] = arguments;
        let mut buffer = Self::new();
        buffer.word(u32::from_le_bytes([kind, first, second, third]));
        buffer
    }

    /// Append a word.
    pub(crate) fn word(&mut self, word: u32) {
        self.append(&word.to_le_bytes());
    }

    /// Append bytes and fill the last word with ones. What does not fit is left out; the callers
    /// have checked that it fits.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.length..self.length + bytes.len()) {
            place.copy_from_slice(bytes);
            self.length += bytes.len().next_multiple_of(WORD_BYTES);
        }
    }

    /// Append the commit word.
    pub(crate) fn commit(mut self) -> Self {
        self.word(COMMITTED);
        self
    }

    /// Replace key and start of an object's record.
    pub(crate) fn readdress(&mut self, key: Key, start: u16) {
        let [low, high] = start.to_le_bytes();
        for (place, byte) in [(1, key), (4, low), (5, high)] {
            if let Some(old) = self.bytes.get_mut(place) {
                *old = byte;
            }
        }
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.length + WORD_BYTES > RECORD_MAX
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
