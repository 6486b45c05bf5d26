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

use core::num::NonZeroU32;

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
    /// It is no address: one has seven bits, without the bit that says who sends.
    BadAddress,
}

impl Error for BusError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoDevice => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
            Self::NotTaken => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Data),
            Self::HeldLow => ErrorKind::ArbitrationLoss,
            Self::TooSlow => ErrorKind::Bus,
            Self::BadAddress => ErrorKind::Other,
        }
    }
}

/// The only controller of a bus. Waits for devices that stretch the clock, and frees a bus whose data line a device
/// holds because a transfer was cut in the middle of a byte.
// What goes over the lines, address, byte, acknowledgement, is a row of bits to one function: this is in every container
// with a bus.
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

    /// Let go of the clock, and wait until it is high. `None` if a device holds it.
    fn clock_up(&mut self) -> Option<()> {
        self.lines.set_clock(true);
        (0..STRETCHED_MAX).find_map(|_| self.lines.clock().then_some(()))
    }

    /// Send the last `count` bits of `out`, the highest first; ones let go of the data line. Returns the bits that were on
    /// it meanwhile, behind a leading one (so that a word says all); `None` if a device holds the clock.
    fn bits(&mut self, out: u32, count: u32) -> Option<NonZeroU32> {
        let mut seen = 1;
        for bit in (0..count).rev() {
            self.lines.set_data(out >> bit & 1 != 0);
            self.clock_up()?;
            seen = seen << 1 | u32::from(self.lines.data());
            self.lines.set_clock(false);
        }
        NonZeroU32::new(seen)
    }

    /// Begin a transfer, or the next part of one: the clock is low or idle before, low afterwards. Its first byte says whose it
    /// is, and who sends.
    fn start(&mut self, address: u8, reads: bool) -> Result<(), BusError> {
        self.lines.set_data(true);
        self.clock_up().ok_or(BusError::TooSlow)?;
        if !self.lines.data() {
            self.recover()?;
        }
        self.lines.set_data(false);
        self.lines.set_clock(false);
        self.send(address << 1 | u8::from(reads), BusError::NoDevice)
    }

    /// A device that was cut off while it sent a zero goes on sending when the clock does.
    fn recover(&mut self) -> Result<(), BusError> {
        // The first of them is the one that is high already.
        for _ in 0..=RECOVERY_PULSES {
            if self.bits(1, 1).ok_or(BusError::TooSlow)?.get() & 1 != 0 {
                return self.stop();
            }
        }
        Err(BusError::HeldLow)
    }

    fn stop(&mut self) -> Result<(), BusError> {
        self.lines.set_clock(false);
        self.lines.set_data(false);
        let clock = self.clock_up();
        self.lines.set_data(true);
        clock.ok_or(BusError::TooSlow)
    }

    /// Send a byte. It is `refused` if nobody acknowledges it.
    fn send(&mut self, byte: u8, refused: BusError) -> Result<(), BusError> {
        // Behind the byte the line is let go, for the acknowledgement.
        let sent = 1 << 9 | u32::from(byte) << 1 | 1;
        match self.bits(sent, 9).ok_or(BusError::TooSlow)?.get() ^ sent {
            0 => Err(refused),
            1 => Ok(()),
            // A one that is a zero on the line is somebody else's.
            _ => Err(BusError::HeldLow),
        }
    }

    fn carry_out(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusError> {
        // Who sends; before the first byte nobody. Parts in the same direction are one, with no start between them.
        let mut reads = None;
        for operation in operations {
            // A device that is asked for nothing would hold the line for its first bit.
            if matches!(operation, Operation::Read(places) if places.is_empty()) {
                continue;
            }
            let wanted = Some(matches!(operation, Operation::Read(_)));
            let mut count = 9;
            if reads != wanted {
                self.end(reads)?;
                self.start(address, wanted == Some(true))?;
                reads = wanted;
                count = 8;
            }
            match operation {
                Operation::Write(bytes) => {
                    for byte in bytes.iter() {
                        self.send(*byte, BusError::NotTaken)?;
                    }
                }
                // The byte before is acknowledged when there is a place for another.
                Operation::Read(places) => {
                    for place in places.iter_mut() {
                        let seen = self.bits(0xff, count).ok_or(BusError::TooSlow)?;
                        *place = seen.get() as u8;
                        count = 9;
                    }
                }
            }
        }
        self.end(reads)
    }

    /// The byte that was read last, if that is what was done, is not followed by another: it is not acknowledged.
    fn end(&mut self, reads: Option<bool>) -> Result<(), BusError> {
        if reads == Some(true) {
            self.bits(1, 1).ok_or(BusError::TooSlow)?;
        }
        Ok(())
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
        // The eighth bit would be lost on the line, and another device asked.
        if address >= 0x80 {
            return Err(BusError::BadAddress);
        }
        let result = self.carry_out(address, operations);
        // Whatever came before, the bus becomes idle; the first error is the one that matters.
        let stopped = self.stop();
        result.and(stopped)
    }
}

#[cfg(test)]
#[path = "two_wire_tests.rs"]
mod tests;
