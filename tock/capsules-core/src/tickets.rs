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

    /// Returns who has waited longest. `each` is to tell everybody who waits, with the ticket.
    pub(crate) fn first<T>(&self, each: impl FnOnce(&mut dyn FnMut(u32, T))) -> Option<T> {
        let now = self.next.get();
        let mut first: Option<(u32, T)> = None;
        each(&mut |ticket, who| {
            let age = now.wrapping_sub(ticket);
            if first.as_ref().is_none_or(|(most, _)| age > *most) {
                first = Some((age, who));
            }
        });
        first.map(|(_, who)| who)
    }
}
