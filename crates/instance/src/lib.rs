//! Instances of compiled modules: what is in memory when one begins.
//!
//! ```text
//!   image ──► Layout::of: how much of what, and where ──► Layout::fill: tables, segments, context, globals, memory
//! ```
//!
//! All of an instance but its stack is one piece, from low addresses up:
//!
//! ```text
//!   elements of tables · bytes of passive data segments · references of passive element segments ·
//!   where each data segment is, where each element segment is, most elements of each table, what is known of the module ·
//!   context: globals, tables, the device's words (berth_compiler::entry::context) · linear memory
//! ```
//!
//! The piece can be moved: what in it names addresses of its own is found by [`Layout::moved`].
//!
//! The module has been compiled, and so is valid; what is read here is read again because nothing of it was kept. Nothing is allocated.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod fill;
mod read;

use berth_admission::Malformed;
use berth_admission::reader::Reader;
use berth_compiler::Kind;
use berth_compiler::entry::context;

use read::{Elements, Mode, limits, section};

/// Most tables of a module, as of the scan.
const TABLES_MAX: usize = 8;

/// Distance below the memory of the address of what the device's helpers know of a module, as numbers of words: logarithm of a page, most
/// pages, where the data segments are (address and length each), where the element segments are, most elements of each table, how many
/// functions there are, which tables are of functions (a bit each).
pub const KNOWN: u32 = 24;
/// Words of that.
const KNOWN_WORDS: usize = 7;
/// The type of a table of functions.
const FUNCREF: u8 = 0x70;

/// Why there is no instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The image does not read as it did.
    Malformed(Malformed),
    /// More than there can be.
    TooMuch,
    /// A trap: elements that are outside of their table.
    Table,
    /// A trap: data that is outside of the memory.
    Memory,
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// How much there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Elements of a table that says nothing of it.
    pub elements: u32,
    /// Bytes of the memory.
    pub memory: u32,
}

/// A table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Table {
    /// Elements at the beginning.
    least: u32,
    /// Elements for which there is room.
    most: u32,
    /// Number of the word of its first element.
    first: usize,
}

/// Where everything of an instance goes. Places are numbers of words from the beginning of the piece.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    image: &'a [u8],
    tables: [Table; TABLES_MAX],
    table_count: usize,
    /// Functions, imported ones included.
    functions: u32,
    /// A bit for each table of functions.
    of_functions: u32,
    global_words: u32,
    /// Bytes of passive data segments go here.
    data: usize,
    /// References of passive element segments.
    references: usize,
    /// Where the segments are.
    data_segments: usize,
    element_segments: usize,
    known: usize,
    /// All words in front of the memory: whole rows of four.
    words: usize,
    /// Bytes of the memory at the beginning.
    pub memory: u32,
    /// Most pages that it may have.
    pub pages: u32,
    /// Logarithm of the bytes of a page.
    pub page_log2: u32,
    /// Index of the function that runs first, if there is one.
    pub start: Option<u32>,
}

/// Where an instance has addresses of its own places: all that must be known of its layout to move it.
#[derive(Clone, Copy, Debug)]
pub struct Moves {
    table_count: usize,
    data_segments: usize,
    known: usize,
    words: usize,
}

impl<'a> Layout<'a> {
    /// Returns what must be known to move an instance.
    #[must_use]
    pub const fn moves(&self) -> Moves {
        Moves {
            table_count: self.table_count,
            data_segments: self.data_segments,
            known: self.known,
            words: self.words,
        }
    }

