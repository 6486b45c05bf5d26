//! Messages between containers: `berth.send`, `receive`.

use berth_protocol::NAME_MAX;
use wasmi::{Error, Func, Store};

use super::{Calling, memory_and_data, part};
use crate::engine::border::{enter, leave, leave_for_good, price};
use crate::engine::wasmi::Data;
use crate::engine::{Host, MailPlace};

pub(super) fn send<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut from: Calling<'_, H>,
         name: u32,
         name_length: u32,
         pointer: u32,
         length: u32|
         -> Result<i32, Error> {
            enter(&mut from, price::SEND)?;
            let (memory, data) = memory_and_data(&mut from);
            let memory = &*memory;
            let (name, message) = (
                part(memory, name, name_length),
                part(memory, pointer, length),
            );
            let result = data.host.send(name, message);
            leave(&mut from, price::SEND, result)
        },
    )
}

pub(super) fn receive<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut caller: Calling<'_, H>, pointer: u32, length: u32, from: u32| {
            let (memory, data) = memory_and_data(&mut caller);
            let inside = part(memory, pointer, length).is_some()
                && (from == 0 || part(memory, from, NAME_MAX as u32).is_some());
            let place = MailPlace {
                pointer,
                length,
                from,
            };
            let stop = data.host.receive(place, inside);
            Err::<u32, Error>(leave_for_good(&mut caller, price::SUSPEND, stop))
        },
    )
}
