//! Host functions as wasmi sees them: arguments in, [`Host`] method, result out through the border.
//!
//! One file for each family: registers in [`mmio`], interrupts in [`irq`], the clock and what
//! suspends in [`time`], the log in [`log`], saved state in [`state`], messages in [`mail`],
//! functions of other systems in [`foreign`].
//!
//! Functions are typed and wrapped one by one (half the cost of wasmi's
//! dynamic ones), and given to the instance in the order of the imports, which
//! needs no linker and its tables of names.

use alloc::vec::Vec;

use wasmi::{AsContextMut, Caller, Error, Extern, Func, Memory, Store, errors::HostError};

use super::wasmi::{Data, MEMORY};
use super::{BlockNumbers, Host, Stop};
use crate::admission::{HostFunction, Module};

mod foreign;
mod irq;
mod log;
mod mail;
mod mmio;
mod state;
mod time;

impl core::fmt::Display for Stop {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("stopped by the host")
    }
}

impl HostError for Stop {}

impl core::convert::From<Stop> for Error {
    // The only allocation of a host call; nothing of the host is borrowed when
    // it happens (arena::guard, condition 3).
    fn from(stop: Stop) -> Self {
        Error::host(stop)
    }
}

/// Returns the host functions that `module` imports, in its order; `None` if one of
/// them is not a function of ours (which admission has excluded).
pub(super) fn link<H: Host + 'static>(
    store: &mut Store<Data<H>>,
    module: &Module<'_>,
    blocks: &BlockNumbers,
) -> Option<Vec<Extern>> {
    let mut externs = Vec::with_capacity(module.imports().count());
    let mut claims = 0;
    for import in module.imports() {
        let function = HostFunction::named(&import.ok()?).ok()?;
        let block = blocks.get(claims);
        claims += usize::from(function.label().is_some());
        externs.push(Extern::Func(wrap(store, function, block)));
    }
    Some(externs)
}

/// A caller of a host function.
pub(super) type Calling<'a, H> = Caller<'a, Data<H>>;

fn wrap<H: Host + 'static>(
    store: &mut Store<Data<H>>,
    function: HostFunction<'_>,
    block: u8,
) -> Func {
    match function {
        HostFunction::Claim(_) => mmio::claim(store, block),
        HostFunction::Read(width) => mmio::read(store, width),
        HostFunction::Write(width) => mmio::write(store, width),
        HostFunction::Modify32 => mmio::modify32(store),
        HostFunction::Register(_) => irq::register(store, block),
        HostFunction::Unregister(_) => irq::unregister(store, block),
        HostFunction::Log => log::log(store),
        HostFunction::NowUs => time::now_us(store),
        HostFunction::SleepUs => time::sleep_us(store),
        HostFunction::Yield => time::yield_now(store),
        HostFunction::Exit => time::exit(store),
        HostFunction::StateSave => state::save(store),
        HostFunction::StateLoad => state::load(store),
        HostFunction::Send => mail::send(store),
        HostFunction::Receive => mail::receive(store),
        HostFunction::Foreign(function) => foreign::wrap(store, function),
    }
}

/// Returns the caller's memory (empty without one) and the host beside it.
fn memory_and_data<'a, H: Host + 'static>(
    from: &'a mut Calling<'_, H>,
) -> (&'a mut [u8], &'a mut Data<H>) {
    // Known after instantiation; a start function comes before that.
    let memory: Option<Memory> = match from.data().memory {
        Some(memory) => Some(memory),
        None => from.get_export(MEMORY).and_then(Extern::into_memory),
    };
    match memory {
        Some(memory) => {
            let (bytes, data) = memory.data_and_store_mut(from.as_context_mut());
            (bytes, data)
        }
        None => (&mut [], from.data_mut()),
    }
}

/// Returns the part of `memory` that a container means; `None` if it is not all inside.
fn part(memory: &[u8], pointer: u32, length: u32) -> Option<&[u8]> {
    let end = (pointer as usize).checked_add(length as usize)?;
    memory.get(pointer as usize..end)
}
