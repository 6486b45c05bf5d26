//! Strict priorities: the first ready process in the board's order runs.
//!
//! The order is that of the process array, which is that of flash. Processes
//! have no time slices: one that does not yield keeps all that come after it
//! from running. A process of higher priority that becomes ready takes over at once.

use super::{Scheduler, SchedulingDecision};
use crate::deferred_call::DeferredCall;
use crate::kernel::Kernel;
use crate::platform::chip::Chip;
use crate::process::{Process, ProcessId, StoppedExecutingReason};

/// The priority scheduler.
pub struct PrioritySched {
    kernel: &'static Kernel,
}

impl PrioritySched {
    /// Priorities in the order of the process array, highest first.
    #[must_use]
    pub const fn new(kernel: &'static Kernel) -> Self {
        Self { kernel }
    }

    /// The ready process with the highest priority.
    fn best(&self) -> Option<&'static dyn Process> {
        let (_, process) = self.kernel.first_ready(u32::MAX, 0)?;
        Some(process)
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
