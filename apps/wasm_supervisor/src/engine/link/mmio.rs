//! Registers: `mmio` and `mmio:<label>`. Drivers spend their time here.

use wasmi::{Error, Func, Store};

use super::Calling;
use crate::engine::Host;
use crate::engine::border::{leave, price};
use crate::engine::wasmi::Data;
use crate::platform::Width;

pub(super) fn claim<H: Host + 'static>(store: &mut Store<Data<H>>, block: u8) -> Func {
    Func::wrap(
        store,
        move |mut from: Calling<'_, H>| -> Result<u32, Error> {
            let handle = from.data_mut().host.claim(block);
            leave(&mut from, price::CALL, Ok(handle))
        },
    )
}

// Widths as constants, so that each access function is its own.
const BYTE: u8 = 1;
const HALF: u8 = 2;
const WORD: u8 = 4;

const fn width(bytes: u8) -> Width {
    match bytes {
        BYTE => Width::Byte,
        HALF => Width::Half,
        _ => Width::Word,
    }
}

pub(super) fn read<H: Host + 'static>(store: &mut Store<Data<H>>, width: Width) -> Func {
    match width {
        Width::Byte => read_of::<H, BYTE>(store),
        Width::Half => read_of::<H, HALF>(store),
        Width::Word => read_of::<H, WORD>(store),
    }
}

fn read_of<H: Host + 'static, const BYTES: u8>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut from: Calling<'_, H>, handle: u32, offset: u32| -> Result<u32, Error> {
            let host = &mut from.data_mut().host;
            let value = host.read(width(BYTES), handle, offset);
            leave(&mut from, price::CALL, value)
        },
    )
}

pub(super) fn write<H: Host + 'static>(store: &mut Store<Data<H>>, width: Width) -> Func {
    match width {
        Width::Byte => write_of::<H, BYTE>(store),
        Width::Half => write_of::<H, HALF>(store),
        Width::Word => write_of::<H, WORD>(store),
    }
}

fn write_of<H: Host + 'static, const BYTES: u8>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut from: Calling<'_, H>, handle: u32, offset: u32, value: u32| -> Result<(), Error> {
            let host = &mut from.data_mut().host;
            let done = host.write(width(BYTES), handle, offset, value);
            leave(&mut from, price::CALL, done)
        },
    )
}

pub(super) fn modify32<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut from: Calling<'_, H>, handle: u32, offset: u32, mask: u32, value: u32| {
            let host = &mut from.data_mut().host;
            let done = host.modify32(handle, offset, mask, value);
            leave::<H, ()>(&mut from, price::CALL, done)
        },
    )
}
