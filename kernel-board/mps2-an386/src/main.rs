//! Berth's kernel for Arm MPS2 AN386 (Cortex-M4), as QEMU models it.
//!
//! ```text
//!   processes: supervisor (lowest priority) and the manufacturer's own
//!   ═══════════════════════ system calls ═══════════════════════════
//!   board.rs      which driver answers which number; hooks
//!   exposures.rs  what containers may reach through wasm_host
//!   mapping.rs    opens such blocks to the process that claimed them
//!   policy.rs     what becomes of a process that faulted
//!   main.rs       makes everything, once, and starts the kernel loop
//!   panic.rs      the report if the kernel gives up
//!   kernel.ld, vectors.rs, layout.rs   where things lie
//! ```

#![no_std]
#![no_main]

#[cfg(feature = "bench")]
mod bench;
mod board;
mod debug_output;
mod exposures;
mod filter;
mod layout;
mod mapping;
mod panic;
mod policy;
mod vectors;
#[cfg(feature = "restart-walk")]
mod walk_policy;

use core::fmt::Write;
use core::num::NonZeroU32;

use capsules_core::alarm::{self, AlarmDriver};
use capsules_core::console::{self, Console};
use capsules_core::led::LedDriver;
use capsules_core::low_level_debug::{self, LowLevelDebug};
use capsules_core::virtualizers::virtual_uart::{MuxUart, UartDevice};
use capsules_extra::process_info_driver::{self, ProcessInfo};
use cortexm4::systick::SysTick;
use kernel::capabilities::{
    MainLoopCapability, MemoryAllocationCapability, ProcessManagementCapability,
    SetDebugWriterCapability,
};
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::time::Alarm;
use kernel::hil::uart::{Configure, Parameters, Parity, StopBits, Transmit, Width};
use kernel::process::{ProcessArray, load_processes};
use kernel::scheduler::background::BackgroundSched;
use kernel::{Kernel, create_capability, static_init};
use mps2::chip::{Mps2, Peripherals};
use mps2::dual_timer::DualTimer;
use mps2::fpgaio::Led;
use mps2::uart::SyncWriter;
use run_record::RunRecord;
use wasm_host::WasmHost;

use board::{Board, BoardHost, Reaping};
use debug_output::DebugOutput;
use filter::Filter;
use mapping::Regions;
use panic::WITNESSES;
use policy::FaultPolicy;

/// The supervisor, three processes of the manufacturer.
const PROCESSES: usize = 4;

/// Speed of the console, bits a second, 8N1.
const CONSOLE_RATE: u32 = 115_200;
/// Bytes of a write that the console sends at once.
const CONSOLE_TX_BYTES: usize = 128;
/// Bytes received between two reads of a process: a tenth of a second at
/// 115200 baud, and several frames of the supervisor's protocol.
const CONSOLE_RX_BYTES: usize = 2048;
/// Kernel messages that wait for the line: a process's fault report and some more.
const DEBUG_BYTES: usize = 3072;
/// Bytes of a kernel message that are sent at once.
const DEBUG_TX_BYTES: usize = 64;
/// Longest line of low-level debug output.
const DEBUG_LINE_BYTES: usize = 64;

/// SysTick's reference clock is 1 MHz.
const SYSTICK_TICKS_PER_US: NonZeroU32 = NonZeroU32::MIN;

/// The chip of this board.
type BoardChip = Mps2<'static, Peripherals<'static>>;
/// The alarm that the alarm driver uses.
type BoardAlarm = DualTimer<'static>;

