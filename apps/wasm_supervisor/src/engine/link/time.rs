//! The clock, and what suspends or ends a container: `berth.now_us`, `sleep_us`, `yield`, `exit`.

use wasmi::{Error, Func, Store};

use super::Calling;
use crate::engine::Host;
use crate::engine::border::{leave, leave_for_good, price};
use crate::engine::wasmi::Data;

pub(super) fn now_us<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(store, |mut from: Calling<'_, H>| -> Result<u64, Error> {
        let now = from.data_mut().host.now_us();
        leave(&mut from, price::CLOCK, Ok(now))
    })
}

pub(super) fn sleep_us<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(store, |mut from: Calling<'_, H>, duration: u64| {
        let stop = from.data_mut().host.sleep_us(duration);
        Err::<(), Error>(leave_for_good(&mut from, price::SUSPEND, stop))
    })
}

pub(super) fn yield_now<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(store, |mut from: Calling<'_, H>| {
        let stop = from.data_mut().host.yield_now();
        Err::<(), Error>(leave_for_good(&mut from, price::SUSPEND, stop))
    })
}

pub(super) fn exit<H: Host + 'static>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(store, |mut from: Calling<'_, H>, code: i32| {
        let stop = from.data_mut().host.exit(code);
        Err::<(), Error>(leave_for_good(&mut from, price::SUSPEND, stop))
    })
}
