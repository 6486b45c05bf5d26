//! What happens to a process that faulted.

use super::Process;

/// What to do with a process that faulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAction {
    /// Stop the whole system with a report.
    Panic,
    /// Start it again from the beginning.
    Restart,
    /// Let it rest; others go on.
    Stop,
}

/// Decides what to do with a process that faulted.
pub trait ProcessFaultPolicy {
    /// The action for `process`, which has just faulted.
    fn action(&self, process: &dyn Process) -> FaultAction;
}
