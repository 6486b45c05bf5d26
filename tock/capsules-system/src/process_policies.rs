//! What becomes of a process that faulted.
//!
//! A board picks one and hands it to `load_processes`. The kernel asks it after every
//! fault; the restart count it sees is how often the process was restarted before.
//!
//! | policy | first fault | after more than `threshold` restarts |
//! |---|---|---|
//! | [`PanicFaultPolicy`] | kernel panics | |
//! | [`StopFaultPolicy`], [`StopWithDebugFaultPolicy`] | process stops | |
//! | [`RestartFaultPolicy`], [`RestartWithDebugFaultPolicy`] | process restarts | |
//! | [`ThresholdRestartFaultPolicy`] | process restarts | stops |
//! | [`ThresholdRestartThenPanicFaultPolicy`] | process restarts | kernel panics |
//!
//! A threshold since boot is wrong for a device that runs for years: a fault a year ago
//! says nothing about today. Berth's kernel bounds instead how fast a process is restarted
//! (`kernel::process::RestartBudget`).

use kernel::debug;
use kernel::process::{FaultAction, Process, ProcessFaultPolicy};

/// Panic the kernel: for boards under development, where the report matters most.
pub struct PanicFaultPolicy {}

impl ProcessFaultPolicy for PanicFaultPolicy {
    fn action(&self, _process: &dyn Process) -> FaultAction {
        FaultAction::Panic
    }
}

/// Stop the process and go on without it.
pub struct StopFaultPolicy {}

impl ProcessFaultPolicy for StopFaultPolicy {
    fn action(&self, _process: &dyn Process) -> FaultAction {
        FaultAction::Stop
    }
}

/// As [`StopFaultPolicy`], and say so on the debug output.
pub struct StopWithDebugFaultPolicy {}

impl ProcessFaultPolicy for StopWithDebugFaultPolicy {
    fn action(&self, process: &dyn Process) -> FaultAction {
        debug!(
            "Process {} faulted and was stopped.",
            process.get_process_name()
        );
        FaultAction::Stop
    }
}

/// Restart the process, as often as it takes.
pub struct RestartFaultPolicy {}

impl ProcessFaultPolicy for RestartFaultPolicy {
    fn action(&self, _process: &dyn Process) -> FaultAction {
        FaultAction::Restart
    }
}

/// As [`RestartFaultPolicy`], and say so on the debug output.
pub struct RestartWithDebugFaultPolicy {}

impl ProcessFaultPolicy for RestartWithDebugFaultPolicy {
    fn action(&self, process: &dyn Process) -> FaultAction {
        debug!(
            "Process {} faulted and will be restarted.",
            process.get_process_name()
        );
        FaultAction::Restart
    }
}

/// Restart the process until it was restarted more than `threshold` times, then stop it.
pub struct ThresholdRestartFaultPolicy {
    threshold: usize,
}

impl ThresholdRestartFaultPolicy {
    /// The policy for a threshold; zero allows one restart.
    #[must_use]
    pub const fn new(threshold: usize) -> Self {
        Self { threshold }
    }
}

impl ProcessFaultPolicy for ThresholdRestartFaultPolicy {
    fn action(&self, process: &dyn Process) -> FaultAction {
        up_to(
            self.threshold,
            process.get_restart_count(),
            FaultAction::Stop,
        )
    }
}

/// Restart the process until it was restarted more than `threshold` times, then panic
/// the kernel.
pub struct ThresholdRestartThenPanicFaultPolicy {
    threshold: usize,
}

impl ThresholdRestartThenPanicFaultPolicy {
    /// The policy for a threshold; zero allows one restart.
    #[must_use]
    pub const fn new(threshold: usize) -> Self {
        Self { threshold }
    }
}

impl ProcessFaultPolicy for ThresholdRestartThenPanicFaultPolicy {
    fn action(&self, process: &dyn Process) -> FaultAction {
        up_to(
            self.threshold,
            process.get_restart_count(),
            FaultAction::Panic,
        )
    }
}

fn up_to(threshold: usize, restarts: usize, then: FaultAction) -> FaultAction {
    if restarts <= threshold {
        FaultAction::Restart
    } else {
        then
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_counts_restarts_not_faults() {
        for (threshold, restarts, expected) in [
            (0, 0, FaultAction::Restart),
            (0, 1, FaultAction::Stop),
            (3, 3, FaultAction::Restart),
            (3, 4, FaultAction::Stop),
        ] {
            assert_eq!(up_to(threshold, restarts, FaultAction::Stop), expected);
        }
        assert_eq!(up_to(1, 2, FaultAction::Panic), FaultAction::Panic);
    }
}
