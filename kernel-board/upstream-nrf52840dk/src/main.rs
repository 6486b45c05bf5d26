//! Upstream Tock for the nRF52840 development kit, and what Berth adds to it.
//!
//! ```text
//!   exposures.rs   what containers may reach: the table, as the exposure compiler wrote it
//!   chip.rs        lines that wait for a container are passed over
//!   main.rs        upstream's board, with three drivers' numbers before its own
//! ```
//!
//! `docs/upstream.md` goes through it.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

mod chip;
mod exposures;

use kernel::capabilities::{
    MainLoopCapability, MemoryAllocationCapability, ProcessManagementCapability,
};
use kernel::deferred_call::DeferredCallClient;
use kernel::platform::{KernelResources, ProcessFault, SyscallDriverLookup};
use kernel::process::{Process, StoppedExecutingReason};
use kernel::scheduler::{Scheduler, SchedulingDecision};
use kernel::syscall::SyscallDriver;
use kernel::{create_capability, static_init};
use nrf52840dk_test_base_lib as base;
use run_record::RunRecord;
use wasm_host::{ClaimStore, InterruptStore, Interrupts, Reaper, WasmHost, captures};
use wasm_host_board::{AttendedLines, RangeFilter, RegionMapper};

use chip::{AttendedChip, RtcClock};
use exposures::{COUNT, EXPOSURES, INTERRUPTS, LIMITS, PROCESSES};

type BaseChip = base::ChipHw;
type BaseScheduler = <base::Platform as KernelResources<BaseChip>>::Scheduler;
type BaseTimer = <base::Platform as KernelResources<BaseChip>>::SchedulerTimer;
type Host = WasmHost<COUNT>;
type Claims = ClaimStore<COUNT>;
type Store = InterruptStore<{ INTERRUPTS.len() }, { captures(INTERRUPTS) }>;

/// Flash in which whatever begins is held to the supervisor's list: as `exposure.dts` has it.
const SUPERVISOR: core::ops::Range<usize> = 0x0008_0000..0x0010_0000;

/// The right to open blocks to the process that claimed them.
struct Mapping;

// SAFETY: the mapper below is given the only one, and uses it for blocks of the table of exposures.
unsafe impl ProcessManagementCapability for Mapping {}

/// Upstream's board, and the drivers beside its own.
struct Platform {
    base: &'static base::Platform,
    host: &'static Host,
    run_record: &'static RunRecord,
    filter: RangeFilter,
    reaper: Reaper<'static, COUNT>,
    scheduler: Reaping,
}

impl SyscallDriverLookup for Platform {
    fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
    where
        F: FnOnce(Option<&dyn SyscallDriver>) -> R,
    {
        match driver_num {
            wasm_host::DRIVER_NUM => f(Some(self.host)),
            run_record::DRIVER_NUM => f(Some(self.run_record)),
            _ => self.base.with_driver(driver_num, f),
        }
    }
}

impl ProcessFault for Platform {
    /// A process that faulted has nothing claimed any more, and its record is kept; what happens to it is the policy's
    /// business.
    fn process_fault_hook(&self, process: &dyn Process) -> Result<(), ()> {
        self.host.process_gone(process.processid());
        self.run_record.process_gone(process.processid());
        Err(())
    }
}

/// The board's scheduler; claims of processes that are gone end before it decides.
struct Reaping {
    base: &'static base::Platform,
    host: &'static Host,
}

impl Reaping {
    fn scheduler(&self) -> &'static BaseScheduler {
        <base::Platform as KernelResources<BaseChip>>::scheduler(self.base)
    }
}

impl Scheduler<AttendedChip> for Reaping {
    fn next(&self) -> SchedulingDecision {
        self.host.reap();
        Scheduler::<AttendedChip>::next(self.scheduler())
    }

    fn result(&self, result: StoppedExecutingReason, execution_time_us: Option<u32>) {
        self.host.reap();
        Scheduler::<AttendedChip>::result(self.scheduler(), result, execution_time_us);
    }
}

impl KernelResources<AttendedChip> for Platform {
    type SyscallDriverLookup = Self;
    type SyscallFilter = RangeFilter;
    type ProcessFault = Self;
    type ContextSwitchCallback = Reaper<'static, COUNT>;
    type Scheduler = Reaping;
    type SchedulerTimer = BaseTimer;
    type WatchDog = ();

