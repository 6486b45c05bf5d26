//! SPI, I2C, a further UART and pins for processes (feature `buses`).
//!
//! ```text
//!   Spi (0x20001)              I2CMasterDriver (0x20003)      Console (0x20000)   GPIO (0x4)
//!     │                              │                           │                  │
//!   VirtualSpiMasterDevice     I2CMasterDevice                   │                  │
//!     │                              │                           │                  │
//!   MuxSpiMaster               MuxI2C                            │                  │
//!     │                              │                           │                  │
//!   PL022 of the analogue      SBCon of shield 1              UART 4              FPGAIO: chip selects of both
//!   inputs                                                                        shields, two buttons
//! ```
//!
//! Further users of the kernel's own would join at the multiplexers. The emulator has nothing on that SPI bus, so its loopback is closed: what is sent is received. On the I2C bus is what
//! the emulator is given with `-device`.

#![allow(unsafe_code)]

use capsules_core::console::Console;
use capsules_core::driver;
use capsules_core::gpio::{self, GPIO};
use capsules_core::i2c_master::{self, I2CMasterDriver};
use capsules_core::passes::SharedLine;
use capsules_core::spi_controller::{self, Spi};
use capsules_core::virtualizers::virtual_i2c::{I2CMasterDevice, MuxI2C};
use capsules_core::virtualizers::virtual_spi::{MuxSpiMaster, VirtualSpiMasterDevice};
use kernel::capabilities::MemoryAllocationCapability;
use kernel::collections::ring_buffer::RingBuffer;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::hil::i2c::I2CMaster;
use kernel::hil::spi::cs::{ActiveLow, IntoChipSelect};
use kernel::hil::spi::{SpiMaster, SpiMasterDevice};
use kernel::hil::uart::{Configure, Parameters, Parity, StopBits, Width};
use kernel::{Kernel, static_init};
use mps2::chip::Peripherals;
use mps2::fpgaio::{self, Line, Pin, select};
use mps2::interrupts::{SPI_ADC, UART4_RX, UART4_TX};
use mps2::pl022::Pl022;
use mps2::register_block::RegisterBlock;
use mps2::sbcon::Sbcon;
use mps2::system_timer::SystemTimer;
use mps2::uart::{self, Uart};
use resting::Resting;

use crate::exposures;
use crate::passes::Requests;

/// The drivers' numbers.
pub(crate) const SPI: usize = spi_controller::DRIVER_NUM;
pub(crate) const I2C: usize = i2c_master::DRIVER_NUM;
pub(crate) const UART: usize = driver::NUM::Uart as usize;
pub(crate) const GPIO: usize = gpio::DRIVER_NUM;

/// The lines of what is driven here.
pub(crate) const LINES: [u32; 3] = [SPI_ADC, UART4_RX, UART4_TX];

pub(crate) const SPI_BASE: usize = 0x4002_5000;
const I2C_BASE: usize = 0x4002_a000;

/// First address and length of what is driven here.
pub(crate) const BLOCKS: [(u64, u64); 5] = [
    (SPI_BASE as u64, 0x1000),
    (I2C_BASE as u64, 0x1000),
    (uart::BASES[UART_NUMBER] as u64, 0x1000),
    (fpgaio::BUTTONS as u64, 4),
    (fpgaio::LINES_BASE as u64, 4),
];

/// Which UART it is.
const UART_NUMBER: usize = 4;
/// Its speed in bits a second, 8N1.
const UART_RATE: u32 = 115_200;
/// Bytes of a write that it sends at once.
const UART_CHUNK: usize = 16;
/// Bytes received between two reads.
const UART_KEPT: usize = 256;

/// Bits a second of a process that does not say otherwise.
const SPI_RATE: u32 = 1_000_000;
/// Bytes of an SPI transfer that are copied at once: four fills of the controller.
const SPI_CHUNK: usize = 32;
/// Longest transfer on the I2C bus: a page of a common memory, with its address.
const I2C_BYTES: usize = 130;
/// Reads of a register of the I2C controller that take 1.3 us at least: half a period of a fast-mode bus. A read over
/// the board's bus and the loop around it are six clocks of 40 ns or more.
const I2C_HALF: u32 = 6;

