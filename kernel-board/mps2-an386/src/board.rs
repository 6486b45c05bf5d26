//! What this board gives to the kernel: drivers by number, hooks, scheduling.

#![allow(unsafe_code)]

use capsules_core::led::{self, LedDriver};
use capsules_core::low_level_debug;
use capsules_extra::process_info_driver::{self, ProcessInfo};
use cortexm4::systick::SysTick;
use flash_partition::FlashPartition;
use kernel::capabilities::ProcessManagementCapability;
use kernel::platform::{KernelResources, SyscallDriverLookup, WorkOf};
use kernel::process::{Process, ProcessId, RunEnd, RunEndClient};
use kernel::scheduler::background::BackgroundSched;
use kernel::syscall::SyscallDriver;
use mps2::fpgaio::Led;
use process_lives::KernelLives;
use resting::Resting;
use run_record::RunRecord;
use wasm_host::WasmHost;

#[cfg(feature = "buses")]
use crate::buses::{self, Buses};
use crate::drivers::Drivers;
#[cfg(feature = "buses")]
use crate::drivers::work_of;
use crate::filter::Filter;
use crate::{BoardChip, exposures};

/// The right of the process information driver to see processes.
pub(crate) struct Management;

// SAFETY: only the process information driver below is given one.
unsafe impl ProcessManagementCapability for Management {}

/// The `wasm_host` driver with this board's table.
pub(crate) type BoardHost = WasmHost<{ exposures::COUNT }>;

/// LED 0, at rest when who lit it ends.
pub(crate) type Leds = Resting<LedDriver<'static, Led, 1>, { exposures::LED_RESTS.len() }>;

/// Everything that system calls and the kernel loop need.
pub(crate) struct Board {
    pub(crate) drivers: Drivers,
    #[cfg(feature = "buses")]
    pub(crate) buses: &'static Buses,
    pub(crate) led: &'static Leds,
    pub(crate) process_info: ProcessInfo<Management, KernelLives>,
    pub(crate) wasm_host: &'static BoardHost,
    pub(crate) flash_partition: &'static FlashPartition,
    /// Of compiled code.
    pub(crate) code_partition: &'static FlashPartition,
    pub(crate) run_record: &'static RunRecord,
    pub(crate) filter: Filter,
    pub(crate) scheduler: BackgroundSched,
    pub(crate) systick: SysTick,
}

impl SyscallDriverLookup for Board {
    fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
    where
        F: FnOnce(Option<&dyn SyscallDriver>) -> R,
    {
        // A call of `f` for each driver, so that it knows which one it calls; what is called most is asked for first.
        if driver_num == wasm_host::DRIVER_NUM {
            return f(Some(self.wasm_host));
        }
        if driver_num <= low_level_debug::DRIVER_NUM {
            return match driver_num {
                led::DRIVER_NUM => f(Some(self.led)),
                #[cfg(feature = "buses")]
                buses::GPIO => f(Some(self.buses.gpio)),
                number => self.drivers.with(number, f),
            };
        }
        match driver_num {
            process_info_driver::DRIVER_NUM => f(Some(&self.process_info)),
            flash_partition::DRIVER_NUM => f(Some(self.flash_partition)),
            flash_partition::CODE_DRIVER_NUM => f(Some(self.code_partition)),
            run_record::DRIVER_NUM => f(Some(self.run_record)),
            #[cfg(feature = "buses")]
            buses::SPI => f(Some(self.buses.spi)),
            #[cfg(feature = "buses")]
            buses::I2C => f(Some(self.buses.i2c)),
            #[cfg(feature = "buses")]
            buses::UART => f(Some(self.buses.uart)),
            _ => f(None),
        }
    }

    fn pass(&self, driver_num: usize, process: ProcessId) -> WorkOf {
        #[cfg(feature = "buses")]
        if driver_num == buses::UART {
            return work_of(self.buses.uart.pass(process));
        }
        self.drivers.pass(driver_num, process)
    }
}

/// The drivers that hold something for a process, and are told when its run ends: before anything else
/// happens, whoever ends it.
pub(crate) struct Ends {
    pub(crate) wasm_host: &'static BoardHost,
    pub(crate) led: &'static Leds,
    #[cfg(feature = "buses")]
    pub(crate) gpio: &'static buses::Pins,
    pub(crate) run_record: &'static RunRecord,
}

impl RunEndClient for Ends {
    /// Ends the claims, and of a process that faulted keeps what it leaves to its next run.
    ///
    /// What a run holds is its own choice, so processes of the firmware that are ready come between the ends of two claims;
    /// whoever ends another's run finds the hardware at rest when it goes on.
    fn run_ends(&self, process: &dyn Process, end: RunEnd) {
        let id = process.processid();
        self.wasm_host.process_gone(id);
        self.led.process_gone(id);
        #[cfg(feature = "buses")]
        self.gpio.process_gone(id);
        if end == RunEnd::Faulted {
            self.run_record.process_gone(id);
        }
    }

    fn end_pass(&self) -> bool {
        let more = self.wasm_host.end_pass() || self.led.end_pass();
        #[cfg(feature = "buses")]
        let more = more || self.gpio.end_pass();
        more
    }
}

impl KernelResources<BoardChip> for Board {
    type SyscallDriverLookup = Self;
    type SyscallFilter = Filter;
    type ProcessFault = ();
    type ContextSwitchCallback = ();
    type Scheduler = BackgroundSched;
    type SchedulerTimer = SysTick;
    type WatchDog = ();

    fn syscall_driver_lookup(&self) -> &Self {
        self
    }

    fn syscall_filter(&self) -> &Filter {
        &self.filter
    }

    fn process_fault(&self) -> &() {
        &()
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
