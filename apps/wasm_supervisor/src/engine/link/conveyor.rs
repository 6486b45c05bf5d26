//! Conveyors: `conveyor:<label>.attach`, `sync`, `detach`.

use crate::conveyors::{MOVE_BYTES, MOVES_MAX};
use crate::engine::border::{Call, part, price};
use crate::engine::{Host, Stop};

pub(super) fn attach<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    list: u32,
    moves: u32,
    pointer: u32,
    when: u32,
) -> Result<u32, Stop> {
    // No list is longer.
    call.more(price::MOVE_CHECKED * moves.min(MOVES_MAX as u32))?;
    let block = call.block();
    let (memory, host) = call.memory_and_host();
    let length = memory.len();
    let list = part(memory, list, moves.saturating_mul(MOVE_BYTES as u32));
    let result = host.attach(block, list, pointer, when, length)?;
    Ok(result as u32)
}

pub(super) fn sync<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    first: u32,
    count: u32,
) -> Result<u32, Stop> {
    let block = call.block();
    let (memory, host) = call.memory_and_host();
    let accesses = host.sync(block, first, count, memory)?;
    // Known now, and no more than a call makes.
    host.account().charge(price::moved(accesses));
    Ok(0)
}

pub(super) fn detach<H: Host + 'static>(call: &mut Call<'_, '_, H>) -> Result<(), Stop> {
    let block = call.block();
    call.host().detach(block);
    Ok(())
}
