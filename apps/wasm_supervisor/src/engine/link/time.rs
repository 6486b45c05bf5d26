//! The clock, and what suspends or ends a container: `berth.now_us`, `sleep_us`, `yield`, `exit`.

use crate::engine::border::{Call, Returned, Words};
use crate::engine::{Host, Stop};

pub(super) fn now_us<H: Host>(call: &mut Call<'_, H>, _: &Words) -> Result<Returned, Stop> {
    Ok(call.host().now_us().into())
}

pub(super) fn sleep_us<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [low, high, ..] = *words;
    let duration = u64::from(high) << 32 | u64::from(low);
    Err(call.host().sleep_us(duration))
}

pub(super) fn yield_now<H: Host>(call: &mut Call<'_, H>, _: &Words) -> Result<Returned, Stop> {
    Err(call.host().yield_now())
}

pub(super) fn exit<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [code, ..] = *words;
    Err(call.host().exit(code as i32))
}
