//! A board: its resources, its scheduler, its start.

use core::num::NonZeroU32;

use kernel::deferred_call::DeferredCall;
use kernel::platform::chip::Chip;
use kernel::platform::{
    ContextSwitchCallback, KernelResources, ProcessFault, SyscallDriverLookup, SyscallFilter,
};
use kernel::process::{
    Process, ProcessArray, ProcessId, ProcessLoadError, ProcessSlot, StoppedExecutingReason,
};
use kernel::scheduler::{Scheduler, SchedulingDecision};
use kernel::syscall::Syscall;
use kernel::syscall::SyscallDriver;
use kernel::{ErrorCode, Kernel, capabilities};

use crate::capsule::Driver;
use crate::chip::OtherChip;
use crate::processes::Policy;

struct Board(Driver);

impl SyscallDriverLookup for Board {
    fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
    where
        F: FnOnce(Option<&dyn SyscallDriver>) -> R,
    {
        match driver_num {
            0xA_0000 => f(Some(&self.0)),
            _ => f(None),
        }
    }
}

impl SyscallFilter for Board {
    fn filter_syscall(&self, _: &dyn Process, syscall: &Syscall) -> Result<(), ErrorCode> {
        match syscall {
            Syscall::Command {
                driver_number,
                subdriver_number,
                arg0,
                arg1,
            } => {
                let _: [&usize; 4] = [driver_number, subdriver_number, arg0, arg1];
                Ok(())
            }
            Syscall::Subscribe {
                driver_number,
                subdriver_number,
                ..
            }
            | Syscall::ReadWriteAllow {
                driver_number,
                subdriver_number,
                ..
            }
            | Syscall::UserspaceReadableAllow {
                driver_number,
                subdriver_number,
                ..
            }
            | Syscall::ReadOnlyAllow {
                driver_number,
                subdriver_number,
                ..
            } => {
                let _: [&usize; 2] = [driver_number, subdriver_number];
                Err(ErrorCode::NODEVICE)
            }
            Syscall::Yield { .. } | Syscall::Memop { .. } | Syscall::Exit { .. } => Ok(()),
        }
    }
}

impl ProcessFault for Board {
    fn process_fault_hook(&self, _: &dyn Process) -> Result<(), ()> {
        Err(())
    }
}

impl ContextSwitchCallback for Board {
    fn context_switch_hook(&self, _: &dyn Process) {}
}

struct InTurn(&'static Kernel);

impl<C: Chip> Scheduler<C> for InTurn {
    fn next(&self) -> SchedulingDecision {
        SchedulingDecision::TrySleep
    }

    fn result(&self, reason: StoppedExecutingReason, _execution_time_us: Option<u32>) {
        match reason {
            StoppedExecutingReason::NoWorkLeft
            | StoppedExecutingReason::StoppedFaulted
            | StoppedExecutingReason::Stopped
            | StoppedExecutingReason::TimesliceExpired
            | StoppedExecutingReason::KernelPreemption => {}
        }
    }

    fn continue_process(&self, _: ProcessId, chip: &C) -> bool {
        !chip.has_pending_interrupts()
    }
}

fn decide(id: ProcessId) -> SchedulingDecision {
    SchedulingDecision::RunProcess((id, NonZeroU32::new(10_000)))
}

struct Resources {
    board: Board,
    scheduler: InTurn,
}

impl<C: Chip> KernelResources<C> for Resources {
    type SyscallDriverLookup = Board;
    type SyscallFilter = Board;
    type ProcessFault = Board;
    type ContextSwitchCallback = Board;
    type Scheduler = InTurn;
    type SchedulerTimer = ();
    type WatchDog = ();

    fn syscall_driver_lookup(&self) -> &Board {
        &self.board
    }
    fn syscall_filter(&self) -> &Board {
        &self.board
    }
    fn process_fault(&self) -> &Board {
        &self.board
    }
    fn context_switch_callback(&self) -> &Board {
        &self.board
    }
    fn scheduler(&self) -> &InTurn {
        &self.scheduler
    }
    fn scheduler_timer(&self) -> &() {
        &()
    }
    fn watchdog(&self) -> &() {
        &()
    }
}

/// A board's start.
fn board(
    slots: &'static [ProcessSlot],
    chip: &'static OtherChip,
    flash: &'static [u8],
    ram: &'static mut [u8],
) -> Result<(), ProcessLoadError> {
    let _: ProcessArray<4> = ProcessArray::new();
    let kernel: &'static Kernel = kernel::static_init!(Kernel, Kernel::new(slots));
    let memory = kernel::create_capability!(capabilities::MemoryAllocationCapability);
    let management = kernel::create_capability!(capabilities::ProcessManagementCapability);
    let driver = Driver {
        apps: kernel.create_grant(0xA_0000, &memory),
        later: DeferredCall::new(),
    };
    let resources = Resources {
        board: Board(driver),
        scheduler: InTurn(kernel),
    };
    kernel::process::load_processes(kernel, chip, flash, ram, &Policy, &management)?;
    let main_loop = kernel::create_capability!(capabilities::MainLoopCapability);
    kernel.kernel_loop_operation(&resources, chip, true, &main_loop);
    Ok(())
}
