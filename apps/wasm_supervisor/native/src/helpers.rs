//! What compiled code calls without leaving: executed on its stack, and touching nothing but its context, segments, tables and
//! memory. They are total: whatever their arguments are, they do not touch anything else and come back.
//!
//! Memory is addressed by numbers here. The addresses come from a context, and places in memory and tables are checked against its lengths.

#![allow(unsafe_code)]

use berth_compiler::entry::{Helper, context, entry};

use crate::floats;
use crate::own::KNOWN;

/// Reads a word.
pub(crate) fn word(address: u32) -> u32 {
    // SAFETY: a word of a context, of what it names, or of a stack: all that this crate asks for.
    unsafe { core::ptr::read_volatile(address as *const u32) }
}

/// Writes a word.
pub(crate) fn set_word(address: u32, value: u32) {
    // SAFETY: as above.
    unsafe { core::ptr::write_volatile(address as *mut u32, value) }
}

fn known(context: u32, number: u32) -> u32 {
    word(word(context - KNOWN) + 4 * number)
}

const MEMORY_TRAP: u32 = Helper::TrapMemory as u32;
const TABLE_TRAP: u32 = Helper::TrapTable as u32;
/// A reference lies so far behind the entry's first word: its branch, and one for Thumb.
pub(crate) const REFERENCE: u32 = 5;

/// Does a part lie inside?
fn inside(from: u32, length: u32, all: u32) -> bool {
    from.checked_add(length).is_some_and(|end| end <= all)
}

fn byte(address: u32) -> u8 {
    // SAFETY: the callers have checked the address against the memory's length.
    unsafe { core::ptr::read_volatile(address as *const u8) }
}

fn set_byte(address: u32, value: u8) {
    // SAFETY: as above.
    unsafe { core::ptr::write_volatile(address as *mut u8, value) }
}

extern "C" fn memory_copy(to: u32, from: u32, bytes: u32, context: u32) -> u32 {
    let all = word(context - context::MEMORY_BYTES);
    if !inside(to, bytes, all) || !inside(from, bytes, all) {
        return MEMORY_TRAP;
    }
    let move_byte = |index| set_byte(context + to + index, byte(context + from + index));
    if to <= from {
        (0..bytes).for_each(move_byte);
    } else {
        (0..bytes).rev().for_each(move_byte);
    }
    0
}

extern "C" fn memory_fill(to: u32, value: u32, bytes: u32, context: u32) -> u32 {
    if !inside(to, bytes, word(context - context::MEMORY_BYTES)) {
        return MEMORY_TRAP;
    }
    for index in 0..bytes {
        set_byte(context + to + index, value as u8);
    }
    0
}

extern "C" fn memory_init(to: u32, from: u32, bytes: u32, segment: u32, context: u32) -> u32 {
    let data = known(context, 2) + 8 * segment;
    let all = word(context - context::MEMORY_BYTES);
    if !inside(to, bytes, all) || !inside(from, bytes, word(data + 4)) {
        return MEMORY_TRAP;
    }
    for index in 0..bytes {
        set_byte(context + to + index, byte(word(data) + from + index));
    }
    0
}

extern "C" fn data_drop(segment: u32, context: u32) {
    set_word(known(context, 2) + 8 * segment + 4, 0);
}

fn table_length(context: u32, table: u32) -> u32 {
    word(context - context::table(table))
}

fn elements(context: u32, table: u32) -> u32 {
    word(context - context::table(table) - 4)
}

extern "C" fn table_copy(to: u32, from: u32, count: u32, tables: u32, context: u32) -> u32 {
    let (table_to, table_from) = (tables & 0xff, tables >> 8);
    if !inside(to, count, table_length(context, table_to))
        || !inside(from, count, table_length(context, table_from))
    {
        return TABLE_TRAP;
    }
    let (to, from) = (
        elements(context, table_to) + 4 * to,
        elements(context, table_from) + 4 * from,
    );
    let move_word = |index| set_word(to + 4 * index, word(from + 4 * index));
    if to <= from {
        (0..count).for_each(move_word);
    } else {
        (0..count).rev().for_each(move_word);
    }
    0
}

extern "C" fn table_init(to: u32, from: u32, count: u32, both: u32, context: u32) -> u32 {
    let (table, segment) = (both & 0xff, both >> 8);
    let items = known(context, 3) + 8 * segment;
    if !inside(to, count, table_length(context, table)) || !inside(from, count, word(items + 4)) {
        return TABLE_TRAP;
    }
    for index in 0..count {
        let value = word(word(items) + 4 * (from + index));
        set_word(elements(context, table) + 4 * (to + index), value);
    }
    0
}

/// May `value` be written to this table? What is in a table of functions is called: there it has to be null or the reference of an
/// entry of the object that the context names.
#[must_use]
pub fn may_hold(context: u32, table: u32, value: u32) -> bool {
    let is_of_functions = known(context, 6).checked_shr(table).unwrap_or(0) & 1 != 0;
    if !is_of_functions || value == 0 {
        return true;
    }
    let first = word(context - context::CODE).wrapping_add(entry(0) + REFERENCE);
    let offset = value.wrapping_sub(first);
    let stride = entry(1);
    offset.is_multiple_of(stride) && offset / stride < known(context, 5)
}

