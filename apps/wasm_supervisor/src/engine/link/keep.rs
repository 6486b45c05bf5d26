//! Configuration and named values: `berth.config_get`, `config_changes`, `value_get`, `value_set`, `value_remove`.
//!
//! All but the count suspend main: what they are about is in the store, and looked at in the container's turn.

use crate::buses::Place;
use crate::engine::border::Call;
use crate::engine::{Asked, Host, Keep, Stop};

const fn asked(keep: Keep, name: (u32, u32), value: (u32, u32)) -> Asked {
    let (pointer, length) = name;
    let name = Place { pointer, length };
    let (pointer, length) = value;
    let value = Place { pointer, length };
    Asked { keep, name, value }
}

pub(super) fn config_get<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    name: u32,
    name_length: u32,
    pointer: u32,
    length: u32,
) -> Result<u32, Stop> {
    let asked = asked(Keep::ConfigGet, (name, name_length), (pointer, length));
    Err(call.host().keep(asked))
}

pub(super) fn config_changes<H: Host + 'static>(call: &mut Call<'_, '_, H>) -> Result<u32, Stop> {
    Ok(call.host().config_changes())
}

pub(super) fn value_get<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    name: u32,
    name_length: u32,
    pointer: u32,
    length: u32,
) -> Result<u32, Stop> {
    let asked = asked(Keep::ValueGet, (name, name_length), (pointer, length));
    Err(call.host().keep(asked))
}

pub(super) fn value_set<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    name: u32,
    name_length: u32,
    pointer: u32,
    length: u32,
) -> Result<u32, Stop> {
    let asked = asked(Keep::ValueSet, (name, name_length), (pointer, length));
    Err(call.host().keep(asked))
}

pub(super) fn value_remove<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    name: u32,
    name_length: u32,
) -> Result<u32, Stop> {
    let asked = asked(Keep::ValueRemove, (name, name_length), (0, 0));
    Err(call.host().keep(asked))
}
