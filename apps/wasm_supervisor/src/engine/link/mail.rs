//! Messages between containers: `berth.send`, `receive`.

use berth_protocol::NAME_MAX;

use crate::engine::border::{Call, part};
use crate::engine::{Host, MailPlace, Stop};

pub(super) fn send<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    name: u32,
    name_length: u32,
    pointer: u32,
    length: u32,
) -> Result<u32, Stop> {
    let (memory, host) = call.memory_and_host();
    let memory = &*memory;
    let name = part(memory, name, name_length);
    let result = host.send(name, part(memory, pointer, length))?;
    Ok(result as u32)
}

pub(super) fn receive<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    pointer: u32,
    length: u32,
    from: u32,
) -> Result<u32, Stop> {
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
