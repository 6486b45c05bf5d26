//! Which process runs, and for how long.

pub mod background;
pub mod priority;
pub mod round_robin;

use core::num::NonZeroU32;

use crate::deferred_call::DeferredCall;
use crate::platform::chip::Chip;
use crate::process::{ProcessId, StoppedExecutingReason};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulingDecision {
    /// Run this process for at most so many microseconds (`None`: until it
    /// yields or something more important comes).
    RunProcess((ProcessId, Option<NonZeroU32>)),
    /// There is nothing to run.
    TrySleep,
}

/// Decides which process runs.
pub trait Scheduler<C: Chip> {
    /// What to do next. Called when no kernel work is pending.
    fn next(&self) -> SchedulingDecision;

    /// Why the process that `next` chose stopped, and how many microseconds it
    /// ran, if it had a slice.
    fn result(&self, result: StoppedExecutingReason, execution_time_us: Option<u32>);

    /// Do the kernel's work: interrupts, then deferred calls as long as no
    /// interrupt comes.
    fn execute_kernel_work(&self, chip: &C) {
        chip.service_pending_interrupts();
        while !chip.has_pending_interrupts() && DeferredCall::service_next_pending_call().is_some()
        {
        }
    }

    /// Whether the kernel has work that goes before processes.
    fn do_kernel_work_now(&self, chip: &C) -> bool {
        DeferredCall::has_tasks() || chip.has_pending_interrupts()
    }

    /// Whether the running process may go on. Asked after every system call
    /// and interrupt, so an implementation answers quickly.
    #[inline]
    fn continue_process(&self, _process: ProcessId, chip: &C) -> bool {
        !DeferredCall::has_tasks() && !chip.has_pending_interrupts()
    }
}
