//! Cortex-M4: ARMv7-M with the PMSAv7 MPU. The floating-point unit stays off.

#![no_std]
#![allow(unsafe_code)]

pub use cortexm::{CortexMVariant, LeaveReason, fault, nvic, scb, support, systick};
pub use cortexv7m::initialize_ram_jump_to_main;
pub use cortexv7m::unhandled_interrupt_v7m as unhandled_interrupt;

/// Accesses to registers that may be answered with a bus error: those of a block without clock or power, or
/// of none at all. On this core every error of a bus is precise ([`init`]).
pub mod bus {
    pub use cortexv7m::{Width, try_load, try_store};
}

/// Set up exceptions, and switch the buffering of writes off: so a store that the bus refuses faults at once
/// and not some instructions later, when another runs. (DISDEFWBUF is of the Cortex-M3 and M4. It counts where the
/// default memory map does, for the kernel; what processes are given of devices is never buffered, see
/// `cortexm::mpu`.)
pub fn init() {
    const DISDEFWBUF: u32 = 1 << 1;
    scb::init();
    scb::set_auxiliary_control(DISDEFWBUF);
}

/// The memory protection unit of this core: eight regions.
pub mod mpu {
    /// PMSAv7 with eight regions.
    pub type MPU = cortexm::mpu::MPU<8>;
}

/// Entering and leaving processes on this core.
pub mod syscall {
    /// The boundary between kernel and processes.
    pub type SysCall = cortexm::syscall::SysCall<crate::CortexM4>;
}

/// Names the variant; there is nothing to construct.
#[derive(Debug)]
pub enum CortexM4 {}

// SAFETY: `cortexv7m` documents how each handler and the switch keep the
// kernel's registers; these are the implementations for this architecture.
unsafe impl CortexMVariant for CortexM4 {
    const GENERIC_ISR: unsafe extern "C" fn() = cortexv7m::generic_isr_v7m;
    const SYSTICK_HANDLER: unsafe extern "C" fn() = cortexv7m::systick_handler_v7m;
    const SVC_HANDLER: unsafe extern "C" fn() = cortexv7m::svc_handler_v7m;
    const HARD_FAULT_HANDLER: unsafe extern "C" fn() = cortexv7m::fault_handler_v7m;

    unsafe fn switch_to_user(stack: u32, registers: &mut [u32; 8]) -> (u32, LeaveReason) {
        // SAFETY: the caller's obligations are the same.
        unsafe { cortexv7m::switch_to_user_v7m(stack, registers) }
    }
}
