//! The system block of Arm's MPS2 boards: lights, buttons, counters. Source: Arm's application note AN386.

use super::Scripted;
use crate::{Device, Width};

const CLK1HZ: u32 = 0x10;
const CLK100HZ: u32 = 0x14;
const COUNTER: u32 = 0x18;

/// The block: registers as scripted, and the counters among them.
pub(crate) struct Fpgaio {
    registers: Scripted,
    now_us: u64,
}

impl Fpgaio {
    pub(crate) const fn new(registers: Scripted) -> Self {
        Self {
            registers,
            now_us: 0,
        }
    }
}

impl Device for Fpgaio {
    fn go_on(&mut self, now_us: u64) {
        self.now_us = now_us;
        self.registers.go_on(now_us);
    }

    fn next_us(&self) -> Option<u64> {
        self.registers.next_us()
    }

    fn read(&mut self, offset: u32, width: Width) -> u32 {
        match offset {
            CLK1HZ => (self.now_us / 1_000_000) as u32,
            CLK100HZ => (self.now_us / 10_000) as u32,
            COUNTER => (self.now_us * super::TICKS_PER_US) as u32,
            _ => self.registers.read(offset, width),
        }
    }

    fn write(&mut self, offset: u32, width: Width, value: u32) {
        self.registers.write(offset, width, value);
    }

    fn raised(&self) -> u32 {
        self.registers.raised()
    }

    fn taken(&mut self, number: u32) {
        self.registers.taken(number);
    }
}
