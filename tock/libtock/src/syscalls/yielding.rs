//! Yield: give up the processor (TRD104 section 4.1).

#![allow(unsafe_code)]

use crate::raw::{self, yield_variant};

/// Sleep until an upcall has run.
pub fn yield_wait() {
    // SAFETY: the only function ever subscribed through this library fills an
    // `EventSlot`.
    unsafe { raw::yield_call([yield_variant::WAIT, 0, 0, 0]) };
}

/// Run one upcall if one is pending; was there one?
pub fn yield_no_wait() -> bool {
    let mut flag = 0u8;
    let address = (&raw mut flag).expose_provenance();
    // SAFETY: as above, and the byte the kernel writes is `flag`.
    unsafe { raw::yield_call([yield_variant::NO_WAIT, address, 0, 0]) };
    flag != 0
}

/// Sleep until event `number` of `driver` and return its arguments.
///
/// No subscription is needed. All other events stay queued in order (the
/// kernel's queue is short: ten entries).
#[must_use]
pub fn wait_for(driver: usize, number: usize) -> [usize; 3] {
    // SAFETY: this variant runs no function and writes no memory.
    let [a, b, c, _] = unsafe { raw::yield_call([yield_variant::WAIT_FOR, driver, number, 0]) };
    [a, b, c]
}
