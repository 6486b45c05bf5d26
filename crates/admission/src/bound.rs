//! How much memory loading a module takes at most, as an author wants to know it.
//!
//! The engine's allocations depend on what is in a module in ways that have
//! nothing to do with its length: 3 KB of nested blocks take 150 KB to translate.
//! So everything that costs memory is counted, and every count has a price that
//! was measured (docs/memory.md). Nothing relies on the sum: a device loads with what is free,
//! and the arena ends a load that wants more.

use super::Module;
use super::module::{Counts, Largest};

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

/// Bytes that the arena holds at most while `module` is loaded, its linear memory included;
/// `u32::MAX` stands for all that is more.
#[must_use]
pub fn bound(module: &Module<'_>) -> u32 {
    bound_with(module, POINTER_WIDTH)
}

/// As [`bound`], on a board, wherever this runs.
#[must_use]
pub fn bound_on_board(module: &Module<'_>) -> u32 {
    bound_with(module, 1)
}

/// The bound where pointers are `pointer_width` times 32 bits wide.
fn bound_with(module: &Module<'_>, pointer_width: u64) -> u32 {
    let Counts {
        types,
        type_values,
        imports,
        globals,
        exports,
        name_bytes,
        element_segments,
        data_segments,
        items,
        data_bytes,
        largest,
    } = module.counts;
    let Largest {
        body,
        locals,
        shape,
    } = largest;
    let prices = [
        (u64::from(module.code_bytes), price::CODE),
        (u64::from(body), price::LONGEST_BODY),
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
        (locals, price::LOCAL),
    ];
    // Counts are below the image's length and memory below 2^48 or so.
    let engine = prices
        .iter()
        .fold(price::FIXED, |sum, (count, each)| sum + count * each);
    let sum = module.memory_bytes.saturating_add(engine * pointer_width);
    u32::try_from(sum).unwrap_or(u32::MAX)
}
