//! The UART of Arm's Cortex-M System Design Kit, by looking at its state. Source: Arm DDI 0479, section 4.3.

use crate::Block;
use embedded_io::{Error, ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};

const DATA: u32 = 0x00;
const STATE: u32 = 0x04;
const CTRL: u32 = 0x08;
const BAUDDIV: u32 = 0x10;

/// In `STATE`: a byte is waiting to be sent.
const SENDING: u32 = 1 << 0;
/// In `STATE`: a byte has arrived.
const ARRIVED: u32 = 1 << 1;
/// In `STATE`: a byte arrived that nobody had room for. Cleared by writing it.
const LOST: u32 = 1 << 3;
/// In `CTRL`: transmitter and receiver.
const ON: u32 = 0b11;

/// The smallest divisor that the device takes.
const DIVISOR_MIN: u32 = 16;

/// A byte was lost: it came before the one before it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UartError;

impl core::fmt::Display for UartError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a byte was lost: it came before the one before it was taken")
    }
}

impl core::error::Error for UartError {}

impl Error for UartError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// A serial line. The device keeps one byte: at speeds where a byte may come while other containers run, take its
/// interrupt ([`irq!`](crate::irq!)) instead.
#[derive(Debug)]
pub struct CmsdkUart {
    block: Block,
}

impl CmsdkUart {
    /// Switch on the line whose registers these are: a bit takes `divisor` (16 or more) cycles of the device's clock.
    #[must_use]
    pub fn new(block: Block, divisor: u32) -> Self {
        block.write32(BAUDDIV, divisor.max(DIVISOR_MIN));
        block.write32(CTRL, ON);
        Self { block }
    }

    fn is(&self, bit: u32) -> bool {
        self.block.read32(STATE) & bit != 0
    }
}

impl ErrorType for CmsdkUart {
    type Error = UartError;
}

impl Read for CmsdkUart {
    /// Waits for a byte, while other containers run, and takes those that are there.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, UartError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while !self.is(ARRIVED) {
            crate::yield_now();
        }
        // Told once, before anything is taken: what was taken before it is the caller's already.
        if self.is(LOST) {
            self.block.write32(STATE, LOST);
            return Err(UartError);
        }
        let mut count = 0;
        for place in buffer {
            if !self.is(ARRIVED) {
                break;
            }
            *place = self.block.read32(DATA) as u8;
            count += 1;
        }
        Ok(count)
    }
}

impl ReadReady for CmsdkUart {
    fn read_ready(&mut self) -> Result<bool, UartError> {
        Ok(self.is(ARRIVED))
    }
}

impl Write for CmsdkUart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, UartError> {
        for byte in bytes {
            while self.is(SENDING) {
                crate::yield_now();
            }
            self.block.write32(DATA, (*byte).into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), UartError> {
        while self.is(SENDING) {
            crate::yield_now();
        }
        Ok(())
    }
}

impl WriteReady for CmsdkUart {
    fn write_ready(&mut self) -> Result<bool, UartError> {
        Ok(!self.is(SENDING))
    }
}
