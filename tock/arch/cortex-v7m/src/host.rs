//! The same names on a host, so that kernels and boards type-check there.
//! None of them is ever called: a host runs no exceptions and no processes.

use cortexm::LeaveReason;

/// See the version for the target.
///
/// # Safety
///
/// See the version for the target.
pub unsafe extern "C" fn initialize_ram_jump_to_main() {}

/// See the version for the target. Here every process faults at once.
///
/// # Safety
///
/// None on a host.
pub unsafe fn switch_to_user_v7m(stack: u32, _registers: &mut [u32; 8]) -> (u32, LeaveReason) {
    (stack, LeaveReason::Fault)
}

macro_rules! handlers {
    ($($name:ident)*) => {$(
        /// See the version for the target.
        ///
        /// # Safety
        ///
        /// None on a host.
        pub unsafe extern "C" fn $name() {}
    )*};
}

handlers!(svc_handler_v7m systick_handler_v7m generic_isr_v7m fault_handler_v7m unhandled_interrupt_v7m);
