//! The log: `berth.log`.

use wasmi::{Error, Func, Store};

use super::{Calling, memory_and_data, part};
use crate::container::log::LOG_BYTES;
use crate::engine::Host;
use crate::engine::border::{enter, leave, price};
use crate::engine::wasmi::Data;

pub(super) fn log<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut from: Calling<'_, H>, level: u32, pointer: u32, length: u32| -> Result<(), Error> {
            let fuel = fuel(length);
            enter(&mut from, fuel)?;
            let (memory, data) = memory_and_data(&mut from);
            let done = data.host.log(level, part(memory, pointer, length));
            leave(&mut from, fuel, done)
        },
    )
}

/// Returns the fuel that a text of `length` bytes costs: what is longer than the log is cut.
pub(super) fn fuel(length: u32) -> u32 {
    price::LOG + length.min(LOG_BYTES as u32) * price::LOG_BYTE
}
