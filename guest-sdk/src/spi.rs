//! The kernel's SPI bus, for a container that needs no register of it. Several containers may use it at a time: their transfers
//! come one after the other, each with its own clock, and others run meanwhile.
//!
//! Using any of these makes the bus a requirement of the container: a board that does not expose it refuses it. In
//! handlers of interrupts and in `_pause` nobody can wait: a transfer there ends the container.

#![allow(unsafe_code)]

use crate::bus::{BusError, outcome};

/// Longest transfer in bytes.
pub const LONGEST: usize = 1024;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "declares the imports")]
mod device {
    #[link(wasm_import_module = "tock:spi")]
    unsafe extern "C" {
        #[link_name = "configure"]
        pub(super) safe fn configure(rate: u32, mode: u32) -> i32;
        #[link_name = "transfer"]
        pub(super) safe fn transfer(sent: *const u8, room: *mut u8, length: usize) -> i32;
        #[link_name = "read"]
        pub(super) safe fn read(room: *mut u8, length: usize) -> i32;
        #[link_name = "write"]
        pub(super) safe fn write(sent: *const u8, length: usize) -> i32;
    }
}

/// Off the device there is no bus.
#[cfg(not(target_arch = "wasm32"))]
mod device {
    use crate::imports::NODEVICE;

    pub(super) fn configure(_rate: u32, _mode: u32) -> i32 {
        NODEVICE
    }
    pub(super) fn transfer(_sent: *const u8, _room: *mut u8, _length: usize) -> i32 {
        NODEVICE
    }
    pub(super) fn read(_room: *mut u8, _length: usize) -> i32 {
        NODEVICE
    }
    pub(super) fn write(_sent: *const u8, _length: usize) -> i32 {
        NODEVICE
    }
}

/// So is the clock of the transfers that follow: at most `rate` bits a second, in mode 0, 1, 2 or 3 (bit 0 is the phase, bit 1 the
/// polarity). 1 MHz and mode 0 without it.
///
/// # Errors
///
/// [`BusError::Invalid`]; a rate that only the bus knows it does not have is told by the next transfer.
pub fn configure(rate: u32, mode: u8) -> Result<(), BusError> {
    outcome(device::configure(rate, mode.into()))
}

/// Send `sent`, and put what comes meanwhile into `room`, at most [`LONGEST`] bytes; the shorter of both says how many.
///
/// # Errors
///
/// [`BusError`].
pub fn transfer(sent: &[u8], room: &mut [u8]) -> Result<(), BusError> {
    let length = sent.len().min(room.len());
    outcome(device::transfer(sent.as_ptr(), room.as_mut_ptr(), length))
}

/// Fill `room`; zeros are sent.
///
/// # Errors
///
/// [`BusError`].
pub fn read(room: &mut [u8]) -> Result<(), BusError> {
    outcome(device::read(room.as_mut_ptr(), room.len()))
}

/// Send `sent`; what comes meanwhile is lost.
///
/// # Errors
///
/// [`BusError`].
pub fn write(sent: &[u8]) -> Result<(), BusError> {
    outcome(device::write(sent.as_ptr(), sent.len()))
}
