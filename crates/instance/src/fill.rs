//! The contents of an instance.

use berth_admission::reader::Reader;
use berth_compiler::Kind;
use berth_compiler::entry::{self, context};

use crate::read::{self, Elements, Mode, code, section, signed};
use crate::{Error, KNOWN, Layout, Moves};

/// Values that one constant expression has at most at once, as of the compiler.
const DEPTH: usize = 64;

/// An instance that is being filled.
struct Filling<'l, 'm> {
    layout: &'l Layout<'l>,
    words: &'m mut [u32],
    /// Address of the words.
    at: u32,
    /// Address of the object.
    code: u32,
}

impl Layout<'_> {
    /// Fills `words`, which are at address `at`, and the memory behind them, for the object at address `code`. Both hold zeros. The words of the
    /// device's own are left alone, but for the one at [`KNOWN`].
    ///
    /// # Errors
    ///
    /// [`Error::Table`] and [`Error::Memory`]; [`Error::TooMuch`] if `words` or `memory` are not of this layout.
    pub fn fill(
        &self,
        words: &mut [u32],
        memory: &mut [u8],
        at: u32,
        code: u32,
    ) -> Result<(), Error> {
        if words.len() != self.words || memory.len() != self.memory as usize {
            return Err(Error::TooMuch);
        }
        let mut filling = Filling {
            layout: self,
            words,
            at,
            code,
        };
        filling.context();
        filling.globals()?;
        filling.elements()?;
        filling.data(memory)
    }

    /// The piece lies at address `at` now: as [`Moves::moved`].
    pub fn moved(&self, words: &mut [u32], before: u32, at: u32) {
        self.moves().moved(words, before, at);
    }
}

impl Moves {
    /// The piece, which began at address `before`, lies at address `at` now: sets the addresses in it that name places of its own.
    pub fn moved(&self, words: &mut [u32], before: u32, at: u32) {
        let by = at.wrapping_sub(before);
        let mut by_address = |place: usize| {
            if let Some(word) = words.get_mut(place) {
                *word = word.wrapping_add(by);
            }
        };
        for table in 0..self.table_count as u32 {
            by_address(self.words - (context::table(table) + 4) as usize / 4);
        }
        by_address(self.words - KNOWN as usize / 4);
        for place in (self.data_segments..self.known).step_by(2) {
            by_address(place);
        }
        for place in [2, 3, 4] {
            by_address(self.known + self.table_count + place);
        }
    }
}

impl Filling<'_, '_> {
    fn set(&mut self, place: usize, value: u32) {
        if let Some(word) = self.words.get_mut(place) {
            *word = value;
        }
    }

    /// The word that is so many bytes below the memory.
    fn below(&self, distance: u32) -> usize {
        self.layout.words - distance as usize / 4
    }

    const fn address(&self, place: usize) -> u32 {
        self.at + 4 * place as u32
    }

    /// What the context says of tables and memory, and what is known.
    fn context(&mut self) {
        let is = self.layout;
        self.set(self.below(context::MEMORY_BYTES), is.memory);
        self.set(self.below(context::CODE), self.code);
        for (index, table) in (0..).zip(is.tables.iter().take(is.table_count)) {
            self.set(self.below(context::table(index)), table.least);
            self.set(
                self.below(context::table(index) + 4),
                self.address(table.first),
            );
            self.set(is.known + index as usize, table.most);
        }
        let known = is.known + is.table_count;
        self.set(self.below(KNOWN), self.address(known));
        let what = [
            is.page_log2,
            is.pages,
            self.address(is.data_segments),
            self.address(is.element_segments),
            self.address(is.known),
            is.functions,
            is.of_functions,
        ];
        for (place, word) in (known..).zip(what) {
            self.set(place, word);
        }
    }

    fn globals(&mut self) -> Result<(), Error> {
        let tables = self.layout.table_count as u32;
        let mut word = 0;
        let mut body = self.layout.section(section::GLOBALS)?;
        for _ in 0..body.u32()? {
            let kind = Kind::of(body.byte()?).unwrap_or_default();
            body.byte()?;
            let value = self.value(&mut body)?;
            let place = self.below(context::global(tables, word, kind.words()));
            self.set(place, value as u32);
            if kind.words() == 2 {
                self.set(place + 1, (value >> 32) as u32);
            }
            word += kind.words();
        }
        Ok(())
    }

