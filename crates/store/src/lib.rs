//! A store for a few large, immutable objects in flash: container images, what belongs to them,
//! and the state they save.
//!
//! ```text
//!   supervisor: names, parameters, which key is what
//!   ────────────────────────────── Store ──────────────────────────
//!   [`upload`] an image in parts    [`objects`] read, link, rename, remove, put
//!   [`place`]  where objects lie, wear           [`log`] the directory
//!                                                [`root`] where the log is
//!   ────────────────────────────── Flash ──────────────────────────
//! ```
//!
//! # What it stores
//!
//! Objects by [`Key`], a small number the user chooses. An object is a row of bytes, contiguous in the address
//! space and read in place, with up to [`META_MAX`] bytes of metadata. Images carry their
//! SHA-256, and an image is stored once however many keys have it ([`Store::link`]). Objects are
//! never changed: they are replaced, at once or not at all.
//!
//! # Guarantees
//!
//! The power may go at any instant. Then, after [`Store::mount`]:
//!
//! 1. Every operation that had returned `Ok` is still there, whole.
//! 2. The operation that was interrupted has happened whole or not at all. (Of a [`Store::begin`], what it
//!    cleared away first may have happened alone: the upload it replaces.)
//! 3. An image that was never committed is under no key; an upload that was interrupted can be continued at the
//!    page in which it stopped.
//! 4. [`Store::commit`] has read the image back from flash and found its SHA-256 to be the one announced.
//!
//! This holds for a flash that behaves as [`berth_flash::Flash`] says, with words that were interrupted
//! reading any mixture of old and new, *not even the same one each time*: no such word is relied on, or programmed
//! again, once the store has written anything after mounting. Until then an operation that was interrupted
//! may look done now and not done after the next power cut. So whoever acknowledges what was found, and not written, after mounting
//! calls [`Store::settle`] first: it costs one erase, and only the first time. Mounting itself writes nothing.
//! Only erased words are ever programmed, with one exception of no consequence ([`root`]).
//!
//! Of cuts in a row, without one change completed between them, there may be any number if torn words read the same each
//! time. If they do not, each such cut may need a page to be left alone: two in a row are provided for in a store that is
//! full, one more for each page that is free.
//!
//! Pages that fail to erase or to read back are *retired*: the operation fails with [`Error::Worn`], repeated it
//! takes other pages. Retired pages are remembered.
//!
//! **Wear** is spread: the most worn page has at most twice the mean of erases (once the mean is 16 or
//! more), provided that every object fits into the free space once more, so that it can be moved
//! off pages which would otherwise never be erased. Erases are counted before they happen; a power cut can hide one erase
//! of a log page.
//!
//! # Format
//!
//! Little endian words of 4 bytes; `P` bytes a page, `N` pages.
//!
//! | page | holds |
//! | --- | --- |
//! | 0, 1 | the root: entries of two words, sequence number << 8 \| page of the log, and the same inverted |
//! | one of the others | the log: `BTS1`, `N`, erases of each page, records |
//! | others | objects from a page's first byte on, or nothing |
//!
//! The log is the page that the root's entry with the highest number names. When it is full, what it
//! says is written into another page, and an entry into the root. Records are words: kind (bits 0 to 7) and three arguments
//! of 8 bits, then payload, then a word of zeros. The first row of words that is no record ends the log.
//!
//! | kind | arguments | payload |
//! | --- | --- | --- |
//! | 1 image | key, -, - | start page \| bytes of metadata << 16, length, the same inverted, hash (8 words), metadata |
//! | 2 blob | key, -, - | the same without hash |
//! | 3 page | page (16 bits), - | its erases, this one included (all ones: retired) |
//! | 4 rename | from, to, key to remove | none |
//! | 5 remove | key, key, - | none |
//! | 6 moved | old start page (16 bits), - | new start page |
//!
//! `-` and "no key" are 255. The last key is the upload in progress; a record of kind 3 for a page of it says that the pages before
//! are complete. Every page that no object has, and that is neither root nor log, is free; it is
//! erased just before it is used again.
//!
//! The format is stable: a change gets another number in the magic word, and a store of another
//! format is refused ([`Error::Foreign`]), never overwritten.
//!
//! # Limits
//!
//! * 8 to 254 pages of 256 to 65,536 bytes; two are the root, one the log, and three stay free. An object begins at a page.
//! * The directory (erases of all pages and metadata of all objects) fits one page: [`Error::Directory`].
//!   With 127 pages of 4 KiB: 16 images with full metadata and 16 saved states.
//! * Free pages that lie apart are brought together by moving objects, each at once into
//!   free space; if no order of that is found, [`Error::Full`] says so although there would be pages.
//! * The work of one call is bounded: writing, by the pages of the part; making room, by the pages of the store.
//! * Bits that flip by themselves in old pages are not looked for (the hash tells of them).