    fn syscall_driver_lookup(&self) -> &Self {
        self
    }

    fn syscall_filter(&self) -> &RangeFilter {
        &self.filter
    }

    fn process_fault(&self) -> &Self {
        self
    }

    fn context_switch_callback(&self) -> &Self::ContextSwitchCallback {
        &self.reaper
    }

    fn scheduler(&self) -> &Reaping {
        &self.scheduler
    }

    fn scheduler_timer(&self) -> &BaseTimer {
        <base::Platform as KernelResources<BaseChip>>::scheduler_timer(self.base)
    }

    fn watchdog(&self) -> &() {
        &()
    }
}

extern "C" {
    static _sapps: u8;
    static _eapps: u8;
    static mut _sappmem: u8;
    static _eappmem: u8;
}

/// Where the reset handler goes once RAM is set up.
///
/// # Safety
///
/// Once, at reset.
#[no_mangle]
pub unsafe fn main() {
    // SAFETY: this runs once, at reset.
    let (kernel, base_platform, base_chip, peripherals, _, _) = unsafe { base::start() };
    let base_platform: &'static base::Platform = static_init!(base::Platform, base_platform);

    // SAFETY: a Cortex-M4, and this runs once.
    let lines = unsafe { AttendedLines::new(INTERRUPTS.iter().map(|interrupt| interrupt.line)) };
    let lines: &'static AttendedLines = static_init!(AttendedLines, lines);
    let clock: &'static RtcClock = static_init!(RtcClock, RtcClock::new(&peripherals.nrf52.rtc));
    let store: &'static Store = static_init!(Store, Store::new());
    let claims: &'static Claims = static_init!(Claims, Claims::new());
    let mapper: &'static RegionMapper<Mapping> =
        static_init!(RegionMapper<Mapping>, RegionMapper::new(kernel, Mapping));

    let memory = create_capability!(MemoryAllocationCapability);
    let grant = kernel.create_grant(wasm_host::DRIVER_NUM, &memory);
    let host = Interrupts::new(INTERRUPTS, store, lines, clock, LIMITS).and_then(|interrupts| {
        WasmHost::new(&EXPOSURES, claims, grant)?
            .with_mapper(mapper)
            .with_interrupts(interrupts)
    });
    let host: &'static Host = match host {
        Ok(host) => static_init!(Host, host),
        Err(error) => panic!("the table of exposures is wrong: {error}"),
    };
    host.register();
    let run_record: &'static RunRecord = static_init!(
        RunRecord,
        RunRecord::new(kernel.create_grant(run_record::DRIVER_NUM, &memory))
    );

    let chip: &'static AttendedChip = static_init!(
        AttendedChip,
        AttendedChip {
            base: base_chip,
            firmware: peripherals,
            lines,
            host,
        }
    );
    let platform: &'static Platform = static_init!(
        Platform,
        Platform {
            base: base_platform,
            host,
            run_record,
            filter: RangeFilter::new(&PROCESSES[0], SUPERVISOR),
            reaper: Reaper::new(host),
            scheduler: Reaping {
                base: base_platform,
                host,
            },
        }
    );

    let flash = core::ptr::addr_of!(_sapps);
    let ram = core::ptr::addr_of_mut!(_sappmem);
    // SAFETY: the linker script gives these to processes, and nothing else refers to them.
    let (flash, ram) = unsafe {
        (
            core::slice::from_raw_parts(
                flash,
                core::ptr::addr_of!(_eapps) as usize - flash as usize,
            ),
            core::slice::from_raw_parts_mut(
                ram,
                core::ptr::addr_of!(_eappmem) as usize - ram as usize,
            ),
        )
    };
    let loaded = kernel::process::load_processes(
        kernel,
        chip,
        flash,
        ram,
        &capsules_system::process_policies::RestartWithDebugFaultPolicy {},
        &create_capability!(ProcessManagementCapability),
    );
    if loaded.is_err() {
        kernel::debug!("A process could not be loaded.");
    }
    kernel.kernel_loop(
        platform,
        chip,
        None::<&kernel::ipc::IPC<0>>,
        &create_capability!(MainLoopCapability),
    );
}
