//! Interrupts: `irq:<label>.register`, `unregister`.

use crate::engine::border::{Call, Returned, Words, part, price};
use crate::engine::{Host, Stop};

/// Bytes of a capture in a list of `register`.
const CAPTURE_BYTES: u32 = 8;

pub(super) fn register<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [how, index, pointer, count, ..] = *words;
    // No list is longer than this.
    call.more(price::CAPTURE * count.min(u32::from(u8::MAX)))?;
    let function = call.handler(index);
    let block = call.block();
    let (memory, host) = call.memory_and_host();
    let length = memory.len();
    let list = part(memory, pointer, count.saturating_mul(CAPTURE_BYTES));
    let result = host.register(block, how, function, list, length)?;
    Ok(result.into())
}

pub(super) fn unregister<H: Host>(call: &mut Call<'_, H>, _: &Words) -> Result<Returned, Stop> {
    let block = call.block();
    let host = call.host();
    if host.unregister(block) {
        host.account().charge(price::UNREGISTER);
    }
    Ok(Returned::Nothing)
}
