//! The device's clock in nanoseconds, and waiting by it: [`now_us`](crate::now_us) and [`sleep_us`](crate::sleep_us) under the names of
//! `wasi:clocks/monotonic-clock`.
//!
//! Every device has it. In handlers of interrupts and in `_pause` nobody can wait: waiting there ends the container.

#![allow(unsafe_code)]

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "declares the imports")]
mod device {
    #[link(wasm_import_module = "tock:alarm")]
    unsafe extern "C" {
        #[link_name = "now"]
        pub(super) safe fn now(at: *mut u64) -> i32;
        #[link_name = "resolution"]
        pub(super) safe fn resolution() -> u32;
        #[link_name = "wait_for"]
        pub(super) safe fn wait_for(nanoseconds: u64);
        #[link_name = "wait_until"]
        pub(super) safe fn wait_until(when: u64);
    }
}

/// Off the device no time passes.
#[cfg(not(target_arch = "wasm32"))]
mod device {
    pub(super) fn now(_at: *mut u64) -> i32 {
        0
    }
    pub(super) fn resolution() -> u32 {
        1_000
    }
    pub(super) fn wait_for(_nanoseconds: u64) {}
    pub(super) fn wait_until(_when: u64) {}
}

/// Returns the nanoseconds since the device started.
#[must_use]
pub fn now() -> u64 {
    let mut at = 0;
    device::now(&raw mut at);
    at
}

/// Returns the nanoseconds of a tick of the clock.
#[must_use]
pub fn resolution() -> u64 {
    device::resolution().into()
}

/// Waits for so many nanoseconds, never for less; other containers run meanwhile.
pub fn wait_for(nanoseconds: u64) {
    device::wait_for(nanoseconds);
}

/// Waits until the clock has passed `when`, which may be over.
pub fn wait_until(when: u64) {
    device::wait_until(when);
}
