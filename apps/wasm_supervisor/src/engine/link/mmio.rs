//! Registers: `mmio` and `mmio:<label>`. Drivers spend their time here, most with whole words.

use crate::engine::border::{Border, Call, HostFunction};
use crate::engine::{Host, Stop};
use crate::platform::Width;

pub(super) fn claim<H: Host + 'static>(call: &mut Call<'_, '_, H>) -> Result<u32, Stop> {
    let block = call.block();
    Ok(call.host().claim(block))
}

pub(super) fn read<H: Host + 'static>(border: Border<'_, H>, width: Width) -> HostFunction {
    match width {
        Width::Bits8 => {
            border.shared2(|call, handle, offset| read_narrow(call, Width::Bits8, handle, offset))
        }
        Width::Bits16 => {
            border.shared2(|call, handle, offset| read_narrow(call, Width::Bits16, handle, offset))
        }
        Width::Bits32 => read32(border),
    }
}

fn read_narrow<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    width: Width,
    handle: u32,
    offset: u32,
) -> Result<u32, Stop> {
    let host = call.host();
    let read = host.read(width, handle, offset);
    read.or_else(|stop| host.again().ok_or(stop))
}

pub(super) fn write<H: Host + 'static>(border: Border<'_, H>, width: Width) -> HostFunction {
    match width {
        Width::Bits8 => border.shared3(|call, handle, offset, value| {
            write_narrow(call, Width::Bits8, handle, offset, value)
        }),
        Width::Bits16 => border.shared3(|call, handle, offset, value| {
            write_narrow(call, Width::Bits16, handle, offset, value)
        }),
        Width::Bits32 => write32(border),
    }
}

fn write_narrow<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    width: Width,
    handle: u32,
    offset: u32,
    value: u32,
) -> Result<(), Stop> {
    let host = call.host();
    let written = host.write(width, handle, offset, value);
    written.or_else(|stop| host.again().map(drop).ok_or(stop))
}

// What the engine takes arguments apart with is compiled for each list of types. These have lists of their own, so that it is
// compiled into the one function that uses it; the others' are all `u32`.

fn read32<H: Host + 'static>(border: Border<'_, H>) -> HostFunction {
    border.inline2(|host: &mut H, handle: i32, offset: i32| {
        host.read(Width::Bits32, handle as u32, offset as u32)
    })
}

fn write32<H: Host + 'static>(border: Border<'_, H>) -> HostFunction {
    border.inline3(|host: &mut H, handle: i32, offset: i32, value: i32| {
        let (handle, offset) = (handle as u32, offset as u32);
        host.write(Width::Bits32, handle, offset, value as u32)
    })
}

pub(super) fn modify32<H: Host + 'static>(border: Border<'_, H>) -> HostFunction {
    border.inline4(
        |host: &mut H, handle: i32, offset: i32, mask: i32, value: i32| {
            let (handle, offset) = (handle as u32, offset as u32);
            host.modify32(handle, offset, mask as u32, value as u32)
        },
    )
}
