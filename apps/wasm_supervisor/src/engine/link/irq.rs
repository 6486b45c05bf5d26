//! Interrupts: `irq:<label>`.

use berth_protocol::Fault;
use wasmi::{Error, Extern, Func, Nullable, Ref, Store};

use super::{Calling, memory_and_data, part};
use crate::engine::Host;
use crate::engine::border::{enter, leave, price};
use crate::engine::wasmi::{Data, Handler};

/// The table that a module must export for its handlers, as linkers call it.
const TABLE: &str = "__indirect_function_table";

/// Bytes of a capture in a list of `register`.
const CAPTURE_BYTES: u32 = 8;

pub(super) fn register<H: Host + 'static>(store: &mut Store<Data<H>>, block: u8) -> Func {
    Func::wrap(
        store,
        move |mut from: Calling<'_, H>,
              how: u32,
              index: u32,
              pointer: u32,
              count: u32|
              -> Result<i32, Error> {
            // More captures than there are bytes of memory are none that could be listed.
            let fuel = price::REGISTER + price::CAPTURE * count.min(u32::from(u8::MAX));
            enter(&mut from, fuel)?;
            let function = handler(&mut from, index);
            let (memory, data) = memory_and_data(&mut from);
            let length = memory.len();
            let list = part(memory, pointer, count.saturating_mul(CAPTURE_BYTES));
            let result = data.host.register(block, how, function, list, length);
            leave(&mut from, fuel, result)
        },
    )
}

pub(super) fn unregister<H: Host + 'static>(store: &mut Store<Data<H>>, block: u8) -> Func {
    Func::wrap(store, move |mut from: Calling<'_, H>| {
        enter(&mut from, price::UNREGISTER)?;
        from.data_mut().host.unregister(block);
        leave::<H, ()>(&mut from, price::UNREGISTER, Ok(()))
    })
}

/// Returns the function at `index` of the caller's table, if it can be a handler.
fn handler<H: 'static>(from: &mut Calling<'_, H>, index: u32) -> Result<Handler, Fault> {
    let table = from
        .get_export(TABLE)
        .and_then(Extern::into_table)
        .ok_or(Fault::TableBounds)?;
    match table.get(&*from, index.into()) {
        Some(Ref::Func(Nullable::Val(function))) => function
            .typed(&*from)
            .map(Handler)
            .map_err(|_| Fault::Signature),
        Some(_) => Err(Fault::NullCall),
        None => Err(Fault::TableBounds),
    }
}
