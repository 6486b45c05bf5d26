//! What the registers hold when a process starts.
//!
//! The library's own entry point uses them, so this one comes before it (the build
//! script makes it the entry point): it notes them down near the bottom of the
//! stack, which is never used so far, puts them back and goes on.

#![allow(unsafe_code)]

use core::arch::naked_asm;

use libtock::memop;
use test_apps::report::Report;

/// Room for the TBF header before the binary.
const HEADER: usize = 0x100;
/// Memory that a process has when it starts: one exception frame.
const INITIAL: usize = 32;
/// Unprivileged, with the process stack pointer.
const CONTROL: usize = 3;
/// Returning from the entry point leads nowhere.
const LINK: usize = 1;

/// Where the registers are noted down, from the start of RAM: r0 to r3, the stack
/// pointer, the bits that any of r4 to r11 had, LR, CONTROL.
const NOTES: usize = INITIAL;

/// Entry point before the library's.
///
/// # Safety
///
/// Called by the kernel only, once.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn note_registers() -> ! {
    naked_asm!(
        "orr  r12, r4, r5",
        "orr  r12, r12, r6",
        "orr  r12, r12, r7",
        "orr  r12, r12, r8",
        "orr  r12, r12, r9",
        "orr  r12, r12, r10",
        "orr  r12, r12, r11",
        "mov  r4, r0",
        "mov  r5, r1",
        "mov  r6, r2",
        "mov  r7, r3",
        "mov  r8, sp",
        "mov  r9, r12",
        "mov  r10, lr",
        "mrs  r11, control",
        // Memory for the notes: memop brk(end of bss); the library asks again.
        "movs r0, #0",
        "ldr  r1, =_heap_start",
        "svc  5",
        "add  r0, r5, #{notes}",
        "stmia r0, {{r4-r11}}",
        "mov  r0, r4",
        "mov  r1, r5",
        "mov  r2, r6",
        "mov  r3, r7",
        "mov  sp, r8",
        "mov  lr, r10",
        "b    _start",
        notes = const NOTES,
    )
}

pub(crate) fn run(report: &mut Report) {
    let ram = memop::ram_start().unwrap_or(0);
    let end = memop::ram_end().unwrap_or(0);
    let flash = memop::flash_start().unwrap_or(0);
    let notes = core::ptr::with_exposed_provenance::<[usize; 8]>(ram + NOTES);
    // SAFETY: written before the library began; the stack has not come down here.
    let [r0, r1, r2, r3, stack, others, link, control] = unsafe { notes.read_volatile() };
    for (what, holds) in [
        ("r0 is where the binary starts", r0 == flash + HEADER),
        ("r1 is where RAM starts", r1 == ram),
        ("r2 is the length of RAM", r2 == end - ram),
        ("r3 is the break, behind 32 bytes", r3 == ram + INITIAL),
        ("the stack begins at the break", stack == ram + INITIAL),
        ("r4 to r11 are zero", others == 0),
        ("LR leads nowhere", link == LINK),
        ("CONTROL is unprivileged", control == CONTROL),
    ] {
        report.check(what, holds);
    }
}
