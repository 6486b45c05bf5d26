//! The sections of a module in front of its code: what there is of everything, and whether it is valid.
//!
//! Source: WebAssembly core specification 3.4 (validation of modules), 5.5 (modules).

use berth_admission::Malformed;
use berth_admission::reader::Reader;

use crate::Error;
use crate::constant;
use crate::instruction::value_type;
use crate::kind::{Kind, Signature};
use crate::module::{Function, Global, Module, Type};

impl<'m, 'a> Module<'m, 'a> {
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
            let (module, name) = (reader.name()?, reader.name()?);
            let start = *reader;
            let kind = reader.byte()?;
            self.imports_others |= kind != 0;
            match kind {
                0 => {
                    self.function(reader)?;
                    self.note_direct(module, name);
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
}
