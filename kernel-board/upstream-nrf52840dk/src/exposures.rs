//! What this device exposes to containers.
//!
//! `table.rs` is what `exposure exposure.dts --layout supervisor.ld --table src/table.rs` writes, unchanged.

#![allow(unsafe_code)]

use berth_exposure::erases::Budget;
use berth_exposure::filter::{DriverRule, ProcessRule};
use berth_exposure::interrupt::{Clear, Interrupt, Limits};
use berth_exposure::rest::Rest;
use wasm_host::{AccessClass, Exposure, Register, Registers, SafeWrite, Width, Widths};
use wasm_host_board::Block;

// Upstream's drivers do not say which registers are theirs: nothing to compare `REACHED` with.
#[allow(dead_code, unused_imports)]
mod table {
    use super::{
        AccessClass, Block, Budget, Clear, DriverRule, Exposure, Interrupt, Limits, ProcessRule, Register,
        Registers, Rest, SafeWrite, Width, Widths, block,
    };
    include!("table.rs");
}

pub(crate) use table::{COUNT, EXPOSURES, INTERRUPTS, LIMITS, PROCESSES};

const fn block(base: usize, length: usize) -> Block {
    // SAFETY: only the table calls this, and the exposure compiler has checked its blocks against the
    // devicetree: no memory, nothing that masters the bus, nothing of the processor's own.
    unsafe { Block::new(base, length) }
}
