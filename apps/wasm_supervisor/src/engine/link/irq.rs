//! Interrupts: `irq:<label>.register`, `unregister`.

use crate::engine::border::{Call, part, price};
use crate::engine::{Host, Stop};

/// Bytes of a capture in a list of `register`.
const CAPTURE_BYTES: u32 = 8;

pub(super) fn register<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    how: u32,
    index: u32,
    pointer: u32,
    count: u32,
) -> Result<u32, Stop> {
    // No list is longer than this.
    call.more(price::CAPTURE * count.min(u32::from(u8::MAX)))?;
    let function = call.handler(index);
    let block = call.block();
    let (memory, host) = call.memory_and_host();
    let length = memory.len();
    let list = part(memory, pointer, count.saturating_mul(CAPTURE_BYTES));
    let result = host.register(block, how, function, list, length)?;
    Ok(result as u32)
}

pub(super) fn unregister<H: Host + 'static>(call: &mut Call<'_, '_, H>) -> Result<(), Stop> {
    let block = call.block();
    let host = call.host();
    if host.unregister(block) {
        host.account().charge(price::UNREGISTER);
    }
    Ok(())
}
