//! The log: `berth.log`.

use crate::engine::border::{Call, Returned, Words, part, price};
use crate::engine::{Host, Stop};
use crate::sizes::LOG_BYTES;

pub(super) fn log<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [level, pointer, length, ..] = *words;
    call.more(text(length))?;
    let (memory, host) = call.memory_and_host();
    host.log(level, part(memory, pointer, length))?;
    Ok(Returned::Nothing)
}

/// Returns what `length` bytes of text cost: what is longer than the log is cut.
pub(super) fn text(length: u32) -> u32 {
    length.min(LOG_BYTES as u32) * price::LOG_BYTE
}
