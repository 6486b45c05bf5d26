//! Arm's SPI controller PL022 (PrimeCell SSP). Source: Arm DDI 0194, section 3.
//!
//! A word that is sent comes back at once: what was sent where the loopback is closed, otherwise what the model says, or 0.

use crate::device::Traffic;
use crate::{Device, Width};
use std::collections::VecDeque;

const CR0: u32 = 0x00;
const CR1: u32 = 0x04;
const DATA: u32 = 0x08;
const STATUS: u32 = 0x0c;
const PRESCALE: u32 = 0x10;
const MASK: u32 = 0x14;
const RAW: u32 = 0x18;
const MASKED: u32 = 0x1c;
const CLEAR: u32 = 0x20;

/// In `CR1`: loopback, on.
const LOOPBACK: u32 = 1 << 0;
const ENABLE: u32 = 1 << 1;
/// In `STATUS`: all is sent, there is room, a word is there, no more fit.
const EMPTY: u32 = 1 << 0;
const ROOM: u32 = 1 << 1;
const FILLED: u32 = 1 << 2;
const FULL: u32 = 1 << 3;
/// Interrupts: a word was lost, one waits for long, half of the queue waits, half of the other is free.
const OVERRUN: u32 = 1 << 0;
const TIMEOUT: u32 = 1 << 1;
const HALF_FULL: u32 = 1 << 2;
const HALF_EMPTY: u32 = 1 << 3;
/// Words of a queue.
const QUEUE: usize = 8;
/// Its identification, from 0xfe0 on.
const IDENTIFICATION: [u8; 8] = [0x22, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1];
const IDENTIFICATION_AT: u32 = 0xfe0;

/// One controller.
#[derive(Default)]
pub(crate) struct Pl022 {
    cr0: u32,
    cr1: u32,
    prescale: u32,
    mask: u32,
    overrun: bool,
    received: VecDeque<u16>,
    /// What comes in, in order.
    answers: VecDeque<u32>,
    traffic: Vec<Traffic>,
}

impl Pl022 {
    /// A controller to which these words come.
    pub(crate) fn new(answers: Vec<u32>) -> Self {
        Self {
            answers: answers.into(),
            ..Self::default()
        }
    }

    fn send(&mut self, value: u32) {
        if self.cr1 & ENABLE == 0 {
            return;
        }
        // Data size select: bits of a word, less one.
        let word = value & ((2u32 << (self.cr0 & 0xf)) - 1);
        let received = if self.cr1 & LOOPBACK != 0 {
            word
        } else {
            let received = self.answers.pop_front().unwrap_or(0);
            let sent = word;
            self.traffic.push(Traffic::Exchanged { sent, received });
            received
        };
        if self.received.len() < QUEUE {
            self.received.push_back(received as u16);
        } else {
            self.overrun = true;
        }
    }

    fn raw(&self) -> u32 {
        let mut raw = HALF_EMPTY;
        raw |= if self.overrun { OVERRUN } else { 0 };
        raw |= if self.received.len() >= QUEUE / 2 {
            HALF_FULL
        } else {
            0
        };
        raw | if self.received.is_empty() { 0 } else { TIMEOUT }
    }
}

impl Device for Pl022 {
    fn read(&mut self, offset: u32, _: Width) -> u32 {
        match offset {
            CR0 => self.cr0,
            CR1 => self.cr1,
            DATA => self.received.pop_front().unwrap_or(0).into(),
            STATUS => {
                let there = match self.received.len() {
                    0 => 0,
                    QUEUE.. => FILLED | FULL,
                    _ => FILLED,
                };
                EMPTY | ROOM | there
            }
            PRESCALE => self.prescale,
            MASK => self.mask,
            RAW => self.raw(),
            MASKED => self.raw() & self.mask,
            _ => offset
                .checked_sub(IDENTIFICATION_AT)
                .and_then(|at| IDENTIFICATION.get(at as usize / 4))
                .map_or(0, |byte| u32::from(*byte)),
        }
    }

    fn write(&mut self, offset: u32, _: Width, value: u32) {
        match offset {
            CR0 => self.cr0 = value & 0xffff,
            CR1 => self.cr1 = value & 0xf,
            DATA => self.send(value),
            PRESCALE => self.prescale = value & 0xfe,
            MASK => self.mask = value & 0xf,
            CLEAR => self.overrun &= value & OVERRUN == 0,
            _ => {}
        }
    }

    fn raised(&self) -> u32 {
        u32::from(self.raw() & self.mask != 0)
    }

    fn traffic(&mut self) -> Vec<Traffic> {
        std::mem::take(&mut self.traffic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: Width = Width::Bits32;

    #[test]
    fn a_closed_loop_gives_back_what_fits_its_words() {
        let mut spi = Pl022::default();
        spi.write(CR0, WORD, 11);
        spi.write(CR1, WORD, LOOPBACK | ENABLE);
        for word in 0..9 {
            spi.write(DATA, WORD, 0xf000 | word);
        }
        assert_eq!(spi.read(STATUS, WORD), EMPTY | ROOM | FILLED | FULL);
        let words: Vec<u32> = (0..8).map(|_| spi.read(DATA, WORD)).collect();
        assert_eq!(words, (0..8).collect::<Vec<u32>>());
        assert_eq!(spi.read(RAW, WORD) & OVERRUN, OVERRUN);
        assert!(spi.traffic().is_empty(), "nothing leaves a closed loop");
    }

    #[test]
    fn an_open_one_exchanges_words_with_the_world() {
        let mut spi = Pl022::new(vec![0x9f]);
        spi.write(CR0, WORD, 7);
        spi.write(CR1, WORD, ENABLE);
        spi.write(DATA, WORD, 0x55);
        spi.write(DATA, WORD, 0x56);
        assert_eq!(spi.read(DATA, WORD), 0x9f);
        assert_eq!(spi.read(DATA, WORD), 0);
        let exchanged = |sent, received| Traffic::Exchanged { sent, received };
        assert_eq!(spi.traffic(), [exchanged(0x55, 0x9f), exchanged(0x56, 0)]);
    }
}
