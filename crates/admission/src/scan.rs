//! The pass over the sections of a module, and the limits on them.
//!
//! Source: WebAssembly core specification 5.5 (modules), custom page sizes
//! proposal (memory limits flag 8).

use super::Malformed;
use super::code::{self, Shape};
use super::entries::{Functions, MAIN, MEMORY, PAUSE, TailCalls};
use super::imports::{HostFunction, Imports};
use super::module::{Counts, Module, Sections, most};
use super::reader::Reader;
use super::types::{function_type, type_at, value_type};

/// Section numbers in the order in which a module must have them.
const ORDER: [u8; 12] = [
    id::TYPE,
    id::IMPORT,
    id::FUNCTION,
    id::TABLE,
    id::MEMORY,
    id::GLOBAL,
    id::EXPORT,
    id::START,
    id::ELEMENT,
    id::DATA_COUNT,
    id::CODE,
    id::DATA,
];

mod id {
    pub(super) const CUSTOM: u8 = 0;
    pub(super) const TYPE: u8 = 1;
    pub(super) const IMPORT: u8 = 2;
    pub(super) const FUNCTION: u8 = 3;
    pub(super) const TABLE: u8 = 4;
    pub(super) const MEMORY: u8 = 5;
    pub(super) const GLOBAL: u8 = 6;
    pub(super) const EXPORT: u8 = 7;
    pub(super) const START: u8 = 8;
    pub(super) const ELEMENT: u8 = 9;
    pub(super) const CODE: u8 = 10;
    pub(super) const DATA: u8 = 11;
    pub(super) const DATA_COUNT: u8 = 12;
}

const MEMORY_GROW: u8 = 0x40;

/// Kinds of exports.
const KIND_FUNCTION: u8 = 0;
const KIND_MEMORY: u8 = 2;

impl<'a> Module<'a> {
    /// Look through a whole image.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong and where it stands.
    pub fn scan(image: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::module(image)?;
        let mut scan = Scan::new();
        while !reader.is_empty() {
            let start = reader;
            let (section, body) = reader.section()?;
            scan.order(section, &start)?;
            scan.section(section, body)?;
        }
        scan.finish(&reader)
    }
}

/// State of the pass.
struct Scan<'a> {
    /// The sections that are read again, as far as they have come.
    sections: Sections<'a>,
    /// How many there are of what costs memory.
    counts: Counts,
    /// Place of the last section in [`ORDER`], from 1 on; 0: none has come.
    last: usize,
    /// Functions that it says it defines.
    functions: u32,
    /// The types of all functions, imported ones included.
    index: Functions<'a>,
    /// Calls in tail position, and what they may reach.
    tail_calls: TailCalls<'a>,
    /// Bodies of functions.
    bodies: u32,
    /// Memories that it defines.
    memories: u32,
    /// Bytes of its memory at the start.
    memory_bytes: u64,
    /// Bytes of all bodies.
    code_bytes: u32,
    /// Elements of all tables at the start.
    table_elements: u64,
    /// It exports a `_start` that can be called.
    has_main: bool,
    /// It exports its memory under the name that host functions look for.
    exports_memory: bool,
    /// It imports a function that takes a pointer.
    passes_pointers: bool,
    /// It has an instruction that asks for more memory.
    grows: bool,
}

impl<'a> Scan<'a> {
    /// Nothing has been read.
    fn new() -> Self {
        Self {
            sections: Sections::default(),
            counts: Counts::default(),
            last: 0,
            functions: 0,
            index: Functions::default(),
            tail_calls: TailCalls::default(),
            bodies: 0,
            memories: 0,
            memory_bytes: 0,
            code_bytes: 0,
            table_elements: 0,
            has_main: false,
            exports_memory: false,
            passes_pointers: false,
            grows: false,
        }
    }

    /// Each section at most once and in the order of the specification.
    fn order(&mut self, section: u8, start: &Reader<'_>) -> Result<(), Malformed> {
        if section == id::CUSTOM {
            return Ok(());
        }
        let place = ORDER
            .iter()
            .position(|known| *known == section)
            .ok_or(start.error("unknown section"))?
            + 1;
        if place <= self.last {
            return Err(start.error("section out of order"));
        }
        self.last = place;
        Ok(())
    }

