//! The clock, and what suspends or ends a container: `berth.now_us`, `sleep_us`, `yield`, `exit`.

use crate::engine::border::Call;
use crate::engine::{Host, Stop};

pub(super) fn now_us<H: Host + 'static>(call: &mut Call<'_, '_, H>) -> Result<u64, Stop> {
    Ok(call.host().now_us())
}

pub(super) fn sleep_us<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    duration: u64,
) -> Result<(), Stop> {
    Err(call.host().sleep_us(duration))
}

pub(super) fn yield_now<H: Host + 'static>(call: &mut Call<'_, '_, H>) -> Result<(), Stop> {
    Err(call.host().yield_now())
}

pub(super) fn exit<H: Host + 'static>(call: &mut Call<'_, '_, H>, code: u32) -> Result<(), Stop> {
    Err(call.host().exit(code as i32))
}
