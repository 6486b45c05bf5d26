//! `wasm_host`: the registers the manufacturer exposed, for one untrusted process.
//!
//! ```text
//!   containers (WebAssembly)
//!   ───────────────────────────  checked by the supervisor
//!   supervisor process
//!   ═══════════════════════════  system calls, driver 0xA0000
//!   wasm_host                    claims · masks · safe states · interrupts   (this crate)
//!   ───────────────────────────  Window, Lines, Clock, Turn, Mapper
//!   board                        addresses, interrupt controller
//! ```
//!
//! A process claims an exposed block by its label, on behalf of one of its
//! containers. Nobody else gets it until the claim ends. While it lasts, the
//! process reads and writes exactly the bits that the board's table exposes. When
//! it ends, for whatever reason, the block's safe state is written.
//!
//! The crate has no `unsafe`, allocates nothing outside grants and trusts no
//! argument. The driver's page, with every command and error, is `README.md`.
//!
//! * [`Exposure`], [`Register`], [`Registers`], [`SafeWrite`]: the board's table
//! * [`Window`], [`Lines`], [`Clock`], [`Mapper`]: what the board implements
//! * [`ClaimStore`]: room for claims
//! * [`Interrupts`], [`InterruptStore`]: interrupts of exposed blocks
//! * [`Turn`]: when a process's call must end
//! * `ProgramSlot`: room for a register program, with the feature `programs`
//! * `ConveyorSlot`: room for a conveyor, `Engine`: what makes its moves, `Processor`: the one that every board has; with the feature `conveyors`
//! * `Signatures`, `Images`, `ProofStore`: whose signature a claim needs, with the feature `keys`
//! * `OperatorPolicy`: whose logins are looked at, with the same
//! * [`WasmHost`]: the driver

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod access;
#[cfg(test)]
mod access_oracle;
mod claims;
#[cfg(feature = "conveyors")]
mod conveying;
#[cfg(feature = "conveyors")]
mod conveyor;
mod delivery;
#[cfg(feature = "desk")]
pub mod desk;
mod driver;
mod exposure;
mod interrupts;
mod mapping;
#[cfg(feature = "keys")]
mod operators;
mod passes;
#[cfg(feature = "programs")]
mod program;
#[cfg(feature = "keys")]
mod proofs;
mod reaping;
mod refusal;
mod registering;
#[cfg(feature = "programs")]
mod running;
mod share;
mod table;
#[cfg(test)]
#[allow(dead_code)]
mod test_clock;
#[cfg(test)]
#[allow(dead_code)]
mod test_window;
mod window;

pub use berth_exposure::Width;
pub use berth_exposure::interrupt::{Clear, Interrupt, Limits};
pub use berth_exposure::{AccessClass, DRIVER_NUM};
pub use claims::ClaimStore;
#[cfg(feature = "conveyors")]
pub use conveying::ConveyorSlot;
#[cfg(feature = "conveyors")]
pub use conveyor::{Checked, Engine, Moves, Moving, Processor, Refused};
pub use driver::{HostGrant, ProcessData, WasmHost};
pub use exposure::{Exposure, Register, Registers, SafeWrite, Widths};
pub use interrupts::{InterruptStore, Interrupts, captures};
pub use mapping::Mapper;
#[cfg(feature = "keys")]
pub use operators::OperatorPolicy;
#[cfg(feature = "keys")]
pub use proofs::{Images, ProofStore, Signatures};
pub use reaping::{Reaper, ReapingScheduler};
#[cfg(feature = "programs")]
pub use running::{ProgramSlot, Running};
pub use table::TableError;
pub use window::{BusError, Clock, Lines, Turn, Window};
