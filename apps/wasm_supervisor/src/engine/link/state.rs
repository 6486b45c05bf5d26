//! State that a container keeps beyond its end: `berth.state_save`, `state_load`.

use crate::engine::border::{Call, Returned, Words, part, price};
use crate::engine::{Host, Stop};
use crate::sizes::SAVED_MAX;

/// Returns what `length` bytes of state cost.
fn bytes(length: u32) -> u32 {
    length.min(SAVED_MAX as u32) / price::STATE_BYTES
}

pub(super) fn save<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [pointer, length, ..] = *words;
    call.more(bytes(length))?;
    let (memory, host) = call.memory_and_host();
    let result = host.state_save(part(memory, pointer, length))?;
    Ok(result.into())
}

pub(super) fn load<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [pointer, length, ..] = *words;
    let (memory, host) = call.memory_and_host();
    let buffer = (pointer as usize)
        .checked_add(length as usize)
        .and_then(|end| memory.get_mut(pointer as usize..end));
    let saved = host.state_load(buffer)?;
    // Known now, and no more than there can be.
    host.account().charge(bytes(saved.min(length)));
    Ok(saved.into())
}
