//! Conveyors: `conveyor:<label>.attach`, `sync`, `detach`.

use crate::conveyors::{MOVE_BYTES, MOVES_MAX};
use crate::engine::border::{Call, Returned, Words, part, price};
use crate::engine::{Host, Stop};

pub(super) fn attach<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [list, moves, pointer, when, ..] = *words;
    // No list is longer.
    call.more(price::MOVE_CHECKED * moves.min(MOVES_MAX as u32))?;
    let block = call.block();
    let (memory, host) = call.memory_and_host();
    let length = memory.len();
    let list = part(memory, list, moves.saturating_mul(MOVE_BYTES as u32));
    let result = host.attach(block, list, pointer, when, length)?;
    Ok(result.into())
}

pub(super) fn sync<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [first, count, ..] = *words;
    let block = call.block();
    let (memory, host) = call.memory_and_host();
    let accesses = host.sync(block, first, count, memory)?;
    // Known now, and no more than a call makes.
    host.account().charge(price::moved(accesses));
    Ok(Returned::Word(0))
}

pub(super) fn detach<H: Host>(call: &mut Call<'_, H>, _: &Words) -> Result<Returned, Stop> {
    let block = call.block();
    call.host().detach(block);
    Ok(Returned::Nothing)
}
