//! Objects that are there: reading, and everything that changes the directory only.

use berth_flash::{Flash, WORD_BYTES};

use crate::record::{self, Buffer, NO_KEY, OBJECT_HEAD};
use crate::{Error, HASH_BYTES, Key, META_MAX, Store};

/// An object, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// SHA-256 of them, if it was uploaded.
    pub hash: Option<&'a [u8; HASH_BYTES]>,
    /// What belongs to it.
    pub meta: &'a [u8],
}

impl<F: Flash, const PAGES: usize, const KEYS: usize> Store<F, PAGES, KEYS> {
    /// The object of `key`.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<Object<'_>> {
        (key != Self::UPLOAD).then(|| self.object(key)).flatten()
    }

    /// The first key whose image has this hash.
    #[must_use]
    pub fn find(&self, hash: &[u8; HASH_BYTES]) -> Option<Key> {
        (0..Self::UPLOAD).find(|key| self.object(*key).is_some_and(|o| o.hash == Some(hash)))
    }

    /// The object of any key, the upload's included.
    pub(crate) fn object(&self, key: Key) -> Option<Object<'_>> {
        let slot = self.slot(key);
        let at = usize::from(slot.record);
        if at == 0 {
            return None;
        }
        let [kind, ..] = self.log_word(at).to_le_bytes();
        let record = self.log * F::PAGE_BYTES + at;
        let tail = self.flash.bytes().get(record + OBJECT_HEAD..)?;
        let (hash, rest) = match kind {
            record::IMAGE => tail
                .split_first_chunk::<HASH_BYTES>()
                .map(|(hash, rest)| (Some(hash), rest))?,
            _ => (None, tail),
        };
        let meta = rest.get(..(self.log_word(at + WORD_BYTES) >> 16) as usize)?;
        let start = usize::from(slot.start) * F::PAGE_BYTES;
        let bytes = self.flash.bytes().get(start..start + self.length(key))?;
        Some(Object { bytes, hash, meta })
    }

    /// Bytes of the object of `key`. Returns 0 if there is none.
    pub(crate) fn length(&self, key: Key) -> usize {
        match usize::from(self.slot(key).record) {
            0 => 0,
            at => self.log_word(at + 2 * WORD_BYTES) as usize,
        }
    }

    /// First page of the object of `key`, and how many it takes.
    pub(crate) fn extent(&self, key: Key) -> (usize, usize) {
        let pages = self.length(key).div_ceil(F::PAGE_BYTES);
        (usize::from(self.slot(key).start), pages)
    }

    /// Make `to` the same object as `from`, with metadata of its own; what `to` was is gone. No bytes are
    /// copied. With `from` and `to` equal, this changes the metadata.
    ///
    /// # Errors
    ///
    /// [`Error::NoObject`], [`Error::Directory`], [`Error::Full`], [`Error::Worn`].
    pub fn link(&mut self, from: Key, to: Key, meta: &[u8]) -> Result<(), Error> {
        let object = self.get(from).ok_or(Error::NoObject)?;
        let hash = object.hash.copied();
        let length = object.bytes.len() as u32;
        self.check_target(to, meta)?;
        self.spread_wear(1)?;
        let start = usize::from(self.slot(from).start);
        self.append_object(to, start, length, hash.as_ref(), meta)
    }

    /// Give the object of `from` the key `to`, and remove the one of `drop`; what `to` was is gone.
    /// All at once.
    ///
    /// # Errors
    ///
    /// [`Error::NoObject`], [`Error::Full`], [`Error::Worn`].
    pub fn rename(&mut self, from: Key, to: Key, drop: Option<Key>) -> Result<(), Error> {
        self.get(from).ok_or(Error::NoObject)?;
        self.append_rename(from, to, drop)
    }

    pub(crate) fn append_rename(
        &mut self,
        from: Key,
        to: Key,
        drop: Option<Key>,
    ) -> Result<(), Error> {
        self.check_target(to, &[])?;
        let drop = drop.filter(|drop| *drop < Self::UPLOAD).unwrap_or(NO_KEY);
        self.append(&Buffer::record(record::RENAME, [from, to, drop]).commit())
    }

    /// Remove the object of `key`, and that of `and`, all at once. What is not there need
    /// not be removed.
    ///
    /// # Errors
    ///
    /// [`Error::Full`], [`Error::Worn`].
    pub fn remove(&mut self, key: Key, and: Option<Key>) -> Result<(), Error> {
        let and = and.filter(|and| self.get(*and).is_some()).unwrap_or(NO_KEY);
        if self.get(key).is_none() && and == NO_KEY {
            return Ok(());
        }
        self.append_remove(key, and)
    }

    pub(crate) fn append_remove(&mut self, key: Key, and: Key) -> Result<(), Error> {
        self.append(&Buffer::record(record::REMOVE, [key, and, NO_KEY]).commit())
    }

    /// Write a whole object, without a hash; what `key` was stays until it is there.
    ///
    /// # Errors
    ///
    /// [`Error::NoObject`] if there is no such key, [`Error::Directory`], [`Error::Full`], [`Error::Worn`].
    pub fn put(&mut self, key: Key, meta: &[u8], bytes: &[u8]) -> Result<(), Error> {
        self.check_target(key, meta)?;
        let pages = bytes.len().div_ceil(F::PAGE_BYTES);
        let start = self.allocate(pages)?;
        self.hold = (start, pages);
        let done = self
            .fill(start, bytes)
            .and_then(|()| self.append_object(key, start, bytes.len() as u32, None, meta));
        self.hold = (0, 0);
        done
    }

    fn fill(&mut self, start: usize, bytes: &[u8]) -> Result<(), Error> {
        for (page, part) in (start..).zip(bytes.chunks(F::PAGE_BYTES)) {
            self.open_page(page)?;
            let (words, rest) = part.split_at(part.len() & !(WORD_BYTES - 1));
            self.program_page(page, 0, words)?;
            if !rest.is_empty() {
                let mut last = Buffer::new();
                last.append(rest);
                self.program_page(page, words.len(), last.bytes())?;
            }
        }
        Ok(())
    }

    /// Program words of an object's page; a page that does not take them is retired.
    pub(crate) fn program_page(
        &mut self,
        page: usize,
        within: usize,
        words: &[u8],
    ) -> Result<(), Error> {
        self.program(page * F::PAGE_BYTES + within, words)
            .map_err(|_| self.retire(page))
    }

    /// Is this a key for an object, and metadata it may have?
    pub(crate) const fn check_target(&self, key: Key, meta: &[u8]) -> Result<(), Error> {
        if key >= Self::UPLOAD {
            Err(Error::NoObject)
        } else if meta.len() > META_MAX {
            Err(Error::Directory)
        } else {
            Ok(())
        }
    }
}