    /// Segments that are active go where they belong, and those that are passive where they wait.
    fn elements(&mut self) -> Result<(), Error> {
        let is = self.layout;
        let (mut waiting, mut segment) = (is.references, is.element_segments);
        let mut body = is.section(section::ELEMENTS)?;
        for _ in 0..body.u32()? {
            let elements = Elements::read(&mut body)?;
            let (first, left) = match elements.mode {
                Mode::Active(table, mut place) => {
                    let offset = self.value(&mut place)? as u32;
                    let table = is.tables.get(table as usize).ok_or(Error::Table)?;
                    let end = u64::from(offset) + u64::from(elements.count);
                    if end > table.least.into() {
                        return Err(Error::Table);
                    }
                    (Some(table.first + offset as usize), 0)
                }
                Mode::Passive => (Some(waiting), elements.count),
                Mode::Declared => (None, 0),
            };
            self.set(segment, self.address(waiting));
            self.set(segment + 1, left);
            (waiting, segment) = (waiting + left as usize, segment + 2);
            let mut items = elements.items;
            for number in 0..elements.count as usize {
                let reference = if elements.are_expressions {
                    self.value(&mut items)? as u32
                } else {
                    self.reference(items.u32()?)
                };
                if let Some(first) = first {
                    self.set(first + number, reference);
                }
            }
        }
        Ok(())
    }

    fn data(&mut self, memory: &mut [u8]) -> Result<(), Error> {
        let (mut waiting, mut segment) = (self.layout.data, self.layout.data_segments);
        let mut body = self.layout.section(section::DATA)?;
        for _ in 0..body.u32()? {
            let (mode, bytes) = read::data(&mut body)?;
            self.set(segment, self.address(waiting));
            segment += 2;
            match mode {
                Mode::Active(_, mut place) => {
                    let offset = self.value(&mut place)? as u32 as usize;
                    let end = offset.checked_add(bytes.len()).ok_or(Error::Memory)?;
                    let place = memory.get_mut(offset..end).ok_or(Error::Memory)?;
                    place.copy_from_slice(bytes);
                }
                _ => {
                    self.set(segment - 1, bytes.len() as u32);
                    for chunk in bytes.chunks(4) {
                        let word = chunk
                            .iter()
                            .rev()
                            .fold(0, |all, b| all << 8 | u32::from(*b));
                        self.set(waiting, word);
                        waiting += 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// The value of a constant expression, as bits.
    fn value(&self, reader: &mut Reader<'_>) -> Result<u64, Error> {
        let mut stack = [0u64; DEPTH];
        let mut depth = 0usize;
        loop {
            let opcode = reader.byte()?;
            let value = match opcode {
                code::END => return Ok(stack[0]),
                code::I32_CONST | code::I64_CONST => signed(reader)?,
                code::F32_CONST => bits(reader.slice(4)?),
                code::F64_CONST => bits(reader.slice(8)?),
                code::REF_NULL => {
                    reader.byte()?;
                    0
                }
                code::REF_FUNC => self.reference(reader.u32()?).into(),
                code::GLOBAL_GET => self.global_value(reader.u32()?)?,
                _ => {
                    let top = depth;
                    depth = top.checked_sub(2).ok_or(Error::TooMuch)?;
                    let values = stack.get(depth..top).unwrap_or_default();
                    let [a, b] = *values else {
                        return Err(Error::TooMuch);
                    };
                    // The low half is right for 32 bits, too.
                    match opcode {
                        0x6a | 0x7c => a.wrapping_add(b),
                        0x6b | 0x7d => a.wrapping_sub(b),
                        _ => a.wrapping_mul(b),
                    }
                }
            };
            *stack.get_mut(depth).ok_or(Error::TooMuch)? = value;
            depth += 1;
        }
    }

    /// A global that was filled before.
    fn global_value(&self, index: u32) -> Result<u64, Error> {
        let (distance, kind) = self.layout.global(index)?;
        let place = self.below(distance);
        let word = |place: usize| self.words.get(place).copied().map_or(0, u64::from);
        Ok(match kind.words() {
            2 => word(place + 1) << 32 | word(place),
            _ => word(place),
        })
    }

    /// A reference to a function.
    const fn reference(&self, function: u32) -> u32 {
        self.code + entry::entry(function) + 5
    }
}

fn bits(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |all, byte| all << 8 | u64::from(*byte))
}
