//! An I2C bus by hand: the controller of two lines that anybody can pull low.
//!
//! ```text
//!        start   bit 1   bit 0   acknowledged   stop
//! SDA  ──┐     ┌───────┐       ┌ ─ ─ ─ ─ ┐         ┌──
//!        └─────┘       └───────┘         └─────────┘
//! SCL  ────┐     ┌───┐   ┌───┐     ┌───┐      ┌───────
//!          └─────┘   └───┘   └─────┘   └──────┘
//! ```
//!
//! Each edge is an access to a register, which takes a container some fifteen microseconds on the reference board: the bus
//! is slower than the 100 kHz that every device understands, so nothing waits between two edges.

use embedded_hal::i2c::{
    Error, ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation, SevenBitAddress,
};

/// Reads of a clock line that a device holds low, before the bus is given up: a tenth of a second or more.
const STRETCHED_MAX: u32 = 10_000;

/// Clock pulses after which every device has let go of the data line: a byte and its acknowledgement.
const RECOVERY_PULSES: u32 = 9;

/// The two lines of a bus. A line that is let go is high unless somebody pulls it low.
pub trait Lines {
    /// Let go of the clock line (`true`), or pull it low.
    fn set_clock(&mut self, high: bool);
    /// Let go of the data line (`true`), or pull it low.
    fn set_data(&mut self, high: bool);
    /// Is the clock line high?
    fn clock(&mut self) -> bool;
    /// Is the data line high?
    fn data(&mut self) -> bool;
}

/// Why a transfer did not come to its end. The bus is idle then, as far as this controller can do that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusError {
    /// Nobody answers to the address.
    NoDevice,
    /// The device did not take a byte.
    NotTaken,
    /// A line stayed low that was let go: somebody else uses the bus, or a device hangs.
    HeldLow,
    /// A device held the clock for too long.
    TooSlow,
}

impl Error for BusError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoDevice => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
            Self::NotTaken => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Data),
            Self::HeldLow => ErrorKind::ArbitrationLoss,
            Self::TooSlow => ErrorKind::Bus,
        }
    }
}

/// The only controller of a bus. Waits for devices that stretch the clock, and frees a bus whose data line a device
/// holds because a transfer was cut in the middle of a byte.
#[derive(Clone, Copy, Debug)]
pub struct TwoWire<L> {
    lines: L,
}

impl<L: Lines> TwoWire<L> {
    /// A controller of these lines.
    #[must_use]
    pub const fn new(lines: L) -> Self {
        Self { lines }
    }

    /// The lines.
    pub fn release(self) -> L {
        self.lines
    }

    /// Let go of the clock, and wait until it is high.
    fn clock_up(&mut self) -> Result<(), BusError> {
        self.lines.set_clock(true);
        for _ in 0..STRETCHED_MAX {
            if self.lines.clock() {
                return Ok(());
            }
        }
        Err(BusError::TooSlow)
    }

    /// Begin a transfer, or the next part of one: the clock is low or idle before, low afterwards.
    fn start(&mut self) -> Result<(), BusError> {
        self.lines.set_data(true);
        self.clock_up()?;
        if !self.lines.data() {
            self.recover()?;
        }
        self.lines.set_data(false);
        self.lines.set_clock(false);
        Ok(())
    }

    /// A device that was cut off while it sent a zero goes on sending when the clock does.
    fn recover(&mut self) -> Result<(), BusError> {
        for _ in 0..RECOVERY_PULSES {
            self.lines.set_clock(false);
            self.clock_up()?;
            if self.lines.data() {
                // What it sees now is a start and a stop of nobody's transfer.
                self.lines.set_data(false);
                self.lines.set_data(true);
                return Ok(());
            }
        }
        Err(BusError::HeldLow)
    }

    fn stop(&mut self) -> Result<(), BusError> {
        self.lines.set_clock(false);
        self.lines.set_data(false);
        let clock = self.clock_up();
        self.lines.set_data(true);
        clock
    }

    /// One clock pulse; what the data line was meanwhile.
    fn pulse(&mut self) -> Result<bool, BusError> {
        self.clock_up()?;
        let bit = self.lines.data();
        self.lines.set_clock(false);
        Ok(bit)
    }

    /// Send a byte. Was it acknowledged?
    fn send(&mut self, byte: u8) -> Result<bool, BusError> {
        for bit in (0..8).rev() {
            let high = byte >> bit & 1 != 0;
            self.lines.set_data(high);
            // A one that is a zero on the line is somebody else's.
            if self.pulse()? != high {
                return Err(BusError::HeldLow);
            }
        }
        self.lines.set_data(true);
        Ok(!self.pulse()?)
    }

    /// Take a byte, and ask for the next one (`more`) or say that it was the last.
    fn take(&mut self, more: bool) -> Result<u8, BusError> {
        self.lines.set_data(true);
        let mut byte = 0;
        for _ in 0..8 {
            byte = byte << 1 | u8::from(self.pulse()?);
        }
        self.lines.set_data(!more);
        self.pulse()?;
        self.lines.set_data(true);
        Ok(byte)
    }

    fn address(&mut self, address: u8, reads: bool) -> Result<(), BusError> {
        self.start()?;
        if self.send(address << 1 | u8::from(reads))? {
            Ok(())
        } else {
            Err(BusError::NoDevice)
        }
    }

    fn carry_out(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusError> {
        let mut direction = None;
        let mut rest = operations;
        loop {
            // Bytes until it is written again: parts in the same direction are one, with no start between them.
            let mut left: usize = rest.iter().map_while(asked_for).sum();
            let Some((operation, behind)) = rest.split_first_mut() else {
                return Ok(());
            };
            rest = behind;
            let reads = matches!(operation, Operation::Read(_));
            // A device that is asked for nothing would hold the line for its first bit.
            if reads && left == 0 {
                continue;
            }
            if direction != Some(reads) {
                self.address(address, reads)?;
                direction = Some(reads);
            }
            match operation {
                Operation::Write(bytes) => {
                    for byte in bytes.iter() {
                        if !self.send(*byte)? {
                            return Err(BusError::NotTaken);
                        }
                    }
                }
                Operation::Read(places) => {
                    for place in places.iter_mut() {
                        left -= 1;
                        *place = self.take(left > 0)?;
                    }
                }
            }
        }
    }
}

/// Bytes that are read; `None`: it writes.
fn asked_for(operation: &Operation<'_>) -> Option<usize> {
    match operation {
        Operation::Read(places) => Some(places.len()),
        Operation::Write(_) => None,
    }
}

impl<L> ErrorType for TwoWire<L> {
    type Error = BusError;
}

impl<L: Lines> I2c<SevenBitAddress> for TwoWire<L> {
    fn transaction(
        &mut self,
        address: SevenBitAddress,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        let result = self.carry_out(address, operations);
        // Whatever came before, the bus becomes idle; the first error is the one that matters.
        let stopped = self.stop();
        result.and(stopped)
    }
}

#[cfg(test)]
#[path = "two_wire_tests.rs"]
mod tests;
