//! Work a driver puts off until the kernel loop is back in charge.
//!
//! A driver may not call its client from inside the client's own call; it sets
//! a [`DeferredCall`] instead and calls the client from
//! [`DeferredCallClient::handle_deferred_call`].

use core::cell::Cell;

use crate::utilities::single_core::kernel_global;

/// How many deferred calls a system can have.
const MAX: usize = 31;
/// Among the calls that wait, none: the loop is to look at those in the background.
const LOOK: u32 = 1 << MAX;

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
    /// To be made when processes have had their turn, or in the background.
    later: Cell<u32>,
    /// Those that are made in the background, whenever they are set.
    in_background: Cell<u32>,
    /// Of them, those that have not been made since the others were.
    later_first: Cell<u32>,
    clients: [Cell<Option<Client>>; MAX],
}

kernel_global! {
    static TABLE: Table = Table {
        created: Cell::new(0),
        pending: Cell::new(0),
        later: Cell::new(0),
        in_background: Cell::new(0),
        later_first: Cell::new(0),
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
    /// When the board makes more than 31; found at its first start.
    #[must_use]
    pub fn new() -> Self {
        TABLE.with(|table| {
            let index = table.created.get();
            assert!(index < MAX, "more than 31 deferred calls");
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
        let call = 1 << self.index;
        TABLE.with(|table| {
            let now = if table.in_background.get() & call == 0 {
                call
            } else {
                table.later.set(table.later.get() | call);
                LOOK
            };
            table.pending.set(table.pending.get() | now);
        });
    }

    /// Has this call, from now on, made only when no process is ready but those in the background, and before any of these
    /// runs: for work that is theirs. Of several, one at a time. A board calls it; where no place is in the
    /// background, such a call waits until no process is ready at all.
    pub fn put_in_background(&self) {
        TABLE.with(|table| {
            let calls = table.in_background.get() | 1 << self.index;
            table.in_background.set(calls);
        });
    }

    /// Have the kernel loop make the call when no process is ready but those in the background, before any of these runs, or
    /// when the others have had their time: for work that goes on and on, like long messages, a bounded piece a call.
    pub fn set_later(&self) {
        TABLE.with(|table| table.later.set(table.later.get() | 1 << self.index));
        Self::have_looked();
    }

    /// Have the kernel loop look what is to be done, though no call is set: whoever runs is asked anew.
    pub(crate) fn have_looked() {
        TABLE.with(|table| table.pending.set(table.pending.get() | LOOK));
    }

    /// Whether the call is set and not made yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        TABLE.with(|table| (table.pending.get() | table.later.get()) & 1 << self.index != 0)
    }

    /// Whether a call waits until processes have had their turn, or in the background.
    #[must_use]
    #[inline]
    pub(crate) fn has_later() -> bool {
        TABLE.with(|table| table.later.get() != 0)
    }

    /// Whether one waits that is not only made in the background.
    #[must_use]
    pub(crate) fn has_later_for_firmware() -> bool {
        TABLE.with(|table| table.later.get() & !table.in_background.get() != 0)
    }

    /// Make one of the calls that were to come after processes or in the background; its number, or `None`. One that is
    /// set again and again keeps no other from its turn.
    pub fn service_next_later_call() -> Option<usize> {
        Self::service_later(u32::MAX)
    }

    /// The same, of those that are not only made in the background.
    pub(crate) fn service_next_later_for_firmware() -> Option<usize> {
        Self::service_later(TABLE.with(|table| !table.in_background.get()))
    }

    fn service_later(of: u32) -> Option<usize> {
        let first = TABLE.with(|table| {
            let later = table.later.get() & of;
            match table.later_first.get() & later {
                0 => later,
                first => first,
            }
        });
        let index = Self::service_next(|table| &table.later, first)?;
        TABLE.with(|table| {
            let others = table.later_first.get() & !of;
            table.later_first.set(others | (first & !(1 << index)));
        });
        Some(index)
    }

    /// Whether any call waits.
    #[must_use]
    #[inline]
    pub fn has_tasks() -> bool {
        TABLE.with(|table| table.pending.get() != 0)
    }

    /// Make the waiting call with the lowest number; its number, or `None`.
    pub fn service_next_pending_call() -> Option<usize> {
        Self::service_next(|table| &table.pending, u32::MAX)
    }

    /// Make the call with the lowest number of a set, of those that a mask leaves.
    fn service_next(calls: fn(&Table) -> &Cell<u32>, mask: u32) -> Option<usize> {
        let (index, client) = TABLE.with(|table| {
            let calls = calls(table);
            let pending = calls.get() & mask;
            if pending == 0 {
                return None;
            }
            let index = pending.trailing_zeros() as usize;
            calls.set(calls.get() & !(1 << index));
            // Of [`LOOK`] there is no client.
            Some((index, table.clients.get(index)?.get()))
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
        again: Cell<bool>,
    }

    impl DeferredCallClient for Driver {
        fn handle_deferred_call(&self) {
            self.seen.set(self.seen.get() + 1);
            if self.again.get() {
                self.call.set_later();
            }
        }
        fn register(&'static self) {
            self.call.register(self);
        }
    }

    fn driver() -> &'static Driver {
        Box::leak(Box::new(Driver {
            call: DeferredCall::new(),
            seen: Cell::new(0),
            again: Cell::new(false),
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
    fn one_that_goes_on_and_on_keeps_no_other_from_its_turn() {
        let drivers = [driver(), driver(), driver()];
        for driver in drivers {
            driver.register();
            driver.again.set(true);
            driver.call.set_later();
        }
        for _ in 0..30 {
            assert!(DeferredCall::service_next_later_call().is_some());
        }
        assert!(drivers.iter().all(|driver| driver.seen.get() == 10));
        // The loop is to look, and that is all.
        assert!(DeferredCall::has_later() && DeferredCall::has_tasks());
        assert_eq!(DeferredCall::service_next_pending_call(), None);
        assert!(DeferredCall::has_later() && !DeferredCall::has_tasks());
        drivers.iter().for_each(|driver| driver.again.set(false));
        let rest = core::iter::from_fn(DeferredCall::service_next_later_call);
        assert_eq!(rest.count(), 3);
        assert!(!DeferredCall::has_later());
    }

    #[test]
    fn what_is_in_the_background_is_asked_for_by_itself() {
        let [first, second, other] = [driver(), driver(), driver()];
        for driver in [first, second, other] {
            driver.register();
        }
        first.call.put_in_background();
        second.call.put_in_background();
        let waits = || {
            (
                DeferredCall::has_later(),
                DeferredCall::has_later_for_firmware(),
            )
        };
        assert_eq!(waits(), (false, false));
        second.call.set();
        first.call.set();
        other.call.set_later();
        // The loop is to look, and that is all.
        assert!(DeferredCall::has_tasks() && first.call.is_pending());
        assert_eq!(DeferredCall::service_next_pending_call(), None);
        assert!(!DeferredCall::has_tasks());
        assert_eq!(waits(), (true, true));
        assert_eq!(DeferredCall::service_next_later_for_firmware(), Some(2));
        assert_eq!(waits(), (true, false));
        assert_eq!(DeferredCall::service_next_later_for_firmware(), None);
        assert_eq!(DeferredCall::service_next_later_call(), Some(0));
        assert_eq!(DeferredCall::service_next_later_call(), Some(1));
        assert_eq!(waits(), (false, false));
        assert_eq!(
            (first.seen.get(), second.seen.get(), other.seen.get()),
            (1, 1, 1)
        );
    }
}
