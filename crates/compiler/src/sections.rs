//! The sections of a module in front of its code: what there is of everything, and whether it is valid.
//!
//! Source: WebAssembly core specification 3.4 (validation of modules), 5.5 (modules).

use berth_admission::Malformed;
use berth_admission::reader::Reader;

use crate::constant::{self, Constants};
use crate::instruction::value_type;
use crate::kind::{Kind, Signature};
use crate::{Error, Room};

/// A type of functions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Type {
    /// Where its parameters begin in the image, their number first.
    offset: u32,
    /// The first type that says the same.
    pub(crate) canonical: u16,
}

/// A function of the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    /// Where its code begins in the object, in bytes; 0: it has none yet.
    pub(crate) address: u32,
    /// What a call costs beside what it charges itself; only if it has code.
    pub(crate) cost: u16,
    /// Its type.
    type_index: u16,
    /// Code may take a reference to it.
    declared: bool,
}

/// A global variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Global {
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
const SEGMENTS_MAX: usize = 128;

/// A module as far as it is known, and the room in which it is.
pub(crate) struct Module<'m, 'a> {
    pub(crate) image: &'a [u8],
    pub(crate) room: Room<'m, 'a>,
    types: usize,
    pub(crate) functions: usize,
    /// How many of the functions are imported.
    pub(crate) imported: usize,
    pub(crate) globals: usize,
    imported_globals: usize,
    /// Words of all globals.
    pub(crate) global_words: u32,
    tables: [Kind; TABLES_MAX],
    pub(crate) table_count: usize,
    pub(crate) memories: usize,
    /// Logarithm of the bytes of a page.
    pub(crate) page_log2: u32,
    /// A table, memory or variable is imported, which no device has.
    pub(crate) imports_others: bool,
    /// Kinds of element segments: bit set, references of the host's.
    segments: [u32; SEGMENTS_MAX / 32],
    segment_count: usize,
    data_count: Option<u32>,
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
        }
    }

    /// Reads one section that is neither code nor data. Types of functions come before what uses them.
    pub(crate) fn section(&mut self, id: u8, mut body: Reader<'a>) -> Result<(), Error> {
        let reader = &mut body;
        match id {
            1 => self.type_section(reader),
            2 => self.import_section(reader),
            3 => {
                for _ in 0..reader.u32()? {
                    self.function(reader)?;
                }
                Ok(())
            }
            4 => {
                for _ in 0..reader.u32()? {
                    let kind = value_type(reader)?;
                    self.table(kind, reader)?;
                }
                Ok(())
            }
            5 => {
                for _ in 0..reader.u32()? {
                    self.memory(reader)?;
                }
                Ok(())
            }
            6 => {
                for _ in 0..reader.u32()? {
                    let kind = self.global_type(reader)?;
                    let own = self.globals;
                    constant::expression(reader, kind, self)?;
                    debug_assert!(own == self.globals);
                    self.add_global(kind.0, kind.1)?;
                }
                Ok(())
            }
            7 => self.export_section(reader),
            8 => {
                let start = *reader;
                match self.function_signature(reader.u32()?) {
                    Some(Signature {
                        parameters: [],
                        results: [],
                    }) => Ok(()),
                    _ => Err(start.error("no start function").into()),
                }
            }
            9 => self.element_section(reader),
            12 => {
                self.data_count = Some(reader.u32()?);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn type_section(&mut self, reader: &mut Reader<'a>) -> Result<(), Error> {
        for _ in 0..reader.u32()? {
            // The scan has read it: 0x60, parameters, results.
            reader.byte()?;
            let offset = reader.offset();
            for _ in 0..2 {
                let values = reader.u32()?;
                reader.slice(values)?;
            }
            let index = self.types;
            let entry = self
                .room
                .types
                .get_mut(index)
                .ok_or(Error::refused("too many types"))?;
            *entry = Type {
                offset,
                canonical: index as u16,
            };
            self.types += 1;
            let own = self.signature(index as u32);
            let first = (0..index).find(|earlier| self.signature(*earlier as u32) == own);
            self.room.types[index].canonical = first.unwrap_or(index) as u16;
        }
        Ok(())
    }

    fn import_section(&mut self, reader: &mut Reader<'a>) -> Result<(), Error> {
        for _ in 0..reader.u32()? {
            reader.name()?;
            reader.name()?;
            let start = *reader;
            let kind = reader.byte()?;
            self.imports_others |= kind != 0;
            match kind {
                0 => {
                    self.function(reader)?;
                    self.imported += 1;
                }
                1 => {
                    let kind = value_type(reader)?;
                    self.table(kind, reader)?;
                }
                2 => self.memory(reader)?,
                3 => {
                    let (kind, mutable) = self.global_type(reader)?;
                    self.add_global(kind, mutable)?;
                    self.imported_globals += 1;
                }
                _ => return Err(start.error("unknown kind of import").into()),
            }
        }
        Ok(())
    }

    fn function(&mut self, reader: &mut Reader<'a>) -> Result<(), Error> {
        let start = *reader;
        let index = reader.u32()?;
        if index as usize >= self.types {
            return Err(start.error("unknown type").into());
        }
        let entry = self
            .room
            .functions
            .get_mut(self.functions)
            .ok_or(Error::refused("too many functions"))?;
        *entry = Function {
            type_index: index as u16,
            ..Function::NONE
        };
        self.functions += 1;
        Ok(())
    }

    fn table(&mut self, kind: Kind, reader: &mut Reader<'a>) -> Result<(), Error> {
        let start = *reader;
        if !kind.is_reference() {
            return Err(start.error("a table of no references").into());
        }
        let flags = reader.byte()?;
        let least = reader.u32()?;
        let most = if flags & 1 != 0 {
            reader.u32()?
        } else {
            u32::MAX
        };
        if flags & !1 != 0 || most < least {
            return Err(start.error("limits of a table").into());
        }
        let entry = self
            .tables
            .get_mut(self.table_count)
            .ok_or(Error::refused("too many tables"))?;
        *entry = kind;
        self.table_count += 1;
        Ok(())
    }

    fn memory(&mut self, reader: &mut Reader<'a>) -> Result<(), Error> {
        let start = *reader;
        self.memories += 1;
        let flags = reader.byte()?;
        let least = reader.u32()?;
        let most = if flags & 1 != 0 { reader.u32()? } else { least };
        let mut page_log2 = 16;
        if flags & 8 != 0 {
            page_log2 = reader.u32()?;
        }
        let pages_max = match page_log2 {
            0 => u32::MAX,
            16 => 1 << 16,
            _ => return Err(start.error("a page of another size").into()),
        };
        if self.memories > 1 || flags & !9 != 0 || least > most || most > pages_max {
            return Err(start.error("limits of a memory").into());
        }
        self.page_log2 = page_log2;
        Ok(())
    }

    fn global_type(&self, reader: &mut Reader<'a>) -> Result<(Kind, bool), Error> {
        let kind = value_type(reader)?;
        let start = *reader;
        match reader.byte()? {
            mutable @ 0..=1 => Ok((kind, mutable == 1)),
            _ => Err(start.error("neither constant nor variable").into()),
        }
    }

    fn add_global(&mut self, kind: Kind, mutable: bool) -> Result<(), Error> {
        let entry = self
            .room
            .globals
            .get_mut(self.globals)
            .ok_or(Error::refused("too many globals"))?;
        *entry = Global {
            kind,
            mutable,
            word: self.global_words as u16,
        };
        self.globals += 1;
        self.global_words += kind.words();
        Ok(())
    }

    fn export_section(&mut self, reader: &mut Reader<'a>) -> Result<(), Error> {
        let count = reader.u32()?;
        let first = *reader;
        for number in 0..count {
            let start = *reader;
            let name = reader.name()?;
            let kind = reader.byte()?;
            let index = reader.u32()? as usize;
            let there = match kind {
                0 => {
                    self.declare(index);
                    self.functions
                }
                1 => self.table_count,
                2 => self.memories,
                3 => self.globals,
                _ => return Err(start.error("unknown kind of export").into()),
            };
            if index >= there {
                return Err(start.error("an export of what there is not").into());
            }
            let mut earlier = first;
            for _ in 0..number {
                if earlier.name()? == name {
                    return Err(start.error("two exports of one name").into());
                }
                earlier.byte()?;
                earlier.u32()?;
            }
        }
        Ok(())
    }

    fn element_section(&mut self, reader: &mut Reader<'a>) -> Result<(), Error> {
        for _ in 0..reader.u32()? {
            let start = *reader;
            let flags = reader.u32()?;
            let mut table = None;
            if flags & 1 == 0 {
                let index = if flags & 2 != 0 { reader.u32()? } else { 0 };
                table = Some(self.table_kind(index).ok_or(start.error("unknown table"))?);
                constant::expression(reader, (Kind::I32, false), self)?;
            }
            let mut kind = Kind::Function;
            if flags & 3 != 0 {
                let at = *reader;
                if flags & 4 != 0 {
                    kind = value_type(reader)?;
                    if !kind.is_reference() {
                        return Err(at.error("elements that are no references").into());
                    }
                } else if reader.byte()? != 0 {
                    return Err(at.error("elements of an unknown kind").into());
                }
            }
            if table.is_some_and(|table| table != kind) {
                return Err(start
                    .error("elements of another kind than the table's")
                    .into());
            }
            for _ in 0..reader.u32()? {
                if flags & 4 != 0 {
                    constant::expression(reader, (kind, false), self)?;
                } else {
                    let at = *reader;
                    let index = reader.u32()? as usize;
                    if index >= self.functions {
                        return Err(at.error("unknown function").into());
                    }
                    self.declare(index);
                }
            }
            let (word, bit) = (self.segment_count / 32, self.segment_count % 32);
            let bits = self
                .segments
                .get_mut(word)
                .ok_or(Error::refused("too many element segments"))?;
            if kind == Kind::Extern {
                *bits |= 1 << bit;
            }
            self.segment_count += 1;
        }
        Ok(())
    }

    /// Looks at the data section behind the code.
    pub(crate) fn data_section(&mut self, mut body: Reader<'a>) -> Result<(), Error> {
        let start = body;
        let count = body.u32()?;
        if self.data_count.is_some_and(|said| said != count) {
            return Err(start
                .error("another number of data segments was told")
                .into());
        }
        for _ in 0..count {
            let start = body;
            let flags = body.u32()?;
            if flags == 2 && body.u32()? != 0 {
                return Err(start.error("unknown memory").into());
            }
            if flags != 1 {
                if self.memories == 0 {
                    return Err(start.error("data without a memory").into());
                }
                constant::expression_of_data(&mut body, self)?;
            }
            let length = body.u32()?;
            body.slice(length)?;
        }
        Ok(())
    }

    /// There is no data section: was one announced?
    pub(crate) fn no_data_section(&self, end: &Reader<'_>) -> Result<(), Malformed> {
        match self.data_count {
            None | Some(0) => Ok(()),
            Some(_) => Err(end.error("there is no data section")),
        }
    }

    fn declare(&mut self, index: usize) {
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
