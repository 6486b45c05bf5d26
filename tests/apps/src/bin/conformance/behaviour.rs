//! What a process finds when it runs: data, bss, registers that a call keeps.

#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering};
use test_apps::report::Report;

/// In the data section: must have been copied from flash.
static DATA: AtomicU32 = AtomicU32::new(0x1234_5678);
/// In the bss section: must be zero.
static BSS: AtomicU32 = AtomicU32::new(0);

pub(crate) fn run(report: &mut Report) {
    report.check(
        "data is copied and bss is clear",
        DATA.load(Ordering::Relaxed) == 0x1234_5678 && BSS.load(Ordering::Relaxed) == 0,
    );
    DATA.store(0, Ordering::Relaxed);
    BSS.store(1, Ordering::Relaxed);
    report.check("registers r4 to r11 survive a call", registers_survive());
}

/// Fill r4, r5 and r8 to r11, make a call, and see whether they are the same
/// after it (r6 and r7 belong to the compiler).
fn registers_survive() -> bool {
    let same: usize;
    // SAFETY: every register used is declared; the call is a command to a driver
    // that is not there.
    unsafe {
        core::arch::asm!(
            "movw r4, #0x4444",
            "movw r5, #0x5555",
            "movw r8, #0x8888",
            "movw r9, #0x9999",
            "movw r10, #0xaaaa",
            "movw r11, #0xbbbb",
            "movw r0, #0x7777",
            "movs r1, #0",
            "svc  2",
            "movs r0, #0",
            "movw r1, #0x4444",
            "cmp  r4, r1",
            "bne  2f",
            "movw r1, #0x5555",
            "cmp  r5, r1",
            "bne  2f",
            "movw r1, #0x8888",
            "cmp  r8, r1",
            "bne  2f",
            "movw r1, #0x9999",
            "cmp  r9, r1",
            "bne  2f",
            "movw r1, #0xaaaa",
            "cmp  r10, r1",
            "bne  2f",
            "movw r1, #0xbbbb",
            "cmp  r11, r1",
            "bne  2f",
            "movs r0, #1",
            "2:",
            out("r0") same,
            out("r1") _,
            out("r2") _,
            out("r3") _,
            out("r4") _,
            out("r5") _,
            out("r8") _,
            // r9 is reserved on some Arm platforms, not on this one.
            out("r9") _,
            out("r10") _,
            out("r11") _,
            out("r12") _,
            out("lr") _,
        );
    }
    same == 1
}
