//! FPGAIO: the two user LEDs of the board, and a clock of seconds.

#![allow(unsafe_code)]

use kernel::hil::led;
use kernel::utilities::StaticRef;
use kernel::utilities::registers::interfaces::{Readable, Writeable};
use kernel::utilities::registers::{ReadOnly, ReadWrite, register_structs};

/// Where the block lies.
pub const BASE: usize = 0x4002_8000;

register_structs! {
    FpgaIoRegisters {
        (0x00 => led0: ReadWrite<u32>),
        (0x04 => _reserved),
        (0x10 => clk1hz: ReadOnly<u32>),
        (0x14 => @END),
    }
}

// SAFETY: AN386 has the block at this address.
const FPGAIO: StaticRef<FpgaIoRegisters> =
    unsafe { StaticRef::new(BASE as *const FpgaIoRegisters) };

/// Seconds since power-on.
#[must_use]
pub fn seconds() -> u32 {
    FPGAIO.clk1hz.get()
}

/// One of the user LEDs. Other bits of the register keep their value: they may
/// belong to somebody else.
#[derive(Debug)]
pub struct Led {
    bit: u32,
}

impl Led {
    /// LED `number`, 0 or 1. There are no more; a larger number lights nothing.
    ///
    /// # Safety
    ///
    /// One object may drive an LED.
    #[must_use]
    pub const unsafe fn new(number: u32) -> Self {
        Self {
            bit: if number < 2 { 1 << number } else { 0 },
        }
    }
}

impl led::Led for Led {
    fn init(&self) {
        self.off();
    }

    fn on(&self) {
        FPGAIO.led0.set(FPGAIO.led0.get() | self.bit);
    }

    fn off(&self) {
        FPGAIO.led0.set(FPGAIO.led0.get() & !self.bit);
    }

    fn toggle(&self) {
        FPGAIO.led0.set(FPGAIO.led0.get() ^ self.bit);
    }

    fn read(&self) -> bool {
        FPGAIO.led0.get() & self.bit != 0
    }
}
