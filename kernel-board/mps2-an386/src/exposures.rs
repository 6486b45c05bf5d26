//! What this device exposes to containers: the table made from `exposure.dts`.
//!
//! The build compiles `exposure.dts` and stops at anything wrong in it; nothing here
//! needs a change when the exposures do. This file only says what a block is.

#![allow(unsafe_code)]

use berth_exposure::erases::Budget;
use berth_exposure::filter::{DriverRule, ProcessRule};
use berth_exposure::interrupt::{Clear, Interrupt, Limits};
use berth_exposure::rest::Rest;
use mps2::chip::Peripherals;
use mps2::register_block::{self, RegisterBlock};
use wasm_host::{
    AccessClass, BusError, Exposure, Register, Registers, SafeWrite, Width, Widths, Window,
};

/// Room for the claims of this table.
pub(crate) type Claims = wasm_host::ClaimStore<COUNT>;

/// `COUNT`, `EXPOSURES`, `MAPPED`, `REACHED`, `PROCESSES`, `INTERRUPTS`, `LIMITS`, `ERASES`, `PROGRAMS`, `CONVEYORS`, `LED_RESTS`,
/// `GPIO_RESTS`, and `KEYS`, `OPERATORS`, `REVOKERS`, `REFUSES_UNSIGNED` and `CLOSES_READING` if there are keys. Which of the imported types a table needs, depends on what is exposed; which
/// of the rests, on the board's drivers.
#[allow(dead_code, unused_imports)]
mod table {
    use super::{
        AccessClass, Block, Budget, Clear, DriverRule, Exposure, Interrupt, Limits, ProcessRule,
        Register, Registers, Rest, SafeWrite, Width, Widths, block,
    };
    #[cfg(feature = "keys")]
    use berth_proof::Key;
    include!(concat!(env!("OUT_DIR"), "/exposures.rs"));
}

// The tree may be wrong about what the firmware uses; its drivers are not.
const _: () = {
    let mut index = 0;
    while index < table::REACHED.len() {
        let (base, length) = table::REACHED[index];
        apart(base, length, &Peripherals::BLOCKS);
        #[cfg(feature = "buses")]
        apart(base, length, &crate::buses::BLOCKS);
        index += 1;
    }
};

const fn apart(base: u64, length: u64, blocks: &[(u64, u64)]) {
    let mut own = 0;
    while own < blocks.len() {
        let (own_base, own_length) = blocks[own];
        assert!(
            base + length <= own_base || own_base + own_length <= base,
            "exposure.dts exposes registers that the firmware uses"
        );
        own += 1;
    }
}

#[cfg(feature = "conveyors")]
pub(crate) use table::CONVEYORS;
#[cfg(feature = "buses")]
pub(crate) use table::GPIO_RESTS;
#[cfg(feature = "programs")]
pub(crate) use table::PROGRAMS;
#[cfg(feature = "keys")]
pub(crate) use table::{CLOSES_READING, KEYS, OPERATORS, REFUSES_UNSIGNED, REVOKERS};
pub(crate) use table::{
    COUNT, ERASES, EXPOSURES, INTERRUPTS, LED_RESTS, LIMITS, MAPPED, PROCESSES,
};

// What containers are told, and what the kernel does. With the feature and none allowed, it does nothing of it.
const _: () = assert!(
    table::PROGRAMS == 0 || cfg!(feature = "programs"),
    "`programs` of the exposures' limits needs the feature `programs`"
);
const _: () = assert!(
    table::CONVEYORS == 0 || cfg!(feature = "conveyors"),
    "`conveyors` of the exposures' limits needs the feature `conveyors`"
);

/// A window for the generated table, and for nothing else.
const fn block(base: usize, len: usize) -> Block {
    // SAFETY: only the generated table calls this. The exposure compiler takes base and
    // length from the board's devicetree and refuses what overlaps anything else there or
    // in layout.ld, and what is not known to be harmless (memory and the processor's own
    // registers never are), unless the manufacturer wrote `dangerous` and why. `REACHED`
    // was compared with the firmware's own peripherals above.
    Block(unsafe { RegisterBlock::new(base, len) })
}

/// A block of this chip as `wasm_host` sees it. An access outside is answered like one
/// that the bus refuses; the capsule never makes one.
struct Block(RegisterBlock);

impl Window for Block {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn address(&self) -> Option<usize> {
        Some(self.0.base())
    }

    #[inline(always)]
    fn load(&self, offset: u16, width: Width) -> Result<u32, BusError> {
        self.0.try_load(on_the_bus(width), offset).ok_or(BusError)
    }

    #[inline(always)]
    fn store(&self, offset: u16, width: Width, value: u32) -> Result<(), BusError> {
        let width = on_the_bus(width);
        self.0.try_store(width, offset, value).ok_or(BusError)
    }
}

/// What the processor calls a width.
#[inline(always)]
const fn on_the_bus(width: Width) -> register_block::Width {
    match width {
        Width::Bits8 => register_block::Width::Byte,
        Width::Bits16 => register_block::Width::Half,
        Width::Bits32 => register_block::Width::Word,
    }
}
