//! Arm's SPI controller PL022 (PrimeCell SSP), by looking at its status. Source: Arm DDI 0194, section 3.

use crate::Block;
use core::cell::Cell;
use core::marker::PhantomData;
use embedded_hal::spi::{Error, ErrorKind, ErrorType, Mode, Phase, Polarity, SpiBus};

const CR0: u32 = 0x00;
const CR1: u32 = 0x04;
const DATA: u32 = 0x08;
const STATUS: u32 = 0x0c;
const PRESCALE: u32 = 0x10;

/// In `CR0`: the idle clock is high.
const POLARITY: u32 = 1 << 6;
/// In `CR0`: the second edge samples.
const PHASE: u32 = 1 << 7;
/// In `CR1`: what is sent is received.
const LOOPBACK: u32 = 1 << 0;
/// In `CR1`: on.
const ENABLE: u32 = 1 << 1;
/// In `STATUS`: everything is sent.
const EMPTY: u32 = 1 << 0;
/// In `STATUS`: there is room for a word.
const ROOM: u32 = 1 << 1;
/// In `STATUS`: a word has arrived.
const FILLED: u32 = 1 << 2;
/// In `STATUS`: it sends.
const SENDING: u32 = 1 << 4;

/// Words of each of its queues.
const QUEUE: usize = 8;
/// Looks at the status in which nothing moves, before it is given up: more than a word takes at the slowest rate.
const LOOKS: u32 = 100_000;

/// The controller does not move: off, without a clock, or no PL022.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiError;

impl Error for SpiError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

mod word {
    /// What a word of a controller's can be.
    pub trait Word: Copy + 'static {
        /// Bits of it.
        const BITS: u32;
        /// As the data register takes it.
        fn register(self) -> u32;
        /// From what the data register gives.
        fn of(register: u32) -> Self;
    }

    impl Word for u8 {
        const BITS: u32 = 8;

        fn register(self) -> u32 {
            self.into()
        }

        fn of(register: u32) -> Self {
            register as Self
        }
    }

    impl Word for u16 {
        const BITS: u32 = 16;

        fn register(self) -> u32 {
            self.into()
        }

        fn of(register: u32) -> Self {
            register as Self
        }
    }
}
use word::Word;

/// A controller whose words have 8 (`Pl022<u8>`) or 16 bits (`Pl022<u16>`).
#[derive(Debug)]
pub struct Pl022<W> {
    block: Block,
    words: PhantomData<W>,
}

impl<W: Word> Pl022<W> {
    /// Switch the controller on whose registers these are. Its clock is divided by `divisor`: even, 2 to 254.
    #[must_use]
    pub fn new(block: Block, mode: Mode, divisor: u8) -> Self {
        Self::with(block, mode, divisor, 0)
    }

    /// As [`new`](Self::new), with output and input connected in the controller: for tests.
    #[must_use]
    pub fn looped(block: Block, mode: Mode, divisor: u8) -> Self {
        Self::with(block, mode, divisor, LOOPBACK)
    }

    fn with(block: Block, mode: Mode, divisor: u8, how: u32) -> Self {
        let polarity = match mode.polarity {
            Polarity::IdleLow => 0,
            Polarity::IdleHigh => POLARITY,
        };
        let phase = match mode.phase {
            Phase::CaptureOnFirstTransition => 0,
            Phase::CaptureOnSecondTransition => PHASE,
        };
        // Format and rate are set while it is off.
        block.write32(CR1, how);
        block.write32(PRESCALE, u32::from(divisor & !1).max(2));
        block.write32(CR0, polarity | phase | (W::BITS - 1));
        block.write32(CR1, how | ENABLE);
        // What came for whoever had it before.
        for _ in 0..QUEUE {
            if block.read32(STATUS) & FILLED != 0 {
                let _ = block.read32(DATA);
            }
        }
        Self {
            block,
            words: PhantomData,
        }
    }

    /// Move `count` words: send what `next` gives, hand what comes to `put`.
    fn exchange(
        &mut self,
        count: usize,
        next: impl Fn(usize) -> Option<W>,
        mut put: impl FnMut(usize, W),
    ) -> Result<(), SpiError> {
        let (mut sent, mut taken, mut looks) = (0, 0, 0);
        while taken < count {
            let status = self.block.read32(STATUS);
            let room = status & ROOM != 0 && sent < count && sent - taken < QUEUE;
            if room {
                self.block.write32(DATA, next(sent).map_or(0, W::register));
                sent += 1;
            }
            let filled = status & FILLED != 0 && taken < sent;
            if filled {
                put(taken, W::of(self.block.read32(DATA)));
                taken += 1;
            }
            looks = if room || filled { 0 } else { looks + 1 };
            if looks > LOOKS {
                return Err(SpiError);
            }
        }
        Ok(())
    }
}

impl<W> ErrorType for Pl022<W> {
    type Error = SpiError;
}

impl<W: Word> SpiBus<W> for Pl022<W> {
    fn read(&mut self, words: &mut [W]) -> Result<(), SpiError> {
        self.transfer(words, &[])
    }

    fn write(&mut self, words: &[W]) -> Result<(), SpiError> {
        self.transfer(&mut [], words)
    }

    fn transfer(&mut self, read: &mut [W], write: &[W]) -> Result<(), SpiError> {
        let count = read.len().max(write.len());
        let next = |at: usize| write.get(at).copied();
        self.exchange(count, next, |at, word| {
            if let Some(place) = read.get_mut(at) {
                *place = word;
            }
        })
    }

    fn transfer_in_place(&mut self, words: &mut [W]) -> Result<(), SpiError> {
        // A word comes back after it was sent, so its place is free.
        let words = Cell::from_mut(words).as_slice_of_cells();
        let next = |at: usize| words.get(at).map(Cell::get);
        self.exchange(words.len(), next, |at, word| {
            if let Some(place) = words.get(at) {
                place.set(word);
            }
        })
    }

    fn flush(&mut self) -> Result<(), SpiError> {
        for _ in 0..LOOKS {
            if self.block.read32(STATUS) & (EMPTY | SENDING) == EMPTY {
                return Ok(());
            }
        }
        Err(SpiError)
    }
}
