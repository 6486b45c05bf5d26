//! What compiled code calls. Executed unprivileged: nothing of this program's own memory is touched.

#![allow(unsafe_code)]

use berth_compiler::entry::{Helper, context};

use crate::floats;
use crate::machine::{set_word, word};

/// Distance below r9 of the address of what these helpers know of a module: logarithm of a page, most pages, data
/// segments (address and length each), element segments likewise, most elements of each table.
const KNOWN: u32 = 24;

fn known(context: u32, number: u32) -> u32 {
    word(word(context - KNOWN) + 4 * number)
}

const MEMORY_TRAP: u32 = Helper::TrapMemory as u32;
const TABLE_TRAP: u32 = Helper::TrapTable as u32;

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

extern "C" fn memory_grow(pages: u32, context: u32) -> u64 {
    let (log2, most) = (known(context, 0), known(context, 1));
    let bytes = word(context - context::MEMORY_BYTES);
    let before = bytes >> log2;
    let after = before.checked_add(pages).filter(|after| *after <= most);
    let answer = match after {
        Some(after) => {
            set_word(context - context::MEMORY_BYTES, after << log2);
            // What another module has left there.
            (bytes..after << log2).for_each(|at| set_byte(context + at, 0));
            before
        }
        None => u32::MAX,
    };
    u64::from(context) << 32 | u64::from(answer)
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

extern "C" fn table_fill(from: u32, value: u32, count: u32, table: u32, context: u32) -> u32 {
    if !inside(from, count, table_length(context, table)) {
        return TABLE_TRAP;
    }
    for index in 0..count {
        set_word(elements(context, table) + 4 * (from + index), value);
    }
    0
}

extern "C" fn table_grow(value: u32, count: u32, table: u32, context: u32) -> u32 {
    let before = table_length(context, table);
    let most = word(known(context, 4) + 4 * table);
    match before.checked_add(count).filter(|after| *after <= most) {
        Some(after) => {
            set_word(context - context::table(table), after);
            for index in before..after {
                set_word(elements(context, table) + 4 * index, value);
            }
            before
        }
        None => u32::MAX,
    }
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
extern "C" fn i64_div_s(a: i64, b: i64) -> i64 {
    a.wrapping_div(b)
}
extern "C" fn i64_div_u(a: u64, b: u64) -> u64 {
    a / b
}
extern "C" fn i64_rem_s(a: i64, b: i64) -> i64 {
    a.wrapping_rem(b)
}
extern "C" fn i64_rem_u(a: u64, b: u64) -> u64 {
    a % b
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

core::arch::global_asm!(
    r#"
    .syntax unified
    .thumb
    .section .text.traps, "ax"
    .macro trap number
    .thumb_func
    .global stub_trap_\number
stub_trap_\number:
    mov r12, #\number
    svc #2
    .endm
    trap 1
    trap 2
    trap 3
    trap 4
    trap 5
    trap 6
    trap 7
    trap 8
    .thumb_func
    .global stub_trap_9
stub_trap_9:
    mov r12, r0
    svc #2
    .thumb_func
    .global stub_host
stub_host:
    mov r1, #31
    mul r0, r0, r1
    add r0, r0, r12
    mov r1, #0
    bx lr

    "#
);

/// A helper as a word of the table.
#[derive(Clone, Copy)]
#[repr(C)]
union Entry {
    address: *const (),
}

// SAFETY: addresses of functions, which nobody changes.
unsafe impl Sync for Entry {}

macro_rules! table {
    ($($function:expr),* $(,)?) => {
        [$(Entry { address: $function as *const () }),*]
    };
}

unsafe extern "C" {
    fn stub_pause();
    fn stub_trap_1();
    fn stub_trap_2();
    fn stub_trap_3();
    fn stub_trap_4();
    fn stub_trap_5();
    fn stub_trap_6();
    fn stub_trap_7();
    fn stub_trap_8();
    fn stub_trap_9();
    fn stub_host();
}

/// The parts of the table of helpers.
#[repr(C)]
struct Table {
    host: [Entry; 1],
    first: [Entry; Helper::FloatCompare as usize],
    floats: [Entry; Helper::COUNT - Helper::FloatCompare as usize],
}

/// The table of helpers in the order of [`Helper`], behind the address of the function that stands for the host's.
/// The layout puts it where the host's side looks for it.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".table")]
#[used]
static TABLE: Table = Table {
    host: table![stub_host],
    first: table![
        stub_pause,
        stub_trap_1,
        stub_trap_2,
        stub_trap_3,
        stub_trap_4,
        stub_trap_5,
        stub_trap_6,
        stub_trap_7,
        stub_trap_8,
        stub_trap_9,
        stub_trap_9,
        memory_grow,
        memory_copy,
        memory_fill,
        memory_init,
        data_drop,
        table_copy,
        table_init,
        table_fill,
        table_grow,
        elem_drop,
        i32_popcnt,
        i64_clz,
        i64_ctz,
        i64_popcnt,
        i64_div_s,
        i64_div_u,
        i64_rem_s,
        i64_rem_u,
        i64_shl,
        i64_shr_s,
        i64_shr_u,
        i64_rotl,
        i64_rotr,
    ],
    floats: floats::table!(table),
};
