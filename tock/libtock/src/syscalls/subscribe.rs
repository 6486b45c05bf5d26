//! Subscribe: have events of a driver noted down (TRD104 section 4.2).
//!
//! The ABI lets a process name any function as an upcall. This library has one:
//! it writes the event's arguments into the [`EventSlot`] that was subscribed
//! and counts it. What to do about an event is decided by the code that yields,
//! so there is no concurrency to reason about.

#![allow(unsafe_code)]

use crate::ErrorCode;
use crate::raw::{self, class, variant};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Where the events of one subscription arrive.
///
/// Keeps the arguments of the latest event and how many came since the last
/// [`EventSlot::take`].
pub struct EventSlot {
    count: AtomicU32,
    arguments: [AtomicUsize; 3],
}

/// One or more events taken out of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// How many events came since the slot was emptied last (at least 1).
    pub count: u32,
    /// The three arguments of the latest.
    pub arguments: [usize; 3],
}

impl EventSlot {
    /// An empty slot.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
            arguments: [const { AtomicUsize::new(0) }; 3],
        }
    }

    /// Has something arrived that was not taken yet?
    #[must_use]
    pub fn is_filled(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// Empty the slot. Upcalls run only inside a Yield, so nothing can arrive
    /// halfway.
    pub fn take(&self) -> Option<Event> {
        let count = self.count.load(Ordering::Relaxed);
        if count == 0 {
            return None;
        }
        self.count.store(0, Ordering::Relaxed);
        let [a, b, c] = &self.arguments;
        Some(Event {
            count,
            arguments: [
                a.load(Ordering::Relaxed),
                b.load(Ordering::Relaxed),
                c.load(Ordering::Relaxed),
            ],
        })
    }

    /// Note an event down, as the upcall does; for tests on the host, too.
    pub fn fill(&self, arguments: [usize; 3]) {
        for (cell, value) in self.arguments.iter().zip(arguments) {
            cell.store(value, Ordering::Relaxed);
        }
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count.saturating_add(1), Ordering::Relaxed);
    }
}

impl Default for EventSlot {
    fn default() -> Self {
        Self::new()
    }
}

/// Have the events `number` of `driver` filled into `slot`.
///
/// Replaces what was subscribed before. The kernel drops events that were
/// queued for the old subscription; what `slot` already holds stays in it.
///
/// # Errors
///
/// `NoDevice` without such a driver, `NoSupport` without such an event, `NoMem`
/// if the kernel has no room to remember the subscription.
pub fn subscribe(driver: usize, number: usize, slot: &'static EventSlot) -> Result<(), ErrorCode> {
    let function = deliver as *const () as usize;
    let data = core::ptr::from_ref(slot).expose_provenance();
    swap(driver, number, function, data)
}

/// Have the events `number` of `driver` filled into a slot while `body` runs, and afterwards into the one that
/// was subscribed before.
///
/// For a call that waits for one event and cannot say who else has subscribed to it. (Yield-WaitFor does that without
/// a subscription, but upstream Tock's master of 2026 can lose the wake-up and sleep for ever.)
///
/// # Errors
///
/// As [`subscribe`]; `body` did not run then.
pub(crate) fn while_subscribed<R>(
    driver: usize,
    number: usize,
    body: impl FnOnce(&EventSlot) -> R,
) -> Result<R, ErrorCode> {
    let slot = EventSlot::new();
    let function = deliver as *const () as usize;
    let data = core::ptr::from_ref(&slot).expose_provenance();
    let (before, before_data) = exchange(driver, number, function, data)?;
    let result = body(&slot);
    // A kernel that has taken a subscription takes another. The slot must not go before it is out of use.
    while exchange(driver, number, before, before_data).is_err() {}
    Ok(result)
}

/// Stop noting down the events `number` of `driver`. They are queued from then
/// on only for [`wait_for`](crate::wait_for).
///
/// # Errors
///
/// As [`subscribe`].
pub fn unsubscribe(driver: usize, number: usize) -> Result<(), ErrorCode> {
    swap(driver, number, 0, 0)
}

fn swap(driver: usize, number: usize, function: usize, data: usize) -> Result<(), ErrorCode> {
    exchange(driver, number, function, data).map(|_| ())
}

/// Subscribe, and get what was subscribed before.
fn exchange(
    driver: usize,
    number: usize,
    function: usize,
    data: usize,
) -> Result<(usize, usize), ErrorCode> {
    // SAFETY: the function is `deliver` with the address of a slot that lives until something else is
    // subscribed, or none at all; the functions above are the only callers.
    let [r0, r1, r2, _] =
        unsafe { raw::call::<{ class::SUBSCRIBE }>([driver, number, function, data]) };
    match r0 {
        variant::SUCCESS_2_U32 => Ok((r1, r2)),
        // Some kernels answer a filtered call with the short form.
        variant::FAILURE_2_U32 | variant::FAILURE => Err(ErrorCode::from_raw(r1)),
        _ => Err(ErrorCode::BadRVal),
    }
}

/// The one upcall of this library.
///
/// # Safety
///
/// `data` must be the address of an [`EventSlot`] that lives as long as it is subscribed; that is
/// what [`subscribe`] and [`while_subscribed`] pass.
pub(crate) unsafe extern "C" fn deliver(a: usize, b: usize, c: usize, data: usize) {
    // SAFETY: see above; slots are only ever shared, never borrowed mutably.
    let slot = unsafe { &*core::ptr::with_exposed_provenance::<EventSlot>(data) };
    slot.fill([a, b, c]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[test]
    fn an_upcall_during_yield_fills_the_slot() {
        static SLOT: EventSlot = EventSlot::new();
        let data = Cell::new(0);
        crate::host::install(move |class, registers| {
            if class == class::SUBSCRIBE {
                data.set(registers[3]);
                return [variant::SUCCESS_2_U32, 0, 0, 0];
            }
            // SAFETY: the data register of the subscription above.
            unsafe { crate::host::upcall(data.get(), [7, 8, 9]) };
            registers
        });
        assert_eq!(subscribe(1, 2, &SLOT), Ok(()));
        assert!(!SLOT.is_filled());
        crate::yield_wait();
        crate::yield_wait();
        let event = SLOT.take().unwrap();
        assert_eq!(event.count, 2);
        assert_eq!(event.arguments, [7, 8, 9]);
        assert_eq!(SLOT.take(), None);
    }

    #[test]
    fn both_failure_forms_are_understood() {
        static SLOT: EventSlot = EventSlot::new();
        for form in [variant::FAILURE, variant::FAILURE_2_U32] {
            crate::host::install(move |_, [_, _, r2, r3]| [form, 10, r2, r3]);
            assert_eq!(subscribe(1, 77, &SLOT), Err(ErrorCode::NoSupport));
        }
    }
}
