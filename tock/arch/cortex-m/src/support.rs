//! Single instructions and the interrupt mask.

#![allow(unsafe_code)]

/// Sleep until an interrupt is pending, even if it is masked by PRIMASK.
#[cfg(target_arch = "arm")]
pub fn wfi() {
    // SAFETY: the instruction touches neither memory nor registers.
    unsafe { core::arch::asm!("dsb", "wfi", options(nomem, nostack, preserves_flags)) }
}

/// Wait until all memory accesses before this point are done and their effect
/// on the instruction stream (MPU, system control) is in force.
#[cfg(target_arch = "arm")]
pub fn synchronize() {
    // SAFETY: two barriers; without `nomem` the compiler keeps accesses on their side.
    unsafe { core::arch::asm!("dsb", "isb", options(nostack, preserves_flags)) }
}

/// Run `f` while no interrupt handler can run, and restore the mask as it was.
#[cfg(target_arch = "arm")]
pub fn with_interrupts_disabled<R>(f: impl FnOnce() -> R) -> R {
    let mask: u32;
    // SAFETY: reads and sets PRIMASK; without `nomem` the accesses of `f` stay inside.
    unsafe {
        core::arch::asm!("mrs {}, PRIMASK", "cpsid i", out(reg) mask, options(nostack, preserves_flags));
    }
    let result = f();
    if mask & 1 == 0 {
        // SAFETY: interrupts were enabled when we came.
        unsafe { core::arch::asm!("cpsie i", options(nostack, preserves_flags)) }
    }
    result
}

/// On the host there is nothing to wait for.
#[cfg(not(target_arch = "arm"))]
pub fn wfi() {}

/// On the host there is nothing to synchronize with.
#[cfg(not(target_arch = "arm"))]
pub fn synchronize() {}

/// On the host there are no interrupts.
#[cfg(not(target_arch = "arm"))]
pub fn with_interrupts_disabled<R>(f: impl FnOnce() -> R) -> R {
    f()
}
