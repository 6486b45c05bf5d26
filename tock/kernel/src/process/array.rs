//! The board's table of processes.

use core::cell::Cell;

use super::Process;

/// Room for one process.
pub struct ProcessSlot {
    process: Cell<Option<&'static dyn Process>>,
    /// Id of the present run, so that ids are checked without asking the process.
    identifier: Cell<usize>,
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
            identifier: Cell::new(0),
        }
    }

    pub(crate) fn set(&self, process: &'static dyn Process) {
        self.process.set(Some(process));
    }

    pub(crate) fn set_identifier(&self, identifier: usize) {
        self.identifier.set(identifier);
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&'static dyn Process> {
        self.process.get()
    }

    /// The process, if the present run has this identifier.
    #[inline]
    pub(crate) fn get_run(&self, identifier: usize) -> Option<&'static dyn Process> {
        if self.identifier.get() == identifier {
            self.process.get()
        } else {
            None
        }
    }
}

/// Room for `N` processes, in the order in which flash holds them.
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
