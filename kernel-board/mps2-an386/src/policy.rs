//! What becomes of a process that faulted on this board.

use capsules_system::process_policies::FaultRow;
use kernel::debug;
use kernel::process::{FaultAction, Process, ProcessFaultPolicy};
use mps2::fpgaio;

use crate::layout::supervisor_flash_start;

/// The supervisor stays down at this fault of a row. It restarts with its containers, and without
/// them after the third restart in a minute; what faults then ends here.
const SUPERVISOR_FAULTS: u32 = 8;
/// Faults that are less than so many seconds apart are one row.
const ROW_SECONDS: u32 = 60;

/// Report; then restart the supervisor, stop any other process: what runs in firmware
/// processes is the manufacturer's, and nobody said that it may begin again.
pub(crate) struct FaultPolicy {
    row: FaultRow,
}

impl FaultPolicy {
    /// The policy, before the first fault.
    pub(crate) const fn new() -> Self {
        Self {
            row: FaultRow::new(ROW_SECONDS),
        }
    }
}

impl ProcessFaultPolicy for FaultPolicy {
    fn action(&self, process: &dyn Process) -> FaultAction {
        #[cfg(feature = "restart-walk")]
        if crate::walk_policy::is_stopped_walker(process) {
            return FaultAction::Restart;
        }
        #[cfg(feature = "restart-fuzz")]
        if crate::fuzz_policy::is_fuzz(process) {
            return FaultAction::Restart;
        }
        kernel::debug::process_report(process);
        let name = process.get_process_name();
        if is_supervisor(process) && self.row.fault(fpgaio::seconds()) < SUPERVISOR_FAULTS {
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
