//! Those who wait for something that one process has at a time, in the order in which they asked.
//!
//! Kept in the kernel, not in the processes' grants: who comes next is found by one look, however many
//! processes there are. One that ends while it waits stays in the order until its turn, and whoever takes it finds
//! then that there is nothing to do.

use core::cell::Cell;
use kernel::ErrorCode;
use kernel::grant::{AllowRoSize, AllowRwSize, Grant, UpcallSize};
use kernel::process::ProcessId;

/// Processes that can wait at once, or have an alarm.
pub const PROCESSES_MAX: usize = 16;

/// The order. Nobody is in it twice.
pub(crate) struct Waiting {
    places: [Cell<Option<ProcessId>>; PROCESSES_MAX],
    /// Place of the first one.
    first: Cell<usize>,
    count: Cell<usize>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            places: [const { Cell::new(None) }; PROCESSES_MAX],
            first: Cell::new(0),
            count: Cell::new(0),
        }
    }
}

impl Waiting {
    fn place(&self, number: usize) -> Option<&Cell<Option<ProcessId>>> {
        self.places.get((self.first.get() + number) % PROCESSES_MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    /// Puts a process behind all others. Returns whether there was room. When there is none, those go for whom `waits` says
    /// that they wait no longer.
    #[must_use]
    pub(crate) fn push(&self, process: ProcessId, waits: &dyn Fn(ProcessId) -> bool) -> bool {
        if self.count.get() == PROCESSES_MAX {
            for _ in 0..PROCESSES_MAX {
                if let Some(other) = self.pop().filter(|other| waits(*other)) {
                    self.put(other);
                }
            }
        }
        self.count.get() < PROCESSES_MAX && self.put(process)
    }

    /// Puts a process behind all others whose work stands in its grant, where `work` shows it.
    ///
    /// # Errors
    ///
    /// `BUSY`: there was no room, and the work is taken back; those of the grant.
    pub(crate) fn push_work<T, U, RO, RW, W>(
        &self,
        process: ProcessId,
        grant: &Grant<T, U, RO, RW>,
        work: fn(&mut T) -> &mut Option<W>,
    ) -> Result<(), ErrorCode>
    where
        T: Default,
        U: UpcallSize,
        RO: AllowRoSize,
        RW: AllowRwSize,
    {
        let is_noted = self.push(process, &|other| {
            let waits = grant.enter(other, |app, _| work(app).is_some());
            waits.unwrap_or(false)
        });
        if is_noted {
            return Ok(());
        }
        grant.enter(process, |app, _| *work(app) = None)?;
        Err(ErrorCode::BUSY)
    }

    fn put(&self, process: ProcessId) -> bool {
        let count = self.count.get();
        let place = self.place(count);
        if let Some(place) = place {
            place.set(Some(process));
            self.count.set(count + 1);
        }
        place.is_some()
    }

    /// Takes the one out that has waited longest.
    pub(crate) fn pop(&self) -> Option<ProcessId> {
        let left = self.count.get().checked_sub(1)?;
        let process = self.place(0)?.take();
        self.first.set((self.first.get() + 1) % PROCESSES_MAX);
        self.count.set(left);
        process
    }

    /// Asks one after the other, until one says yes.
    pub(crate) fn any(&self, ask: &dyn Fn(ProcessId) -> bool) {
        let all = (0..self.count.get()).filter_map(|number| self.place(number)?.get());
        let _ = { all }.any(ask);
    }
}
