//! What there is of everything in a module, as far as it was read.

use berth_admission::reader::Reader;

use crate::Room;
use crate::constant::Constants;
use crate::entry::Direct;
use crate::kind::{Kind, Signature};

/// A type of functions.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    /// Where its parameters begin in the image, their number first.
    pub(crate) offset: u32,
    /// The first type that says the same.
    pub(crate) canonical: u16,
}

/// A function of the module.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Where its code begins in the object, in bytes; 0: it has none yet.
    pub(crate) address: u32,
    /// What a call costs beside what it charges itself; only if it has code.
    pub(crate) cost: u16,
    /// Its type.
    pub(crate) type_index: u16,
    /// Code may take a reference to it.
    pub(crate) declared: bool,
}

/// A global variable.
#[derive(Clone, Copy, Debug)]
pub struct Global {
    pub(crate) kind: Kind,
    pub(crate) mutable: bool,
    /// Words of the globals in front of it.
    pub(crate) word: u16,
}

impl Type {
    pub(crate) const NONE: Self = Self {
        offset: 0,
        canonical: 0,
    };
}
impl Function {
    pub(crate) const NONE: Self = Self {
        address: 0,
        cost: 0,
        type_index: 0,
        declared: false,
    };
}
impl Global {
    pub(crate) const NONE: Self = Self {
        kind: Kind::I32,
        mutable: false,
        word: 0,
    };
}

/// Most tables of a module, as of the scan.
pub(crate) const TABLES_MAX: usize = 8;
/// Segments whose kind is remembered, as of the scan.
pub(crate) const SEGMENTS_MAX: usize = 128;

/// A module as far as it is known, and the room in which it is.
pub(crate) struct Module<'m, 'a> {
    pub(crate) image: &'a [u8],
    pub(crate) room: Room<'m, 'a>,
    pub(crate) types: usize,
    pub(crate) functions: usize,
    /// How many of the functions are imported.
    pub(crate) imported: usize,
    pub(crate) globals: usize,
    pub(crate) imported_globals: usize,
    /// Words of all globals.
    pub(crate) global_words: u32,
    pub(crate) tables: [Kind; TABLES_MAX],
    pub(crate) table_count: usize,
    pub(crate) memories: usize,
    /// Logarithm of the bytes of a page.
    pub(crate) page_log2: u32,
    /// A table, memory or variable is imported, which no device has.
    pub(crate) imports_others: bool,
    /// Kinds of element segments: bit set, references of the host's.
    pub(crate) segments: [u32; SEGMENTS_MAX / 32],
    pub(crate) segment_count: usize,
    pub(crate) data_count: Option<u32>,
    /// Numbers of the functions that are accesses to registers.
    pub(crate) direct: [Option<u32>; Direct::COUNT],
}

impl<'m, 'a> Module<'m, 'a> {
    pub(crate) const fn new(image: &'a [u8], room: Room<'m, 'a>) -> Self {
        Self {
            image,
            room,
            types: 0,
            functions: 0,
            imported: 0,
            globals: 0,
            imported_globals: 0,
            global_words: 0,
            tables: [Kind::Function; TABLES_MAX],
            table_count: 0,
            memories: 0,
            page_log2: 16,
            imports_others: false,
            segments: [0; SEGMENTS_MAX / 32],
            segment_count: 0,
            data_count: None,
            direct: [None; Direct::COUNT],
        }
    }

    /// Code may take a reference to function `index`.
    pub(crate) fn declare(&mut self, index: usize) {
        if let Some(function) = self.room.functions.get_mut(index) {
            function.declared = true;
        }
    }

    /// The type `index`.
    pub(crate) fn signature(&self, index: u32) -> Option<Signature<'a>> {
        let known = self.room.types[..self.types].get(index as usize)?;
        let mut reader = Reader::new(self.image.get(known.offset as usize..)?, 0);
        let count = reader.u32().ok()?;
        let parameters = reader.slice(count).ok()?;
        let count = reader.u32().ok()?;
        let results = reader.slice(count).ok()?;
        Some(Signature {
            parameters,
            results,
        })
    }

    /// The first type that says what type `index` does.
    pub(crate) fn canonical(&self, index: u32) -> u32 {
        self.room
            .types
            .get(index as usize)
            .map_or(0, |known| u32::from(known.canonical))
    }

    /// Index of the type of function `index`.
    pub(crate) fn function_type(&self, index: u32) -> Option<u32> {
        let function = self.room.functions[..self.functions].get(index as usize)?;
        Some(u32::from(function.type_index))
    }

    /// The type of function `index`.
    pub(crate) fn function_signature(&self, index: u32) -> Option<Signature<'a>> {
        self.signature(self.function_type(index)?)
    }

    /// May code take a reference to function `index`?
    pub(crate) fn is_declared(&self, index: u32) -> bool {
        let functions = &self.room.functions[..self.functions];
        functions
            .get(index as usize)
            .is_some_and(|function| function.declared)
    }

    /// The global `index`.
    pub(crate) fn global(&self, index: u32) -> Option<Global> {
        self.room.globals[..self.globals]
            .get(index as usize)
            .copied()
    }

    /// What table `index` has.
    pub(crate) fn table_kind(&self, index: u32) -> Option<Kind> {
        self.tables[..self.table_count].get(index as usize).copied()
    }

    /// What the element segment `index` has.
    pub(crate) fn segment_kind(&self, index: u32) -> Option<Kind> {
        let index = index as usize;
        (index < self.segment_count).then(|| {
            if self.segments[index / 32] >> (index % 32) & 1 == 0 {
                Kind::Function
            } else {
                Kind::Extern
            }
        })
    }

    /// Number of data segments, if it was told in front of the code.
    pub(crate) const fn data_segments(&self) -> Option<u32> {
        self.data_count
    }
}

impl Constants for Module<'_, '_> {
    fn constant_global(&self, index: u32) -> Option<Kind> {
        let global = self.global(index)?;
        ((index as usize) < self.imported_globals && !global.mutable).then_some(global.kind)
    }

    fn refer(&mut self, index: u32) -> bool {
        self.declare(index as usize);
        (index as usize) < self.functions
    }
}
