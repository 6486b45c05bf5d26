//! Messages between containers: `berth.send`, `receive`.

use berth_protocol::NAME_MAX;

use crate::engine::border::{Call, Returned, Words, part};
use crate::engine::{Host, MailPlace, Stop};

pub(super) fn send<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [name, name_length, pointer, length, ..] = *words;
    let (memory, host) = call.memory_and_host();
    let memory = &*memory;
    let name = part(memory, name, name_length);
    let result = host.send(name, part(memory, pointer, length))?;
    Ok(result.into())
}

pub(super) fn receive<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [pointer, length, from, ..] = *words;
    let (memory, host) = call.memory_and_host();
    let inside = part(memory, pointer, length).is_some()
        && (from == 0 || part(memory, from, NAME_MAX as u32).is_some());
    let place = MailPlace {
        pointer,
        length,
        from,
    };
    Err(host.receive(place, inside))
}