type SpiBus = Pl022<'static, RegisterBlock, Line>;
type SpiUser = VirtualSpiMasterDevice<'static, SpiBus>;
type I2CBus = Sbcon<'static, RegisterBlock, SystemTimer<'static>>;
type I2CUser = I2CMasterDevice<'static, I2CBus>;

/// The pins, at rest when who drove them ends.
pub(crate) type Pins = Resting<GPIO<'static, Pin>, { exposures::GPIO_RESTS.len() }>;

/// The drivers that processes call, and the hardware that interrupts.
pub(crate) struct Buses {
    pub(crate) spi: &'static Spi<'static, SpiUser>,
    pub(crate) i2c: &'static I2CMasterDriver<'static, I2CUser>,
    pub(crate) uart: &'static Console<'static>,
    pub(crate) gpio: &'static Pins,
    pub(crate) controller: &'static SpiBus,
    line: &'static Uart<'static>,
    #[cfg(feature = "bench")]
    pub(crate) mux: &'static MuxSpiMaster<'static, SpiBus>,
}

impl Buses {
    /// Makes them, once.
    ///
    /// # Panics
    ///
    /// If a controller refuses its settings.
    pub(crate) fn new(
        kernel: &'static Kernel,
        peripherals: &'static Peripherals<'static>,
        memory_capability: &dyn MemoryAllocationCapability,
    ) -> &'static Self {
        let (spi, controller, _mux) = spi(kernel, memory_capability);
        let i2c = i2c(kernel, peripherals, memory_capability);
        let (uart, line) = serial(kernel, memory_capability);
        static_init!(
            Buses,
            Buses {
                spi,
                i2c,
                uart,
                gpio: pins(kernel, memory_capability),
                controller,
                line,
                #[cfg(feature = "bench")]
                mux: _mux,
            }
        )
    }

    /// The interrupt of one of [`LINES`].
    pub(crate) fn service(&self, line: u32) {
        match line {
            UART4_RX => self.line.handle_rx_interrupt(),
            UART4_TX => self.line.handle_tx_interrupt(),
            _ => self.controller.handle_interrupt(),
        }
    }
}

