//! Code objects: what the compiler made of images, in a part of the flash that is executed.
//!
//! ```text
//!   supervisor: which image, which memory, when to compile
//!   ─────────────────────── CodeStore ───────────────────────
//!   [`writer`] an object on its way into the flash: a compiler's sink
//!   [`directory`] which objects there are       [`object`] one entry of it
//!   ───────────────────────── Flash ─────────────────────────
//! ```
//!
//! An object can always be made again from its image, so nothing here is worth keeping: where anything is in doubt, there is no
//! object, and the image is compiled once more. What must hold is that **what is found is what was written, whole**: it is
//! executed.
//!
//! # Guarantees
//!
//! The power may go at any instant, and words that were interrupted may read either way, not the same one each time. Then:
//!
//! 1. [`CodeStore::find`] returns an object only if it was finished, for this image, this compiler and this size of
//!    memory, and if the code reads as it was written: an object whose code has changed in one word is not found.
//! 2. The code of an object that was found stays as it is until [`CodeStore::retain`] gives it up: its pages are
//!    given to nobody else.
//! 3. What was being written is gone, and its pages are free.
//!
//! Code is never taken for an entry of the directory: the directory has pages of its own. Bits that changed on purpose, in several words
//! and so that both sums are right, are found by whoever checks the code itself.
//!
//! # Format
//!
//! Little endian words. Pages 0 and 1 are the directory's; the one whose head has the higher number counts. The others
//! hold code, from a page's first byte on.
//!
//! | place in a page of the directory | holds |
//! | --- | --- |
//! | 0 | `BCO1`, number of the directory, the same inverted, the page behind the object that was written last, pages that were erased before, 11 words unused |
//! | 64, 128, … | entries of 16 words: mark, sum, compiler, first page and pages << 16, bytes, memory, most fuel at once, sum of the code, SHA-256 of the image (8 words) |
//!
//! An entry is programmed when its code stands in the flash and was read back, its mark after all else; a mark of zero says that the object was given up. Entries are never
//! changed otherwise. When there is no room for one more, those that count are written into the other page, whose head is programmed last.
//!
//! **Wear**: pages are taken in a circle that goes on behind the last object, and the directory is erased once in as many objects as a
//! page has entries, and once more in each run of the device that writes. The budget is the part's ([`Flash::erases`]). What was
//! erased is counted by the entries, which have the number of their object's pages, and from one page of the directory to the next in its head.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod directory;
mod object;
mod writer;

use berth_flash::{Flash, FlashError};

pub use object::{Key, Object};
pub use writer::Writer;

use directory::Directory;

/// Pages of the directory.
const DIRECTORY_PAGES: usize = 2;
/// Most pages of a part: one bit each.
const PAGES_MAX: usize = 128;

/// Why there is no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no room for it.
    Full,
    /// The flash cannot.
    Flash(FlashError),
    /// What was programmed does not read so: the part is worn.
    Worn,
}

impl From<FlashError> for Error {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Pages for code.
    pub pages: u16,
    /// Of these, pages that objects have.
    pub used: u16,
    /// Pages of the longest row that is free.
    pub longest_free: u16,
    /// Objects.
    pub objects: u16,
}

/// The objects of one part of the flash.
#[derive(Debug)]
pub struct CodeStore<F> {
    flash: F,
    directory: Directory,
}

impl<F: Flash> CodeStore<F> {
    /// The objects that `flash` has. Writes nothing; a part that holds anything else has no objects.
    #[must_use]
    pub fn new(flash: F) -> Self {
        let directory = Directory::of(&flash);
        Self { flash, directory }
    }

    /// The part of the flash.
    pub const fn flash(&self) -> &F {
        &self.flash
    }

    /// The same to be changed, by tests.
    pub const fn flash_mut(&mut self) -> &mut F {
        &mut self.flash
    }

    /// Returns the part of the flash.
    pub fn into_flash(self) -> F {
        self.flash
    }

    /// Returns the object for `key`, if there is one and it is whole. Reads all of it.
    #[must_use]
    pub fn find(&self, key: &Key) -> Option<Object> {
        self.of_key(key)
            .find(|object| self.sum(object) == Some(object.sum))
    }

