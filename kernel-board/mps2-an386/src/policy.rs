//! What becomes of a process that faulted on this board.

use kernel::debug::process_report;
use kernel::process::{FaultAction, Process, ProcessFaultPolicy};

/// Report, and restart: for the supervisor. It restarts with its containers, and without them after the third restart in a
/// minute. However often it faults it is not given up: how fast it begins again is bounded
/// ([`crate::places`]), so it costs nobody anything, and without it there is no shell to mend it from.
pub(crate) struct RestartAlways;

impl ProcessFaultPolicy for RestartAlways {
    fn action(&self, process: &dyn Process) -> FaultAction {
        #[cfg(feature = "restart-fuzz")]
        if crate::fuzz_policy::is_fuzz(process) {
            return FaultAction::Restart;
        }
        process_report(process, "is restarted.");
        FaultAction::Restart
    }
}

/// Report, and stop: what runs in firmware processes is the manufacturer's, and nobody said that it
/// may begin again.
pub(crate) struct StopAlways;

impl ProcessFaultPolicy for StopAlways {
    fn action(&self, process: &dyn Process) -> FaultAction {
        #[cfg(feature = "restart-walk")]
        if crate::walk_policy::is_stopped_walker(process) {
            return FaultAction::Restart;
        }
        process_report(process, "stays stopped, the others go on.");
        FaultAction::Stop
    }
}
