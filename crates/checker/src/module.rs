//! What the checker wants to know of the WebAssembly module that an object was made of.
//!
//! The module was admitted and compiled before, so it is valid; what cannot be read all the same is refused.

use berth_admission::Malformed;
use berth_admission::reader::Reader;
use berth_compiler::entry::Direct;
use berth_compiler::entry::context::{self, OWN};

use crate::Refusal;

/// Numbers of everything, and where in the context it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Module {
    pub(crate) types: u32,
    pub(crate) functions: u32,
    pub(crate) imported: u32,
    pub(crate) tables: u32,
    /// Tables of functions, one bit each.
    function_tables: u32,
    global_words: u32,
    pub(crate) data: u32,
    pub(crate) elements: u32,
    /// Numbers of the imported functions that may be accesses to registers.
    direct: [Option<u32>; Direct::COUNT],
}

/// What there is of a type in the room: the first type that says the same, and bytes that a caller keeps at sp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Type(u32);

impl Type {
    pub(crate) const fn of(word: u32) -> Self {
        Self(word)
    }
    pub(crate) const fn canonical(self) -> u32 {
        self.0 & 0xffff
    }
    pub(crate) const fn outgoing(self) -> i32 {
        (self.0 >> 16) as i32
    }
}

/// What is wrong if the module cannot be read.
const UNREADABLE: &str = "the module cannot be read";

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self {
            offset: malformed.offset,
            what: UNREADABLE,
        }
    }
}

/// A value type is two words long: `i64` and `f64`.
const fn is_wide(kind: u8) -> bool {
    matches!(kind, 0x7e | 0x7c)
}

/// Words of values of these kinds.
fn words(kinds: &[u8]) -> u32 {
    kinds.iter().map(|kind| 1 + u32::from(is_wide(*kind))).sum()
}

/// The next function type as the bytes of its parameters and results.
fn function_type<'a>(reader: &mut Reader<'a>) -> Result<[&'a [u8]; 2], Malformed> {
    reader.byte()?;
    let parameters = reader.u32()?;
    let parameters = reader.slice(parameters)?;
    let results = reader.u32()?;
    Ok([parameters, reader.slice(results)?])
}

/// The type `index` of a module, likewise.
fn type_at(image: &[u8], index: u32) -> Result<[&[u8]; 2], Malformed> {
    let mut reader = Reader::module(image)?;
    loop {
        let (id, mut body) = reader.section()?;
        if id == 1 {
            body.u32()?;
            for _ in 0..index {
                function_type(&mut body)?;
            }
            return function_type(&mut body);
        }
    }
}

impl Module {
    /// Number of types of a module.
    pub(crate) fn type_count(image: &[u8]) -> Result<u32, Refusal> {
        let mut reader = Reader::module(image)?;
        while !reader.is_empty() {
            let (id, mut body) = reader.section()?;
            if id == 1 {
                return Ok(body.u32()?);
            }
        }
        Ok(0)
    }

    /// Reads a module. Its types come to `types`; `function` is told the types of all functions in their order.
    pub(crate) fn read(
        image: &[u8],
        types: &mut [u32],
        mut function: impl FnMut(u32, Type) -> Result<(), Refusal>,
    ) -> Result<Self, Refusal> {
        let mut is = Self::default();
        let mut reader = Reader::module(image)?;
        while !reader.is_empty() {
            let (id, mut body) = reader.section()?;
            let body = &mut body;
            match id {
                1 => is.read_types(body, types)?,
                2 => {
                    for _ in 0..body.u32()? {
                        let (module, name) = (body.name()?, body.name()?);
                        // The compiler refuses what is imported and no function.
                        if body.byte()? != 0 {
                            return Err(body.error(UNREADABLE).into());
                        }
                        let mut of_type = *body;
                        is.read_function(body, types, &mut function)?;
                        is.note_direct(module, name, type_at(image, of_type.u32()?)?);
                    }
                    is.imported = is.functions;
                }
                3 => {
                    for _ in 0..body.u32()? {
                        is.read_function(body, types, &mut function)?;
                    }
                }
                4 => {
                    for _ in 0..body.u32()? {
                        if body.byte()? == 0x70 && is.tables < 32 {
                            is.function_tables |= 1 << is.tables;
                        }
                        is.tables += 1;
                        let limited = body.byte()? & 1 != 0;
                        body.leb()?;
                        if limited {
                            body.leb()?;
                        }
                    }
                }
                6 => {
                    for _ in 0..body.u32()? {
                        is.global_words += words(&[body.byte()?]);
                        body.byte()?;
                        skip_expression(body)?;
                    }
                }
                9 => is.elements = body.u32()?,
                11 | 12 => is.data = body.u32()?,
                _ => {}
            }
        }
        Ok(is)
    }

