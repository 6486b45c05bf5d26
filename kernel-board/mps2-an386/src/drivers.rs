//! The drivers that every board of this kind has: console, kernel messages, low-level
//! debug, alarm.
//!
//! ```text
//!   console ─┐   debug messages ─┐   low-level debug ─┐        alarm driver
//!         UartDevice          UartDevice           UartDevice       │
//!            └──────────── MuxUart ──────────────────┘              │
//!                            UART 0                            system timer
//! ```

use capsules_core::alarm::{self, AlarmDriver};
use capsules_core::console::{self, Console};
use capsules_core::low_level_debug::{self, LowLevelDebug};
use capsules_core::virtualizers::virtual_uart::{MuxUart, UartDevice};
use kernel::capabilities::{MemoryAllocationCapability, SetDebugWriterCapability};
use kernel::collections::ring_buffer::RingBuffer;
use kernel::deferred_call::DeferredCallClient;
use kernel::hil::time::Alarm;
use kernel::hil::uart::{Configure, Parameters, Parity, StopBits, Transmit, Width};
use kernel::platform::WorkOf;
use kernel::process::ProcessId;
use kernel::syscall::SyscallDriver;
use kernel::{Kernel, create_capability, static_init};
use mps2::chip::Peripherals;
use mps2::system_timer::SystemTimer;

use crate::debug_output::DebugOutput;
use crate::passes::Requests;

/// Speed of the console, bits a second, 8N1.
const CONSOLE_RATE: u32 = 115_200;
/// Bytes of a write that the console sends at once.
const CONSOLE_TX_BYTES: usize = 16;
/// Bytes received between two reads of a process: a tenth of a second at
/// 115200 baud, and several frames of the supervisor's protocol.
const CONSOLE_RX_BYTES: usize = if cfg!(feature = "no-ring") { 2 } else { 2048 };
/// Kernel messages that wait for the line: a process's fault report and some more.
pub(crate) const DEBUG_BYTES: usize = 3072;
/// Bytes of a kernel message that are sent at once.
const DEBUG_TX_BYTES: usize = 16;

/// The alarm that the alarm driver uses.
type BoardAlarm = SystemTimer<'static>;

/// The drivers that processes call.
pub(crate) struct Drivers {
    console: &'static Console<'static>,
    low_level_debug: &'static LowLevelDebug<'static, UartDevice<'static>>,
    alarm: &'static AlarmDriver<'static, BoardAlarm>,
}

/// Whose work a console did in a pass.
pub(crate) fn work_of(is_anothers: bool) -> WorkOf {
    if is_anothers {
        WorkOf::Another
    } else {
        WorkOf::Itself
    }
}

impl Drivers {
    /// Make them, once, and start what has to be started.
    ///
    /// # Panics
    ///
    /// If the console's UART refuses its settings.
    pub(crate) fn new(
        kernel: &'static Kernel,
        peripherals: &'static Peripherals<'static>,
        memory_capability: &dyn MemoryAllocationCapability,
    ) -> Self {
        let configured = peripherals.uart0.configure(Parameters {
            baud_rate: CONSOLE_RATE,
            width: Width::Eight,
            parity: Parity::None,
            stop_bits: StopBits::One,
            hw_flow_control: false,
        });
        assert!(configured.is_ok(), "UART 0 refuses its settings");

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
                    static_init!([u8; 1], [0]),
                    RingBuffer::new(static_init!([u8; CONSOLE_RX_BYTES], [0; CONSOLE_RX_BYTES])),
                    kernel.create_grant(console::DRIVER_NUM, memory_capability),
                )
                .with_passes(
                    device,
                    static_init!(Requests, Requests::new(kernel, console::DRIVER_NUM)),
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
                    static_init!(
                        [u8; low_level_debug::BUF_LEN],
                        [0; low_level_debug::BUF_LEN]
                    ),
                    device,
                    kernel.create_grant(low_level_debug::DRIVER_NUM, memory_capability),
                )
                .with_passes(static_init!(
                    Requests,
                    Requests::new(kernel, low_level_debug::DRIVER_NUM)
                ))
            );
            device.set_transmit_client(driver);
            driver.register();
            driver
        };

        // The alarm driver is the only user of the timer's alarm, so it needs no
        // multiplexer; a second user would bring `MuxAlarm` between.
        let alarm = {
            let timer = &peripherals.system_timer;
            let driver: &'static AlarmDriver<'static, BoardAlarm> = static_init!(
                AlarmDriver<'static, BoardAlarm>,
                AlarmDriver::new(
                    timer,
                    kernel.create_grant(alarm::DRIVER_NUM, memory_capability),
                )
            );
            timer.set_alarm_client(driver);
            driver
        };

        Self {
            console,
            low_level_debug,
            alarm,
        }
    }

    /// One pass of work of the driver with this number, for a process. Returns whose work it was.
    pub(crate) fn pass(&self, number: usize, process: ProcessId) -> WorkOf {
        work_of(match number {
            console::DRIVER_NUM => self.console.pass(process),
            low_level_debug::DRIVER_NUM => self.low_level_debug.pass(process),
            _ => false,
        })
    }

    /// The driver with this number, if it is one of these.
    #[inline(always)]
    pub(crate) fn with<R>(
        &self,
        number: usize,
        f: impl FnOnce(Option<&dyn SyscallDriver>) -> R,
    ) -> R {
        // A call of `f` for each driver, so that it knows which one it calls.
        match number {
            console::DRIVER_NUM => f(Some(self.console)),
            alarm::DRIVER_NUM => f(Some(self.alarm)),
            low_level_debug::DRIVER_NUM => f(Some(self.low_level_debug)),
            _ => f(None),
        }
    }
}
