//! Functions of other systems, so that their programs run unchanged: `arduino` (WASMICO's
//! tasks), `wasi_snapshot_preview1` (commands), and the kernel's devices: `tock:led`, `tock:spi`, `tock:i2c`,
//! `tock:uart`, `tock:gpio`, `tock:alarm`.
//!
//! ```text
//!   a container's import ──engine──► call(function, arguments, memory)
//!                                       │ pointers checked, text, time, sleep, exit
//!                                    dyn Container: what the supervisor gives it
//! ```
//!
//! * [`Foreign`]: which functions there are, and their signatures.
//! * `arduino`, `wasi`, `tock`: what each does.
//! * [`OpenLine`]: pieces of text become lines of the log.
//!
//! It is a crate of its own so that it is built for size: nobody waits for these functions,
//! and the supervisor's flash is scarce. For the same reason it calls its container through
//! a trait object.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

use berth_protocol::{Fault, Level, cut_bytes};

mod arduino;
mod lines;
mod table;
mod tock;
mod wasi;

pub use lines::OpenLine;
pub use table::{Device, Foreign, PARAMETERS_MAX};
pub use tock::{Bus, I2C_MAX, Place, SPI_MAX, SPI_SETTINGS, SpiSettings, Transfer, UART_MAX};

/// How a foreign function ends that does not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It goes on at this time, and returns nothing.
    Sleep {
        /// Microseconds on the device's clock.
        until_us: u64,
    },
    /// It goes on at this time, and returns 0 then.
    Poll {
        /// Microseconds on the device's clock.
        until_us: u64,
    },
    /// It goes on when this is over, and returns 0 or a Tock error code then.
    Transfer(
        /// What it waits for.
        Transfer,
    ),
    /// It wants its environment, and returns 0 then.
    Environ {
        /// How many there are and how long they are, or all of it.
        sizes: bool,
        /// Where the count goes, or the pointers.
        first: u32,
        /// Where the length goes, or the texts.
        second: u32,
    },
    /// The container has ended itself.
    Exit(
        /// Its code.
        i32,
    ),
    /// The container did what it may not.
    Fault(
        /// What.
        Fault,
    ),
}

/// The container passed a pointer to somewhere else.
const BAD_POINTER: Ending = Ending::Fault(Fault::BadPointer);

/// What can be done to a light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedAction {
    /// Light it.
    On,
    /// Put it out.
    Off,
    /// Change it.
    Toggle,
}

/// What holds a pin that is an input and that nothing drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Nothing.
    None = 0,
    /// A resistor to the high level.
    Up = 1,
    /// A resistor to the low level.
    Down = 2,
}

impl Pull {
    /// Returns which one a number means, for containers and for the kernel.
    const fn of(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::None),
            1 => Some(Self::Up),
            2 => Some(Self::Down),
            _ => None,
        }
    }
}

/// What can be done to a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinAction {
    /// Make it an output.
    Output,
    /// Make it an input.
    Input(
        /// Held by this.
        Pull,
    ),
    /// Drive it high.
    Set,
    /// Drive it low.
    Clear,
    /// Drive it to the other level.
    Toggle,
}

/// What a foreign function needs of the container that calls it.
pub trait Container {
    /// Microseconds since the device started.
    fn now_us(&self) -> u64;
    /// Say a piece of text; lines end where it says so.
    fn say(&mut self, level: Level, text: &[u8]);
    /// Keep `state` beyond the container's end.
    fn save(&mut self, state: &[u8]);
    /// Copy what was kept to `buffer` and forget it. Returns whether there was anything.
    fn load(&mut self, buffer: &mut [u8]) -> bool;
    /// Bytes of device memory that are free, and that the container holds.
    fn memory(&self) -> (u32, u32);
    /// Returns how many lights there are.
    fn led_count(&self) -> u32;
    /// Do something to the light `index`. Returns 0 or a Tock error code.
    fn led(&mut self, index: u32, action: LedAction) -> u32;
    /// Is the light `index` on? `None` if it is not exposed.
    fn led_is_on(&self, index: u32) -> Option<bool>;
    /// Returns how many pins there are.
    fn pin_count(&self) -> u32;
    /// Do something to the pin `number`. Returns 0 or a Tock error code.
    fn pin(&mut self, number: u32, action: PinAction) -> u32;
    /// Is the pin `number` high? `None` if it is not exposed.
    fn pin_is_high(&self, number: u32) -> Option<bool>;
    /// So is the clock of its transfers on the SPI bus from now on.
    fn set_spi(&mut self, settings: SpiSettings);
}

/// A call: its arguments as bits, and the memory of the caller.
struct Call<'a> {
    container: &'a mut dyn Container,
    /// Bytes of text so far.
    said: u32,
    arguments: &'a [u64; PARAMETERS_MAX],
    memory: &'a mut [u8],
}

/// Carry out `function`; what it returns, or how it ends. The second number is the
/// bytes of text that it took.
pub fn call(
    container: &mut dyn Container,
    function: Foreign,
    arguments: &[u64; PARAMETERS_MAX],
    memory: &mut [u8],
) -> (Result<u32, Ending>, u32) {
    let mut call = Call {
        container,
        said: 0,
        arguments,
        memory,
    };
    let result = if (function as u8) < Foreign::ArgsGet as u8 {
        call.arduino(function)
    } else if (function as u8) < Foreign::LedCount as u8 {
        call.wasi(function)
    } else {
        call.tock(function)
    };
    (result, call.said)
}

impl Call<'_> {
    /// Argument `index` as a word.
    fn word(&self, index: usize) -> u32 {
        self.arguments.get(index).copied().unwrap_or(0) as u32
    }

    /// The `length` bytes at `pointer`.
    fn bytes(&mut self, pointer: u32, length: u32) -> Result<&mut [u8], Ending> {
        part(self.memory, pointer, length)
    }

    /// Put `bytes` at `pointer`.
    fn put(&mut self, pointer: u32, bytes: &[u8]) -> Result<(), Ending> {
        self.bytes(pointer, bytes.len() as u32)?
            .copy_from_slice(bytes);
        Ok(())
    }

    /// Put a word at `pointer`.
    fn put_word(&mut self, pointer: u32, word: u32) -> Result<(), Ending> {
        self.put(pointer, &word.to_le_bytes())
    }

    /// Say of the `length` bytes at `pointer` as many whole characters as `most` bytes hold. Returns the number of bytes.
    fn say(&mut self, level: Level, pointer: u32, length: u32, most: u32) -> Result<u32, Ending> {
        let text = part(self.memory, pointer, length)?;
        let text = cut_bytes(text, most as usize);
        self.said += text.len() as u32;
        self.container.say(level, text);
        Ok(text.len() as u32)
    }

    /// Say a text of our own.
    fn tell(&mut self, level: Level, text: &[u8]) {
        self.said += text.len() as u32;
        self.container.say(level, text);
    }
}

fn part(memory: &mut [u8], pointer: u32, length: u32) -> Result<&mut [u8], Ending> {
    let end = pointer.checked_add(length).ok_or(BAD_POINTER)?;
    memory
        .get_mut(pointer as usize..end as usize)
        .ok_or(BAD_POINTER)
}
