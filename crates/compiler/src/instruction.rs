//! Reading one instruction of a function's body.
//!
//! Source: WebAssembly core specification 5.4 (instructions), 2.0 with tail calls.

use berth_admission::Malformed;
use berth_admission::reader::Reader;

use crate::kind::Kind;

/// What a block takes and gives, as it stands in the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BlockType {
    /// Nothing.
    #[default]
    Empty,
    /// It gives one value.
    Value(Kind),
    /// What this type of the module says.
    Type(u32),
}

/// One instruction. Which of the numbers it has, its code tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instruction<'a> {
    /// Where it stands in the module.
    pub(crate) at: u32,
    /// The opcode; 0xfc00 and a second one for those with that prefix.
    pub(crate) code: u16,
    /// The first number: an index, a depth, how many targets, the offset of a memory access.
    pub(crate) index: u32,
    /// The second number: an index, or the logarithm of an alignment.
    pub(crate) second: u32,
    /// A constant's bits; an `i32` is extended by its sign.
    pub(crate) bits: u64,
    /// Type of a block.
    pub(crate) block: BlockType,
    /// The kind that `select` or `ref.null` names.
    pub(crate) kind: Kind,
    /// Targets of `br_table`, and the default.
    pub(crate) targets: Reader<'a>,
}

/// Opcodes that are named more than once.
pub(crate) mod code {
    pub(crate) const UNREACHABLE: u16 = 0x00;
    pub(crate) const NOP: u16 = 0x01;
    pub(crate) const BLOCK: u16 = 0x02;
    pub(crate) const LOOP: u16 = 0x03;
    pub(crate) const IF: u16 = 0x04;
    pub(crate) const ELSE: u16 = 0x05;
    pub(crate) const END: u16 = 0x0b;
    pub(crate) const BR: u16 = 0x0c;
    pub(crate) const BR_IF: u16 = 0x0d;
    pub(crate) const BR_TABLE: u16 = 0x0e;
    pub(crate) const RETURN: u16 = 0x0f;
    pub(crate) const CALL: u16 = 0x10;
    pub(crate) const CALL_INDIRECT: u16 = 0x11;
    pub(crate) const RETURN_CALL: u16 = 0x12;
    pub(crate) const RETURN_CALL_INDIRECT: u16 = 0x13;
    pub(crate) const DROP: u16 = 0x1a;
    pub(crate) const SELECT: u16 = 0x1b;
    pub(crate) const SELECT_TYPED: u16 = 0x1c;
    pub(crate) const LOCAL_GET: u16 = 0x20;
    pub(crate) const LOCAL_SET: u16 = 0x21;
    pub(crate) const LOCAL_TEE: u16 = 0x22;
    pub(crate) const GLOBAL_GET: u16 = 0x23;
    pub(crate) const GLOBAL_SET: u16 = 0x24;
    pub(crate) const TABLE_GET: u16 = 0x25;
    pub(crate) const TABLE_SET: u16 = 0x26;
    pub(crate) const MEMORY_SIZE: u16 = 0x3f;
    pub(crate) const MEMORY_GROW: u16 = 0x40;
    pub(crate) const I32_CONST: u16 = 0x41;
    pub(crate) const I64_CONST: u16 = 0x42;
    pub(crate) const F32_CONST: u16 = 0x43;
    pub(crate) const F64_CONST: u16 = 0x44;
    pub(crate) const I32_EQZ: u16 = 0x45;
    pub(crate) const REF_NULL: u16 = 0xd0;
    pub(crate) const REF_IS_NULL: u16 = 0xd1;
    pub(crate) const REF_FUNC: u16 = 0xd2;
    pub(crate) const MEMORY_INIT: u16 = 0xfc08;
    pub(crate) const DATA_DROP: u16 = 0xfc09;
    pub(crate) const MEMORY_COPY: u16 = 0xfc0a;
    pub(crate) const MEMORY_FILL: u16 = 0xfc0b;
    pub(crate) const TABLE_INIT: u16 = 0xfc0c;
    pub(crate) const ELEM_DROP: u16 = 0xfc0d;
    pub(crate) const TABLE_COPY: u16 = 0xfc0e;
    pub(crate) const TABLE_GROW: u16 = 0xfc0f;
    pub(crate) const TABLE_SIZE: u16 = 0xfc10;
    pub(crate) const TABLE_FILL: u16 = 0xfc11;
}

