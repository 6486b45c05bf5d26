//! The functions the device offers, exactly as the module imports them.
//!
//! | module | function | signature |
//! | --- | --- | --- |
//! | `mmio:<label>` | `claim` | `() -> i32` handle |
//! | `mmio` | `read8`, `read16`, `read32` | `(handle i32, offset i32) -> i32` |
//! | `mmio` | `write8`, `write16`, `write32` | `(handle i32, offset i32, value i32)` |
//! | `mmio` | `modify32` | `(handle i32, offset i32, mask i32, value i32)` |
//! | `program` | `run` | `(handle i32, ptr i32, len i32, in i32, in_len i32, out i32, out_len i32) -> i32` bytes, or bit 31 and an error |
//! | `irq:<label>` | `register` | `(how i32, function i32, captures i32, count i32) -> i32` |
//! | `irq:<label>` | `unregister` | `()` |
//! | `berth` | `log` | `(level i32, ptr i32, len i32)` |
//! | `berth` | `now_us` | `() -> i64` |
//! | `berth` | `sleep_us` | `(microseconds i64)` |
//! | `berth` | `yield` | `()` |
//! | `berth` | `exit` | `(code i32)`, does not return |
//! | `berth` | `state_save` | `(ptr i32, len i32) -> i32` error number |
//! | `berth` | `state_load` | `(ptr i32, len i32) -> i32` length of what is saved |
//! | `berth` | `config_get` | `(name i32, name_len i32, ptr i32, len i32) -> i32` length of the setting, or -1 |
//! | `berth` | `config_changes` | `() -> i32` how often the configuration was changed |
//! | `berth` | `value_get` | `(name i32, name_len i32, ptr i32, len i32) -> i32` length of the value, or -1 |
//! | `berth` | `value_set` | `(name i32, name_len i32, ptr i32, len i32) -> i32` error number, or minus the milliseconds to wait |
//! | `berth` | `value_remove` | `(name i32, name_len i32) -> i32` as `value_set` |
//! | `berth` | `send` | `(name i32, name_len i32, ptr i32, len i32) -> i32` error number |
//! | `berth` | `receive` | `(ptr i32, len i32, from i32) -> i32` length of the message |
//!
//! Error numbers are 0 or those of Tock.
//!
//! The device checks every argument and stops the container (a trap) when one
//! is wrong, so all of them are safe to call.

#![allow(unsafe_code)]

/// Again later.
pub(crate) const BUSY: i32 = 2;
/// Not a name.
pub(crate) const INVALID: i32 = 6;
/// No memory, or no room.
pub(crate) const NOMEM: i32 = 9;
/// Too long.
pub(crate) const SIZE: i32 = 7;
/// Nobody there.
pub(crate) const NODEVICE: i32 = 11;

#[cfg(target_arch = "wasm32")]
mod device {
    #[link(wasm_import_module = "berth")]
    unsafe extern "C" {
        safe fn log(level: i32, text: *const u8, length: usize);
        pub(crate) safe fn now_us() -> i64;
        pub(crate) safe fn sleep_us(microseconds: i64);
        #[link_name = "yield"]
        pub(crate) safe fn yield_now();
        pub(crate) safe fn exit(code: i32) -> !;
        safe fn state_save(state: *const u8, length: usize) -> i32;
        safe fn state_load(buffer: *mut u8, length: usize) -> usize;
        #[link_name = "config_get"]
        safe fn get_setting(
            name: *const u8,
            name_length: usize,
            buffer: *mut u8,
            length: usize,
        ) -> i32;
        pub(crate) safe fn config_changes() -> u32;
        #[link_name = "value_get"]
        safe fn get_value(
            name: *const u8,
            name_length: usize,
            buffer: *mut u8,
            length: usize,
        ) -> i32;
        #[link_name = "value_set"]
        safe fn set_value(
            name: *const u8,
            name_length: usize,
            value: *const u8,
            length: usize,
        ) -> i32;
        #[link_name = "value_remove"]
        safe fn remove_value(name: *const u8, name_length: usize) -> i32;
        #[link_name = "send"]
        safe fn send_message(
            name: *const u8,
            name_length: usize,
            message: *const u8,
            length: usize,
        ) -> i32;
        #[link_name = "receive"]
        safe fn receive_message(buffer: *mut u8, length: usize, from: *mut u8) -> usize;
    }

    #[link(wasm_import_module = "mmio")]
    unsafe extern "C" {
        pub(crate) safe fn read8(handle: i32, offset: u32) -> u32;
        pub(crate) safe fn read16(handle: i32, offset: u32) -> u32;
        pub(crate) safe fn read32(handle: i32, offset: u32) -> u32;
        pub(crate) safe fn write8(handle: i32, offset: u32, value: u32);
        pub(crate) safe fn write16(handle: i32, offset: u32, value: u32);
        pub(crate) safe fn write32(handle: i32, offset: u32, value: u32);
        pub(crate) safe fn modify32(handle: i32, offset: u32, mask: u32, value: u32);
    }

    #[link(wasm_import_module = "program")]
    unsafe extern "C" {
        #[link_name = "run"]
        safe fn run_program(
            handle: i32,
            code: *const u8,
            length: usize,
            input: *const u8,
            input_length: usize,
            output: *mut u8,
            output_length: usize,
        ) -> i32;
    }

    /// The device is done with all three when it returns.
    pub(crate) fn run(handle: i32, code: &[u8], input: &[u8], output: &mut [u8]) -> i32 {
        run_program(
            handle,
            code.as_ptr(),
            code.len(),
            input.as_ptr(),
            input.len(),
            output.as_mut_ptr(),
            output.len(),
        )
    }

    /// The device reads the text before it returns.
    pub(crate) fn log_text(level: i32, text: &[u8]) {
        log(level, text.as_ptr(), text.len());
    }

    // The device is done with all of these when it returns.

    pub(crate) fn save(state: &[u8]) -> i32 {
        state_save(state.as_ptr(), state.len())
    }

    pub(crate) fn load(buffer: &mut [u8]) -> usize {
        state_load(buffer.as_mut_ptr(), buffer.len())
    }

    pub(crate) fn config_get(name: &[u8], buffer: &mut [u8]) -> i32 {
        get_setting(name.as_ptr(), name.len(), buffer.as_mut_ptr(), buffer.len())
    }

    pub(crate) fn value_get(name: &[u8], buffer: &mut [u8]) -> i32 {
        get_value(name.as_ptr(), name.len(), buffer.as_mut_ptr(), buffer.len())
    }

    pub(crate) fn value_set(name: &[u8], value: &[u8]) -> i32 {
        set_value(name.as_ptr(), name.len(), value.as_ptr(), value.len())
    }

    pub(crate) fn value_remove(name: &[u8]) -> i32 {
        remove_value(name.as_ptr(), name.len())
    }

    pub(crate) fn send(name: &[u8], message: &[u8]) -> i32 {
        send_message(name.as_ptr(), name.len(), message.as_ptr(), message.len())
    }

    pub(crate) fn receive(buffer: &mut [u8], from: &mut [u8; 32]) -> usize {
        receive_message(buffer.as_mut_ptr(), buffer.len(), from.as_mut_ptr())
    }
}

#[cfg(not(target_arch = "wasm32"))]
use crate::host as device;

pub(crate) use device::log_text as log;
pub(crate) use device::{config_changes, config_get, value_get, value_remove, value_set};
pub(crate) use device::{exit, now_us, sleep_us, yield_now};
pub(crate) use device::{load as state_load, save as state_save};
pub(crate) use device::{modify32, read8, read16, read32, run, write8, write16, write32};
pub(crate) use device::{receive, send};
