//! What hooks, policies and trusted capsules do with processes.

use kernel::platform::mpu;
use kernel::process::{FaultAction, Process, ProcessFaultPolicy, ProcessId, State};
use kernel::{ErrorCode, Kernel, capabilities};

/// What hooks, policies and a capsule with the capability do with a process.
fn with_process(process: &dyn Process) -> Option<mpu::Region> {
    let _: (ProcessId, &'static str, usize) = (
        process.processid(),
        process.get_process_name(),
        process.get_restart_count(),
    );
    let _: Option<Option<u32>> = process.get_completion_code();
    let _: [usize; 3] = [
        process.debug_syscall_count(),
        process.debug_timeslice_expiration_count(),
        process.debug_dropped_upcall_count(),
    ];
    match process.get_state() {
        State::Running | State::Yielded | State::YieldedFor(_) => process.stop(),
        State::Stopped(_) => process.resume(),
        State::Faulted | State::Terminated => process.try_restart(None),
    }
    process.terminate(Some(1));
    process.set_fault_state();
    process.setup_mpu();
    let _: (bool, bool, bool, usize) = (
        process.ready(),
        process.is_running(),
        process.has_tasks(),
        process.pending_tasks(),
    );
    let flash_start: usize = process.get_addresses().flash_start;
    let region = process.add_mpu_region(core::ptr::without_provenance(flash_start), 64, 32)?;
    let _: Result<(), ErrorCode> = process.remove_mpu_region(region);
    process.add_mpu_region(core::ptr::null(), 64, 32)
}

/// A capsule that the board trusts with processes.
fn manage<C: capabilities::ProcessManagementCapability>(
    kernel: &'static Kernel,
    id: ProcessId,
    capability: &C,
) {
    let _: Option<mpu::Region> = kernel.process_map_or_external(None, id, with_process, capability);
    kernel.process_each_capability(capability, |process: &dyn Process| process.resume());
    kernel.hardfault_all_apps(capability);
}

pub(crate) struct Policy;

impl ProcessFaultPolicy for Policy {
    fn action(&self, process: &dyn Process) -> FaultAction {
        match process.get_restart_count() {
            0 => FaultAction::Restart,
            1 => FaultAction::Stop,
            _ => FaultAction::Panic,
        }
    }
}