    /// Reads one section, whose contents are `body`.
    fn section(&mut self, section: u8, mut body: Reader<'a>) -> Result<(), Malformed> {
        let whole = body;
        match section {
            id::CUSTOM => {
                body.name()?;
                return Ok(());
            }
            id::TYPE => {
                self.sections.types = Some(whole);
                self.counts.types = count(&mut body, most::TYPES, "too many types")?;
                for _ in 0..self.counts.types {
                    let (parameters, results) = function_type(&mut body)?;
                    self.counts.type_values += (parameters.len() + results.len()) as u32;
                }
            }
            id::IMPORT => {
                self.sections.imports = Some(whole);
                self.counts.imports = count(&mut body, most::IMPORTS, "too many imports")?;
                let mut imports = Imports::new(Some(whole));
                for _ in 0..self.counts.imports {
                    let import = imports.next().ok_or(body.error("unexpected end"))??;
                    self.counts.name_bytes += (import.module.len() + import.name.len()) as u32;
                    self.index.imported += u32::from(import.function_type.is_some());
                    self.passes_pointers |=
                        HostFunction::named(&import).is_ok_and(|f| f.takes_pointers());
                }
                self.index.imports = Some(whole);
                body = imports.rest();
            }
            id::FUNCTION => {
                self.functions = count(&mut body, most::FUNCTIONS, "too many functions")?;
                self.index.defined = Some(body);
                for _ in 0..self.functions {
                    body.u32()?;
                }
            }
            id::TABLE => self.tables(&mut body)?,
            id::MEMORY => self.memories(&mut body)?,
            id::EXPORT => self.exports(&mut body)?,
            id::CODE => self.code(&mut body)?,
            id::GLOBAL => {
                self.sections.globals = Some(whole);
                self.counts.globals = count(&mut body, most::GLOBALS, "too many globals")?;
                for _ in 0..self.counts.globals {
                    value_type(&mut body)?;
                    let mutable = body;
                    if body.byte()? > 1 {
                        return Err(mutable.error("neither constant nor variable"));
                    }
                    self.expression(&mut body)?;
                }
            }
            id::ELEMENT => self.elements(&mut body)?,
            id::DATA => {
                self.sections.data = Some(whole);
                self.data(&mut body)?;
            }
            id::START => {
                let start = body;
                let what = "the start function is an imported one";
                self.index.own(body.u32()?, &start, what)?;
            }
            // A data count is a single number.
            _ => {
                body.u32()?;
            }
        }
        if body.is_empty() {
            Ok(())
        } else {
            Err(body.error("section longer than its contents"))
        }
    }

    fn tables(&mut self, body: &mut Reader<'a>) -> Result<(), Malformed> {
        let start = *body;
        let tables = count(body, 8, "too many tables")?;
        for _ in 0..tables {
            // 0x40 0x00 announces an initial value; its expression follows.
            let first = body.byte()?;
            if first == 0x40 {
                return Err(start.error("table with an initial value"));
            }
            if first != 0x70 && first != 0x6f {
                return Err(start.error("table of something unknown"));
            }
            let (least, _) = limits(body, 0, "shared or 64-bit table")?;
            self.table_elements = self.table_elements.saturating_add(least);
        }
        if self.table_elements > most::TABLE_ELEMENTS {
            return Err(start.error("table too large"));
        }
        Ok(())
    }

    fn memories(&mut self, body: &mut Reader<'a>) -> Result<(), Malformed> {
        self.memories = count(body, 1, "more than one memory")?;
        for _ in 0..self.memories {
            let start = *body;
            let (least, page_log2) = limits(body, flag::PAGE_SIZE, "shared or 64-bit memory")?;
            self.memory_bytes = least
                .checked_shl(page_log2)
                .filter(|bytes| bytes >> page_log2 == least)
                .ok_or(start.error("memory too large"))?;
        }
        Ok(())
    }

    fn exports(&mut self, body: &mut Reader<'a>) -> Result<(), Malformed> {
        self.counts.exports = count(body, most::EXPORTS, "too many exports")?;
        for _ in 0..self.counts.exports {
            let start = *body;
            let name = body.name()?;
            let kind = body.byte()?;
            let index = body.u32()?;
            self.counts.name_bytes += name.len() as u32;
            match (name, kind) {
                (MAIN, KIND_FUNCTION) => {
                    let (imported, typed) = (
                        "_start is an imported function",
                        "_start has parameters or results",
                    );
                    self.entry(index, &start, imported, typed)?;
                    self.has_main = true;
                }
                (PAUSE, KIND_FUNCTION) => {
                    let (imported, typed) = (
                        "_pause is an imported function",
                        "_pause has parameters or results",
                    );
                    self.entry(index, &start, imported, typed)?;
                }
                (MEMORY, KIND_MEMORY) => self.exports_memory = true,
                _ => {}
            }
        }
        Ok(())
    }

    /// Is function `index` one that the device can call: of the module's own, without parameters and results?
    fn entry(
        &self,
        index: u32,
        at: &Reader<'_>,
        imported: &'static str,
        typed: &'static str,
    ) -> Result<(), Malformed> {
        self.index.own(index, at, imported)?;
        let own_type = self.index.type_of(index);
        match own_type.and_then(|index| type_at(self.sections.types, index)) {
            Some(([], [])) => Ok(()),
            _ => Err(at.error(typed)),
        }
    }

    /// Reads one expression.
    fn expression(&mut self, body: &mut Reader<'a>) -> Result<Shape, Malformed> {
        let (tail_calls, index) = (&mut self.tail_calls, &self.index);
        let grows = &mut self.grows;
        code::expression(body, |at| {
            let mut instruction = at;
            *grows |= instruction.byte() == Ok(MEMORY_GROW);
            tail_calls.instruction(at, index)
        })
    }

