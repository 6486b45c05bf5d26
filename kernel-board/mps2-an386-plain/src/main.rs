//! A plain Tock board on Arm MPS2 AN386: console, alarm, LEDs, low-level debug, and processes that are
//! equals. No containers, nothing exposed, no system-call filter.
//!
//! ```text
//!   processes, in turns of 10 ms
//!   ═══════════ system calls ═══════════
//!   main.rs      everything a board must say for itself
//!   drivers.rs, debug_output.rs, layout.rs, panic.rs, vectors.rs: those of `mps2-an386`
//! ```
//!
//! It shows what a board is made of, and it is measured: what the kernel occupies with the
//! drivers that upstream's figure has (`kernel.text_bytes`, `make bench`).

#![no_std]
#![no_main]
#![allow(unsafe_code)]

#[path = "../../mps2-an386/src/debug_output.rs"]
mod debug_output;
#[path = "../../mps2-an386/src/drivers.rs"]
mod drivers;
// The other board uses more of it.
#[allow(dead_code)]
#[path = "../../mps2-an386/src/layout.rs"]
mod layout;
#[path = "../../mps2-an386/src/panic.rs"]
mod panic;
#[path = "../../mps2-an386/src/passes.rs"]
mod passes;
#[path = "../../mps2-an386/src/vectors.rs"]
mod vectors;

use core::num::NonZeroU32;

use capsules_core::led::{self, LedDriver};
use capsules_system::process_policies::StopWithDebugFaultPolicy;
use cortexm4::systick::SysTick;
use kernel::capabilities::{
    MainLoopCapability, MemoryAllocationCapability, ProcessManagementCapability,
};
use kernel::deferred_call::DeferredCall;
use kernel::platform::{KernelResources, SyscallDriverLookup, WorkOf};
use kernel::process::{ProcessArray, ProcessId, load_processes};
use kernel::scheduler::round_robin::RoundRobinSched;
use kernel::syscall::SyscallDriver;
use kernel::{Kernel, create_capability, static_init};
use mps2::chip::{Mps2, Peripherals};
use mps2::fpgaio::Led;

use drivers::Drivers;
use panic::WITNESSES;

/// Processes at most.
const PROCESSES: usize = 4;

/// SysTick's reference clock is 1 MHz.
const SYSTICK_TICKS_PER_US: NonZeroU32 = NonZeroU32::MIN;

/// The chip of this board.
type BoardChip = Mps2<'static, Peripherals<'static>>;

/// Everything that system calls and the kernel loop need.
struct Board {
    drivers: Drivers,
    led: LedDriver<'static, Led, 2>,
    scheduler: RoundRobinSched,
    systick: SysTick,
}

impl SyscallDriverLookup for Board {
    fn with_driver<F, R>(&self, driver_num: usize, f: F) -> R
    where
        F: FnOnce(Option<&dyn SyscallDriver>) -> R,
    {
        match driver_num {
            led::DRIVER_NUM => f(Some(&self.led)),
            number => self.drivers.with(number, f),
        }
    }

    fn pass(&self, driver_num: usize, process: ProcessId) -> WorkOf {
        self.drivers.pass(driver_num, process)
    }
}

impl KernelResources<BoardChip> for Board {
    type SyscallDriverLookup = Self;
    type SyscallFilter = ();
    type ProcessFault = ();
    type ContextSwitchCallback = ();
    type Scheduler = RoundRobinSched;
    type SchedulerTimer = SysTick;
    type WatchDog = ();

    fn syscall_driver_lookup(&self) -> &Self {
        self
    }

    fn syscall_filter(&self) -> &() {
        &()
    }

    fn process_fault(&self) -> &() {
        &()
    }

    fn context_switch_callback(&self) -> &() {
        &()
    }

    fn scheduler(&self) -> &RoundRobinSched {
        &self.scheduler
    }

    fn scheduler_timer(&self) -> &SysTick {
        &self.systick
    }

    fn watchdog(&self) -> &() {
        &()
    }
}

/// Where the reset handler goes once RAM is set up.
///
/// # Safety
///
/// Once, at reset.
#[unsafe(no_mangle)]
unsafe extern "C" fn main() -> ! {
    // SAFETY: this runs once, at reset, with the vector table of `vectors.rs`.
    let (peripherals, chip, ground, systick, leds) = unsafe {
        let peripherals: &'static _ = static_init!(Peripherals<'static>, Peripherals::new());
        let led = [
            &*static_init!(Led, Led::new(0)),
            &*static_init!(Led, Led::new(1)),
        ];
        (
            peripherals,
            &*static_init!(BoardChip, Mps2::new(peripherals)),
            layout::all_places(),
            SysTick::with_reference_clock(SYSTICK_TICKS_PER_US),
            &*static_init!([&'static Led; 2], led),
        )
    };
    let processes = static_init!(ProcessArray<PROCESSES>, ProcessArray::new());
    let kernel: &'static Kernel = static_init!(Kernel, Kernel::new(processes.as_slice()));
    WITNESSES.with(|witnesses| {
        witnesses.chip.set(Some(chip));
        witnesses.kernel.set(Some(kernel));
    });

    peripherals.init();
    let memory_capability = create_capability!(MemoryAllocationCapability);
    let board = static_init!(
        Board,
        Board {
            drivers: Drivers::new(kernel, peripherals, &memory_capability),
            led: LedDriver::new(leds),
            scheduler: RoundRobinSched::new(kernel),
            systick,
        }
    );
    for line in Peripherals::LINES {
        chip.attend(line);
    }
    DeferredCall::verify_setup();

    // What could not be started is said in debug messages.
    let _ = load_processes(
        kernel,
        chip,
        ground.flash,
        ground.memory,
        &StopWithDebugFaultPolicy {},
        &create_capability!(ProcessManagementCapability),
    );
    kernel::debug!("A plain Tock board on mps2-an386.");
    let main_loop_capability = create_capability!(MainLoopCapability);
    kernel.kernel_loop(board, chip, &main_loop_capability)
}
