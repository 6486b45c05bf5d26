//! ARMv7-M: exception entry and the switch between kernel and process.
//!
//! The kernel runs in privileged thread mode on the main stack, a process in
//! unprivileged thread mode on the process stack. Every way between them is an
//! exception, and the bit of EXC_RETURN that selects the stack also tells a
//! handler whom it interrupted:
//!
//! ```text
//!   kernel: switch_to_user ──svc──► [SVC] ──return to PSP──► process
//!                                                               │ svc, fault, interrupt, SysTick
//!   kernel: after its svc  ◄─return to MSP── [handler] ◄────────┘
//!           r0 = why
//! ```
//!
//! While a process runs, the top of the main stack is the frame that the
//! kernel's own `svc` left there. A handler that leaves the process writes the
//! reason into that frame's r0, so the reason is simply what the kernel's `svc`
//! "returns": there is no flag in memory to set, clear or forget.
//!
//! Between the kernel's last look at interrupts and its `svc` more of them can come: the SVC handler, which
//! they cannot interrupt, looks at what they note ([`cortexm::nvic::NOTED`]) and returns to the kernel instead.
//!
//! Priorities: faults at 0, everything else at one level below
//! (`cortexm::nvic::PRIORITY`). No handler interrupts another, and a process
//! whose stack pointer is bad faults *before* the call or interrupt whose
//! frame could not be stacked is handled, with EXC_RETURN still naming the process.

#![no_std]

#[cfg(target_arch = "arm")]
mod handlers;

#[cfg(target_arch = "arm")]
pub use handlers::{
    fault_handler_v7m, generic_isr_v7m, initialize_ram_jump_to_main, svc_handler_v7m,
    switch_to_user_v7m, systick_handler_v7m, try_load, try_store, unhandled_interrupt_v7m,
};

#[cfg(not(target_arch = "arm"))]
mod host;

#[cfg(not(target_arch = "arm"))]
pub use host::{
    fault_handler_v7m, generic_isr_v7m, initialize_ram_jump_to_main, svc_handler_v7m,
    switch_to_user_v7m, systick_handler_v7m, try_load, try_store, unhandled_interrupt_v7m,
};

/// Width of an access that may be answered with a bus error.
///
/// Its number is the bits of an address that have to be zero: the width in bytes, less one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte = 0,
    /// 16 bits.
    Half = 1,
    /// 32 bits.
    Word = 3,
}
