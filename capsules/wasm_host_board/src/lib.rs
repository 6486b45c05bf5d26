//! What a board gives to [`wasm_host`], written once for all boards with a Cortex-M.
//!
//! ```text
//!   wasm_host          Window        Lines              Mapper
//!                        │             │                  │
//!   this crate        Block      AttendedLines      RegionMapper
//!                        │             │                  │
//!   hardware         registers        NVIC       Process::add_mpu_region
//! ```
//!
//! [`permit`] says what the supervisor may call, [`RangeFilter`] holds it to that on upstream's kernel.
//!
//! It is for boards whose kernel is upstream's first of all, and uses nothing of `kernel` that upstream does not publish. How a board is put
//! together is in `docs/upstream.md`; an example is `kernel-board/upstream-nrf52840dk`.

#![no_std]

#[cfg(test)]
extern crate std;

mod block;
mod filter;
mod lines;
mod mapper;

pub use block::Block;
pub use filter::{RangeFilter, permit};
pub use lines::AttendedLines;
pub use mapper::RegionMapper;
