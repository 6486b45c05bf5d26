//! The board: which drivers exist, who may call them, and hooks.

use crate::errorcode::ErrorCode;
use crate::platform::chip::Chip;
use crate::platform::scheduler_timer::SchedulerTimer;
use crate::platform::watchdog::WatchDog;
use crate::process::Process;
use crate::scheduler::Scheduler;
use crate::syscall::Syscall;
use crate::syscall_driver::SyscallDriver;

/// Everything that the kernel loop needs from a board.
pub trait KernelResources<C: Chip> {
    /// Finds drivers.
    type SyscallDriverLookup: SyscallDriverLookup;
    /// Decides which system calls a process may make.
    type SyscallFilter: SyscallFilter;
    /// Is asked first when a process faults.
    type ProcessFault: ProcessFault;
    /// Is told of every switch to a process.
    type ContextSwitchCallback: ContextSwitchCallback;
    /// Decides which process runs.
    type Scheduler: Scheduler<C>;
    /// Ends time slices.
    type SchedulerTimer: SchedulerTimer;
    /// Resets a system that hangs.
    type WatchDog: WatchDog;

    /// The driver lookup.
    fn syscall_driver_lookup(&self) -> &Self::SyscallDriverLookup;
    /// The system-call filter.
    fn syscall_filter(&self) -> &Self::SyscallFilter;
    /// The fault hook.
    fn process_fault(&self) -> &Self::ProcessFault;
    /// The switch hook.
    fn context_switch_callback(&self) -> &Self::ContextSwitchCallback;
    /// The scheduler.
    fn scheduler(&self) -> &Self::Scheduler;
    /// The time-slice timer.
    fn scheduler_timer(&self) -> &Self::SchedulerTimer;
    /// The watchdog.
    fn watchdog(&self) -> &Self::WatchDog;
}

/// Driver number to driver.
pub trait SyscallDriverLookup {
    /// Call `f` with the driver, or with `None` if the board has no such driver.
    fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
    where
        F: FnOnce(Option<&dyn SyscallDriver>) -> R;
}

/// Decides which system calls a process may make. Yield, Memop and Exit are
/// never asked about.
pub trait SyscallFilter {
    /// Allow or refuse one call.
    ///
    /// # Errors
    ///
    /// The code that the process gets instead of the call, as plain Failure;
    /// NODEVICE makes the driver absent for this call.
    fn filter_syscall(&self, _process: &dyn Process, _syscall: &Syscall) -> Result<(), ErrorCode> {
        Ok(())
    }
}

impl SyscallFilter for () {}

/// Is asked before a fault ends a process.
pub trait ProcessFault {
    /// `Ok`: the fault is dealt with, let the process continue. `Err`: not.
    ///
    /// # Errors
    ///
    /// `Err(())` applies the process's fault policy.
    #[allow(clippy::result_unit_err)]
    fn process_fault_hook(&self, _process: &dyn Process) -> Result<(), ()> {
        Err(())
    }
}

impl ProcessFault for () {}

/// Is told of every switch to a process.
pub trait ContextSwitchCallback {
    /// Called just before the MPU is set up and `process` runs.
    fn context_switch_hook(&self, process: &dyn Process);
}

impl ContextSwitchCallback for () {
    fn context_switch_hook(&self, _process: &dyn Process) {}
}