    /// Returns the objects for `key` that the directory has, whether they are whole or not.
    pub fn of_key(&self, key: &Key) -> impl Iterator<Item = Object> {
        let key = *key;
        let objects = self.directory.objects(&self.flash);
        objects.filter(move |object| object.key == key)
    }

    /// Returns all objects that the directory has, whether they are whole or not.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        self.directory.objects(&self.flash)
    }

    /// Returns how many pages were erased since the part was used first: of objects that were finished, and of the directory. What was
    /// interrupted is not counted.
    #[must_use]
    pub fn erased(&self) -> u32 {
        self.directory.erased(&self.flash)
    }

    /// Returns the code of an object that was found.
    #[must_use]
    pub fn code(&self, object: &Object) -> Option<&[u8]> {
        let start = object.start::<F>();
        self.flash.bytes().get(start..start + object.bytes as usize)
    }

    fn sum(&self, object: &Object) -> Option<u32> {
        Some(object::sum(self.code(object)?))
    }

    /// Gives up the objects that `keep` does not want, and returns how many these were.
    ///
    /// # Errors
    ///
    /// [`Error::Flash`]; the objects that were not looked at yet are still there.
    pub fn retain(&mut self, keep: impl Fn(&Object) -> bool) -> Result<usize, Error> {
        self.directory.retain(&mut self.flash, keep)
    }

    /// Begins an object for `key` of a module with so many functions, imported ones included. `expected` are the bytes that it may
    /// take: there is room for so many, or as much as there is anywhere. An object that there is for this key is given up: who found one needs no
    /// other.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] if no page is free; [`Error::Flash`].
    pub fn begin(
        &mut self,
        key: Key,
        functions: u32,
        expected: usize,
    ) -> Result<Writer<'_, F>, Error> {
        self.directory.settle(&mut self.flash)?;
        self.retain(|object| object.key != key)?;
        let pages = expected.div_ceil(F::PAGE_BYTES);
        let row = self.row(pages).ok_or(Error::Full)?;
        Ok(Writer::new(self, key, functions, row))
    }

    /// Pages of the part, as many as can be used.
    fn pages(&self) -> usize {
        (self.flash.bytes().len() / F::PAGE_BYTES).min(PAGES_MAX)
    }

    /// The pages that objects and the directory have, a bit each, and the page behind the object that was written last.
    fn taken(&self) -> (u128, usize) {
        let mut taken = (1 << DIRECTORY_PAGES) - 1;
        for object in self.directory.objects(&self.flash) {
            for page in object.first..object.first.saturating_add(object.pages) {
                taken |= 1u128.checked_shl(page.into()).unwrap_or(0);
            }
        }
        (taken, self.directory.behind_last(&self.flash))
    }

    /// Returns how much there is.
    #[must_use]
    pub fn space(&self) -> Space {
        let (taken, _) = self.taken();
        let pages = self.pages();
        let (mut used, mut row, mut longest) = (0, 0, 0);
        for page in DIRECTORY_PAGES..pages {
            if is_free(taken, page) {
                row += 1;
                longest = longest.max(row);
            } else {
                (used, row) = (used + 1, 0);
            }
        }
        Space {
            pages: pages.saturating_sub(DIRECTORY_PAGES) as u16,
            used,
            longest_free: longest,
            objects: self.directory.objects(&self.flash).count() as u16,
        }
    }

    /// Finds free pages in a row: the first `wanted` from behind the last object on, or the longest row that there is.
    fn row(&self, wanted: usize) -> Option<Row> {
        let (taken, cursor) = self.taken();
        let pages = self.pages();
        let row_at = |first| Row {
            first,
            pages: (first..pages)
                .take_while(|page| is_free(taken, *page))
                .count(),
        };
        let from = if cursor < pages {
            cursor
        } else {
            DIRECTORY_PAGES
        };
        (from..pages)
            .chain(DIRECTORY_PAGES..from)
            .map(row_at)
            .find(|row| row.pages >= wanted.max(1))
            .or_else(|| {
                (DIRECTORY_PAGES..pages)
                    .map(row_at)
                    .max_by_key(|row| row.pages)
            })
            .filter(|row| row.pages > 0)
    }
}

fn is_free(taken: u128, page: usize) -> bool {
    taken >> page & 1 == 0
}

/// Free pages one after the other.
#[derive(Clone, Copy, Debug)]
struct Row {
    first: usize,
    pages: usize,
}
