//! Configuration and named values: `berth.config_get`, `config_changes`, `value_get`, `value_set`, `value_remove`.
//!
//! All but the count suspend main: what they are about is in the store, and looked at in the container's turn.

use crate::buses::Place;
use crate::engine::border::{Call, Returned, Words};
use crate::engine::{Asked, Host, Keep, Stop};

/// Asks the store: what it is called, and where its value is or goes to.
pub(super) fn ask<H: Host>(
    call: &mut Call<'_, H>,
    keep: Keep,
    words: &Words,
) -> Result<Returned, Stop> {
    let place = |pointer, length| Place { pointer, length };
    let [name, name_length, value, value_length, ..] = *words;
    let (name, value) = (place(name, name_length), place(value, value_length));
    Err(call.host().keep(Asked { keep, name, value }))
}

pub(super) fn remove<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [name, length, ..] = *words;
    ask(call, Keep::ValueRemove, &[name, length, 0, 0, 0, 0, 0])
}

pub(super) fn config_changes<H: Host>(call: &mut Call<'_, H>, _: &Words) -> Result<Returned, Stop> {
    Ok(call.host().config_changes().into())
}
