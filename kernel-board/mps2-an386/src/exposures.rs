//! What this device exposes to containers: the table made from `exposure.dts`.
//!
//! The build compiles `exposure.dts` and stops at anything wrong in it; nothing here
//! needs a change when the exposures do. This file only says what a block is.

use berth_exposure::filter::{DriverRule, ProcessRule};
use berth_exposure::interrupt::{Clear, Interrupt, Limits};
use mps2::register_block::RegisterBlock;
use wasm_host::{AccessClass, Exposure, Register, Registers, SafeWrite, Width, Widths, Window};

/// `COUNT`, `EXPOSURES`, `PROCESSES`, `INTERRUPTS`, `LIMITS`, `ERASES`. Which of the imported
/// types a table needs, depends on what is exposed.
#[allow(unused_imports)]
mod table {
    use super::{
        AccessClass, Block, Clear, DriverRule, Exposure, Interrupt, Limits, ProcessRule, Register,
        Registers, SafeWrite, Width, Widths, block,
    };
    include!(concat!(env!("OUT_DIR"), "/exposures.rs"));
}

pub(crate) use table::{COUNT, ERASES, EXPOSURES, INTERRUPTS, LIMITS, PROCESSES};

/// A window for the generated table, and for nothing else.
const fn block(base: usize, len: usize) -> Block {
    // SAFETY: only the generated table calls this. The exposure compiler takes base
    // and length from the board's devicetree and refuses memory, the processor's own
    // registers and whatever is marked as able to master the bus, unless the
    // manufacturer wrote `dangerous` and why.
    Block(unsafe { RegisterBlock::new(base, len) })
}

/// A block of this chip as `wasm_host` sees it. An access outside reads zero
/// and writes nothing, as [`Window`] asks; the capsule never makes one.
struct Block(RegisterBlock);

impl Window for Block {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn address(&self) -> Option<usize> {
        Some(self.0.base())
    }

    fn read8(&self, offset: usize) -> u8 {
        self.0.read8(offset).unwrap_or_default()
    }

    fn read16(&self, offset: usize) -> u16 {
        self.0.read16(offset).unwrap_or_default()
    }

    fn read32(&self, offset: usize) -> u32 {
        self.0.read32(offset).unwrap_or_default()
    }

    fn write8(&self, offset: usize, value: u8) {
        let _ = self.0.write8(offset, value);
    }

    fn write16(&self, offset: usize, value: u16) {
        let _ = self.0.write16(offset, value);
    }

    fn write32(&self, offset: usize, value: u32) {
        let _ = self.0.write32(offset, value);
    }
}
