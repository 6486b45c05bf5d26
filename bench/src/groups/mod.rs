//! What `make bench` measures, a module for each group.
//!
//! To add a group: a module with a function that returns a [`Group`], and a line in
//! [`ALL`]. To add a key to a group: a line in its table.

use std::time::Duration;

use anyhow::{Context, Result};
use berth_e2e::{Device, target};
use berth_emulator::{Board, Icount, Sleep};

use crate::figure::Group;

pub mod calls;
pub mod containers;
pub mod firmware;
pub mod gateway;
pub mod growth;
pub mod interrupts;
pub mod kernel_size;
pub mod layers;
pub mod leak;
pub mod native;
pub mod registers;
pub mod shares;
pub mod spi;
pub mod store;
pub mod syscalls;

/// Name for the command line, and the measurement.
pub type Entry = (&'static str, fn() -> Result<Group>);

/// All groups, in the order of the table.
pub const ALL: [Entry; 15] = [
    ("syscalls", syscalls::measure),
    ("registers", registers::measure),
    ("layers", layers::measure),
    ("growth", growth::measure),
    ("spi", spi::measure),
    ("containers", containers::measure),
    ("native", native::measure),
    ("shares", shares::measure),
    ("interrupts", interrupts::measure),
    ("firmware", firmware::measure),
    ("calls", calls::measure),
    ("leak", leak::measure),
    ("store", store::measure),
    ("kernel_size", kernel_size::measure),
    ("gateway", gateway::measure),
];

/// What a kernel that measures itself, `image`, has said on its console up to `last`; an instruction takes 2^`shift` ns.
fn kernel_says(image: &str, shift: u8, last: &str) -> Result<String> {
    let board = Board::new(target().join("image").join(image))
        .limit(Duration::from_secs(60))
        .icount(Icount {
            shift,
            sleep: Sleep::Jump,
        })
        .start()
        .context("the kernel that measures itself; run `make bench-kernel`")?;
    let device = Device { board };
    device.console(last)?;
    Ok(device.board.console.text())
}
