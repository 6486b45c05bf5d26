//! What all Cortex-M cores of ARMv6-M and ARMv7-M have in common.
//!
//! ```text
//!   kernel::platform::{chip, mpu::MPU, scheduler_timer::SchedulerTimer}
//!   kernel::syscall::UserspaceKernelBoundary
//! ------------------------------------------------------------------
//!   syscall   mpu (over mpu_layout)   systick   nvic   scb   fault
//! ------------------------------------------------------------------
//!   CortexMVariant: exception entry, context switch   (cortexv7m)
//! ```

#![cfg_attr(not(test), no_std)]

pub mod fault;
pub mod mpu;
pub mod mpu_layout;
pub mod nvic;
pub mod scb;
pub mod support;
pub mod syscall;
pub mod systick;

/// What one kind of core does differently: the entry of exceptions and the
/// switch into a process.
///
/// # Safety
///
/// The kernel's isolation rests on these few instructions. `switch_to_user`
/// must return to the caller with all callee-saved registers as they were,
/// however the process was left.
#[allow(unsafe_code)]
pub unsafe trait CortexMVariant {
    /// Handler of every interrupt line: disables the line, leaves it pending,
    /// and leaves the process, if one was running.
    const GENERIC_ISR: unsafe extern "C" fn();
    /// Handler of SysTick: leaves the process, if one was running.
    const SYSTICK_HANDLER: unsafe extern "C" fn();
    /// Handler of SVC: enters a process from the kernel and leaves it again.
    const SVC_HANDLER: unsafe extern "C" fn();
    /// Handler of all faults: leaves the process, or panics if the kernel faulted.
    const HARD_FAULT_HANDLER: unsafe extern "C" fn();

    /// Run the process whose stack pointer is `stack` and whose registers r4 to
    /// r11 are `registers`, until it is left. Returns its stack pointer and why.
    ///
    /// While something is noted ([`nvic::NOTED`]) the process is not entered; to the caller
    /// it was interrupted at once.
    ///
    /// # Safety
    ///
    /// The MPU must be configured for this process, and the eight words at
    /// `stack` must be a frame in its memory.
    unsafe fn switch_to_user(stack: u32, registers: &mut [u32; 8]) -> (u32, LeaveReason);
}

/// Why a process was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// It executed an SVC instruction.
    Syscall,
    /// It faulted; the fault status registers are not read yet.
    Fault,
    /// An interrupt or the end of its time slice.
    Interrupted,
}
