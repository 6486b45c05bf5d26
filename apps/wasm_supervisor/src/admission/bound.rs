//! How much memory loading a module takes at most.
//!
//! The engine's allocations depend on what is in a module in ways that have
//! nothing to do with its length: 3 KB of nested blocks take 150 KB to translate.
//! So everything that costs memory is counted, and every count has a price that
//! was measured (docs/memory.md). The sum is an upper bound of what the arena holds
//! while the module is loaded; a module whose bound does not fit is refused with
//! exactly that number. That the bound is one is a test with hostile and generated modules,
//! on the host and on the board; if it is wrong all the same, the arena's limit
//! ends the load.

use super::code::{self, Shape};
use super::module::Counts;
use super::reader::Reader;
use super::{Malformed, Module};

/// Bytes that each thing costs at most, with pointers of 32 bits.
mod price {
    /// Engine, store, one instance, host functions' tables.
    pub(super) const FIXED: u64 = 10_240;
    /// Each byte of all function bodies.
    pub(super) const CODE: u64 = 2;
    /// Each byte of the longest body: operands and their places.
    pub(super) const LONGEST_BODY: u64 = 14;
    pub(super) const FUNCTION: u64 = 240;
    pub(super) const TYPE: u64 = 128;
    /// Each parameter or result of a type.
    pub(super) const TYPE_VALUE: u64 = 28;
    pub(super) const EXPORT: u64 = 160;
    pub(super) const IMPORT: u64 = 352;
    /// Each byte of a name: validator and module keep it.
    pub(super) const NAME: u64 = 2;
    pub(super) const GLOBAL: u64 = 96;
    /// Each element of a segment.
    pub(super) const ITEM: u64 = 64;
    pub(super) const ELEMENT_SEGMENT: u64 = 128;
    pub(super) const DATA_SEGMENT: u64 = 96;
    /// Each byte of a data segment.
    pub(super) const DATA: u64 = 2;
    /// Each element of a table.
    pub(super) const TABLE_ELEMENT: u64 = 8;
    /// The rest: the most that one function has.
    pub(super) const BLOCK: u64 = 88;
    pub(super) const NESTING: u64 = 112;
    pub(super) const TARGET: u64 = 28;
    pub(super) const LOCAL: u64 = 12;
}

/// Prices are those of the board; the host's tests have pointers twice as long.
const POINTER_WIDTH: u64 = size_of::<usize>() as u64 / 4;

/// The most that any function of a module has of each.
#[derive(Default)]
struct Largest {
    body: u32,
    locals: u64,
    shape: Shape,
}

/// Bytes that the arena holds at most while `module` is loaded, its linear memory included;
/// `u32::MAX` stands for all that is more.
///
/// # Errors
///
/// A body, global or segment that is malformed, or has an instruction that containers cannot have.
pub fn bound(module: &Module<'_>) -> Result<u32, Malformed> {
    bound_with(module, POINTER_WIDTH)
}

/// As [`bound`], on a board, wherever this runs.
///
/// # Errors
///
/// As [`bound`].
pub fn bound_on_board(module: &Module<'_>) -> Result<u32, Malformed> {
    bound_with(module, 1)
}