/// Where the reset handler goes once RAM is set up.
///
/// # Safety
///
/// Once, at reset.
#[unsafe(no_mangle)]
unsafe extern "C" fn main() -> ! {
    // SAFETY: this runs once, at reset, with the vector table of `vectors.rs`.
    let (peripherals, chip, memory, systick, leds) = unsafe {
        let peripherals: &'static _ = static_init!(Peripherals<'static>, Peripherals::new());
        (
            peripherals,
            &*static_init!(BoardChip, Mps2::new(peripherals)),
            layout::process_memory(),
            SysTick::with_reference_clock(SYSTICK_TICKS_PER_US),
            // LED 1 belongs to containers, see `exposure.dts`.
            &*static_init!([&'static Led; 1], [static_init!(Led, Led::new(0))]),
        )
    };
    let processes = static_init!(ProcessArray<PROCESSES>, ProcessArray::new());
    let kernel: &'static Kernel = static_init!(Kernel, Kernel::new(processes.as_slice()));
    WITNESSES.with(|witnesses| {
        witnesses.chip.set(Some(chip));
        witnesses.kernel.set(Some(kernel));
    });

    peripherals.init();
    let configured = peripherals.uart0.configure(Parameters {
        baud_rate: CONSOLE_RATE,
        width: Width::Eight,
        parity: Parity::None,
        stop_bits: StopBits::One,
        hw_flow_control: false,
    });
    assert!(
        configured.is_ok(),
        "the console's UART refuses its settings"
    );

    let memory_capability = create_capability!(MemoryAllocationCapability);
    let uart_mux: &'static MuxUart<'static> =
        static_init!(MuxUart<'static>, MuxUart::new(&peripherals.uart0));
    uart_mux.initialize();

    let console = {
        let device: &'static UartDevice =
            static_init!(UartDevice<'static>, UartDevice::new(uart_mux));
        device.setup();
        let console: &'static Console<'static> = static_init!(
            Console<'static>,
            Console::new(
                device,
                static_init!([u8; CONSOLE_TX_BYTES], [0; CONSOLE_TX_BYTES]),
                static_init!([u8; CONSOLE_RX_BYTES], [0; CONSOLE_RX_BYTES]),
                kernel.create_grant(console::DRIVER_NUM, &memory_capability),
            )
        );
        console.start();
        console
    };

    {
        let device: &'static UartDevice =
            static_init!(UartDevice<'static>, UartDevice::new(uart_mux));
        device.setup();
        let output: &'static DebugOutput = static_init!(
            DebugOutput,
            DebugOutput::new(
                device,
                static_init!([u8; DEBUG_BYTES], [0; DEBUG_BYTES]),
                static_init!([u8; DEBUG_TX_BYTES], [0; DEBUG_TX_BYTES]),
            )
        );
        device.set_transmit_client(output);
        output.register();
        kernel::debug::set_debug_sink(output, &create_capability!(SetDebugWriterCapability));
    }

    let low_level_debug = {
        let device: &'static UartDevice =
            static_init!(UartDevice<'static>, UartDevice::new(uart_mux));
        device.setup();
        let driver: &'static LowLevelDebug<'static, UartDevice<'static>> = static_init!(
            LowLevelDebug<'static, UartDevice<'static>>,
            LowLevelDebug::new(
                static_init!([u8; DEBUG_LINE_BYTES], [0; DEBUG_LINE_BYTES]),
                device,
                kernel.create_grant(low_level_debug::DRIVER_NUM, &memory_capability),
            )
        );
        device.set_transmit_client(driver);
        driver.register();
        driver
    };

    // The alarm driver is the only user of the timer's alarm, so it needs no
    // multiplexer; a second user would bring `MuxAlarm` between.
    let alarm = {
        let timer = &peripherals.dual_timer;
        let driver: &'static AlarmDriver<'static, BoardAlarm> = static_init!(
            AlarmDriver<'static, BoardAlarm>,
            AlarmDriver::new(
                timer,
                kernel.create_grant(alarm::DRIVER_NUM, &memory_capability),
            )
        );
        timer.set_alarm_client(driver);
        driver
    };

    let wasm_host: &'static BoardHost = match WasmHost::new(
        &exposures::EXPOSURES,
        kernel.create_grant(wasm_host::DRIVER_NUM, &memory_capability),
    ) {
        Ok(host) => {
            let regions: &'static Regions = static_init!(Regions, Regions::new(kernel));
            static_init!(BoardHost, host.with_mapper(regions))
        }
        Err(error) => panic!("the table of exposures is wrong: {error}"),
    };

    let board = static_init!(
        Board,
        Board {
            console,
            low_level_debug,
            alarm,
            led: LedDriver::new(leds),
            process_info: ProcessInfo::new(
                kernel,
                kernel.create_grant(process_info_driver::DRIVER_NUM, &memory_capability),
                board::Management,
            )
            // The filter says who may: of the processes that are not the
            // manufacturer's, none.
            .with_control(),
            wasm_host,
            run_record: RunRecord::new(
                kernel.create_grant(run_record::DRIVER_NUM, &memory_capability),
            ),
            filter: Filter::new(exposures::PROCESSES),
            scheduler: Reaping::new(
                BackgroundSched::new(kernel, layout::supervisor_flash_start()),
                kernel,
                wasm_host,
            ),
            systick,
        }
    );

    for line in Peripherals::LINES {
        chip.attend(line);
    }

    DeferredCall::verify_setup();

    let process_capability = create_capability!(ProcessManagementCapability);
    // What could not be started was said in debug messages.
    let _ = load_processes(
        kernel,
        chip,
        layout::process_flash(),
        memory,
        static_init!(FaultPolicy, FaultPolicy::new()),
        &process_capability,
    );
    greet(kernel, &process_capability);
    #[cfg(feature = "bench")]
    bench::registers();

    let main_loop_capability = create_capability!(MainLoopCapability);
    kernel.kernel_loop(board, chip, &main_loop_capability)
}

/// Say hello on the console. Nothing else is using it yet.
fn greet(kernel: &'static Kernel, capability: &dyn ProcessManagementCapability) {
    let mut count = 0;
    kernel.process_each_capability(capability, |_| count += 1);
    // SAFETY: no process has run yet, so the driver is not sending.
    let mut writer = unsafe { SyncWriter::new(0) };
    // A greeting that cannot be printed is no reason not to start.
    let _ = writeln!(
        writer,
        "Berth kernel {} on mps2-an386: {count} processes\r",
        env!("CARGO_PKG_VERSION"),
    );
}
