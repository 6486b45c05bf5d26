//! How long a driver of the kernel waits beside the longest call of each kind to `wasm_host`.
//!
//! The process `longest` makes one kind of call again and again, on a kernel that exposes as much as there may be; a driver with a deadline
//! every millisecond tells how late it was at worst: from its line to its service, so the longest time without a look at the lines and the
//! way into that call are in it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::deadlines::{Instructions, Task};
use berth_e2e::{Device, Flash};

use crate::figure::{Figure, Group, Key};
use crate::process::ICOUNT;

const fn key(name: &'static str, what: &'static str) -> Key {
    Key {
        goal: Some(4_000.0),
        ..Key::instructions(name, what, None)
    }
}

/// What the process is set to, and what its call is.
const CALLS: [(&str, Key); 10] = [
    (
        "accesses",
        key(
            "pass.accesses",
            "A change of a register with a mask, the last of 255",
        ),
    ),
    (
        "claims",
        key(
            "pass.claims",
            "A claim by a label of 32 characters that begins like 245 others",
        ),
    ),
    (
        "descriptions",
        key("pass.descriptions", "A description of that block"),
    ),
    (
        "registrations",
        key(
            "pass.registrations",
            "A pass of a registration with 16 captures, of registers with masks of which there are 255, beside 30 others, 19 of them on its line; its end",
        ),
    ),
    (
        "releases",
        key(
            "pass.releases",
            "The same, and the end of its claim, with 15 lines of a safe state that keep bits",
        ),
    ),
    (
        "pieces",
        key(
            "pass.pieces",
            "A piece of a release of all claims, where all are another container's",
        ),
    ),
    (
        "maps",
        key("pass.maps", "A block that is opened, and closed"),
    ),
    (
        "interrupts",
        key(
            "pass.interrupts",
            "An interrupt with 16 captures: prologue, epilogue, acknowledgement",
        ),
    ),
    (
        "programs",
        key("pass.programs", "A pass of a register program"),
    ),
    (
        "conveyors",
        key("pass.conveyors", "A pass of a conveyor, or of its check"),
    ),
];

/// Rounds of half a second beside each.
const ROUNDS: usize = 6;
const LIMIT: Duration = Duration::from_secs(400);
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures all `pass.*`.
///
/// # Errors
/// If a board fails, or the process does.
pub fn measure() -> Result<Group> {
    let figures = CALLS.map(|(deed, key)| {
        let Instructions(value) = beside(deed).with_context(|| deed.to_owned())?;
        Ok(Figure {
            key,
            value: value as f64,
        })
    });
    Ok(Group {
        title: "The longest calls",
        how: "On a kernel that exposes as much as there may be (256 blocks, 31 interrupts, a block of 255 registers with masks), a process in the supervisor's \
              place makes one kind of call again and again. A driver of the kernel with a deadline every millisecond tells how late it was at worst, in 3,000 periods: \
              from its line to its service.",
        figures: figures.into_iter().collect::<Result<_>>()?,
        ..Group::default()
    })
}

/// How late the driver is at worst beside these calls.
fn beside(deed: &str) -> Result<Instructions> {
    let flash = Flash::with_kernel("limits-kernel.bin")?;
    flash.install("longest")?;
    flash.set("longest", deed.as_bytes())?;
    let device = Device::power_on_board(&flash, |board| board.limit(LIMIT).icount(ICOUNT))?;
    let console = &device.board.console;
    console.wait_after(0, "longest: begins", PATIENCE)?;
    let mut position = console.position();
    // What it did before it began is in the first round.
    let mut from = position;
    for round in 0..=ROUNDS {
        position = console.line_after(position, "driver:", PATIENCE)?;
        if round == 0 {
            from = position;
        }
    }
    let text = console.text();
    ensure!(!text.contains("longest: failed"), "{text}");
    let told = Task::read(text.get(from..).unwrap_or_default(), "driver:")?;
    Ok(Instructions::of_emulated_ns(
        told.worst_emulated_ns,
        ICOUNT.shift,
    ))
}