const UNKNOWN: &str = "an instruction that containers cannot have";

impl<'a> Instruction<'a> {
    /// Reads the next one.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let start = *reader;
        let first = reader.byte()?;
        let mut is = Self {
            at: start.offset(),
            code: u16::from(first),
            index: 0,
            second: 0,
            bits: 0,
            block: BlockType::Empty,
            kind: Kind::Any,
            targets: *reader,
        };
        match first {
            0x00 | 0x01 | 0x05 | 0x0b | 0x0f | 0x1a | 0x1b | 0xd1 | 0x45..=0xc4 => {}
            0x02..=0x04 => is.block = block_type(reader)?,
            0x0c | 0x0d | 0x10 | 0x12 | 0x20..=0x26 | 0xd2 => is.index = reader.u32()?,
            0x0e => {
                is.index = reader.u32()?;
                is.targets = *reader;
                for _ in 0..=is.index {
                    reader.u32()?;
                }
            }
            0x11 | 0x13 => {
                is.index = reader.u32()?;
                is.second = reader.u32()?;
            }
            0x1c => {
                if reader.u32()? != 1 {
                    return Err(start.error("select of more or less than one type"));
                }
                is.kind = value_type(reader)?;
            }
            0x28..=0x3e => {
                is.second = reader.u32()?;
                is.index = reader.u32()?;
            }
            0x3f | 0x40 => {
                if reader.byte()? != 0 {
                    return Err(start.error("a memory other than the first"));
                }
            }
            0x41 => is.bits = signed(reader, 32)? as u64,
            0x42 => is.bits = signed(reader, 64)? as u64,
            0x43 => is.bits = u64::from(little_endian(reader.slice(4)?) as u32),
            0x44 => is.bits = little_endian(reader.slice(8)?),
            0xd0 => is.kind = value_type(reader)?,
            0xfc => {
                let second = reader.u32()?;
                match second {
                    0..=7 => {}
                    9 | 11 | 13 | 15..=17 => is.index = reader.u32()?,
                    8 | 10 | 12 | 14 => {
                        is.index = reader.u32()?;
                        is.second = reader.u32()?;
                    }
                    _ => return Err(start.error(UNKNOWN)),
                }
                is.code = 0xfc00 | second as u16;
            }
            _ => return Err(start.error(UNKNOWN)),
        }
        Ok(is)
    }
}

/// A value type of one byte.
pub(crate) fn value_type(reader: &mut Reader<'_>) -> Result<Kind, Malformed> {
    let start = *reader;
    Kind::of(reader.byte()?).ok_or(start.error("unknown value type"))
}

fn block_type(reader: &mut Reader<'_>) -> Result<BlockType, Malformed> {
    let start = *reader;
    let first = reader.rest().first().copied().unwrap_or(0);
    if first & 0xc0 == 0x40 {
        if first == 0x40 {
            reader.byte()?;
            return Ok(BlockType::Empty);
        }
        return value_type(reader).map(BlockType::Value);
    }
    let index = signed(reader, 33)?;
    u32::try_from(index)
        .map(BlockType::Type)
        .map_err(|_| start.error("negative type of a block"))
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// A signed LEB128 number of at most so many bits.
pub(crate) fn signed(reader: &mut Reader<'_>, bits: u32) -> Result<i64, Malformed> {
    let start = *reader;
    let mut value = 0i64;
    let mut shift = 0;
    loop {
        let byte = reader.byte()?;
        value |= i64::from(byte & 0x7f) << shift;
        let used = bits - shift;
        shift += 7;
        if used <= 7 {
            // The last byte there can be: what is above the number's sign has to be that sign.
            let above = ((byte << 1) as i8) >> used;
            if byte & 0x80 != 0 || (above != 0 && above != -1) {
                return Err(start.error("number too large or too long"));
            }
            break;
        }
        if byte & 0x80 == 0 {
            break;
        }
    }
    let unused = 64 - shift.min(64);
    Ok(value << unused >> unused)
}
