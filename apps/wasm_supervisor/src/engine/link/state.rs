//! State that a container keeps beyond its end: `berth.state_save`, `state_load`.

use wasmi::{Error, Func, Store};

use super::{Calling, memory_and_data, part};
use crate::container::saved::SAVED_MAX;
use crate::engine::Host;
use crate::engine::border::{enter, leave, price};
use crate::engine::wasmi::Data;

/// Returns the fuel that a state or a place for one of `length` bytes costs.
fn fuel(length: u32) -> u32 {
    price::STATE + length.min(SAVED_MAX as u32) * price::STATE_BYTE
}

pub(super) fn save<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut from: Calling<'_, H>, pointer: u32, length: u32| -> Result<i32, Error> {
            let fuel = fuel(length);
            enter(&mut from, fuel)?;
            let (memory, data) = memory_and_data(&mut from);
            let result = data.host.state_save(part(memory, pointer, length));
            leave(&mut from, fuel, result)
        },
    )
}

pub(super) fn load<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut from: Calling<'_, H>, pointer: u32, length: u32| -> Result<u32, Error> {
            let fuel = fuel(length);
            enter(&mut from, fuel)?;
            let (memory, data) = memory_and_data(&mut from);
            let buffer = (pointer as usize)
                .checked_add(length as usize)
                .and_then(|end| memory.get_mut(pointer as usize..end));
            let result = data.host.state_load(buffer);
            leave(&mut from, fuel, result)
        },
    )
}
