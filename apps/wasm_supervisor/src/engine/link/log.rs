//! The log: `berth.log`.

use crate::engine::border::{Call, part, price};
use crate::engine::{Host, Stop};
use crate::sizes::LOG_BYTES;

pub(super) fn log<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    level: u32,
    pointer: u32,
    length: u32,
) -> Result<(), Stop> {
    call.more(text(length))?;
    let (memory, host) = call.memory_and_host();
    host.log(level, part(memory, pointer, length))
}

/// Returns what `length` bytes of text cost: what is longer than the log is cut.
pub(super) fn text(length: u32) -> u32 {
    length.min(LOG_BYTES as u32) * price::LOG_BYTE
}