extern "C" fn table_fill(from: u32, value: u32, count: u32, table: u32, context: u32) -> u32 {
    if !inside(from, count, table_length(context, table)) || !may_hold(context, table, value) {
        return TABLE_TRAP;
    }
    for index in 0..count {
        set_word(elements(context, table) + 4 * (from + index), value);
    }
    0
}

extern "C" fn elem_drop(segment: u32, context: u32) {
    set_word(known(context, 3) + 8 * segment + 4, 0);
}

extern "C" fn i32_popcnt(value: u32) -> u32 {
    value.count_ones()
}
extern "C" fn i64_clz(value: u64) -> u64 {
    u64::from(value.leading_zeros())
}
extern "C" fn i64_ctz(value: u64) -> u64 {
    u64::from(value.trailing_zeros())
}
extern "C" fn i64_popcnt(value: u64) -> u64 {
    u64::from(value.count_ones())
}
// Code divides by 0 only if its check was lost, with a bit of the flash. It gets 0 then, and what cannot be represented is 0, too.
extern "C" fn i64_div_s(a: i64, b: i64) -> i64 {
    a.checked_div(b).unwrap_or(0)
}
extern "C" fn i64_div_u(a: u64, b: u64) -> u64 {
    a.checked_div(b).unwrap_or(0)
}
extern "C" fn i64_rem_s(a: i64, b: i64) -> i64 {
    a.checked_rem(b).unwrap_or(0)
}
extern "C" fn i64_rem_u(a: u64, b: u64) -> u64 {
    a.checked_rem(b).unwrap_or(0)
}
extern "C" fn i64_shl(a: u64, b: u64) -> u64 {
    a.wrapping_shl(b as u32)
}
extern "C" fn i64_shr_s(a: i64, b: u64) -> i64 {
    a.wrapping_shr(b as u32)
}
extern "C" fn i64_shr_u(a: u64, b: u64) -> u64 {
    a.wrapping_shr(b as u32)
}
extern "C" fn i64_rotl(a: u64, b: u64) -> u64 {
    a.rotate_left(b as u32 & 63)
}
extern "C" fn i64_rotr(a: u64, b: u64) -> u64 {
    a.rotate_right(b as u32 & 63)
}

/// A helper as a word of the table.
#[derive(Clone, Copy)]
#[repr(C)]
pub union Entry {
    address: *const (),
}

// SAFETY: addresses of functions, which nobody changes.
unsafe impl Sync for Entry {}

impl Entry {
    /// The function at this address.
    #[must_use]
    pub const fn of(address: *const ()) -> Self {
        Self { address }
    }
}

/// Helpers that leave compiled code, and are whoever's who enters it: pauses and traps.
const LEAVE: usize = Helper::MemoryGrow as usize;

/// Helpers behind those and before those of floats, with places for the two that grow something.
const OTHERS: [Entry; Helper::FloatCompare as usize - LEAVE] = [
    Entry::of(core::ptr::null()),
    Entry::of(memory_copy as *const ()),
    Entry::of(memory_fill as *const ()),
    Entry::of(memory_init as *const ()),
    Entry::of(data_drop as *const ()),
    Entry::of(table_copy as *const ()),
    Entry::of(table_init as *const ()),
    Entry::of(table_fill as *const ()),
    Entry::of(core::ptr::null()),
    Entry::of(elem_drop as *const ()),
    Entry::of(i32_popcnt as *const ()),
    Entry::of(i64_clz as *const ()),
    Entry::of(i64_ctz as *const ()),
    Entry::of(i64_popcnt as *const ()),
    Entry::of(i64_div_s as *const ()),
    Entry::of(i64_div_u as *const ()),
    Entry::of(i64_rem_s as *const ()),
    Entry::of(i64_rem_u as *const ()),
    Entry::of(i64_shl as *const ()),
    Entry::of(i64_shr_s as *const ()),
    Entry::of(i64_shr_u as *const ()),
    Entry::of(i64_rotl as *const ()),
    Entry::of(i64_rotr as *const ()),
];

/// The table of helpers in the order of [`Helper`]: those that leave, those that grow memory and tables, and this crate's.
#[must_use]
pub const fn table(
    leave: [Entry; LEAVE],
    memory_grow: Entry,
    table_grow: Entry,
) -> [Entry; Helper::COUNT] {
    let mut table = [memory_grow; Helper::COUNT];
    let mut number = 0;
    while number < Helper::COUNT {
        if number < LEAVE {
            table[number] = leave[number];
        } else if number == Helper::TableGrow as usize {
            table[number] = table_grow;
        } else if number >= Helper::FloatCompare as usize {
            table[number] = floats::TABLE[number - Helper::FloatCompare as usize];
        } else if number != Helper::MemoryGrow as usize {
            table[number] = OTHERS[number - LEAVE];
        }
        number += 1;
    }
    table
}
