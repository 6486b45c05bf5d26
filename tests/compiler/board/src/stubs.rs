//! How compiled code leaves here: by calls of the handlers in `machine`; and how its memory grows, in its place.

#![allow(unsafe_code)]

use berth_compiler::entry::{Helper, context};
use supervisor_native::helpers::{Entry, may_hold, table};
use supervisor_native::own::KNOWN;

use crate::machine::{set_byte, set_word, word};

fn known(context: u32, number: u32) -> u32 {
    word(word(context - KNOWN) + 4 * number)
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

extern "C" fn table_grow(value: u32, count: u32, table: u32, context: u32) -> u32 {
    let before = word(context - context::table(table));
    let most = word(known(context, 4) + 4 * table);
    let after = before.checked_add(count).filter(|after| *after <= most);
    match after.filter(|_| may_hold(context, table, value)) {
        Some(after) => {
            set_word(context - context::table(table), after);
            for index in before..after {
                set_word(word(context - context::table(table) - 4) + 4 * index, value);
            }
            before
        }
        None => u32::MAX,
    }
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

/// The table of helpers behind the address of the function that stands for the host's.
#[repr(C)]
struct Table {
    host: Entry,
    helpers: [Entry; Helper::COUNT],
}

/// The layout puts it where the host's side looks for it.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".table")]
#[used]
static TABLE: Table = Table {
    host: Entry::of(stub_host as *const ()),
    helpers: table(
        [
            Entry::of(stub_pause as *const ()),
            Entry::of(stub_trap_1 as *const ()),
            Entry::of(stub_trap_2 as *const ()),
            Entry::of(stub_trap_3 as *const ()),
            Entry::of(stub_trap_4 as *const ()),
            Entry::of(stub_trap_5 as *const ()),
            Entry::of(stub_trap_6 as *const ()),
            Entry::of(stub_trap_7 as *const ()),
            Entry::of(stub_trap_8 as *const ()),
            Entry::of(stub_trap_9 as *const ()),
            Entry::of(stub_trap_9 as *const ()),
        ],
        Entry::of(memory_grow as *const ()),
        Entry::of(table_grow as *const ()),
    ),
};