    /// Finds out what an instance of `image` has, which may be so much.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`], [`Error::TooMuch`].
    pub fn of(image: &'a [u8], most: Most) -> Result<Self, Error> {
        let mut is = Self {
            image,
            tables: [Table::default(); TABLES_MAX],
            table_count: 0,
            functions: 0,
            of_functions: 0,
            global_words: 0,
            data: 0,
            references: 0,
            data_segments: 0,
            element_segments: 0,
            known: 0,
            words: 0,
            memory: 0,
            pages: 0,
            page_log2: 16,
            start: None,
        };
        let (mut data_words, mut references, mut segments) = (0, 0, [0, 0]);
        let mut words = 0usize;
        let mut reader = Reader::module(image)?;
        while !reader.is_empty() {
            let (id, mut body) = reader.section()?;
            match id {
                // Of what is compiled only functions are imported.
                section::IMPORTS | section::FUNCTIONS => is.functions += body.u32()?,
                section::TABLES => {
                    is.table_count = body.u32()? as usize;
                    for (number, table) in is.tables.iter_mut().take(is.table_count).enumerate() {
                        if body.byte()? == FUNCREF {
                            is.of_functions |= 1 << number;
                        }
                        let (least, of_own, _) = limits(&mut body)?;
                        let least = u32::try_from(least).map_err(|_| Error::TooMuch)?;
                        let own = of_own.map_or(u64::from(most.elements), |own| own);
                        let room = own.min(most.elements.into()) as u32;
                        *table = Table {
                            least,
                            most: room.max(least),
                            first: words,
                        };
                        words = words.saturating_add(table.most as usize);
                    }
                }
                section::MEMORIES if body.u32()? > 0 => {
                    let (least, of_own, log2) = limits(&mut body)?;
                    is.page_log2 = log2;
                    let fits = u64::from(most.memory) >> log2;
                    is.pages = of_own.unwrap_or(u64::MAX).min(fits) as u32;
                    let bytes = least.checked_shl(log2).filter(|_| least <= fits);
                    let bytes = bytes.and_then(|bytes| u32::try_from(bytes).ok());
                    is.memory = bytes.ok_or(Error::TooMuch)?;
                }
                section::GLOBALS => {
                    for _ in 0..body.u32()? {
                        let kind = Kind::of(body.byte()?).unwrap_or_default();
                        body.byte()?;
                        read::skip_expression(&mut body)?;
                        is.global_words += kind.words();
                    }
                }
                section::ELEMENTS => {
                    for _ in 0..body.u32()? {
                        let elements = Elements::read(&mut body)?;
                        if matches!(elements.mode, Mode::Passive) {
                            references += elements.count as usize;
                        }
                        segments[1] += 1;
                    }
                }
                section::DATA => {
                    for _ in 0..body.u32()? {
                        let (mode, bytes) = read::data(&mut body)?;
                        if matches!(mode, Mode::Passive) {
                            data_words += bytes.len().div_ceil(4);
                        }
                        segments[0] += 1;
                    }
                }
                section::START => is.start = Some(body.u32()?),
                _ => {}
            }
        }
        let mut take = |count: usize| {
            let place = words;
            words = words.saturating_add(count);
            place
        };
        is.data = take(data_words);
        is.references = take(references);
        is.data_segments = take(2 * segments[0]);
        is.element_segments = take(2 * segments[1]);
        is.known = take(is.table_count + KNOWN_WORDS);
        let in_context = context::global(is.table_count as u32, is.global_words, 0);
        take(in_context as usize / 4);
        is.words = words.next_multiple_of(4);
        Ok(is)
    }

    /// Words in front of the memory.
    #[must_use]
    pub const fn words(&self) -> usize {
        self.words
    }

    /// Functions, imported ones included.
    #[must_use]
    pub const fn functions(&self) -> u32 {
        self.functions
    }

    /// Where the global variable `index` is, in bytes below the memory, and its kind.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`], also if there is none.
    pub fn global(&self, index: u32) -> Result<(u32, Kind), Error> {
        let mut word = 0;
        let mut body = self.section(section::GLOBALS)?;
        for number in 0..body.u32()? {
            let kind = Kind::of(body.byte()?).unwrap_or_default();
            body.byte()?;
            read::skip_expression(&mut body)?;
            if number == index {
                let tables = self.table_count as u32;
                return Ok((context::global(tables, word, kind.words()), kind));
            }
            word += kind.words();
        }
        Err(body.error("no such variable").into())
    }

    /// The index of what is exported as `name`, if it is of this kind: 0 a function, 1 a table, 2 a memory, 3 a global variable.
    #[must_use]
    pub fn export(&self, name: &str, kind: u8) -> Option<u32> {
        let mut body = self.section(section::EXPORTS).ok()?;
        for _ in 0..body.u32().ok()? {
            let is = body.name().ok()? == name;
            let of_kind = body.byte().ok()? == kind;
            let index = body.u32().ok()?;
            if is && of_kind {
                return Some(index);
            }
        }
        None
    }

    /// The number that an object has in the entries of functions with these parameters and results, as type bytes; `None` if the module has no such type.
    #[must_use]
    pub fn type_number(&self, parameters: &[u8], results: &[u8]) -> Option<u32> {
        let mut body = self.section(section::TYPES).ok()?;
        for number in 0..body.u32().ok()? {
            // The form of a type, which is that of a function.
            body.byte().ok()?;
            let mut list = || {
                let length = body.u32().ok()?;
                body.slice(length).ok()
            };
            let (takes, gives) = (list()?, list()?);
            if takes == parameters && gives == results {
                return Some(number);
            }
        }
        None
    }

    /// Contents of a section; none if there is no such.
    fn section(&self, wanted: u8) -> Result<Reader<'a>, Error> {
        let mut reader = Reader::module(self.image)?;
        while !reader.is_empty() {
            let (id, body) = reader.section()?;
            if id == wanted {
                return Ok(body);
            }
        }
        Ok(Reader::new(&[0], 0))
    }
}
