//! The board: which drivers exist, who may call them, and hooks.

use crate::errorcode::ErrorCode;
use crate::platform::chip::Chip;
use crate::platform::scheduler_timer::SchedulerTimer;
use crate::platform::watchdog::WatchDog;
use crate::process::{CommandPermissions, Process, ProcessId};
use crate::scheduler::Scheduler;
use crate::syscall::Syscall;
use crate::syscall::SyscallDriver;

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

/// Whose work a driver did in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkOf {
    /// That of the process whose pass it was, or nothing.
    Itself,
    /// Work that this process only waits for. Its turn is over: others that are ready come before the next pass.
    Another,
}

/// Driver number to driver.
pub trait SyscallDriverLookup {
    /// Call `f` with the driver, or with `None` if the board has no such driver.
    fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
    where
        F: FnOnce(Option<&dyn SyscallDriver>) -> R;

    /// Have a driver do one pass of the work that was requested for a process
    /// ([`Kernel::request_pass`](crate::Kernel::request_pass)): a few thousand instructions at most. Returns whose
    /// work it was.
    fn pass(&self, _driver_num: usize, _process: ProcessId) -> WorkOf {
        WorkOf::Itself
    }
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

/// Keeps processes to the permissions in their headers; a process without any
/// may call everything.
///
/// A driver that the header does not name does not exist for the process. A command
/// must be in the driver's mask (command 0 as well); subscribing and allowing need
/// any permission for the driver.
#[derive(Clone, Copy, Debug, Default)]
pub struct TbfHeaderFilterDefaultAllow {}

/// Commands that one entry of a header's permissions covers.
const COMMANDS_PER_MASK: usize = 64;

impl SyscallFilter for TbfHeaderFilterDefaultAllow {
    #[inline]
    fn filter_syscall(&self, process: &dyn Process, syscall: &Syscall) -> Result<(), ErrorCode> {
        // Asked at every system call; most processes have no permissions stated.
        if process.has_command_permissions() {
            stated_permission(process, syscall)
        } else {
            Ok(())
        }
    }
}

/// What the header of a process that states permissions says about a call.
#[inline(never)]
fn stated_permission(process: &dyn Process, syscall: &Syscall) -> Result<(), ErrorCode> {
    let (driver, command) = match *syscall {
        Syscall::Command {
            driver_number,
            subdriver_number,
            ..
        } => (driver_number, Some(subdriver_number)),
        Syscall::Subscribe { driver_number, .. }
        | Syscall::ReadWriteAllow { driver_number, .. }
        | Syscall::UserspaceReadableAllow { driver_number, .. }
        | Syscall::ReadOnlyAllow { driver_number, .. } => (driver_number, None),
        Syscall::Yield { .. } | Syscall::Memop { .. } | Syscall::Exit { .. } => return Ok(()),
    };
    let offset = command.map_or(0, |command| command / COMMANDS_PER_MASK);
    let allowed = match process.get_command_permissions(driver, offset) {
        CommandPermissions::NoPermsAtAll => true,
        CommandPermissions::NoPermsThisDriver => false,
        CommandPermissions::Mask(mask) => {
            command.is_none_or(|command| mask >> (command % COMMANDS_PER_MASK) & 1 == 1)
        }
    };
    if allowed {
        Ok(())
    } else {
        Err(ErrorCode::NODEVICE)
    }
}

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
    /// Called just before the MPU is set up and `process` runs, when the kernel has looked for other
    /// work: it must not make any, neither wake processes nor defer calls.
    fn context_switch_hook(&self, process: &dyn Process);
}

impl ContextSwitchCallback for () {
    fn context_switch_hook(&self, _process: &dyn Process) {}
}
