//! The lights of the kernel's driver, by number: for a container that needs no register, only a
//! light. Several containers may use one at a time.
//!
//! Using any of these makes the kernel's lights a requirement of the container: a board without
//! refuses it.

#![allow(unsafe_code)]

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "declares the imports")]
mod device {
    #[link(wasm_import_module = "tock:led")]
    unsafe extern "C" {
        #[link_name = "count"]
        pub(super) safe fn count() -> u32;
        #[link_name = "on"]
        pub(super) safe fn on(number: u32) -> i32;
        #[link_name = "off"]
        pub(super) safe fn off(number: u32) -> i32;
        #[link_name = "toggle"]
        pub(super) safe fn toggle(number: u32) -> i32;
        #[link_name = "is_on"]
        pub(super) safe fn is_on(number: u32) -> i32;
    }
}

/// Off the device there is no light.
#[cfg(not(target_arch = "wasm32"))]
mod device {
    use crate::imports::NODEVICE;

    pub(super) fn count() -> u32 {
        0
    }
    pub(super) fn on(_number: u32) -> i32 {
        NODEVICE
    }
    pub(super) fn off(_number: u32) -> i32 {
        NODEVICE
    }
    pub(super) fn toggle(_number: u32) -> i32 {
        NODEVICE
    }
    pub(super) fn is_on(_number: u32) -> i32 {
        -1
    }
}

/// There is no light of this number, or it is not exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoLight;

/// Returns how many lights the driver has; not all of them need to be exposed.
#[must_use]
pub fn count() -> u32 {
    device::count()
}

/// Switch light `number`, from 0, on.
///
/// # Errors
///
/// [`NoLight`].
pub fn on(number: u32) -> Result<(), NoLight> {
    outcome(device::on(number))
}

/// Switch it off.
///
/// # Errors
///
/// [`NoLight`].
pub fn off(number: u32) -> Result<(), NoLight> {
    outcome(device::off(number))
}

/// Switch it to what it is not.
///
/// # Errors
///
/// [`NoLight`].
pub fn toggle(number: u32) -> Result<(), NoLight> {
    outcome(device::toggle(number))
}

/// Is it on?
///
/// # Errors
///
/// [`NoLight`].
pub fn is_on(number: u32) -> Result<bool, NoLight> {
    match device::is_on(number) {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(NoLight),
    }
}

const fn outcome(error: i32) -> Result<(), NoLight> {
    match error {
        0 => Ok(()),
        _ => Err(NoLight),
    }
}
