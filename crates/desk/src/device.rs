//! The border between the desk and what stands behind a block.

use crate::Width;
use std::fmt;

/// What stands behind a block of registers.
///
/// The desk lets it go on to the time of each access first, so `read` and `write` see it as it is then.
pub trait Device: Send {
    /// Let time pass until `now_us`. It is never less than it was.
    fn go_on(&mut self, now_us: u64) {
        let _ = now_us;
    }

    /// When it does something by itself next. `None`: never.
    fn next_us(&self) -> Option<u64> {
        None
    }

    /// Read a register.
    fn read(&mut self, offset: u32, width: Width) -> u32;

    /// Write a register.
    fn write(&mut self, offset: u32, width: Width, value: u32);

    /// The interrupts of the block that are raised now, one bit each by number.
    fn raised(&self) -> u32 {
        0
    }

    /// The kernel has taken interrupt `number`.
    fn taken(&mut self, number: u32) {
        let _ = number;
    }

    /// What was on its bus since this was asked last.
    fn traffic(&mut self) -> Vec<Traffic> {
        Vec::new()
    }

    /// Give it bytes that arrive on its line from now on. Returns whether it has one.
    fn receive(&mut self, bytes: &[u8]) -> bool {
        let _ = bytes;
        false
    }
}

/// What was on a bus or a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// A byte left a serial line.
    Sent(u8),
    /// A byte arrived on it.
    Received(u8),
    /// A word went out on an SPI bus while another came in.
    Exchanged {
        /// What went out.
        sent: u32,
        /// What came in.
        received: u32,
    },
    /// A transfer on an I2C bus, or the part of one before a repeated start.
    Transfer {
        /// The chip's address, 7 bits.
        address: u8,
        /// From the chip.
        reads: bool,
        /// Does a chip answer to the address?
        answered: bool,
        /// What was moved.
        bytes: Vec<u8>,
    },
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(byte) => write!(f, "sent {byte:#04x}"),
            Self::Received(byte) => write!(f, "received {byte:#04x}"),
            Self::Exchanged { sent, received } => {
                write!(f, "sent {sent:#04x}, received {received:#04x}")
            }
            Self::Transfer {
                address,
                reads,
                answered,
                bytes,
            } => {
                let word = if *reads { "read" } else { "write" };
                write!(f, "{word} {address:#04x}")?;
                if !answered {
                    f.write_str(": nobody answers")?;
                }
                for byte in bytes {
                    write!(f, " {byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}
