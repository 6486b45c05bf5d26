//! The kernel's I2C bus, for a container that needs no register of it. Several containers may use it at a time: their transfers
//! come one after the other, and others run meanwhile.
//!
//! Using any of these makes the bus a requirement of the container: a board that does not expose it refuses it. In
//! handlers of interrupts and in `_pause` nobody can wait: a transfer there ends the container.

#![allow(unsafe_code)]

use crate::bus::{BusError, outcome};

/// Most bytes of a transfer in each direction.
pub const LONGEST: usize = 128;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "declares the imports")]
mod device {
    #[link(wasm_import_module = "tock:i2c")]
    unsafe extern "C" {
        #[link_name = "read"]
        pub(super) safe fn read(address: u32, room: *mut u8, length: usize) -> i32;
        #[link_name = "write"]
        pub(super) safe fn write(address: u32, sent: *const u8, length: usize) -> i32;
        #[link_name = "write_read"]
        pub(super) safe fn write_read(
            address: u32,
            sent: *const u8,
            sent_length: usize,
            room: *mut u8,
            length: usize,
        ) -> i32;
    }
}

/// Off the device there is no bus.
#[cfg(not(target_arch = "wasm32"))]
mod device {
    use crate::imports::NODEVICE;

    pub(super) fn read(_address: u32, _room: *mut u8, _length: usize) -> i32 {
        NODEVICE
    }
    pub(super) fn write(_address: u32, _sent: *const u8, _length: usize) -> i32 {
        NODEVICE
    }
    pub(super) fn write_read(
        _address: u32,
        _sent: *const u8,
        _sent_length: usize,
        _room: *mut u8,
        _length: usize,
    ) -> i32 {
        NODEVICE
    }
}

/// Fill `room` from the device at `address` (7 bits).
///
/// # Errors
///
/// [`BusError`].
pub fn read(address: u8, room: &mut [u8]) -> Result<(), BusError> {
    outcome(device::read(address.into(), room.as_mut_ptr(), room.len()))
}

/// Send `sent` to the device at `address`.
///
/// # Errors
///
/// [`BusError`].
pub fn write(address: u8, sent: &[u8]) -> Result<(), BusError> {
    outcome(device::write(address.into(), sent.as_ptr(), sent.len()))
}

/// Send `sent` to the device at `address`, and fill `room` from it after a repeated start.
///
/// # Errors
///
/// [`BusError`].
pub fn write_read(address: u8, sent: &[u8], room: &mut [u8]) -> Result<(), BusError> {
    outcome(device::write_read(
        address.into(),
        sent.as_ptr(),
        sent.len(),
        room.as_mut_ptr(),
        room.len(),
    ))
}
