//! Parts of a module that has been compiled.

use berth_admission::Malformed;
use berth_admission::reader::Reader;

/// Numbers of sections.
pub(crate) mod section {
    pub(crate) const TYPES: u8 = 1;
    pub(crate) const IMPORTS: u8 = 2;
    pub(crate) const FUNCTIONS: u8 = 3;
    pub(crate) const TABLES: u8 = 4;
    pub(crate) const MEMORIES: u8 = 5;
    pub(crate) const GLOBALS: u8 = 6;
    pub(crate) const EXPORTS: u8 = 7;
    pub(crate) const START: u8 = 8;
    pub(crate) const ELEMENTS: u8 = 9;
    pub(crate) const DATA: u8 = 11;
}

/// Opcodes of constant expressions.
pub(crate) mod code {
    pub(crate) const END: u8 = 0x0b;
    pub(crate) const GLOBAL_GET: u8 = 0x23;
    pub(crate) const I32_CONST: u8 = 0x41;
    pub(crate) const I64_CONST: u8 = 0x42;
    pub(crate) const F32_CONST: u8 = 0x43;
    pub(crate) const F64_CONST: u8 = 0x44;
    pub(crate) const REF_NULL: u8 = 0xd0;
    pub(crate) const REF_FUNC: u8 = 0xd2;
}

/// Reads limits: least, most, logarithm of a page.
pub(crate) fn limits(reader: &mut Reader<'_>) -> Result<(u64, Option<u64>, u32), Malformed> {
    const MOST: u8 = 1;
    const PAGE: u8 = 8;
    let flags = reader.byte()?;
    let least = reader.u64()?;
    let most = match flags & MOST {
        0 => None,
        _ => Some(reader.u64()?),
    };
    let log2 = match flags & PAGE {
        0 => 16,
        _ => reader.u32()?,
    };
    Ok((least, most, log2))
}

/// A signed number, whose bits above those that it has are its sign.
pub(crate) fn signed(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    let (mut value, mut shift) = (0u64, 0u32);
    loop {
        let byte = reader.byte()?;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            let is_negative = byte & 0x40 != 0;
            let sign = u64::MAX.checked_shl(shift).unwrap_or(0);
            return Ok(if is_negative { value | sign } else { value });
        }
    }
}

/// Reads over a constant expression.
pub(crate) fn skip_expression(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    loop {
        match reader.byte()? {
            code::END => return Ok(()),
            code::F32_CONST => drop(reader.slice(4)?),
            code::F64_CONST => drop(reader.slice(8)?),
            code::GLOBAL_GET
            | code::I32_CONST
            | code::I64_CONST
            | code::REF_NULL
            | code::REF_FUNC => {
                reader.leb()?;
            }
            _ => {}
        }
    }
}

/// What becomes of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode<'a> {
    /// It goes into this table, or into the memory, at a place that the expression says.
    Active(u32, Reader<'a>),
    /// It waits to be asked for.
    Passive,
    /// It only says that there are references.
    Declared,
}

/// Reads over an expression and returns where it began.
fn expression<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, Malformed> {
    let start = *reader;
    skip_expression(reader)?;
    Ok(start)
}

/// An element segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elements<'a> {
    pub(crate) mode: Mode<'a>,
    pub(crate) count: u32,
    /// Each is an expression, or else an index of a function.
    pub(crate) are_expressions: bool,
    pub(crate) items: Reader<'a>,
}

impl<'a> Elements<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let flags = reader.u32()?;
        let are_expressions = flags & 4 != 0;
        let mode = match flags & 3 {
            0 => Mode::Active(0, expression(reader)?),
            2 => {
                let table = reader.u32()?;
                Mode::Active(table, expression(reader)?)
            }
            1 => Mode::Passive,
            _ => Mode::Declared,
        };
        if flags & 3 != 0 {
            // The kind of the elements.
            reader.byte()?;
        }
        let count = reader.u32()?;
        let items = *reader;
        for _ in 0..count {
            if are_expressions {
                skip_expression(reader)?;
            } else {
                reader.leb()?;
            }
        }
        Ok(Self {
            mode,
            count,
            are_expressions,
            items,
        })
    }
}

/// A data segment.
pub(crate) fn data<'a>(reader: &mut Reader<'a>) -> Result<(Mode<'a>, &'a [u8]), Malformed> {
    let mode = match reader.u32()? {
        0 => Mode::Active(0, expression(reader)?),
        1 => Mode::Passive,
        _ => {
            reader.u32()?;
            Mode::Active(0, expression(reader)?)
        }
    };
    let length = reader.u32()?;
    Ok((mode, reader.slice(length)?))
}
