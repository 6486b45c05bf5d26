//! The board's table of processes.

use core::cell::Cell;

use super::id::RunNumber;
use super::{Priority, Process};

/// Room for one process.
pub struct ProcessSlot {
    process: Cell<Option<&'static dyn Process>>,
    /// Id of the present run, so that ids are checked without asking the process.
    run: Cell<Option<RunNumber>>,
    priority: Cell<Priority>,
}

impl Default for ProcessSlot {
    fn default() -> Self {
        Self::empty()
    }
}

impl ProcessSlot {
    /// An empty slot.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            process: Cell::new(None),
            run: Cell::new(None),
            priority: Cell::new(Priority::Equal),
        }
    }

    pub(crate) fn set(&self, process: &'static dyn Process, priority: Priority) {
        self.set_run(process.processid().run());
        self.priority.set(priority);
        self.process.set(Some(process));
    }

    pub(crate) fn set_run(&self, run: RunNumber) {
        self.run.set(Some(run));
    }

    /// The process, if it runs with this priority.
    #[inline]
    pub(crate) fn get_with(&self, priority: Priority) -> Option<&'static dyn Process> {
        if self.priority.get() == priority {
            self.process.get()
        } else {
            None
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&'static dyn Process> {
        self.process.get()
    }

    /// The process, if the present run has this number.
    #[inline]
    pub(crate) fn get_run(&self, run: RunNumber) -> Option<&'static dyn Process> {
        if self.run.get() == Some(run) {
            self.process.get()
        } else {
            None
        }
    }
}

/// Room for `N` processes, in the order in which flash holds them. More than 32 are not loaded.
pub struct ProcessArray<const N: usize> {
    slots: [ProcessSlot; N],
}

impl<const N: usize> Default for ProcessArray<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> ProcessArray<N> {
    /// Room for `N` processes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            slots: [const { ProcessSlot::empty() }; N],
        }
    }

    /// The slots, for [`Kernel::new`](crate::Kernel::new).
    #[must_use]
    pub const fn as_slice(&self) -> &[ProcessSlot] {
        &self.slots
    }
}
