//! The chip: interrupts, memory protection, and the way into processes.

use core::fmt::Write;

use crate::platform::mpu::MPU;
use crate::syscall::UserspaceKernelBoundary;

/// A microcontroller as the kernel sees it.
pub trait Chip {
    /// Its memory protection.
    type MPU: MPU;
    /// Its way of running processes.
    type UserspaceKernelBoundary: UserspaceKernelBoundary;

    /// Run the drivers of all pending interrupts.
    fn service_pending_interrupts(&self);

    /// Whether an interrupt waits for its driver.
    ///
    /// The kernel asks before it runs a process. What comes afterwards must end the
    /// process's run all the same, however shortly before its first instruction it came.
    fn has_pending_interrupts(&self) -> bool;

    /// Memory protection.
    fn mpu(&self) -> &Self::MPU;

    /// The way into processes.
    fn userspace_kernel_boundary(&self) -> &Self::UserspaceKernelBoundary;

    /// Wait for an interrupt; called with interrupts disabled, must wake all the same.
    fn sleep(&self);

    /// Run `f` with interrupts disabled.
    fn with_interrupts_disabled<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R;

    /// Print the processor's state for people, at a panic.
    ///
    /// # Safety
    ///
    /// Only at a panic: may read any register, disturbing what runs.
    #[allow(unsafe_code)]
    unsafe fn print_state(this: Option<&Self>, writer: &mut dyn Write);
}

/// Interrupt number to driver.
pub trait InterruptService {
    /// Run the driver of `interrupt`; `false` if there is none.
    fn service_interrupt(&self, interrupt: u32) -> bool;
}
