//! Berth's kernel for Arm MPS2 AN386 (Cortex-M4), as QEMU models it.
//!
//! ```text
//!   processes: supervisor (lowest priority) and the manufacturer's own
//!   ═══════════════════════ system calls ═══════════════════════════
//!   board.rs      which driver answers which number; hooks
//!   drivers.rs    console, kernel messages, low-level debug, alarm
//!   passes.rs     how they ask for passes of work
//!   buses.rs      SPI and I2C, if the board is built with them
//!   exposures.rs  what containers may reach through wasm_host
//!   signatures.rs whose signature that needs, on a board with keys
//!   interrupts.rs who services which interrupt line
//!   receiver.rs   how fast bytes are taken from a serial line
//!   mapping.rs    opens such blocks to the process that claimed them, the store, and the supervisor's code
//!   emulated_flash.rs, semihosting.rs   the flash of the container store and of compiled code
//!   places.rs     who is who: what each place in flash gives to the process in it
//!   policy.rs     what becomes of a process that faulted
//!   main.rs       makes everything, once, and starts the kernel loop
//!   panic.rs      the report if the kernel gives up
//!   kernel.ld, vectors.rs, layout.rs, kept.rs   where things lie
//! ```

#![no_std]
#![no_main]

#[cfg(feature = "bench")]
mod bench;
#[cfg(all(feature = "bench", feature = "buses"))]
mod bench_spi;
mod board;
#[cfg(feature = "buses")]
mod buses;
#[cfg(feature = "deadline-task")]
mod deadline;
mod debug_output;
mod drivers;
mod emulated_flash;
mod exposures;
mod filter;
#[cfg(feature = "restart-fuzz")]
mod fuzz_policy;
mod interrupts;
mod kept;
// The plain board uses more of it.
#[allow(dead_code)]
mod layout;
mod mapping;
mod panic;
mod passes;
mod places;
mod policy;
mod receiver;
mod semihosting;
#[cfg(feature = "keys")]
mod signatures;
mod vectors;
#[cfg(feature = "restart-walk")]
mod walk_policy;

use core::fmt::Write;
use core::num::NonZeroU32;

use capsules_core::led::LedDriver;
use capsules_extra::process_info_driver::{self, ProcessInfo};
use cortexm4::systick::SysTick;
use flash_partition::{FlashPartition, Part, Rate, Seconds, Wear};
use kernel::capabilities::{
    MainLoopCapability, MemoryAllocationCapability, ProcessManagementCapability,
};
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::process::{ProcessArray, load_places};
use kernel::scheduler::background::BackgroundSched;
use kernel::{Kernel, create_capability, static_init};
#[cfg(feature = "programs")]
use kernel::{static_buf, utilities::static_init::fill};
use mps2::chip::{Mps2, Peripherals};
use mps2::fpgaio::{self, Led};
use mps2::uart::SyncWriter;
use process_lives::KernelLives;
use run_record::RunRecord;
use wasm_host::{Interrupts, TableError, WasmHost};

use board::{Board, BoardHost, Ends, Leds};
use drivers::Drivers;
use emulated_flash::EmulatedFlash;
use filter::Filter;
use mapping::{CodeGuard, Regions};
use panic::WITNESSES;

/// Most bytes that one program of the flash takes.
const PROGRAM_BYTES: usize = 128;

/// SysTick's reference clock is 1 MHz.
const SYSTICK_TICKS_PER_US: NonZeroU32 = NonZeroU32::MIN;

/// The clock of erases.
struct Clock;

impl Seconds for Clock {
    fn seconds(&self) -> u32 {
        fpgaio::seconds()
    }
}

/// The chip of this board.
type BoardChip = Mps2<'static, interrupts::Service>;

/// Where the reset handler goes once RAM is set up.
///
/// # Safety
///
/// Once, at reset.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
unsafe extern "C" fn main() -> ! {
    let (kernel, board, chip) = start();
    let main_loop_capability = create_capability!(MainLoopCapability);
    kernel.kernel_loop(board, chip, &main_loop_capability)
}

