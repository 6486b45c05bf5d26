//! Functions of other systems.
//!
//! One body for all: values of any type are bits. For the interpreter it is slower than a typed wrapper for each, by some
//! 400 instructions a call, and smaller by some kilobytes of flash.

use berth_foreign::PARAMETERS_MAX;

use super::log;
use crate::admission::Foreign;
use crate::engine::border::Call;
use crate::engine::{Host, Stop};

/// Arguments as bits.
pub(in crate::engine) type Arguments = [u64; PARAMETERS_MAX];

pub(in crate::engine) fn body<H: Host>(
    call: &mut Call<'_, H>,
    function: Foreign,
    arguments: &Arguments,
) -> Result<u32, Stop> {
    let (memory, host) = call.memory_and_host();
    let (result, said) = host.foreign(function, arguments, memory);
    // How much it says is known when it has been said; a text is no longer than the log.
    host.account().charge(log::text(said));
    result
}