    /// The function that was read last, imported by these names with this type, may be an access.
    fn note_direct(&mut self, module: &str, name: &str, [parameters, results]: [&[u8]; 2]) {
        let index = self.functions - 1;
        let is = Direct::named(module, name, parameters, results);
        if let Some(is) = is.filter(|_| index < Direct::NUMBERS) {
            self.direct[is as usize].get_or_insert(index);
        }
    }

    /// The access that the imported function `index` may be.
    pub(crate) fn direct(&self, index: u32) -> Option<Direct> {
        let all = [Direct::Read, Direct::Write, Direct::Modify];
        let mut all = all.into_iter().zip(self.direct);
        all.find(|(_, number)| *number == Some(index))
            .map(|(is, _)| is)
    }

    fn read_types(&mut self, body: &mut Reader<'_>, types: &mut [u32]) -> Result<(), Refusal> {
        self.types = body.u32()?;
        let first = *body;
        for index in 0..self.types {
            let own = function_type(body)?;
            let mut earlier = first;
            let mut canonical = index;
            for other in 0..index {
                if function_type(&mut earlier)? == own {
                    canonical = other;
                    break;
                }
            }
            let outgoing = 4 * words(own[0]).max(words(own[1])).saturating_sub(4);
            match types.get_mut(index as usize) {
                Some(place) if outgoing < 1 << 15 && canonical < 1 << 16 => {
                    *place = outgoing << 16 | canonical;
                }
                _ => return Err(body.error(UNREADABLE).into()),
            }
        }
        Ok(())
    }

    fn read_function(
        &mut self,
        body: &mut Reader<'_>,
        types: &[u32],
        function: &mut impl FnMut(u32, Type) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let start = *body;
        let word = types.get(body.u32()? as usize);
        let word = word.ok_or::<Refusal>(start.error(UNREADABLE).into())?;
        function(self.functions, Type::of(*word))?;
        self.functions += 1;
        Ok(())
    }

    /// Do these words of the context, from `distance` bytes below the memory up, lie in its global variables?
    pub(crate) const fn is_global(&self, distance: i64) -> bool {
        let first = context::global(self.tables, 0, 1) as i64;
        let last = context::global(self.tables, self.global_words, 0) as i64;
        distance >= first && distance <= last && distance % 4 == 0
    }

    /// The table whose length is so far below the memory.
    pub(crate) const fn table_of_length(&self, distance: i64) -> Option<u32> {
        let from = distance - OWN as i64 - 4;
        let is = from >= 0 && from % 8 == 0 && from / 8 < self.tables as i64;
        if is { Some((from / 8) as u32) } else { None }
    }

    /// Has this table functions?
    pub(crate) const fn has_functions(&self, table: u32) -> bool {
        self.function_tables >> (table & 31) & 1 != 0
    }
}

/// Skips a constant expression.
fn skip_expression(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    loop {
        let start = *reader;
        match reader.byte()? {
            0x0b => return Ok(()),
            0x23 | 0x41 | 0x42 | 0xd2 => reader.leb()?,
            0x43 => drop(reader.slice(4)?),
            0x44 => drop(reader.slice(8)?),
            0xd0 => drop(reader.byte()?),
            // Sums, differences and products.
            0x6a..=0x6c | 0x7c..=0x7e => {}
            _ => return Err(start.error(UNREADABLE)),
        }
    }
}
