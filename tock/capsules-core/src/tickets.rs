//! The order in which processes asked for something that one of them has at a time.

use core::cell::Cell;

/// Numbers that tell who was first. They wrap, ages do not: a process waits with one ticket at most.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    next: Cell<u32>,
}

impl Tickets {
    /// Returns the next number.
    pub(crate) fn draw(&self) -> u32 {
        let ticket = self.next.get();
        self.next.set(ticket.wrapping_add(1));
        ticket
    }

    /// Returns how many numbers were drawn since this one.
    pub(crate) fn age(&self, ticket: u32) -> u32 {
        self.next.get().wrapping_sub(ticket)
    }
}
