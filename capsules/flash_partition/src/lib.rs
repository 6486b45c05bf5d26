//! `flash_partition`: a part of the flash, for one process.
//!
//! ```text
//!   the supervisor's store
//!   ═══════════════════════════  system calls, driver 0xA0001
//!   flash_partition              bounds · one operation at a time · budget of erases (this crate)
//!   ───────────────────────────  Part, PartClient; Guard
//!   board                        flash controller; which process, its protection regions
//! ```
//!
//! The process reads the partition as memory, once it has asked to have it mapped; it
//! erases pages and programs words by commands. Which process that is, the board says.
//!
//! Upstream's `hil::flash` writes whole pages from a page of RAM in the kernel. A log
//! that must survive the power's end at any instant wants to program a few words,
//! once, in an order it knows; so boards implement the small [`Part`] instead.
//!
//! The crate has no `unsafe`, allocates nothing outside grants and trusts no
//! argument. The driver's page, with every command and error, is `README.md`.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod budget;
mod driver;
mod part;

pub use berth_exposure::erases::Budget;
pub use berth_flash::driver::{CODE_DRIVER_NUM, DRIVER_NUM};
pub use budget::{Kept, Rate, Seconds, Wear};
pub use driver::{FlashPartition, PartitionGrant, ProcessData};
#[cfg(feature = "watched")]
pub use part::Watch;
pub use part::{Geometry, Guard, Part, PartClient};