    fn code(&mut self, body: &mut Reader<'a>) -> Result<(), Malformed> {
        self.bodies = count(body, most::FUNCTIONS, "too many functions")?;
        for _ in 0..self.bodies {
            let length = body.u32()?;
            let mut function = body.part(length)?;
            self.code_bytes = self.code_bytes.saturating_add(length);
            let mut locals = 0u64;
            for _ in 0..function.u32()? {
                let start = function;
                locals += u64::from(function.u32()?);
                value_type(&mut function)?;
                if locals > most::LOCALS {
                    return Err(start.error("too many locals"));
                }
            }
            let shape = self.expression(&mut function)?;
            if !function.is_empty() {
                return Err(function.error("code behind the end of a function"));
            }
            let largest = &mut self.counts.largest;
            largest.body = largest.body.max(length);
            largest.locals = largest.locals.max(locals);
            largest.shape = largest.shape.max(shape);
        }
        Ok(())
    }

    fn elements(&mut self, body: &mut Reader<'a>) -> Result<(), Malformed> {
        self.counts.element_segments = count(body, most::SEGMENTS, "too many element segments")?;
        for _ in 0..self.counts.element_segments {
            let start = *body;
            let flags = body.u32()?;
            if flags > 7 {
                return Err(start.error("unknown element segment"));
            }
            // Bit 0: passive or declared; bit 1: with a table, or declared.
            if flags & 1 == 0 {
                if flags & 2 != 0 {
                    body.u32()?;
                }
                self.expression(body)?;
            }
            // Kind or type of the elements.
            if flags & 3 != 0 {
                body.byte()?;
            }
            let items = body.u32()?;
            for _ in 0..items {
                if flags & 4 == 0 {
                    self.tail_calls.refers_to(body.u32()?, &self.index);
                } else {
                    self.expression(body)?;
                }
            }
            self.counts.items += u64::from(items);
        }
        Ok(())
    }

    fn data(&mut self, body: &mut Reader<'a>) -> Result<(), Malformed> {
        self.counts.data_segments = count(body, most::SEGMENTS, "too many data segments")?;
        for _ in 0..self.counts.data_segments {
            let start = *body;
            match body.u32()? {
                0 => drop(self.expression(body)?),
                1 => {}
                2 => {
                    body.u32()?;
                    self.expression(body)?;
                }
                _ => return Err(start.error("unknown data segment")),
            }
            let length = body.u32()?;
            body.slice(length)?;
            self.counts.data_bytes += u64::from(length);
        }
        Ok(())
    }

    /// All has been read. Returns what is known of the module.
    fn finish(self, end: &Reader<'_>) -> Result<Module<'a>, Malformed> {
        if self.functions != self.bodies {
            return Err(end.error("functions without bodies, or bodies without functions"));
        }
        if !self.has_main {
            return Err(end.error("no exported function _start"));
        }
        if self.passes_pointers && self.memories > 0 && !self.exports_memory {
            return Err(end.error("its memory is not exported as \"memory\""));
        }
        self.tail_calls.finish()?;
        Ok(Module {
            sections: self.sections,
            counts: self.counts,
            memory_bytes: self.memory_bytes,
            code_bytes: self.code_bytes,
            functions: self.functions,
            table_elements: self.table_elements as u32,
            grows: self.grows,
        })
    }
}

/// The number of entries of a section.
fn count(reader: &mut Reader<'_>, most: u32, what: &'static str) -> Result<u32, Malformed> {
    let start = *reader;
    let count = reader.u32()?;
    if count > most {
        return Err(start.error(what));
    }
    Ok(count)
}

/// Bits of the byte before limits.
mod flag {
    pub(super) const MAXIMUM: u8 = 1;
    pub(super) const PAGE_SIZE: u8 = 8;
}

/// Limits of a table or memory, of which only a maximum and `allowed` flags may be told: least,
/// log2 of the page size. What else there is makes the thing `unlike` what containers have.
fn limits(
    reader: &mut Reader<'_>,
    allowed: u8,
    unlike: &'static str,
) -> Result<(u64, u32), Malformed> {
    let start = *reader;
    let flags = reader.byte()?;
    if flags & !(flag::MAXIMUM | allowed) != 0 {
        return Err(start.error(unlike));
    }
    let least = reader.u64()?;
    if flags & flag::MAXIMUM != 0 && reader.u64()? < least {
        return Err(start.error("limits whose most is below their least"));
    }
    let mut page_log2 = 16;
    if flags & flag::PAGE_SIZE != 0 {
        page_log2 = reader.u32()?;
        if page_log2 != 0 && page_log2 != 16 {
            return Err(start.error("page size is neither 1 nor 65536"));
        }
    }
    Ok((least, page_log2))
}