/// The bound where pointers are `pointer_width` times 32 bits wide.
fn bound_with(module: &Module<'_>, pointer_width: u64) -> Result<u32, Malformed> {
    let largest = bodies(module.sections.code)?;
    globals(module.sections.globals)?;
    let items = elements(module.sections.elements)?;
    let data_bytes = data(module.sections.data)?;
    let Counts {
        types,
        type_values,
        imports,
        globals,
        exports,
        name_bytes,
        element_segments,
        data_segments,
    } = module.counts;
    let shape = largest.shape;
    let prices = [
        (u64::from(module.code_bytes), price::CODE),
        (u64::from(largest.body), price::LONGEST_BODY),
        (u64::from(module.functions), price::FUNCTION),
        (u64::from(types), price::TYPE),
        (u64::from(type_values), price::TYPE_VALUE),
        (u64::from(exports), price::EXPORT),
        (u64::from(imports), price::IMPORT),
        (u64::from(name_bytes), price::NAME),
        (u64::from(globals), price::GLOBAL),
        (items, price::ITEM),
        (u64::from(element_segments), price::ELEMENT_SEGMENT),
        (u64::from(data_segments), price::DATA_SEGMENT),
        (data_bytes, price::DATA),
        (u64::from(module.table_elements), price::TABLE_ELEMENT),
        (u64::from(shape.blocks), price::BLOCK),
        (u64::from(shape.nesting), price::NESTING),
        (u64::from(shape.targets), price::TARGET),
        (largest.locals, price::LOCAL),
    ];
    // Counts are below the image's length and memory below 2^48 or so.
    let engine = prices
        .iter()
        .fold(price::FIXED, |sum, (count, each)| sum + count * each);
    let sum = module.memory_bytes.saturating_add(engine * pointer_width);
    Ok(u32::try_from(sum).unwrap_or(u32::MAX))
}

fn bodies(section: Option<Reader<'_>>) -> Result<Largest, Malformed> {
    let mut largest = Largest::default();
    each(section, |reader| {
        let length = reader.u32()?;
        let mut body = reader.part(length)?;
        let mut locals = 0u64;
        for _ in 0..body.u32()? {
            locals += u64::from(body.u32()?);
            body.byte()?;
        }
        let shape = code::expression(&mut body)?;
        if !body.is_empty() {
            return Err(body.error("code behind the end of a function"));
        }
        largest.body = largest.body.max(length);
        largest.locals = largest.locals.max(locals);
        largest.shape.blocks = largest.shape.blocks.max(shape.blocks);
        largest.shape.nesting = largest.shape.nesting.max(shape.nesting);
        largest.shape.targets = largest.shape.targets.max(shape.targets);
        Ok(())
    })?;
    Ok(largest)
}

fn globals(section: Option<Reader<'_>>) -> Result<(), Malformed> {
    each(section, |reader| {
        // Type, mutable or not.
        reader.slice(2)?;
        code::expression(reader).map(drop)
    })
}

/// How many elements all segments have.
fn elements(section: Option<Reader<'_>>) -> Result<u64, Malformed> {
    let mut items = 0;
    each(section, |reader| {
        let start = *reader;
        let flags = reader.u32()?;
        if flags > 7 {
            return Err(start.error("unknown element segment"));
        }
        // Bit 0: passive or declared; bit 1: with a table, or declared.
        if flags & 1 == 0 {
            if flags & 2 != 0 {
                reader.u32()?;
            }
            code::expression(reader)?;
        }
        // Kind or type of the elements.
        if flags & 3 != 0 {
            reader.byte()?;
        }
        let count = reader.u32()?;
        for _ in 0..count {
            if flags & 4 == 0 {
                reader.u32()?;
            } else {
                code::expression(reader)?;
            }
        }
        items += u64::from(count);
        Ok(())
    })?;
    Ok(items)
}

/// How many bytes all segments have.
fn data(section: Option<Reader<'_>>) -> Result<u64, Malformed> {
    let mut bytes = 0;
    each(section, |reader| {
        let start = *reader;
        match reader.u32()? {
            0 => drop(code::expression(reader)?),
            1 => {}
            2 => {
                reader.u32()?;
                code::expression(reader)?;
            }
            _ => return Err(start.error("unknown data segment")),
        }
        let length = reader.u32()?;
        reader.slice(length)?;
        bytes += u64::from(length);
        Ok(())
    })?;
    Ok(bytes)
}

/// Read all entries of a section with `entry`.
fn each<'a>(
    section: Option<Reader<'a>>,
    mut entry: impl FnMut(&mut Reader<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let Some(mut reader) = section else {
        return Ok(());
    };
    for _ in 0..reader.u32()? {
        entry(&mut reader)?;
    }
    if reader.is_empty() {
        Ok(())
    } else {
        Err(reader.error("section longer than its contents"))
    }
}
