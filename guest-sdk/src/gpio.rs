//! The pins of the kernel's driver, by number. Several containers may use one at a time. A pin is active while it is high.
//!
//! Using any of these makes the kernel's pins a requirement of the container: a board without refuses it.

#![allow(unsafe_code)]

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "declares the imports")]
mod device {
    #[link(wasm_import_module = "tock:gpio")]
    unsafe extern "C" {
        #[link_name = "count"]
        pub(super) safe fn count() -> u32;
        #[link_name = "make_output"]
        pub(super) safe fn make_output(number: u32) -> i32;
        #[link_name = "make_input"]
        pub(super) safe fn make_input(number: u32, pull: u32) -> i32;
        #[link_name = "set_active"]
        pub(super) safe fn set_active(number: u32) -> i32;
        #[link_name = "set_inactive"]
        pub(super) safe fn set_inactive(number: u32) -> i32;
        #[link_name = "toggle"]
        pub(super) safe fn toggle(number: u32) -> i32;
        #[link_name = "is_active"]
        pub(super) safe fn is_active(number: u32) -> i32;
    }
}

/// Off the device there is no pin.
#[cfg(not(target_arch = "wasm32"))]
mod device {
    use crate::imports::NODEVICE;

    pub(super) fn count() -> u32 {
        0
    }
    pub(super) fn make_output(_number: u32) -> i32 {
        NODEVICE
    }
    pub(super) fn make_input(_number: u32, _pull: u32) -> i32 {
        NODEVICE
    }
    pub(super) fn set_active(_number: u32) -> i32 {
        NODEVICE
    }
    pub(super) fn set_inactive(_number: u32) -> i32 {
        NODEVICE
    }
    pub(super) fn toggle(_number: u32) -> i32 {
        NODEVICE
    }
    pub(super) fn is_active(_number: u32) -> i32 {
        -1
    }
}

/// There is no pin of this number, it is not exposed, or it has no such resistor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPin;

impl core::fmt::Display for NoPin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no such pin, or it is not exposed")
    }
}

impl core::error::Error for NoPin {}

/// What holds an input that nothing drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Nothing.
    None = 0,
    /// A resistor to the high level.
    Up = 1,
    /// A resistor to the low level.
    Down = 2,
}

/// Returns how many pins the driver has; not all of them need to be exposed.
#[must_use]
pub fn count() -> u32 {
    device::count()
}

/// A pin that is driven.
#[derive(Debug)]
pub struct Output(u32);

impl Output {
    /// Makes an output of pin `number`, from 0. Its level stays what it was.
    ///
    /// # Errors
    ///
    /// [`NoPin`].
    pub fn new(number: u32) -> Result<Self, NoPin> {
        outcome(device::make_output(number)).map(|()| Self(number))
    }

    /// Drives it high.
    ///
    /// # Errors
    ///
    /// [`NoPin`].
    pub fn set_active(&mut self) -> Result<(), NoPin> {
        outcome(device::set_active(self.0))
    }

    /// Drives it low.
    ///
    /// # Errors
    ///
    /// [`NoPin`].
    pub fn set_inactive(&mut self) -> Result<(), NoPin> {
        outcome(device::set_inactive(self.0))
    }

    /// Drives it to the other level.
    ///
    /// # Errors
    ///
    /// [`NoPin`].
    pub fn toggle(&mut self) -> Result<(), NoPin> {
        outcome(device::toggle(self.0))
    }

    /// Is it high?
    ///
    /// # Errors
    ///
    /// [`NoPin`].
    pub fn is_active(&self) -> Result<bool, NoPin> {
        level(device::is_active(self.0))
    }
}

/// A pin that is read.
#[derive(Debug)]
pub struct Input(u32);

impl Input {
    /// Makes an input of pin `number`, from 0.
    ///
    /// # Errors
    ///
    /// [`NoPin`].
    pub fn new(number: u32, pull: Pull) -> Result<Self, NoPin> {
        outcome(device::make_input(number, pull as u32)).map(|()| Self(number))
    }

    /// Is it high?
    ///
    /// # Errors
    ///
    /// [`NoPin`].
    pub fn is_active(&self) -> Result<bool, NoPin> {
        level(device::is_active(self.0))
    }
}

const fn outcome(error: i32) -> Result<(), NoPin> {
    match error {
        0 => Ok(()),
        _ => Err(NoPin),
    }
}

const fn level(told: i32) -> Result<bool, NoPin> {
    match told {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(NoPin),
    }
}
