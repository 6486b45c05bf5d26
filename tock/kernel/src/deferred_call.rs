//! Work a driver puts off until the kernel loop is back in charge.
//!
//! A driver may not call its client from inside the client's own call; it sets
//! a [`DeferredCall`] instead and calls the client from
//! [`DeferredCallClient::handle_deferred_call`].

use core::cell::Cell;

use crate::utilities::single_core::kernel_global;

/// How many deferred calls a system can have.
const MAX: usize = 32;

/// A driver that defers calls.
pub trait DeferredCallClient: Sized {
    /// The call that was set, now from the kernel loop.
    fn handle_deferred_call(&self);
    /// Register all deferred calls of this driver; a board calls it once.
    fn register(&'static self);
}

/// A client without its type: its address and the function that knows the type.
#[derive(Clone, Copy)]
struct Client {
    data: *const (),
    handle: fn(*const ()),
}

struct Table {
    created: Cell<usize>,
    pending: Cell<u32>,
    /// To be made when processes have had their turn.
    later: Cell<u32>,
    /// Those of them with a greater number than the one that was made last.
    next_later: Cell<u32>,
    clients: [Cell<Option<Client>>; MAX],
}

kernel_global! {
    static TABLE: Table = Table {
        created: Cell::new(0),
        pending: Cell::new(0),
        later: Cell::new(0),
        next_later: Cell::new(u32::MAX),
        clients: [const { Cell::new(None) }; MAX],
    };
}

/// One call that can be deferred.
#[derive(Debug)]
pub struct DeferredCall {
    index: usize,
}

impl Default for DeferredCall {
    fn default() -> Self {
        Self::new()
    }
}

impl DeferredCall {
    /// A new call.
    ///
    /// # Panics
    ///
    /// When the board makes more than 32; found at its first start.
    #[must_use]
    pub fn new() -> Self {
        TABLE.with(|table| {
            let index = table.created.get();
            assert!(index < MAX, "more than 32 deferred calls");
            table.created.set(index + 1);
            Self { index }
        })
    }

    /// Have `client` handle this call.
    pub fn register<DC: DeferredCallClient>(&self, client: &'static DC) {
        #[allow(unsafe_code)]
        fn handle<DC: DeferredCallClient>(data: *const ()) {
            // SAFETY: `data` was made from a `&'static DC` right below.
            let client = unsafe { &*data.cast::<DC>() };
            client.handle_deferred_call();
        }
        let client = Client {
            data: core::ptr::from_ref(client).cast(),
            handle: handle::<DC>,
        };
        TABLE.with(|table| {
            if let Some(slot) = table.clients.get(self.index) {
                slot.set(Some(client));
            }
        });
    }

    /// Have the kernel loop make the call.
    pub fn set(&self) {
        TABLE.with(|table| table.pending.set(table.pending.get() | 1 << self.index));
    }

    /// Have the kernel loop make the call when processes have had their turn: for work that goes on
    /// and on, like long messages, a bounded piece a call.
    pub fn set_later(&self) {
        TABLE.with(|table| table.later.set(table.later.get() | 1 << self.index));
    }

    /// Whether the call is set and not made yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        TABLE.with(|table| (table.pending.get() | table.later.get()) & 1 << self.index != 0)
    }

    /// Whether a call waits until processes have had their turn.
    #[must_use]
    #[inline]
    pub(crate) fn has_later() -> bool {
        TABLE.with(|table| table.later.get() != 0)
    }

    /// Make one of the calls that were to come after processes, by turns: they are for work that goes on and on, and one
    /// that sets itself again keeps no other waiting. Its number, or `None`.
    pub fn service_next_later_call() -> Option<usize> {
        Self::service_next(|table| {
            let pending = table.later.get();
            let turn = match pending & table.next_later.get() {
                0 => pending,
                next => next,
            };
            let first = turn & turn.wrapping_neg();
            table.later.set(pending & !first);
            // The bits above it.
            table.next_later.set(first.wrapping_neg() << 1);
            first
        })
    }

    /// Whether any call waits.
    #[must_use]
    #[inline]
    pub fn has_tasks() -> bool {
        TABLE.with(|table| table.pending.get() != 0)
    }

    /// Make the waiting call with the lowest number; its number, or `None`.
    pub fn service_next_pending_call() -> Option<usize> {
        Self::service_next(|table| {
            let pending = table.pending.get();
            let first = pending & pending.wrapping_neg();
            table.pending.set(pending & !first);
            first
        })
    }

    /// Make the call whose bit is taken out of the table, if there is one.
    fn service_next(take: fn(&Table) -> u32) -> Option<usize> {
        let (index, client) = TABLE.with(|table| {
            let bit = take(table);
            if bit == 0 {
                return None;
            }
            let index = bit.trailing_zeros() as usize;
            Some((index, table.clients.get(index).and_then(Cell::get)))
        })?;
        if let Some(client) = client {
            (client.handle)(client.data);
        }
        Some(index)
    }

    /// Check that every call that was made has a client.
    ///
    /// # Panics
    ///
    /// When one has not: the board forgot `register`.
    pub fn verify_setup() {
        TABLE.with(|table| {
            let forgotten = table
                .clients
                .iter()
                .take(table.created.get())
                .any(|client| client.get().is_none());
            assert!(!forgotten, "a deferred call has no client");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;

    struct Driver {
        call: DeferredCall,
        seen: Cell<u32>,
    }

    impl DeferredCallClient for Driver {
        fn handle_deferred_call(&self) {
            self.seen.set(self.seen.get() + 1);
        }
        fn register(&'static self) {
            self.call.register(self);
        }
    }

    fn driver() -> &'static Driver {
        Box::leak(Box::new(Driver {
            call: DeferredCall::new(),
            seen: Cell::new(0),
        }))
    }

    #[test]
    fn lowest_first_and_once() {
        let (first, second) = (driver(), driver());
        assert!(std::panic::catch_unwind(DeferredCall::verify_setup).is_err());
        first.register();
        second.register();
        DeferredCall::verify_setup();
        second.call.set();
        second.call.set();
        first.call.set();
        assert!(DeferredCall::has_tasks() && first.call.is_pending());
        assert_eq!(DeferredCall::service_next_pending_call(), Some(0));
        assert_eq!((first.seen.get(), second.seen.get()), (1, 0));
        assert_eq!(DeferredCall::service_next_pending_call(), Some(1));
        assert_eq!(DeferredCall::service_next_pending_call(), None);
        assert_eq!((first.seen.get(), second.seen.get()), (1, 1));
    }

    #[test]
    fn later_calls_that_set_themselves_again_take_turns() {
        let drivers = [driver(), driver(), driver()];
        for driver in drivers {
            driver.register();
        }
        let made = |numbers: &[usize]| {
            for number in numbers {
                assert_eq!(DeferredCall::service_next_later_call(), Some(*number));
                drivers[*number].call.set_later();
            }
        };
        drivers[1].call.set_later();
        made(&[1, 1]);
        drivers[0].call.set_later();
        drivers[2].call.set_later();
        made(&[2, 0, 1, 2, 0, 1, 2]);
        // The other kind is by number, and does not change the turns.
        drivers[1].call.set();
        assert_eq!(DeferredCall::service_next_pending_call(), Some(1));
        made(&[0]);
        for number in [1, 2, 0] {
            assert_eq!(DeferredCall::service_next_later_call(), Some(number));
        }
        assert_eq!(DeferredCall::service_next_later_call(), None);
        assert!(!DeferredCall::has_later());
    }
}
