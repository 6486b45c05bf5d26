//! Registers: `mmio` and `mmio:<label>`. Drivers spend their time here, most with whole words, for which an engine may have a
//! shorter way than these.

use crate::engine::border::{Call, Returned, Words};
use crate::engine::{Host, Stop};
use crate::platform::Width;

pub(super) fn claim<H: Host>(call: &mut Call<'_, H>, _: &Words) -> Result<Returned, Stop> {
    let block = call.block();
    Ok(call.host().claim(block).into())
}

fn read<H: Host>(call: &mut Call<'_, H>, width: Width, words: &Words) -> Result<Returned, Stop> {
    let [handle, offset, ..] = *words;
    let host = call.host();
    let read = host.read(width, handle, offset);
    let read = read.or_else(|stop| host.again().ok_or(stop))?;
    Ok(read.into())
}

pub(super) fn read8<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    read(call, Width::Bits8, words)
}

pub(super) fn read16<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    read(call, Width::Bits16, words)
}

pub(super) fn read32<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    read(call, Width::Bits32, words)
}

/// Ends a write: what was refused may be made after all.
fn written<H: Host>(host: &mut H, written: Result<(), Stop>) -> Result<Returned, Stop> {
    written.or_else(|stop| host.again().map(drop).ok_or(stop))?;
    Ok(Returned::Nothing)
}

fn write<H: Host>(call: &mut Call<'_, H>, width: Width, words: &Words) -> Result<Returned, Stop> {
    let [handle, offset, value, ..] = *words;
    let host = call.host();
    let result = host.write(width, handle, offset, value);
    written(host, result)
}

pub(super) fn write8<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    write(call, Width::Bits8, words)
}

pub(super) fn write16<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    write(call, Width::Bits16, words)
}

pub(super) fn write32<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    write(call, Width::Bits32, words)
}

pub(super) fn modify32<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [handle, offset, mask, value, ..] = *words;
    let host = call.host();
    let result = host.modify32(handle, offset, mask, value);
    written(host, result)
}
