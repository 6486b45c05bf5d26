//! The kernel's own devices: `tock:led`, `tock:spi`, `tock:i2c`, `tock:uart`, `tock:gpio`, `tock:alarm`.
//!
//! A transfer on a bus, or of the UART, suspends its container until it is over. What is sent, and where to put what comes, is looked up when it
//! begins and when it ends; here it is checked.

use super::{Call, Ending, Foreign, LedAction, PinAction, Pull, part};

/// Longest transfer on the SPI bus, in bytes.
pub const SPI_MAX: u32 = 1024;
/// Most bytes of a transfer on the I2C bus in each direction.
pub const I2C_MAX: u32 = 128;
/// Most bytes of the UART in one call.
pub const UART_MAX: u32 = 256;

/// Nanoseconds in a microsecond, the unit of the device's clock.
const US: u64 = 1_000;

/// Error codes of Tock.
const INVAL: u32 = 6;
const SIZE: u32 = 7;

/// A bus of the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// Bytes out and in at the same time.
    Spi,
    /// Two wires, with addresses.
    I2c,
    /// What a UART sends.
    UartOut,
    /// What it receives.
    UartIn,
}

impl Bus {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// All of them; each has its place here as its number.
    pub const ALL: [Self; Self::COUNT] = [Self::Spi, Self::I2c, Self::UartOut, Self::UartIn];
}

/// How the clock of an SPI bus is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiSettings {
    /// At most so many bits a second.
    pub rate: u32,
    /// SPI's modes 0 to 3: bit 0 is the phase, bit 1 the polarity.
    pub mode: u8,
}

/// Of a container that has not said otherwise.
pub const SPI_SETTINGS: SpiSettings = SpiSettings {
    rate: 1_000_000,
    mode: 0,
};

/// Bytes of a container's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The first.
    pub pointer: u32,
    /// How many.
    pub length: u32,
}

/// What a container waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// On which bus.
    pub bus: Bus,
    /// Of a device on the I2C bus: 7 bits.
    pub address: u8,
    /// What is sent. On the SPI bus nothing stands for zeros.
    pub sent: Place,
    /// Where to put what comes. On the SPI bus nothing stands for nowhere.
    pub room: Place,
}

impl Call<'_> {
    pub(super) fn tock(&mut self, function: Foreign) -> Result<u32, Ending> {
        let [first, second, third, fourth, fifth] = self.arguments.map(|argument| argument as u32);
        let place = |pointer, length| Place { pointer, length };
        let nothing = place(0, 0);
        match function {
            Foreign::SpiConfigure => {
                if first == 0 || second > 3 {
                    return Ok(INVAL);
                }
                self.container.set_spi(SpiSettings {
                    rate: first,
                    mode: second as u8,
                });
                Ok(0)
            }
            Foreign::SpiTransfer => self.spi(place(first, third), place(second, third)),
            Foreign::SpiWrite => self.spi(place(first, second), nothing),
            Foreign::SpiRead => self.spi(nothing, place(first, second)),
            Foreign::I2cWrite => self.i2c(first, place(second, third), nothing),
            Foreign::I2cRead => self.i2c(first, nothing, place(second, third)),
            Foreign::I2cWriteRead => self.i2c(first, place(second, third), place(fourth, fifth)),
            Foreign::UartWrite => self.uart(Bus::UartOut, place(first, second), nothing),
            Foreign::UartRead => self.uart(Bus::UartIn, nothing, place(first, second)),
            Foreign::GpioCount => Ok(self.container.pin_count()),
            Foreign::GpioMakeOutput => Ok(self.pin(PinAction::Output)),
            Foreign::GpioMakeInput => Ok(match Pull::of(second) {
                Some(pull) => self.pin(PinAction::Input(pull)),
                None => INVAL,
            }),
            Foreign::GpioSetActive => Ok(self.pin(PinAction::Set)),
            Foreign::GpioSetInactive => Ok(self.pin(PinAction::Clear)),
            Foreign::GpioToggle => Ok(self.pin(PinAction::Toggle)),
            Foreign::GpioIsActive => {
                let level = self.container.pin_is_high(first);
                Ok(level.map_or(u32::MAX, u32::from))
            }
            Foreign::AlarmNow => {
                let now = self.container.now_us().saturating_mul(US);
                self.put(first, &now.to_le_bytes())?;
                Ok(0)
            }
            Foreign::AlarmResolution => Ok(US as u32),
            Foreign::AlarmWaitFor => Err(self.wait(self.container.now_us().saturating_mul(US))),
            Foreign::AlarmWaitUntil => Err(self.wait(0)),
            _ => Ok(self.led(function)),
        }
    }

    fn spi(&mut self, sent: Place, room: Place) -> Result<u32, Ending> {
        self.begin(
            SPI_MAX,
            0,
            Transfer {
                bus: Bus::Spi,
                address: 0,
                sent,
                room,
            },
        )
    }

    fn i2c(&mut self, address: u32, sent: Place, room: Place) -> Result<u32, Ending> {
        self.begin(
            I2C_MAX,
            address,
            Transfer {
                bus: Bus::I2c,
                address: address as u8,
                sent,
                room,
            },
        )
    }

    fn uart(&mut self, bus: Bus, sent: Place, room: Place) -> Result<u32, Ending> {
        self.begin(
            UART_MAX,
            0,
            Transfer {
                bus,
                address: 0,
                sent,
                room,
            },
        )
    }

    fn pin(&mut self, action: PinAction) -> u32 {
        self.container.pin(self.word(0), action)
    }

    /// Waits until the first argument, in nanoseconds, has passed since `since`. Never too short: a part of a microsecond is one.
    fn wait(&self, since: u64) -> Ending {
        let [argument, ..] = *self.arguments;
        Ending::Sleep {
            until_us: since.saturating_add(argument).div_ceil(US),
        }
    }

    /// What can be said of a transfer now, or that it is to be waited for.
    fn begin(&mut self, most: u32, address: u32, transfer: Transfer) -> Result<u32, Ending> {
        for place in [transfer.sent, transfer.room] {
            part(self.memory, place.pointer, place.length)?;
            if place.length > most {
                return Ok(SIZE);
            }
        }
        if transfer.sent.length | transfer.room.length == 0 || address > 0x7f {
            return Ok(INVAL);
        }
        Err(Ending::Transfer(transfer))
    }

    fn led(&mut self, function: Foreign) -> u32 {
        let index = self.word(0);
        let action = match function {
            Foreign::LedCount => return self.container.led_count(),
            Foreign::LedOn => LedAction::On,
            Foreign::LedOff => LedAction::Off,
            Foreign::LedToggle => LedAction::Toggle,
            _ => {
                let lit = self.container.led_is_on(index);
                return lit.map_or(u32::MAX, u32::from);
            }
        };
        self.container.led(index, action)
    }
}
