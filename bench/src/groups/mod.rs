//! What `make bench` measures, a module for each group.
//!
//! To add a group: a module with a function that returns a [`Group`], and a line in
//! [`ALL`]. To add a key to a group: a line in its table.

use anyhow::Result;

use crate::figure::Group;

pub mod containers;
pub mod firmware;
pub mod interrupts;
pub mod kernel_size;
pub mod leak;
pub mod registers;
pub mod shares;
pub mod spi;
pub mod store;
pub mod syscalls;

/// Name for the command line, and the measurement.
pub type Entry = (&'static str, fn() -> Result<Group>);

/// All groups, in the order of the table.
pub const ALL: [Entry; 10] = [
    ("syscalls", syscalls::measure),
    ("registers", registers::measure),
    ("spi", spi::measure),
    ("containers", containers::measure),
    ("shares", shares::measure),
    ("interrupts", interrupts::measure),
    ("firmware", firmware::measure),
    ("leak", leak::measure),
    ("store", store::measure),
    ("kernel_size", kernel_size::measure),
];
