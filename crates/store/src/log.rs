//! The log: one page that holds the directory and what has changed since.

use berth_flash::{Flash, FlashError, WORD_BYTES};

use crate::record::{self, Buffer, COMMITTED, NO_KEY, OBJECT_HEAD, RECORD_MAX};
use crate::{Error, HASH_BYTES, Key, RETIRED, Slot, Store};

/// First word of a log page: name and version of the format.
const MAGIC: u32 = 0x3153_5442; // "BTS1"

/// Magic and number of pages.
const HEAD_BYTES: usize = 2 * WORD_BYTES;

/// Bytes that metadata leaves free in a log page, for the small records.
const RESERVE: usize = 64;

/// How many log pages are tried when one does not take a record.
const TRIES: usize = 4;

impl<F: Flash, const PAGES: usize, const KEYS: usize> Store<F, PAGES, KEYS> {
    /// Where records begin in a log page.
    const fn records(pages: usize) -> usize {
        HEAD_BYTES + pages * WORD_BYTES
    }

    /// The word at `offset`; ones outside the flash.
    pub(crate) fn word(&self, offset: usize) -> u32 {
        let bytes = self.flash.bytes().get(offset..offset + WORD_BYTES);
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(u32::MAX, u32::from_le_bytes)
    }

    /// A word of the log page.
    pub(crate) fn log_word(&self, at: usize) -> u32 {
        self.word(self.log * F::PAGE_BYTES + at)
    }

    /// Program and read back.
    pub(crate) fn program(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        let done = self.flash.program(offset, bytes).is_ok()
            && self.flash.bytes().get(offset..offset + bytes.len()) == Some(bytes);
        let page = (offset / F::PAGE_BYTES) as u16;
        done.then_some(()).ok_or(Error::Worn { page })
    }

    /// Read the log found by the root.
    pub(crate) fn replay(&mut self) -> Result<(), Error> {
        if self.log_word(0) != MAGIC || self.log_word(WORD_BYTES) as usize != self.pages() {
            return Err(Error::Foreign);
        }
        for page in 0..self.pages() {
            let count = self.log_word(HEAD_BYTES + page * WORD_BYTES);
            self.set_count(page, count);
        }
        let mut at = Self::records(self.pages());
        let mut before = self.slots;
        while let Some(length) = self.record_length(at) {
            before = self.slots;
            self.apply(at);
            at += length;
        }
        // The last record, or one that follows and is not complete, may be the one that was
        // interrupted, and may read otherwise the next time.
        let found = (self.slots, self.counts, self.written);
        self.slots = before;
        self.doubt_map();
        self.slots = found.0;
        let length = self.log_word(at + 2 * WORD_BYTES);
        let is_object = matches!(self.log_word(at) as u8, record::IMAGE | record::BLOB);
        // The inverted length tells a record that may be complete from one that is only begun.
        if !is_object || self.log_word(at + 3 * WORD_BYTES) == !length {
            self.apply(at);
            self.doubt_map();
        }
        (self.slots, self.counts, self.written) = found;
        Ok(())
    }

    /// What is in use now is left alone until the log is rewritten.
    fn doubt_map(&mut self) {
        let map = self.map();
        for (doubtful, taken) in self.doubtful.iter_mut().zip(map) {
            *doubtful |= taken;
        }
    }

    /// Length of the record at `at`, if it is complete.
    fn record_length(&self, at: usize) -> Option<usize> {
        let [kind, ..] = self.log_word(at).to_le_bytes();
        let length = record::length(kind, self.log_word(at + WORD_BYTES))?;
        let last = at + length - WORD_BYTES;
        let complete = last < F::PAGE_BYTES && self.log_word(last) == COMMITTED;
        complete.then_some(length)
    }

