//! Configuration and named values: `berth.config_get`, `config_changes`, `value_get`, `value_set`, `value_remove`.
//!
//! All but the count suspend main: what they are about is in the store, and looked at in the container's turn.

use crate::buses::Place;
use crate::engine::border::Call;
use crate::engine::{Asked, Host, Keep, Stop};

/// Asks the store: what `name` is called, and where its value is or goes to.
pub(super) fn ask<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    keep: Keep,
    name: (u32, u32),
    value: (u32, u32),
) -> Result<u32, Stop> {
    let place = |(pointer, length)| Place { pointer, length };
    let (name, value) = (place(name), place(value));
    Err(call.host().keep(Asked { keep, name, value }))
}

pub(super) fn config_changes<H: Host + 'static>(call: &mut Call<'_, '_, H>) -> Result<u32, Stop> {
    Ok(call.host().config_changes())
}