/// Make everything, and load the processes, once. Apart from [`main`], which never returns: what is moved to its place here
/// takes kilobytes of stack, and gives them back before the first process runs.
#[allow(unsafe_code)]
#[inline(never)]
fn start() -> (&'static Kernel, &'static Board, &'static BoardChip) {
    // SAFETY: this runs once, at reset, with the vector table of `vectors.rs`.
    let (peripherals, service, chip, grounds, systick, leds) = unsafe {
        let peripherals: &'static _ = static_init!(Peripherals<'static>, Peripherals::new());
        let service: &'static _ =
            static_init!(interrupts::Service, interrupts::Service::new(peripherals));
        (
            peripherals,
            service,
            &*static_init!(BoardChip, Mps2::new(service)),
            layout::places(),
            SysTick::with_reference_clock(SYSTICK_TICKS_PER_US),
            // LED 1 belongs to containers, see `exposure.dts`.
            &*static_init!([&'static Led; 1], [static_init!(Led, Led::new(0))]),
        )
    };
    let processes = static_init!(ProcessArray<{ places::PROCESSES }>, ProcessArray::new());
    let kernel: &'static Kernel = static_init!(Kernel, Kernel::new(processes.as_slice()));
    WITNESSES.with(|witnesses| {
        witnesses.chip.set(Some(chip));
        witnesses.kernel.set(Some(kernel));
    });

    peripherals.init();

    let memory_capability = create_capability!(MemoryAllocationCapability);
    let drivers = Drivers::new(kernel, peripherals, &memory_capability);

    #[cfg(feature = "buses")]
    let buses = buses::Buses::new(kernel, peripherals, &memory_capability);
    let regions: &'static Regions = static_init!(Regions, Regions::new(kernel));

    // SAFETY: this runs once.
    let (mut store, code, budgets) = unsafe { (layout::store(), layout::code(), kept::budgets()) };
    let mirror = emulated_flash::Mirror::open(&mut store)
        .map(|mirror| &*static_init!(emulated_flash::Mirror, mirror));
    // Both partitions are of one part.
    let rate: &'static Rate = static_init!(Rate, Rate::new());
    // What is made in it is made where it stands.
    macro_rules! partition {
        ($number:expr, $store:expr, $guard:expr, $budgets:expr) => {{
            let part: &'static EmulatedFlash =
                static_init!(EmulatedFlash, EmulatedFlash::new($store, mirror));
            part.register();
            let driver: &'static FlashPartition = static_init!(
                FlashPartition,
                FlashPartition::new(
                    part,
                    $guard,
                    static_init!(
                        Wear<'static>,
                        Wear::new(exposures::ERASES, rate, &Clock, $budgets)
                    ),
                    static_init!([u8; PROGRAM_BYTES], [0; PROGRAM_BYTES]),
                    kernel.create_grant($number, &memory_capability),
                )
            );
            part.set_client(driver);
            (part, driver)
        }};
    }
    #[cfg_attr(not(feature = "keys"), expect(unused_variables))]
    let (images, flash_partition) =
        partition!(flash_partition::DRIVER_NUM, store, regions, &budgets.store);
    let (_, code_partition) = partition!(
        flash_partition::CODE_DRIVER_NUM,
        code,
        static_init!(CodeGuard, CodeGuard(regions)),
        &budgets.code
    );

    let wasm_host: &'static BoardHost = match wasm_host(kernel, peripherals, chip, regions) {
        Ok(host) => {
            #[cfg(feature = "keys")]
            let host = signatures::with(host, images);
            static_init!(BoardHost, host)
        }
        Err(error) => panic!("wrong exposures: {error}"),
    };
    #[cfg(feature = "keys")]
    signatures::watch(flash_partition, wasm_host);
    wasm_host.register();
    wasm_host.in_background(DeferredCall::put_in_background);
    service.set_host(chip, wasm_host);
    service.register();
    let run_record: &'static RunRecord = static_init!(
        RunRecord,
        RunRecord::new(kernel.create_grant(run_record::DRIVER_NUM, &memory_capability))
    );
    let starts = grounds
        .each_ref()
        .map(|ground| ground.flash.as_ptr().addr());
    let Some(filter) = Filter::new(exposures::PROCESSES, starts) else {
        panic!("exposure.dts lists a process in no place");
    };
    let led: &'static Leds = static_init!(
        Leds,
        Leds::new(
            static_init!(LedDriver<'static, Led, 1>, LedDriver::new(leds)),
            exposures::LED_RESTS,
            DeferredCall::set_later
        )
    );
    led.register();
    let board = static_init!(
        Board,
        Board {
            drivers,
            #[cfg(feature = "buses")]
            buses,
            led,
            process_info: ProcessInfo::new(
                kernel,
                kernel.create_grant(process_info_driver::DRIVER_NUM, &memory_capability),
                board::Management,
            )
            // The filter says who may: of the processes that are not the
            // manufacturer's, none.
            .with_lives(KernelLives),
            wasm_host,
            run_record,
            flash_partition,
            code_partition,
            filter,
            scheduler: BackgroundSched::new(kernel),
            systick,
        }
    );

    for line in Peripherals::LINES {
        chip.attend(line);
    }
    #[cfg(feature = "buses")]
    service.set_buses(chip, buses);
    // What processes and messages have to say, and what comes from outside as fast as somebody likes, waits for all that may have a deadline.
    for line in [mps2::interrupts::UART0_RX, mps2::interrupts::UART0_TX] {
        chip.service_last(line);
    }

    DeferredCall::verify_setup();

    let process_capability = create_capability!(ProcessManagementCapability);
    let ends = Ends {
        wasm_host,
        led,
        #[cfg(feature = "buses")]
        gpio: buses.gpio,
        run_record,
    };
    kernel.set_run_end_client(static_init!(Ends, ends), &process_capability);
    load(kernel, chip, grounds);
    greet(kernel, &process_capability);
    #[cfg(feature = "bench")]
    bench::registers();
    #[cfg(all(feature = "bench", feature = "buses"))]
    bench_spi::begin(buses);

    // Its deadlines begin with the kernel's loop: nothing is served before.
    #[cfg(feature = "deadline-task")]
    service.start_task(chip, kernel);

    (kernel, board, chip)
}