fn spi(
    kernel: &'static Kernel,
    memory_capability: &dyn MemoryAllocationCapability,
) -> (
    &'static Spi<'static, SpiUser>,
    &'static SpiBus,
    &'static MuxSpiMaster<'static, SpiBus>,
) {
    // SAFETY: AN386 has a PL022 there, which cannot master the bus; nothing else drives it or the line.
    let (block, line) = unsafe {
        (
            RegisterBlock::new(SPI_BASE, 0x1000),
            &*static_init!(Line, Line::new(select::ADC)),
        )
    };
    let controller: &'static SpiBus =
        static_init!(SpiBus, Pl022::new(block, mps2::SYSTEM_CLOCK_HZ));
    controller.register();
    let mux: &'static MuxSpiMaster<'static, SpiBus> =
        static_init!(MuxSpiMaster<'static, SpiBus>, MuxSpiMaster::new(controller));
    controller.set_client(mux);
    let select = IntoChipSelect::<_, ActiveLow>::into_cs(line);
    let user: &'static SpiUser = static_init!(SpiUser, VirtualSpiMasterDevice::new(mux, select));
    user.setup();
    let ready = controller
        .init()
        .and_then(|()| controller.specify_chip_select(select))
        .and_then(|()| controller.set_loopback(true))
        .and_then(|()| controller.set_rate(SPI_RATE));
    assert!(ready.is_ok(), "the SPI controller refuses its settings");
    let driver: &'static Spi<'static, SpiUser> = static_init!(
        Spi<'static, SpiUser>,
        Spi::new(user, kernel.create_grant(SPI, memory_capability))
            .with_bus(user)
            .with_passes(static_init!(Requests, Requests::new(kernel, SPI)))
    );
    driver.config_buffers(
        static_init!([u8; SPI_CHUNK], [0; SPI_CHUNK]),
        static_init!([u8; SPI_CHUNK], [0; SPI_CHUNK]),
    );
    user.set_client(driver);
    driver.register();
    (driver, controller, mux)
}

fn i2c(
    kernel: &'static Kernel,
    peripherals: &'static Peripherals<'static>,
    memory_capability: &dyn MemoryAllocationCapability,
) -> &'static I2CMasterDriver<'static, I2CUser> {
    // SAFETY: AN386 has an SBCon there, which cannot master the bus; nothing else drives it.
    let block = unsafe { RegisterBlock::new(I2C_BASE, 0x1000) };
    let bus: &'static I2CBus = static_init!(
        I2CBus,
        Sbcon::new(block, &peripherals.system_timer, I2C_HALF)
    );
    bus.register();
    let mux: &'static MuxI2C<'static, I2CBus> =
        static_init!(MuxI2C<'static, I2CBus>, MuxI2C::new(bus));
    bus.set_master_client(mux);
    let user: &'static I2CUser = static_init!(I2CUser, I2CMasterDevice::new(mux));
    user.setup();
    user.enable();
    let driver: &'static I2CMasterDriver<'static, I2CUser> = static_init!(
        I2CMasterDriver<'static, I2CUser>,
        I2CMasterDriver::new(
            user,
            static_init!([u8; I2C_BYTES], [0; I2C_BYTES]),
            kernel.create_grant(I2C, memory_capability)
        )
        .with_passes(static_init!(Requests, Requests::new(kernel, I2C)))
    );
    user.set_master_client(driver);
    driver.register();
    driver
}

/// A line that has one user, who always keeps it.
struct Alone;

impl SharedLine for Alone {
    fn keep(&self, _: bool) {}
}

fn serial(
    kernel: &'static Kernel,
    memory_capability: &dyn MemoryAllocationCapability,
) -> (&'static Console<'static>, &'static Uart<'static>) {
    // SAFETY: nothing else drives this UART.
    let line: &'static Uart<'static> =
        static_init!(Uart<'static>, unsafe { Uart::new(UART_NUMBER) });
    line.register();
    let configured = line.configure(Parameters {
        baud_rate: UART_RATE,
        width: Width::Eight,
        parity: Parity::None,
        stop_bits: StopBits::One,
        hw_flow_control: false,
    });
    assert!(configured.is_ok(), "the UART refuses its settings");
    let driver: &'static Console<'static> = static_init!(
        Console<'static>,
        Console::new(
            line,
            static_init!([u8; UART_CHUNK], [0; UART_CHUNK]),
            static_init!([u8; 1], [0]),
            RingBuffer::new(static_init!([u8; UART_KEPT], [0; UART_KEPT])),
            kernel.create_grant(UART, memory_capability),
        )
        .with_passes(&Alone, static_init!(Requests, Requests::new(kernel, UART)))
    );
    driver.start();
    (driver, line)
}

fn pins(
    kernel: &'static Kernel,
    memory_capability: &dyn MemoryAllocationCapability,
) -> &'static Pins {
    // SAFETY: the controllers of the shields have no driver here, so nothing else drives their chip selects.
    let [first, second] = unsafe { [Pin::line(select::SHIELD0), Pin::line(select::SHIELD1)] };
    let pins: &'static [Option<&'static Pin>; 4] = static_init!(
        [Option<&'static Pin>; 4],
        [
            Some(static_init!(Pin, first)),
            Some(static_init!(Pin, second)),
            Some(static_init!(Pin, Pin::button(0))),
            Some(static_init!(Pin, Pin::button(1))),
        ]
    );
    let driver: &'static GPIO<'static, Pin> = static_init!(
        GPIO<'static, Pin>,
        GPIO::new(pins, kernel.create_grant(GPIO, memory_capability))
    );
    driver.set_client();
    let pins: &'static Pins = static_init!(
        Pins,
        Pins::new(driver, exposures::GPIO_RESTS, DeferredCall::set_later)
    );
    pins.register();
    pins
}
