//! What this board gives to the kernel: drivers by number, hooks, scheduling.

use core::cell::Cell;

use capsules_core::led::{self, LedDriver};
use capsules_extra::process_info_driver::{self, ProcessInfo};
use cortexm4::systick::SysTick;
use flash_partition::FlashPartition;
use kernel::Kernel;
use kernel::capabilities::ProcessManagementCapability;
use kernel::platform::{KernelResources, ProcessFault, SyscallDriverLookup};
use kernel::process::{Process, ProcessId, StoppedExecutingReason};
use kernel::scheduler::background::BackgroundSched;
use kernel::scheduler::{Scheduler, SchedulingDecision};
use kernel::syscall::SyscallDriver;
use mps2::fpgaio::Led;
use run_record::RunRecord;
use wasm_host::WasmHost;

use crate::drivers::Drivers;
use crate::filter::Filter;
use crate::{BoardChip, exposures};

/// The right of the process information driver to see processes.
pub(crate) struct Management;

// SAFETY: only the process information driver below is given one.
unsafe impl ProcessManagementCapability for Management {}

/// The `wasm_host` driver with this board's table.
pub(crate) type BoardHost = WasmHost<{ exposures::COUNT }>;

/// Everything that system calls and the kernel loop need.
pub(crate) struct Board {
    pub(crate) drivers: Drivers,
    pub(crate) led: LedDriver<'static, Led, 1>,
    pub(crate) process_info: ProcessInfo<Management>,
    pub(crate) wasm_host: &'static BoardHost,
    pub(crate) flash_partition: &'static FlashPartition,
    pub(crate) run_record: RunRecord,
    pub(crate) filter: Filter,
    pub(crate) scheduler: Reaping<BackgroundSched>,
    pub(crate) systick: SysTick,
}

impl SyscallDriverLookup for Board {
    fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
    where
        F: FnOnce(Option<&dyn SyscallDriver>) -> R,
    {
        // A call of `f` for each driver, so that it knows which one it calls.
        match driver_num {
            wasm_host::DRIVER_NUM => f(Some(self.wasm_host)),
            led::DRIVER_NUM => f(Some(&self.led)),
            process_info_driver::DRIVER_NUM => f(Some(&self.process_info)),
            flash_partition::DRIVER_NUM => f(Some(self.flash_partition)),
            run_record::DRIVER_NUM => f(Some(&self.run_record)),
            number => self.drivers.with(number, f),
        }
    }

    fn pass(&self, driver_num: usize, process: ProcessId) {
        self.drivers.pass(driver_num, process);
    }
}

impl ProcessFault for Board {
    /// Ends the claims of a process that faulted and keeps what it leaves to its next run,
    /// before anything else happens to it; what then happens is the fault policy's business.
    fn process_fault_hook(&self, process: &dyn Process) -> Result<(), ()> {
        self.wasm_host.process_gone(process.processid());
        self.run_record.process_gone(process.processid());
        Err(())
    }
}

impl KernelResources<BoardChip> for Board {
    type SyscallDriverLookup = Self;
    type SyscallFilter = Filter;
    type ProcessFault = Self;
    type ContextSwitchCallback = ();
    type Scheduler = Reaping<BackgroundSched>;
    type SchedulerTimer = SysTick;
    type WatchDog = ();

    fn syscall_driver_lookup(&self) -> &Self {
        self
    }

    fn syscall_filter(&self) -> &Filter {
        &self.filter
    }

    fn process_fault(&self) -> &Self {
        self
    }

    fn context_switch_callback(&self) -> &() {
        &()
    }

    fn scheduler(&self) -> &Self::Scheduler {
        &self.scheduler
    }

    fn scheduler_timer(&self) -> &SysTick {
        &self.systick
    }

    fn watchdog(&self) -> &() {
        &()
    }
}

/// A scheduler that also lets `wasm_host` end the claims of processes that ended
/// without a fault, or by the hand of another process: the kernel tells drivers nothing of that, and
/// the place where a process stops running is the first one after it.
pub(crate) struct Reaping<S> {
    scheduler: S,
    kernel: &'static Kernel,
    wasm_host: &'static BoardHost,
    /// Ended runs that are dealt with.
    reaped: Cell<usize>,
}

impl<S> Reaping<S> {
    pub(crate) const fn new(
        scheduler: S,
        kernel: &'static Kernel,
        wasm_host: &'static BoardHost,
    ) -> Self {
        Self {
            scheduler,
            kernel,
            wasm_host,
            reaped: Cell::new(0),
        }
    }
}

impl<S: Scheduler<BoardChip>> Scheduler<BoardChip> for Reaping<S> {
    fn next(&self) -> SchedulingDecision {
        self.scheduler.next()
    }

    fn result(&self, reason: StoppedExecutingReason, used_us: Option<u32>) {
        let ended = self.kernel.ended_runs();
        if ended != self.reaped.replace(ended) {
            self.wasm_host.reap();
        }
        self.scheduler.result(reason, used_us);
    }

    fn execute_kernel_work(&self, chip: &BoardChip) {
        self.scheduler.execute_kernel_work(chip);
    }

    fn do_kernel_work_now(&self, chip: &BoardChip) -> bool {
        self.scheduler.do_kernel_work_now(chip)
    }

    fn continue_process(&self, process: ProcessId, chip: &BoardChip) -> bool {
        self.scheduler.continue_process(process, chip)
    }
}
