//! What becomes of a process that faulted on this board.

use kernel::debug;
use kernel::process::{FaultAction, Process, ProcessFaultPolicy};

use crate::layout::supervisor_flash_start;

/// How often the supervisor is restarted before it stays down. It restarts
/// with its containers; a fault that always comes back must end some time.
const SUPERVISOR_RESTARTS: usize = 3;

/// Report; then restart the supervisor, stop any other process: what runs in firmware
/// processes is the manufacturer's, and nobody said that it may begin again.
pub(crate) struct FaultPolicy;

impl ProcessFaultPolicy for FaultPolicy {
    fn action(&self, process: &dyn Process) -> FaultAction {
        #[cfg(feature = "restart-walk")]
        if crate::walk_policy::is_stopped_walker(process) {
            return FaultAction::Restart;
        }
        kernel::debug::process_report(process);
        let name = process.get_process_name();
        if is_supervisor(process) && process.get_restart_count() < SUPERVISOR_RESTARTS {
            debug!("{name} is restarted.");
            FaultAction::Restart
        } else {
            debug!("{name} stays stopped, the others go on.");
            FaultAction::Stop
        }
    }
}

/// The supervisor is the process at the supervisor's flash address.
pub(crate) fn is_supervisor(process: &dyn Process) -> bool {
    process.get_addresses().flash_start == supervisor_flash_start()
}
