//! The kernel's UART, for a container that needs no register of it. Several containers may use it at a time: what one of them sends or
//! waits for comes after what another did before, and others run meanwhile.
//!
//! Using any of these makes the UART a requirement of the container: a board that does not expose it refuses it. In
//! handlers of interrupts and in `_pause` nobody can wait: sending or receiving there ends the container.

#![allow(unsafe_code)]

use crate::bus::{BusError, outcome};

/// Most bytes that are sent or received at once.
pub const LONGEST: usize = 256;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "declares the imports")]
mod device {
    #[link(wasm_import_module = "tock:uart")]
    unsafe extern "C" {
        #[link_name = "write"]
        pub(super) safe fn write(sent: *const u8, length: usize) -> i32;
        #[link_name = "read"]
        pub(super) safe fn read(room: *mut u8, length: usize) -> i32;
    }
}

/// Off the device there is no UART.
#[cfg(not(target_arch = "wasm32"))]
mod device {
    use crate::imports::NODEVICE;

    pub(super) fn write(_sent: *const u8, _length: usize) -> i32 {
        NODEVICE
    }
    pub(super) fn read(_room: *mut u8, _length: usize) -> i32 {
        NODEVICE
    }
}

/// Send `sent`, at most [`LONGEST`] bytes, and wait until all have left.
///
/// # Errors
///
/// [`BusError`].
pub fn write(sent: &[u8]) -> Result<(), BusError> {
    outcome(device::write(sent.as_ptr(), sent.len()))
}

/// Wait until as many bytes have come as `room` has, at most [`LONGEST`]. What comes between two reads is kept by the kernel
/// as far as it has room.
///
/// # Errors
///
/// [`BusError`]. [`BusError::Interrupted`]: what had come by then is lost.
pub fn read(room: &mut [u8]) -> Result<(), BusError> {
    outcome(device::read(room.as_mut_ptr(), room.len()))
}