    /// Let the record at `at` take effect. The only place where what a record means is written:
    /// records take effect by it when they are appended, too.
    fn apply(&mut self, at: usize) {
        let [kind, first, second, third] = self.log_word(at).to_le_bytes();
        let word = self.log_word(at + WORD_BYTES);
        let page = usize::from(u16::from_le_bytes([first, second]));
        match kind {
            record::PAGE => {
                self.set_count(page, word);
                self.note_progress(page);
            }
            record::RENAME => {
                let moving = self.slot(first);
                self.set_slot(first, Slot::NONE);
                self.set_slot(third, Slot::NONE);
                self.set_slot(second, moving);
            }
            record::REMOVE => {
                self.set_slot(first, Slot::NONE);
                self.set_slot(second, Slot::NONE);
            }
            record::MOVED => {
                for slot in &mut self.slots {
                    if slot.record != 0 && usize::from(slot.start) == page {
                        slot.start = word as u16;
                    }
                }
            }
            record::IMAGE | record::BLOB => {
                let slot = Slot {
                    record: at as u16,
                    start: word as u16,
                };
                self.set_slot(first, slot);
            }
            _ => {}
        }
    }

    /// Pages of the upload are written in order: those before this one are complete.
    fn note_progress(&mut self, page: usize) {
        let (start, pages) = self.extent(Self::UPLOAD);
        if (start..start + pages).contains(&page) {
            self.written = ((page - start) * F::PAGE_BYTES) as u32;
        }
    }

    fn set_count(&mut self, page: usize, count: u32) {
        if let Some(place) = self.counts.get_mut(page) {
            *place = count;
        }
    }

    pub(crate) fn count(&self, page: usize) -> u32 {
        self.counts.get(page).copied().unwrap_or(RETIRED)
    }

    pub(crate) fn slot(&self, key: Key) -> Slot {
        self.slots
            .get(usize::from(key))
            .copied()
            .unwrap_or(Slot::NONE)
    }

    fn set_slot(&mut self, key: Key, slot: Slot) {
        if let Some(place) = self.slots.get_mut(usize::from(key)) {
            if key == Self::UPLOAD && place.start != slot.start {
                self.written = 0;
            }
            *place = slot;
        }
    }

    /// Make what mounting found certain: write the log anew, unless something was written since.
    ///
    /// # Errors
    ///
    /// [`Error::Full`], [`Error::Worn`].
    pub fn settle(&mut self) -> Result<(), Error> {
        if self.tail == 0 && self.log != 0 {
            self.rewrite()?;
        }
        Ok(())
    }

    /// Append a record; it has taken effect when this returns.
    ///
    /// The first record after mounting goes into a fresh log page: the old one may end in words
    /// whose program was interrupted, and those are never programmed again.
    pub(crate) fn append(&mut self, record: &Buffer) -> Result<(), Error> {
        let length = record.bytes().len();
        for _ in 0..TRIES {
            if self.tail == 0 || self.tail + length > F::PAGE_BYTES {
                self.rewrite()?;
                if self.tail + length > F::PAGE_BYTES {
                    return Err(Error::Directory);
                }
            }
            let at = self.tail;
            if self
                .program(self.log * F::PAGE_BYTES + at, record.bytes())
                .is_ok()
            {
                self.apply(at);
                self.tail += length;
                return Ok(());
            }
            self.set_count(self.log, RETIRED);
            self.tail = 0;
        }
        Err(Error::Worn {
            page: self.log as u16,
        })
    }

    /// Append the record of an object, if the directory has room for it.
    pub(crate) fn append_object(
        &mut self,
        key: Key,
        start: usize,
        length: u32,
        hash: Option<&[u8; HASH_BYTES]>,
        meta: &[u8],
    ) -> Result<(), Error> {
        if usize::from(key) >= KEYS {
            return Err(Error::NoObject);
        }
        let kind = if hash.is_some() {
            record::IMAGE
        } else {
            record::BLOB
        };
        let second = (meta.len() << 16) as u32 | start as u32;
        let needed = record::length(kind, second).ok_or(Error::Directory)?;
        let others: usize = (0..KEYS as Key)
            .filter(|other| *other != key)
            .map(|other| self.slot(other).record)
            .filter(|record| *record != 0)
            .filter_map(|record| self.record_length(usize::from(record)))
            .sum();
        if Self::records(self.pages()) + others + needed + RESERVE > F::PAGE_BYTES {
            return Err(Error::Directory);
        }
        let mut record = Buffer::record(kind, [key, NO_KEY, NO_KEY]);
        record.word(second);
        record.word(length);
        record.word(!length);
        if let Some(hash) = hash {
            record.append(hash);
        }
        record.append(meta);
        self.append(&record.commit())
    }

