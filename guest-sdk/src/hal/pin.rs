//! Pins: a bit of a register, a light of the kernel's, or a pin of its driver.

use crate::Block;
use crate::gpio::{Input, NoPin, Output};
use crate::led::{self, NoLight};
use core::convert::Infallible;
use embedded_hal::digital::{Error, ErrorKind, ErrorType, InputPin, OutputPin, StatefulOutputPin};

/// A bit of a 32-bit register. Changing it is one step of the device's, so the other bits of the register may be
/// others' pins. Read where it is written: for devices whose inputs are in another register, take a second `Pin`.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    block: Block,
    offset: u32,
    mask: u32,
}

impl Pin {
    /// Bit number `bit` (0 to 31) of the register at `offset` bytes in `block`.
    #[must_use]
    pub const fn new(block: Block, offset: u32, bit: u8) -> Self {
        let mask = 1 << (bit & 31);
        Self {
            block,
            offset,
            mask,
        }
    }

    fn reads(self) -> bool {
        self.block.read32(self.offset) & self.mask != 0
    }
}

impl ErrorType for Pin {
    /// An access that is not permitted ends the container.
    type Error = Infallible;
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.block.modify32(self.offset, self.mask, 0);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.block.modify32(self.offset, self.mask, self.mask);
        Ok(())
    }
}

impl StatefulOutputPin for Pin {
    fn is_set_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.reads())
    }

    fn is_set_low(&mut self) -> Result<bool, Infallible> {
        Ok(!self.reads())
    }
}

impl InputPin for Pin {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.reads())
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        Ok(!self.reads())
    }
}

/// One of the kernel's lights; high is on.
#[derive(Clone, Copy, Debug)]
pub struct Light {
    number: u32,
}

impl Light {
    /// Light `number`, from 0.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self { number }
    }
}

impl Error for NoLight {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl ErrorType for Light {
    type Error = NoLight;
}

impl OutputPin for Light {
    fn set_low(&mut self) -> Result<(), NoLight> {
        led::off(self.number)
    }

    fn set_high(&mut self) -> Result<(), NoLight> {
        led::on(self.number)
    }
}

impl StatefulOutputPin for Light {
    fn is_set_high(&mut self) -> Result<bool, NoLight> {
        led::is_on(self.number)
    }

    fn is_set_low(&mut self) -> Result<bool, NoLight> {
        led::is_on(self.number).map(|on| !on)
    }
}

impl Error for NoPin {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl ErrorType for Output {
    type Error = NoPin;
}

impl OutputPin for Output {
    fn set_low(&mut self) -> Result<(), NoPin> {
        self.set_inactive()
    }

    fn set_high(&mut self) -> Result<(), NoPin> {
        self.set_active()
    }
}

impl StatefulOutputPin for Output {
    fn is_set_high(&mut self) -> Result<bool, NoPin> {
        self.is_active()
    }

    fn is_set_low(&mut self) -> Result<bool, NoPin> {
        self.is_active().map(|high| !high)
    }

    fn toggle(&mut self) -> Result<(), NoPin> {
        Output::toggle(self)
    }
}

impl ErrorType for Input {
    type Error = NoPin;
}

impl InputPin for Input {
    fn is_high(&mut self) -> Result<bool, NoPin> {
        self.is_active()
    }

    fn is_low(&mut self) -> Result<bool, NoPin> {
        self.is_active().map(|high| !high)
    }
}
