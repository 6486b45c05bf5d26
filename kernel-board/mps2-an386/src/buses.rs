//! SPI and I2C for processes (feature `buses`).
//!
//! ```text
//!   Spi (0x20001)              I2CMasterDriver (0x20003)
//!     │                              │
//!   VirtualSpiMasterDevice     I2CMasterDevice         here further users of the kernel's own would join
//!     │                              │
//!   MuxSpiMaster               MuxI2C
//!     │                              │
//!   PL022 of the analogue      SBCon of shield 1
//!   inputs
//! ```
//!
//! The emulator has nothing on that SPI bus, so its loopback is closed: what is sent is received. On the I2C bus is what
//! the emulator is given with `-device`.

#![allow(unsafe_code)]

use capsules_core::i2c_master::{self, I2CMasterDriver};
use capsules_core::spi_controller::{self, Spi};
use capsules_core::virtualizers::virtual_i2c::{I2CMasterDevice, MuxI2C};
use capsules_core::virtualizers::virtual_spi::{MuxSpiMaster, VirtualSpiMasterDevice};
use kernel::capabilities::MemoryAllocationCapability;
use kernel::deferred_call::DeferredCallClient;
use kernel::hil::i2c::I2CMaster;
use kernel::hil::spi::cs::{ActiveLow, IntoChipSelect};
use kernel::hil::spi::{SpiMaster, SpiMasterDevice};
use kernel::{Kernel, static_init};
use mps2::chip::Peripherals;
use mps2::fpgaio::{self, Line, select};
use mps2::interrupts::SPI_ADC;
use mps2::pl022::Pl022;
use mps2::register_block::RegisterBlock;
use mps2::sbcon::Sbcon;
use mps2::system_timer::SystemTimer;

use crate::passes::Requests;

/// The drivers' numbers.
pub(crate) const SPI: usize = spi_controller::DRIVER_NUM;
pub(crate) const I2C: usize = i2c_master::DRIVER_NUM;

/// The line of the SPI controller.
pub(crate) const LINE: u32 = SPI_ADC;

pub(crate) const SPI_BASE: usize = 0x4002_5000;
const I2C_BASE: usize = 0x4002_a000;

/// First address and length of what is driven here.
pub(crate) const BLOCKS: [(u64, u64); 3] = [
    (SPI_BASE as u64, 0x1000),
    (I2C_BASE as u64, 0x1000),
    (fpgaio::LINES_BASE as u64, 4),
];

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

/// The drivers that processes call, and the hardware that interrupts.
pub(crate) struct Buses {
    pub(crate) spi: &'static Spi<'static, SpiUser>,
    pub(crate) i2c: &'static I2CMasterDriver<'static, I2CUser>,
    pub(crate) controller: &'static SpiBus,
    #[cfg(feature = "bench")]
    pub(crate) mux: &'static MuxSpiMaster<'static, SpiBus>,
}

impl Buses {
    /// Makes them, once.
    ///
    /// # Panics
    ///
    /// If the controller refuses its settings.
    pub(crate) fn new(
        kernel: &'static Kernel,
        peripherals: &'static Peripherals<'static>,
        memory_capability: &dyn MemoryAllocationCapability,
    ) -> &'static Self {
        let (spi, controller, _mux) = spi(kernel, memory_capability);
        let i2c = i2c(kernel, peripherals, memory_capability);
        static_init!(
            Buses,
            Buses {
                spi,
                i2c,
                controller,
                #[cfg(feature = "bench")]
                mux: _mux,
            }
        )
    }

    /// The SPI controller's interrupt.
    pub(crate) fn service(&self) {
        self.controller.handle_interrupt();
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
