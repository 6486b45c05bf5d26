//! From the kernel's first jump to the process's main function.
//!
//! The kernel enters at `_start` with r0 = first byte of the binary in flash,
//! r1 = first byte of RAM, r2 = length of RAM, r3 = break, and a stack of 32
//! bytes: just enough for the exception frame of one system call. So the first
//! thing is to ask for memory, in assembly and without touching the stack:
//!
//! 1. refuse to run anywhere but where the process was linked, and say so,
//! 2. move the break behind stack, data and bss, or say that there is no room,
//! 3. copy data from flash, clear bss, point the stack at its real top,
//! 4. tell the kernel where stack and heap begin (for its fault report),
//! 5. call the main function, and terminate with code 0 when it returns.
//!
//! The names with a leading underscore come from the linker script of
//! `libtock-build`.

#![allow(unsafe_code)]

use core::arch::global_asm;

// What a process says that cannot run: two texts of one length, with blanks if need be.
macro_rules! wrong_location {
    () => {
        "process: not where it was linked for\\r\\n"
    };
}
macro_rules! no_memory {
    () => {
        "process: no RAM for its stack & data\\r\\n"
    };
}
/// Their length: in the assembler's notation each of the last two bytes is two.
const TEXT_BYTES: usize = wrong_location!().len() - 2;
const _: () = assert!(no_memory!().len() - 2 == TEXT_BYTES && TEXT_BYTES < 64);

// Entry point of every process, called by the kernel only, once, with the registers above. Not a naked
// function: those are younger than the compilers that upstream Tock's releases name.
global_asm!(
        ".pushsection .start, \"ax\", %progbits",
        ".global _start",
        ".type _start, %function",
        ".thumb_func",
        "_start:",
        // Where we are must be where we were linked.
        "ldr  r4, =_flash_origin",   // r4 = expected flash
        "ldr  r5, =_sram_origin",    // r5 = expected RAM
        "cmp  r0, r4",
        "bne  8f",
        "cmp  r1, r5",
        "bne  8f",
        // memop brk(end of bss)
        "movs r0, #0",
        "ldr  r1, =_heap_start",
        "svc  5",
        "cmp  r0, #128",             // success without value
        "bne  9f",
        // A real stack, at the bottom of RAM: overflow leaves the block.
        "ldr  r0, =_stack_top",
        "mov  sp, r0",
        // data: for (r0 = VMA, r2 = LMA; r0 < end) *r0++ = *r2++
        "ldr  r0, =_data_start",
        "ldr  r1, =_data_end",
        "ldr  r2, =_data_load",
        "2:",
        "cmp  r0, r1",
        "bhs  3f",
        "ldmia r2!, {{r3}}",
        "stmia r0!, {{r3}}",
        "b    2b",
        // bss: while (r0 < end) *r0++ = 0
        "3:",
        "ldr  r0, =_bss_start",
        "ldr  r1, =_bss_end",
        "movs r3, #0",
        "4:",
        "cmp  r0, r1",
        "bhs  5f",
        "stmia r0!, {{r3}}",
        "b    4b",
        // memop 10 (stack top), memop 11 (heap start): hints for debugging
        "5:",
        "movs r0, #10",
        "ldr  r1, =_stack_top",
        "svc  5",
        "movs r0, #11",
        "ldr  r1, =_heap_start",
        "svc  5",
        "bl   libtock_main",
        // exit-terminate(0)
        "movs r0, #0",
        "movs r1, #0",
        "svc  6",
        // Wrong place: alert 2, exit-terminate(INVAL)
        "8:",
        "movs r2, #{wrong_location}",
        "movs r4, #6",
        "adr  r5, 12f",
        "movs r6, #{text_length}",
        "b    10f",
        // No memory: alert 3, exit-terminate(NOMEM)
        "9:",
        "movs r2, #{no_memory}",
        "movs r4, #9",
        "adr  r5, 13f",
        "movs r6, #{text_length}",
        "10:",
        "movs r0, #8",               // low-level debug
        "movs r1, #1",               // alert
        "movs r3, #0",
        "svc  2",
        // And in words, on the console: r5 = text (by its distance from here, wherever this is), r6 = its length.
        "movs r0, #1",               // subscribe(console, written, a function that returns)
        "movs r1, #1",
        "adr  r2, 11f",
        "adds r2, #1",
        "movs r3, #0",
        "svc  1",
        "movs r0, #1",               // allow read-only(console, 1, text)
        "movs r1, #1",
        "mov  r2, r5",
        "mov  r3, r6",
        "svc  4",
        "movs r0, #1",               // command(console, write, length)
        "movs r1, #1",
        "mov  r2, r6",
        "movs r3, #0",
        "svc  2",
        "cmp  r0, #128",
        "bne  16f",
        "movs r0, #1",               // yield-wait, with the 32 bytes of stack that there are
        "svc  0",
        "16:",
        "movs r0, #0",
        "mov  r1, r4",
        "svc  6",
        "udf  #0",
        ".balign 4",
        "11:",
        "bx   lr",
        ".balign 4",
        "12:",
        concat!(".ascii \"", wrong_location!(), "\""),
        ".balign 4",
        "13:",
        concat!(".ascii \"", no_memory!(), "\""),
        ".balign 4",
        ".pool",
        ".size _start, . - _start",
        ".popsection",
        wrong_location = const crate::drivers::debug::alert_code::WRONG_LOCATION,
        text_length = const TEXT_BYTES,
        no_memory = const crate::drivers::debug::alert_code::NO_MEMORY,
);

/// Size of the stack in bytes, as linked.
#[must_use]
pub fn stack_size() -> usize {
    unsafe extern "C" {
        static _sram_origin: u8;
        static _stack_top: u8;
    }
    (&raw const _stack_top).addr() - (&raw const _sram_origin).addr()
}
