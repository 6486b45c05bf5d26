//! The root: two fixed pages in which the last entry says where the log is.
//!
//! An entry is two words: sequence number (24 bits) and page (8 bits), then the same inverted. Flash
//! only ever clears bits of an entry that is being written, and only sets bits of one that is being
//! erased; in both cases an entry that is not whole is no pair of opposites. The entries of both
//! pages are a ring. The next page of it is erased when the entry before its first is written, so
//! one page always holds a whole entry, and each is erased once in a thousand moves of the log.
//!
//! Where power cuts in a row leave no trace at an entry, the next one is written over it; the third time
//! flash may refuse that, and the place behind it is taken.

use berth_flash::{Flash, FlashError, WORD_BYTES};

use crate::{Error, Store};

/// Pages of the root, from page 0 on.
pub(crate) const ROOT_PAGES: usize = 2;

/// Bytes of an entry.
const ENTRY_BYTES: usize = 2 * WORD_BYTES;

/// How many places are looked at for doubtful entries.
const DOUBTFUL: usize = 16;

/// How many entries are tried when one does not take its words.
const TRIES: usize = 2;

/// Sequence numbers end here. A part is worn out long before.
const SEQUENCE_MAX: u32 = 0x00ff_ffff;

/// Where the next entry goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Root {
    /// Its place in the ring.
    next: usize,
    /// The highest sequence number that may be in flash.
    sequence: u32,
    /// Was the last entry written, whole, since mounting?
    is_certain: bool,
}

impl<F: Flash, const PAGES: usize, const KEYS: usize> Store<F, PAGES, KEYS> {
    const ENTRIES: usize = F::PAGE_BYTES / ENTRY_BYTES;

    /// Sequence number and page of the entry at `place`, if it is whole.
    fn root_entry(&self, place: usize) -> Option<(u32, usize)> {
        let at = place * ENTRY_BYTES;
        whole(self.word(at), self.word(at + WORD_BYTES), self.pages())
    }

    /// Returns sequence number, place and page of the whole entry with the highest number. All of the ring is looked at
    /// each time a store is opened: as one row of bytes, whose place in the flash is looked up once.
    fn newest_entry(&self) -> Option<(u32, usize, usize)> {
        let pages = self.pages();
        let ring = self.flash.bytes().get(..ROOT_PAGES * F::PAGE_BYTES)?;
        let (entries, _) = ring.as_chunks::<ENTRY_BYTES>();
        let mut newest: Option<(u32, usize, usize)> = None;
        for (place, [a, b, c, d, e, f, g, h]) in entries.iter().enumerate() {
            let entry = u32::from_le_bytes([*a, *b, *c, *d]);
            let inverted = u32::from_le_bytes([*e, *f, *g, *h]);
            if let Some((number, page)) = whole(entry, inverted, pages)
                && newest.is_none_or(|(most, ..)| number >= most)
            {
                newest = Some((number, place, page));
            }
        }
        newest
    }

    fn is_blank(&self, place: usize) -> bool {
        self.word(place * ENTRY_BYTES) & self.word(place * ENTRY_BYTES + WORD_BYTES) == u32::MAX
    }

    /// Find the log: the entry with the highest number.
    ///
    /// An entry whose writing was interrupted may read whole now and not the next time, or the
    /// other way round. So entries after the last that is certain, and it, are *doubtful*: pages that
    /// they name are left alone until there is an entry with a higher number, and the
    /// first entry written from now on leaves out a number and a place.
    pub(crate) fn find_root(&mut self) {
        let ring = ROOT_PAGES * Self::ENTRIES;
        let Some((sequence, place, page)) = self.newest_entry() else {
            // The very first entry may be the one that was interrupted.
            for place in 0..DOUBTFUL {
                self.doubt(place);
            }
            return;
        };
        self.log = page;
        let end = (place / Self::ENTRIES + 1) * Self::ENTRIES;
        let used = (place..end).rev().find(|place| !self.is_blank(*place));
        let used = used.unwrap_or(place);
        let next = (used + 2).min(end) % ring;
        self.root = Root {
            next,
            sequence: sequence + 1,
            is_certain: false,
        };
        // At the end of a page the next entry may have been begun at the beginning of the other.
        self.doubt(next);
        for place in (0..DOUBTFUL).map(|back| (used + ring - back) % ring) {
            self.doubt(place);
            if self.is_certain(place) {
                break;
            }
        }
    }

    /// Leave the page alone that the entry at `place` names, whole or not.
    fn doubt(&mut self, place: usize) {
        let page = self.word(place * ENTRY_BYTES) as u8;
        if let Some(doubtful) = self.doubtful.get_mut(usize::from(page)) {
            *doubtful = true;
        }
    }

    /// Is the entry whole, and the one behind it younger? Then it was complete before that was begun.
    fn is_certain(&self, place: usize) -> bool {
        !(place + 1).is_multiple_of(Self::ENTRIES)
            && self.root_entry(place).is_some()
            && !self.is_blank(place + 1)
    }

    /// Make `page` the log. From the last word of the entry on it is. After mounting there are two
    /// entries for it, the second to make the first certain.
    pub(crate) fn write_root(&mut self, page: usize) -> Result<(), Error> {
        self.write_entry(page)?;
        if !self.root.is_certain {
            self.write_entry(page)?;
            self.root.is_certain = true;
        }
        self.doubtful = [false; PAGES];
        Ok(())
    }

    fn write_entry(&mut self, page: usize) -> Result<(), Error> {
        for _ in 0..TRIES {
            let place = self.root.next;
            let home = place / Self::ENTRIES;
            if place.is_multiple_of(Self::ENTRIES) {
                match self.flash.erase(home) {
                    Ok(()) => {}
                    Err(FlashError::Later) => return Err(Error::Later),
                    Err(_) => break,
                }
            }
            if self.root.sequence >= SEQUENCE_MAX {
                break;
            }
            self.root.sequence += 1;
            self.root.next = (place + 1) % (ROOT_PAGES * Self::ENTRIES);
            let entry = self.root.sequence << 8 | page as u32;
            let mut bytes = [0; ENTRY_BYTES];
            let words = entry
                .to_le_bytes()
                .into_iter()
                .chain((!entry).to_le_bytes());
            for (place, byte) in bytes.iter_mut().zip(words) {
                *place = byte;
            }
            if self.program(place * ENTRY_BYTES, &bytes).is_ok() {
                return Ok(());
            }
        }
        Err(Error::Worn { page: 0 })
    }

    /// Erases of one of the two pages of the root.
    pub(crate) const fn root_erases(&self) -> u32 {
        self.root.sequence / (Self::ENTRIES * ROOT_PAGES) as u32 + 1
    }
}

/// Returns sequence number and page of an entry of a store of so many pages, if it is whole.
#[inline(always)]
fn whole(entry: u32, inverted: u32, pages: usize) -> Option<(u32, usize)> {
    let page = (entry & 0xff) as usize;
    (entry == !inverted && (ROOT_PAGES..pages).contains(&page)).then_some((entry >> 8, page))
}
