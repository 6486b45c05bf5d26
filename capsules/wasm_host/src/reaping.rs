//! How claims end with their process on kernels that tell drivers nothing of it, as upstream's.
//!
//! ```text
//!   a process stops, or nothing runs ──► Scheduler::result, next       ReapingScheduler ──┐
//!   a process is about to run        ──► ContextSwitchCallback         Reaper ────────────┴► WasmHost::reap
//! ```
//!
//! Both look in places that every kernel passes. Together they leave no gap: before any
//! process runs again after another one has ended, and before the processor sleeps, the claims of
//! the one that ended are ended. A fault is told by the board's `ProcessFault` hook besides
//! ([`WasmHost::process_gone`]), which is earlier by nothing that runs.

use crate::WasmHost;
use kernel::platform::ContextSwitchCallback;
use kernel::platform::chip::Chip;
use kernel::process::{Process, StoppedExecutingReason};
use kernel::scheduler::{Scheduler, SchedulingDecision};

/// Ends the claims of processes that are gone before any process runs: a board's
/// `ContextSwitchCallback`.
pub struct Reaper<'a, const N: usize> {
    host: &'a WasmHost<N>,
}

impl<'a, const N: usize> Reaper<'a, N> {
    /// Makes a callback that looks after the claims of `host`.
    pub const fn new(host: &'a WasmHost<N>) -> Self {
        Self { host }
    }
}

impl<const N: usize> ContextSwitchCallback for Reaper<'_, N> {
    fn context_switch_hook(&self, _process: &dyn Process) {
        self.host.reap();
    }
}

/// Ends the claims of processes that are gone whenever the kernel asks what to do next: a board's
/// `Scheduler`, around one that decides.
///
/// The other methods of the trait keep their default forms, which are safe functions in some
/// versions of Tock and unsafe ones in others: right for schedulers that do not replace them, such
/// as round robin and the co-operative one. For one that does, write a wrapper of these two methods on the board.
pub struct ReapingScheduler<'a, S, const N: usize> {
    scheduler: S,
    host: &'a WasmHost<N>,
}

impl<'a, S, const N: usize> ReapingScheduler<'a, S, N> {
    /// Makes a scheduler that decides as `scheduler` does and looks after the claims of `host`.
    pub const fn new(scheduler: S, host: &'a WasmHost<N>) -> Self {
        Self { scheduler, host }
    }
}

impl<C: Chip, S: Scheduler<C>, const N: usize> Scheduler<C> for ReapingScheduler<'_, S, N> {
    fn next(&self) -> SchedulingDecision {
        self.host.reap();
        self.scheduler.next()
    }

    fn result(&self, result: StoppedExecutingReason, execution_time_us: Option<u32>) {
        self.host.reap();
        self.scheduler.result(result, execution_time_us);
    }
}