/// The driver with this board's tables. Made after all other drivers: what it defers
/// is done after what they do. Its stack is not needed beside that of what follows.
#[inline(never)]
fn wasm_host(
    kernel: &'static Kernel,
    peripherals: &'static Peripherals<'static>,
    chip: &'static BoardChip,
    regions: &'static Regions,
) -> Result<BoardHost, TableError> {
    let capability = create_capability!(MemoryAllocationCapability);
    let grant = kernel.create_grant(wasm_host::DRIVER_NUM, &capability);
    let interrupts = Interrupts::new(
        exposures::INTERRUPTS,
        static_init!(interrupts::Store, interrupts::Store::new()),
        static_init!(interrupts::Controller, interrupts::Controller(chip)),
        static_init!(
            interrupts::Timer,
            interrupts::Timer(&peripherals.system_timer)
        ),
        exposures::LIMITS,
    )?;
    let claims = static_init!(exposures::Claims, exposures::Claims::new());
    #[cfg_attr(not(feature = "programs"), expect(unused_mut))]
    let mut host = WasmHost::new(&exposures::EXPOSURES, claims, grant)?
        .with_mapper(regions)
        .with_ends_one_by_one(DeferredCall::set_later)
        .with_turn(&interrupts::Turn)
        .with_interrupts(interrupts)?;
    #[cfg(feature = "programs")]
    if exposures::PROGRAMS != 0 {
        let room = static_buf!([wasm_host::ProgramSlot; exposures::PROGRAMS]);
        let slots = fill(room, || const { wasm_host::ProgramSlot::new() });
        host = host.with_programs(slots);
    }
    #[cfg(feature = "conveyors")]
    if exposures::CONVEYORS != 0 {
        let room = static_buf!([wasm_host::ConveyorSlot; exposures::CONVEYORS]);
        let slots = fill(room, || const { wasm_host::ConveyorSlot::new() });
        let processor = static_init!(wasm_host::Processor, wasm_host::Processor::new());
        host = host.with_conveyors(slots, processor);
    }
    Ok(host)
}

/// Load the processes in their places. Its stack, too, is not needed beside that of the others.
#[inline(never)]
fn load(
    kernel: &'static Kernel,
    chip: &'static BoardChip,
    grounds: [layout::Ground; places::COUNT],
) {
    let capability = create_capability!(ProcessManagementCapability);
    // What could not be started was said in debug messages.
    let _ = load_places(kernel, chip, places::table(grounds), &capability);
}

/// Say hello on the console. Nothing else is using it yet.
#[allow(unsafe_code)]
fn greet(kernel: &'static Kernel, capability: &dyn ProcessManagementCapability) {
    let mut count = 0;
    kernel.process_each_capability(capability, |_| count += 1);
    // SAFETY: no process has run yet, so the driver is not sending.
    let mut writer = unsafe { SyncWriter::new(0) };
    let noun = if count == 1 { "process" } else { "processes" };
    // A greeting that cannot be printed is no reason not to start.
    let _ = writeln!(
        writer,
        "Berth kernel {} on mps2-an386: {count} {noun}\r",
        env!("CARGO_PKG_VERSION"),
    );
}
