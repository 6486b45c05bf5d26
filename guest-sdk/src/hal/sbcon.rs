//! Arm's two-wire interface `arm,versatile-i2c` (SBCon): two lines as bits of a register, one place to let go of them and
//! one to pull them low. Source: Arm's application note of the board (AN386), section on the two-wire interfaces.

use super::Lines;
use crate::Block;

/// Read: the lines as they are. Write: lets go of the lines whose bits are set.
const CONTROL: u32 = 0x00;
/// Write: pulls the lines low whose bits are set.
const CONTROLC: u32 = 0x04;

const CLOCK: u32 = 1 << 0;
const DATA: u32 = 1 << 1;

/// The lines of one interface.
#[derive(Clone, Copy, Debug)]
pub struct Sbcon {
    block: Block,
}

impl Sbcon {
    /// The interface whose registers these are.
    #[must_use]
    pub const fn new(block: Block) -> Self {
        Self { block }
    }

    fn set(&mut self, line: u32, high: bool) {
        let offset = if high { CONTROL } else { CONTROLC };
        self.block.write32(offset, line);
    }

    fn is_high(&mut self, line: u32) -> bool {
        self.block.read32(CONTROL) & line != 0
    }
}

impl Lines for Sbcon {
    fn set_clock(&mut self, high: bool) {
        self.set(CLOCK, high);
    }

    fn set_data(&mut self, high: bool) {
        self.set(DATA, high);
    }

    fn clock(&mut self) -> bool {
        self.is_high(CLOCK)
    }

    fn data(&mut self) -> bool {
        self.is_high(DATA)
    }
}
