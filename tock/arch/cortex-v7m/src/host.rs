//! The same names on a host, so that kernels and boards type-check there.
//! None of them is ever called: a host runs no exceptions and no processes.

#![allow(unsafe_code)]

use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use cortexm::LeaveReason;

use crate::Width;

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

/// See the version for the target. Here there is no bus to answer.
///
/// # Safety
///
/// The address must be one of memory that may be read so.
#[must_use]
pub unsafe fn try_load(width: Width, address: usize) -> Option<u32> {
    // SAFETY: the caller vouches for the address.
    Some(unsafe {
        match width {
            Width::Byte => with_exposed_provenance::<u8>(address)
                .read_volatile()
                .into(),
            Width::Half => with_exposed_provenance::<u16>(address)
                .read_volatile()
                .into(),
            Width::Word => with_exposed_provenance::<u32>(address).read_volatile(),
        }
    })
}

/// See the version for the target. Here there is no bus to answer.
///
/// # Safety
///
/// The address must be one of memory that may be written so.
pub unsafe fn try_store(width: Width, address: usize, value: u32) -> Option<()> {
    // SAFETY: the caller vouches for the address. Truncation is what a narrow store does.
    unsafe {
        match width {
            Width::Byte => with_exposed_provenance_mut::<u8>(address).write_volatile(value as u8),
            Width::Half => with_exposed_provenance_mut::<u16>(address).write_volatile(value as u16),
            Width::Word => with_exposed_provenance_mut::<u32>(address).write_volatile(value),
        }
    }
    Some(())
}
