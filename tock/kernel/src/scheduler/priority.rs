//! Strict priorities: the first ready process in the board's order runs.
//!
//! The order is that of the process array, which is that of flash. One process
//! can be made the lowest whatever its place ([`PrioritySched::with_lowest`]).
//! Processes have no time slices; a process of higher priority that becomes
//! ready takes over at once.

use core::cell::Cell;

use super::{Scheduler, SchedulingDecision};
use crate::deferred_call::DeferredCall;
use crate::kernel::Kernel;
use crate::platform::chip::Chip;
use crate::process::{Process, ProcessId, StoppedExecutingReason};

/// The priority scheduler.
pub struct PrioritySched {
    kernel: &'static Kernel,
    /// Flash address of the process that runs only when no other does.
    lowest: Option<usize>,
    /// Slot of that process, once it is known.
    lowest_slot: Cell<Option<usize>>,
}

impl PrioritySched {
    /// Priorities in the order of the process array, highest first.
    #[must_use]
    pub const fn new(kernel: &'static Kernel) -> Self {
        Self {
            kernel,
            lowest: None,
            lowest_slot: Cell::new(None),
        }
    }

    /// As [`new`](Self::new), but the process whose flash begins at
    /// `flash_start` comes last.
    #[must_use]
    pub const fn with_lowest(kernel: &'static Kernel, flash_start: usize) -> Self {
        Self {
            kernel,
            lowest: Some(flash_start),
            lowest_slot: Cell::new(None),
        }
    }

    /// Processes do not move, so the slot is looked up once.
    fn lowest_slot(&self) -> Option<usize> {
        let flash_start = self.lowest?;
        if self.lowest_slot.get().is_none() {
            let found = (0..self.kernel.slot_count()).find(|&index| {
                self.kernel
                    .process_at(index)
                    .is_some_and(|p| p.get_addresses().flash_start == flash_start)
            });
            self.lowest_slot.set(found);
        }
        self.lowest_slot.get()
    }

    /// The ready process with the highest priority.
    fn best(&self) -> Option<&'static dyn Process> {
        let ready = |index| self.kernel.process_at(index).filter(|p| p.ready());
        let lowest = self.lowest_slot();
        (0..self.kernel.slot_count())
            .filter(|&index| Some(index) != lowest)
            .find_map(ready)
            .or_else(|| lowest.and_then(ready))
    }
}

impl<C: Chip> Scheduler<C> for PrioritySched {
    fn next(&self) -> SchedulingDecision {
        let _ = self.kernel.take_noted_work();
        match self.best() {
            Some(process) => SchedulingDecision::RunProcess((process.processid(), None)),
            None => SchedulingDecision::TrySleep,
        }
    }

    fn result(&self, _result: StoppedExecutingReason, _execution_time_us: Option<u32>) {}

    #[inline]
    fn continue_process(&self, process: ProcessId, chip: &C) -> bool {
        if DeferredCall::has_tasks() || chip.has_pending_interrupts() {
            return false;
        }
        // Priorities are compared only after something happened to a process.
        !self.kernel.take_noted_work() || self.best().is_none_or(|p| p.processid() == process)
    }
}
