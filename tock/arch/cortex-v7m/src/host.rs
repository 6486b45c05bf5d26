//! The same names on a host, so that kernels and boards type-check there.
//! None of them is ever called: a host runs no exceptions and no processes.

#![allow(unsafe_code)]

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

macro_rules! accesses {
    ($($read:ident $write:ident $type:ty;)*) => {$(
        /// See the version for the target. Here there is no bus to answer.
        ///
        /// # Safety
        ///
        /// The address must be one of memory that may be read so.
        #[must_use]
        pub unsafe fn $read(address: usize) -> Option<$type> {
            // SAFETY: the caller vouches for the address.
            Some(unsafe { core::ptr::with_exposed_provenance::<$type>(address).read_volatile() })
        }

        /// See the version for the target. Here there is no bus to answer.
        ///
        /// # Safety
        ///
        /// The address must be one of memory that may be written so.
        pub unsafe fn $write(address: usize, value: $type) -> Option<()> {
            // SAFETY: the caller vouches for the address.
            unsafe { core::ptr::with_exposed_provenance_mut::<$type>(address).write_volatile(value) };
            Some(())
        }
    )*};
}

accesses! {
    try_read8 try_write8 u8;
    try_read16 try_write16 u16;
    try_read32 try_write32 u32;
}
