//! What this device exposes to containers.
//!
//! Never in this table: UART 0 (the console), the dual timer and SysTick (the
//! kernel's clock), SCC (the board's configuration), and anything that could
//! reach memory by itself.

use mps2::register_block::RegisterBlock;
use mps2::{fpgaio, uart};
use wasm_host::{AccessClass, Exposure, Register, Registers, SafeWrite, Widths, Window};

/// How many blocks are exposed.
pub(crate) const COUNT: usize = 10;

/// The table of the `wasm_host` driver.
pub(crate) static EXPOSURES: [Exposure; COUNT] = [
    // LED 1 of the board's two user LEDs; LED 0 belongs to the firmware.
    Exposure::new(
        "fpgaio",
        &FPGAIO,
        0x50,
        Registers::List(&[Register::new(fpgaio_offset::LED0, LED1, LED1)]),
    )
    .safe_state(&[SafeWrite::new(fpgaio_offset::LED0, 0, LED1)]),
    // The I2C bus of shield 1: two lines, set and cleared by the bit.
    Exposure::new(
        "i2c_shield1",
        &I2C_SHIELD1,
        0x10,
        Registers::List(&[
            // Writing a one sets a line: what was read must not be written back.
            Register::new(i2c_offset::CONTROL, SCL_SDA, SCL_SDA).zero_rest(),
            Register::new(i2c_offset::CONTROLC, 0, SCL_SDA),
        ]),
    )
    // Both lines high: the bus is idle.
    .safe_state(&[SafeWrite::new(i2c_offset::CONTROL, SCL_SDA, SCL_SDA)]),
    // All of the UARTs, SPI controllers and timers that the firmware does not use.
    uart("uart1", &UART1),
    uart("uart2", &UART2),
    uart("uart3", &UART3),
    uart("uart4", &UART4),
    whole("spi_shield0", &SPI_SHIELD0, &SPI_OFF),
    whole("spi_shield1", &SPI_SHIELD1, &SPI_OFF),
    whole("timer0", &TIMER0, &TIMER_OFF),
    whole("timer1", &TIMER1, &TIMER_OFF),
];

/// A page of registers that may be mapped.
const fn whole(label: &'static str, block: &'static Block, safe: &'static [SafeWrite]) -> Exposure {
    Exposure::new(label, block, PAGE, Registers::Whole(Widths::BITS32))
        .access(AccessClass::Mapped)
        .safe_state(safe)
}

const fn uart(label: &'static str, block: &'static Block) -> Exposure {
    whole(label, block, &UART_OFF)
}

/// Length of a block that has the bus decoder's page to itself.
const PAGE: u32 = 0x1000;

/// Transmitter, receiver and their interrupts off.
static UART_OFF: [SafeWrite; 1] = [SafeWrite::new(uart_offset::CTRL, 0, 0xFFFF_FFFF)];
/// Not enabled, no interrupts.
static SPI_OFF: [SafeWrite; 2] = [
    SafeWrite::new(spi_offset::SSPCR1, 0, 0xFFFF_FFFF),
    SafeWrite::new(spi_offset::SSPIMSC, 0, 0xFFFF_FFFF),
];
/// Stopped.
static TIMER_OFF: [SafeWrite; 1] = [SafeWrite::new(timer_offset::CTRL, 0, 0xFFFF_FFFF)];

/// Bit of the board's second user LED.
const LED1: u32 = 1 << 1;
/// Bits of both lines of an I2C bus.
const SCL_SDA: u32 = 0x3;

mod fpgaio_offset {
    pub(super) const LED0: u16 = 0x00;
}

mod i2c_offset {
    /// Write: set lines. Read: level of the lines.
    pub(super) const CONTROL: u16 = 0x0;
    /// Write: clear lines.
    pub(super) const CONTROLC: u16 = 0x4;
}

mod uart_offset {
    pub(super) const CTRL: u16 = 0x8;
}

mod spi_offset {
    pub(super) const SSPCR1: u16 = 0x4;
    pub(super) const SSPIMSC: u16 = 0x14;
}

mod timer_offset {
    pub(super) const CTRL: u16 = 0x0;
}

// SAFETY, for all blocks: peripheral registers at the addresses of application
// note AN386; none of these peripherals can master the bus.
static FPGAIO: Block = Block(unsafe { RegisterBlock::new(fpgaio::BASE, 0x50) });
static I2C_SHIELD1: Block = Block(unsafe { RegisterBlock::new(0x4002_A000, 0x10) });
static UART1: Block = Block(unsafe { RegisterBlock::new(uart::BASES[1], 0x1000) });
static UART2: Block = Block(unsafe { RegisterBlock::new(uart::BASES[2], 0x1000) });
static UART3: Block = Block(unsafe { RegisterBlock::new(uart::BASES[3], 0x1000) });
static UART4: Block = Block(unsafe { RegisterBlock::new(uart::BASES[4], 0x1000) });
static SPI_SHIELD0: Block = Block(unsafe { RegisterBlock::new(0x4002_6000, 0x1000) });
static SPI_SHIELD1: Block = Block(unsafe { RegisterBlock::new(0x4002_7000, 0x1000) });
static TIMER0: Block = Block(unsafe { RegisterBlock::new(0x4000_0000, 0x1000) });
static TIMER1: Block = Block(unsafe { RegisterBlock::new(0x4000_1000, 0x1000) });

/// A block of this chip as `wasm_host` sees it. An access outside reads zero
/// and writes nothing, as [`Window`] asks; the capsule never makes one.
struct Block(RegisterBlock);

impl Window for Block {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn address(&self) -> Option<usize> {
        Some(self.0.base())
    }

    fn read8(&self, offset: usize) -> u8 {
        self.0.read8(offset).unwrap_or_default()
    }

    fn read16(&self, offset: usize) -> u16 {
        self.0.read16(offset).unwrap_or_default()
    }

    fn read32(&self, offset: usize) -> u32 {
        self.0.read32(offset).unwrap_or_default()
    }

    fn write8(&self, offset: usize, value: u8) {
        let _ = self.0.write8(offset, value);
    }

    fn write16(&self, offset: usize, value: u16) {
        let _ = self.0.write16(offset, value);
    }

    fn write32(&self, offset: usize, value: u32) {
        let _ = self.0.write32(offset, value);
    }
}