    /// Write what is known into a fresh page and make it the log.
    pub(crate) fn rewrite(&mut self) -> Result<(), Error> {
        let mut error = Error::Full { needed: 1, free: 0 };
        for _ in 0..self.pages() {
            let Some(page) = self.page_for_log() else {
                break;
            };
            let before = self.count(page);
            let count = before.saturating_add(1);
            self.set_count(page, count.min(RETIRED - 1));
            match self.write_log(page) {
                Ok((slots, tail)) => {
                    // Whatever becomes of the entry: nothing is appended to the old log.
                    self.tail = 0;
                    self.write_root(page)?;
                    self.log = page;
                    self.slots = slots;
                    self.tail = tail;
                    return Ok(());
                }
                Err(Error::Later) => {
                    self.set_count(page, before);
                    return Err(Error::Later);
                }
                Err(worn) => {
                    error = worn;
                    self.set_count(page, RETIRED);
                }
            }
        }
        Err(error)
    }

    /// Write a log page; where its records are, and where the next one goes.
    fn write_log(&mut self, page: usize) -> Result<([Slot; KEYS], usize), Error> {
        let base = page * F::PAGE_BYTES;
        self.erase(page)?;
        let mut at = base;
        let mut buffer = Buffer::new();
        buffer.word(MAGIC);
        buffer.word(self.pages() as u32);
        for counted in 0..self.pages() {
            if buffer.is_full() {
                at = self.flush(at, &mut buffer)?;
            }
            buffer.word(self.count(counted));
        }
        at = self.flush(at, &mut buffer)?;
        let mut slots = [Slot::NONE; KEYS];
        for (key, new) in (0..KEYS as Key).zip(&mut slots) {
            let slot = self.slot(key);
            let Some(length) = slot.length(self) else {
                continue;
            };
            let old = self.log * F::PAGE_BYTES + usize::from(slot.record);
            buffer.append(
                self.flash
                    .bytes()
                    .get(old..old + length)
                    .unwrap_or_default(),
            );
            buffer.readdress(key, slot.start);
            *new = Slot {
                record: (at - base) as u16,
                ..slot
            };
            at = self.flush(at, &mut buffer)?;
        }
        if let Some(next) = self.upload_page() {
            let mut record = Buffer::record(record::PAGE, record::page_arguments(next));
            record.word(self.count(next));
            at = self.flush(at, &mut record.commit())?;
        }
        Ok((slots, at - base))
    }

    fn flush(&mut self, at: usize, buffer: &mut Buffer) -> Result<usize, Error> {
        let length = buffer.bytes().len();
        self.program(at, buffer.bytes())?;
        buffer.clear();
        Ok(at + length)
    }

    fn erase(&mut self, page: usize) -> Result<(), Error> {
        let worn = Error::Worn { page: page as u16 };
        self.flash.erase(page).map_err(|error| match error {
            FlashError::Later => Error::Later,
            _ => worn,
        })
    }

    /// Erase a page that no object has, and count it first: a page is never erased without its
    /// count in flash. A page that cannot be erased is never used again.
    pub(crate) fn open_page(&mut self, page: usize) -> Result<(), Error> {
        let count = self.count(page).saturating_add(1).min(RETIRED - 1);
        self.append_count(page, count)?;
        self.erase(page).map_err(|error| match error {
            Error::Later => error,
            _ => self.retire(page),
        })
    }

    /// Never use a page again.
    pub(crate) fn retire(&mut self, page: usize) -> Error {
        // If this is lost, the page fails once more.
        let _ = self.append_count(page, RETIRED);
        Error::Worn { page: page as u16 }
    }

    fn append_count(&mut self, page: usize, count: u32) -> Result<(), Error> {
        let mut record = Buffer::record(record::PAGE, record::page_arguments(page));
        record.word(count);
        self.append(&record.commit())
    }
}

impl Slot {
    pub(crate) const NONE: Self = Self {
        record: 0,
        start: 0,
    };

    /// Length of its record, if there is one.
    fn length<F: Flash, const PAGES: usize, const KEYS: usize>(
        self,
        store: &Store<F, PAGES, KEYS>,
    ) -> Option<usize> {
        (self.record != 0)
            .then(|| store.record_length(usize::from(self.record)))
            .flatten()
            .filter(|length| *length <= RECORD_MAX && *length >= OBJECT_HEAD)
    }
}
