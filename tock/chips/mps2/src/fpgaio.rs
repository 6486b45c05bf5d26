//! FPGAIO: the two user LEDs and the two buttons of the board, a clock of seconds, and the SPI headers' chip selects.

#![allow(unsafe_code)]

use kernel::ErrorCode;
use kernel::hil::{gpio, led};
use kernel::utilities::StaticRef;
use kernel::utilities::registers::interfaces::{Readable, Writeable};
use kernel::utilities::registers::{ReadOnly, ReadWrite, register_structs};

/// Where the block lies.
pub const BASE: usize = 0x4002_8000;

/// Where the clock of seconds is.
pub const SECONDS: usize = BASE + 0x10;

register_structs! {
    FpgaIoRegisters {
        (0x00 => led0: ReadWrite<u32>),
        (0x04 => _reserved0),
        (0x08 => button: ReadOnly<u32>),
        (0x0c => _reserved1),
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

register_structs! {
    LineRegisters {
        (0x00 => misc: ReadWrite<u32>),
        (0x04 => @END),
    }
}

/// Where the lines are.
pub const LINES_BASE: usize = BASE + 0x4c;

// SAFETY: AN386 has the register at this address.
const LINES: StaticRef<LineRegisters> =
    unsafe { StaticRef::new(LINES_BASE as *const LineRegisters) };

/// The chip selects of the SPI controllers, as bits of MISC (Arm DAI 0386, table 3-3).
pub mod select {
    /// Of the controller of the analogue inputs.
    pub const ADC: u32 = 7;
    /// Of shield 0.
    pub const SHIELD0: u32 = 8;
    /// Of shield 1.
    pub const SHIELD1: u32 = 9;
}

/// One of the board's chip selects. The others keep their level.
#[derive(Debug)]
pub struct Line {
    bit: u32,
}

impl Line {
    /// The line at this bit of MISC, one of [`select`]. Any other is no line.
    ///
    /// # Safety
    ///
    /// One object may drive a line.
    #[must_use]
    pub const unsafe fn new(number: u32) -> Self {
        let known = matches!(number, select::ADC | select::SHIELD0 | select::SHIELD1);
        Self {
            bit: if known { 1 << number } else { 0 },
        }
    }
}

impl gpio::Output for Line {
    fn set(&self) {
        LINES.misc.set(LINES.misc.get() | self.bit);
    }

    fn clear(&self) {
        LINES.misc.set(LINES.misc.get() & !self.bit);
    }

    fn toggle(&self) -> bool {
        LINES.misc.set(LINES.misc.get() ^ self.bit);
        LINES.misc.get() & self.bit != 0
    }
}

/// Where the buttons are.
pub const BUTTONS: usize = BASE + 0x8;

/// What a [`Pin`] is.
#[derive(Debug)]
enum Wire {
    /// A chip select, which is driven and can be read back.
    Line(Line),
    /// A button: its bit. It is read.
    Button(u32),
}

/// A pin whose direction is the board's: a chip select for whoever has none of its own, or a button. None interrupts.
#[derive(Debug)]
pub struct Pin(Wire);

impl Pin {
    /// The line at this bit of MISC, as [`Line::new`].
    ///
    /// # Safety
    ///
    /// One object may drive a line.
    #[must_use]
    pub const unsafe fn line(number: u32) -> Self {
        // SAFETY: as the caller promises.
        Self(Wire::Line(unsafe { Line::new(number) }))
    }

    /// Button `number`, 0 or 1. There are no more; a larger number is never pressed.
    #[must_use]
    pub const fn button(number: u32) -> Self {
        Self(Wire::Button(if number < 2 { 1 << number } else { 0 }))
    }
}

impl gpio::Input for Pin {
    fn read(&self) -> bool {
        match &self.0 {
            Wire::Line(line) => LINES.misc.get() & line.bit != 0,
            Wire::Button(bit) => FPGAIO.button.get() & bit != 0,
        }
    }
}

impl gpio::Output for Pin {
    fn set(&self) {
        if let Wire::Line(line) = &self.0 {
            line.set();
        }
    }

    fn clear(&self) {
        if let Wire::Line(line) = &self.0 {
            line.clear();
        }
    }

    fn toggle(&self) -> bool {
        match &self.0 {
            Wire::Line(line) => line.toggle(),
            Wire::Button(_) => gpio::Input::read(self),
        }
    }
}

/// Nothing can be chosen.
impl gpio::Configure for Pin {
    fn configuration(&self) -> gpio::Configuration {
        match self.0 {
            Wire::Line(_) => gpio::Configuration::InputOutput,
            Wire::Button(_) => gpio::Configuration::Input,
        }
    }

    fn make_output(&self) -> gpio::Configuration {
        self.configuration()
    }

    fn disable_output(&self) -> gpio::Configuration {
        self.configuration()
    }

    fn make_input(&self) -> gpio::Configuration {
        self.configuration()
    }

    fn disable_input(&self) -> gpio::Configuration {
        self.configuration()
    }

    fn deactivate_to_low_power(&self) {}

    fn set_floating_state(&self, _: gpio::FloatingState) {}

    fn floating_state(&self) -> gpio::FloatingState {
        gpio::FloatingState::PullNone
    }
}

impl<'a> gpio::InterruptWithValue<'a> for Pin {
    fn set_client(&self, _: &'a dyn gpio::ClientWithValue) {}

    fn enable_interrupts(&self, _: gpio::InterruptEdge) -> Result<(), ErrorCode> {
        Err(ErrorCode::NOSUPPORT)
    }

    fn disable_interrupts(&self) {}

    fn is_pending(&self) -> bool {
        false
    }

    fn set_value(&self, _: u32) {}

    fn value(&self) -> u32 {
        0
    }
}

impl gpio::Pin for Pin {}
impl gpio::InterruptValuePin<'_> for Pin {}
