//! What a container leaves behind when it has ended: nothing.

use std::time::Duration;

use anyhow::Result;

use crate::figure::{Group, Key, Unit};
use crate::process;

const LOST: Key = Key::alone(
    "leak.bytes_after_100000_cycles",
    Unit::Bytes,
    "Free memory lost, in all or in the longest piece, by starting and stopping a driver 100,000 times (WASMICO: 7,440 bytes each time)",
    Some(0.0),
);

/// For 100,000 loads on a busy machine.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Measure it.
///
/// # Errors
/// If the board fails, or a load took more memory than admission computed.
pub fn measure() -> Result<Group> {
    Ok(Group {
        title: "Leaks",
        how: "The process `bench_leak` is the supervisor's library without the serial line. Each container claims a block, is compiled, runs one slice and is \
              ended; each time it is also checked that loading took no more than admission had computed.",
        figures: process::measure_long("bench_leak", &[LOST], PATIENCE)?,
        ..Group::default()
    })
}