//!
//! # Proof
//!
//! | test | shows |
//! | --- | --- |
//! | `tests/power_cut.rs` | a cut at every word and every erase of a workload that does everything, then another at every step of doing it again: guarantees 1 to 4, each step |
//! | `tests/random.rs` | a million random operations (`STORE_OPERATIONS`: any number) with cuts among them, torn words that read differently at each power-on, against a reference model |
//! | `tests/wear.rs` | wear, full stores, worn pages, moving, and that no contents of the flash make it panic |
//! | `tests/e2e/tests/kills.rs` of the workspace | the same through the product: the emulator killed, and its flash torn, at random moments |

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

use berth_flash::Flash;

pub mod log;
pub mod objects;
pub mod place;
mod record;
pub mod root;
pub mod upload;

pub use objects::Object;
pub use place::{Space, Wear};
pub use upload::Upload;

use root::Root;

/// Names an object: 0 to two less than the number of keys. The last is the upload's own.
pub type Key = u8;

/// Most bytes of an object's metadata.
pub const META_MAX: usize = 96;

/// Bytes of a SHA-256.
pub const HASH_BYTES: usize = 32;

/// Count of a page that is never used again.
const RETIRED: u32 = u32::MAX;

/// Why an operation was not done. Unless it says otherwise, nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not so many pages free, or not side by side.
    Full {
        /// Bytes asked for, whole pages.
        needed: u32,
        /// Bytes there are, in one piece.
        free: u32,
    },
    /// The metadata of all objects does not fit into one page any more, or this one's is
    /// longer than [`META_MAX`].
    Directory,
    /// A page does not take what is written; it will not be used again. What was asked for is not done;
    /// an upload in progress is gone. Page 0: the store cannot be changed any more.
    Worn {
        /// Its number.
        page: u16,
    },
    /// A page has been erased as often as its budget allows for now. What was asked for is not done, no page is
    /// given up, and asked again later it is done.
    Later,
    /// No upload is in progress.
    NoUpload,
    /// The part does not follow what is there, or goes beyond the announced length.
    Offset {
        /// Where the next part must begin.
        expected: u32,
    },
    /// Committed before the last byte.
    Incomplete {
        /// Where the next part must begin.
        expected: u32,
    },
    /// What was written is not what was announced. The upload is gone.
    Hash,
    /// There is no object of this key, or no such key.
    NoObject,
    /// The flash holds a store of another format or size.
    Foreign,
    /// The flash is not one that this store can use ([limits](crate#limits)).
    Geometry,
}

/// Where an object is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot {
    /// Offset of its record in the log page; 0: there is no object.
    record: u16,
    /// Its first page.
    start: u16,
}

/// The store: at most `PAGES` pages of flash `F`, `KEYS` keys.
///
/// Objects lie in the flash and may be moved by any call that changes something; look them up
/// anew each time. In memory are four bytes a page and four a key.
#[derive(Clone, Debug)]
pub struct Store<F, const PAGES: usize, const KEYS: usize> {
    flash: F,
    /// Erases of each page, or [`RETIRED`].
    counts: [u32; PAGES],
    slots: [Slot; KEYS],
    root: Root,
    /// Page of the log; 0: none was ever written.
    log: usize,
    /// Pages that are needed if what was interrupted reads otherwise the next time; left alone
    /// until that is settled.
    doubtful: [bool; PAGES],
    /// Where the next record goes in the log page; 0: into a fresh one.
    tail: usize,
    /// Bytes of the upload that are in flash.
    written: u32,
    /// First page and number of pages that are being written and are no object yet.
    hold: (usize, usize),
}

impl<F: Flash, const PAGES: usize, const KEYS: usize> Store<F, PAGES, KEYS> {
    /// Key of the upload in progress.
    pub(crate) const UPLOAD: Key = (KEYS - 1) as Key;

    /// Open the store in `flash`. Nothing is written; flash that holds no store is an empty one.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`], [`Error::Geometry`].
    pub fn mount(flash: F) -> Result<Self, Error> {
        let mut store = Self {
            flash,
            counts: [0; PAGES],
            slots: [Slot::NONE; KEYS],
            root: Root::default(),
            log: 0,
            doubtful: [false; PAGES],
            tail: 0,
            written: 0,
            hold: (0, 0),
        };
        let pages = store.pages();
        let whole = store.flash.bytes().len() == pages * F::PAGE_BYTES;
        let sizes = matches!(F::PAGE_BYTES, 256..=65_536) && F::PAGE_BYTES.is_multiple_of(8);
        if !whole || !sizes || !(8..=254.min(PAGES)).contains(&pages) || !matches!(KEYS, 1..=254) {
            return Err(Error::Geometry);
        }
        store.find_root();
        if store.log != 0 {
            store.replay()?;
        }
        Ok(store)
    }

    /// Pages of the flash.
    pub(crate) fn pages(&self) -> usize {
        self.flash.bytes().len() / F::PAGE_BYTES
    }

    /// The flash below.
    pub const fn flash(&self) -> &F {
        &self.flash
    }

    /// The flash below, to do something to it that does not change what it holds.
    pub const fn flash_mut(&mut self) -> &mut F {
        &mut self.flash
    }

    /// Give the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }
}
