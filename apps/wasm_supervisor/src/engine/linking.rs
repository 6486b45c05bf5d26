//! Host functions as wasmi sees them: arguments in, [`Host`] method, result out.
//!
//! Functions are typed and wrapped one by one (half the cost of wasmi's
//! dynamic ones), and given to the instance in the order of the imports, which
//! needs no linker and its tables of names.

use alloc::vec::Vec;

use wasmi::{AsContextMut, Caller, Error, Extern, Func, Memory, Store, errors::HostError};

use super::wasmi::{Data, MEMORY};
use super::{BlockNumbers, Host, MailPlace, Stop};
use crate::admission::{HostFunction, Module};
use crate::container::log::LOG_BYTES;
use crate::platform::Width;

use berth_protocol::NAME_MAX;

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

/// The host functions that `module` imports, in its order. `None` if one of
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
        claims += usize::from(matches!(function, HostFunction::Claim(_)));
        externs.push(Extern::Func(wrap(store, function, block)));
    }
    Some(externs)
}

/// A caller of a host function.
type Calling<'a, H> = Caller<'a, Data<H>>;

fn wrap<H: Host + 'static>(
    store: &mut Store<Data<H>>,
    function: HostFunction<'_>,
    block: u8,
) -> Func {
    match function {
        HostFunction::Claim(_) => Func::wrap(store, move |mut from: Calling<'_, H>| -> u32 {
            from.data_mut().host.claim(block)
        }),
        HostFunction::Read(Width::Byte) => read::<H, BYTE>(store),
        HostFunction::Read(Width::Half) => read::<H, HALF>(store),
        HostFunction::Read(Width::Word) => read::<H, WORD>(store),
        HostFunction::Write(Width::Byte) => write::<H, BYTE>(store),
        HostFunction::Write(Width::Half) => write::<H, HALF>(store),
        HostFunction::Write(Width::Word) => write::<H, WORD>(store),
        HostFunction::Modify32 => Func::wrap(
            store,
            |mut from: Calling<'_, H>, handle: u32, offset: u32, mask: u32, value: u32| {
                let host = &mut from.data_mut().host;
                Ok::<(), Error>(host.modify32(handle, offset, mask, value)?)
            },
        ),
        HostFunction::Log => Func::wrap(
            store,
            |mut from: Calling<'_, H>, level: u32, pointer: u32, length: u32| {
                let bytes = length.min(LOG_BYTES as u32);
                spend(&mut from, LOG_FUEL + bytes * LOG_FUEL_PER_BYTE);
                let (memory, data) = memory_and_data(&mut from);
                Ok::<(), Error>(data.host.log(level, part(memory, pointer, length))?)
            },
        ),
        HostFunction::NowUs => Func::wrap(store, |mut from: Calling<'_, H>| -> u64 {
            from.data_mut().host.now_us()
        }),
        HostFunction::SleepUs => Func::wrap(store, |mut from: Calling<'_, H>, duration: u64| {
            Err::<(), Error>(from.data_mut().host.sleep_us(duration).into())
        }),
        HostFunction::Yield => Func::wrap(store, |mut from: Calling<'_, H>| {
            Err::<(), Error>(from.data_mut().host.yield_now().into())
        }),
        HostFunction::Exit => Func::wrap(store, |mut from: Calling<'_, H>, code: i32| {
            Err::<(), Error>(from.data_mut().host.exit(code).into())
        }),
        HostFunction::StateSave => Func::wrap(
            store,
            |mut from: Calling<'_, H>, pointer: u32, length: u32| {
                let (memory, data) = memory_and_data(&mut from);
                let state = part(memory, pointer, length);
                Ok::<i32, Error>(data.host.state_save(state)?)
            },
        ),
        HostFunction::StateLoad => Func::wrap(
            store,
            |mut from: Calling<'_, H>, pointer: u32, length: u32| {
                let (memory, data) = memory_and_data(&mut from);
                let buffer = (pointer as usize)
                    .checked_add(length as usize)
                    .and_then(|end| memory.get_mut(pointer as usize..end));
                Ok::<u32, Error>(data.host.state_load(buffer)?)
            },
        ),
        HostFunction::Send => Func::wrap(
            store,
            |mut from: Calling<'_, H>, name: u32, name_length: u32, pointer: u32, length: u32| {
                spend(&mut from, SEND_FUEL);
                let (memory, data) = memory_and_data(&mut from);
                let memory = &*memory;
                let (name, message) = (
                    part(memory, name, name_length),
                    part(memory, pointer, length),
                );
                Ok::<i32, Error>(data.host.send(name, message)?)
            },
        ),
        HostFunction::Receive => Func::wrap(
            store,
            |mut caller: Calling<'_, H>, pointer: u32, length: u32, from: u32| {
                let (memory, data) = memory_and_data(&mut caller);
                let inside = part(memory, pointer, length).is_some()
                    && (from == 0 || part(memory, from, NAME_MAX as u32).is_some());
                let place = MailPlace {
                    pointer,
                    length,
                    from,
                };
                Err::<u32, Error>(data.host.receive(place, inside).into())
            },
        ),
    }
}

/// Fuel of a log line and of each of its bytes: some 5 instructions each, as other fuel.
/// Cleaning, keeping and printing a line is work that the container would otherwise have
/// done at the cost of the others.
const LOG_FUEL: u32 = 500;
const LOG_FUEL_PER_BYTE: u32 = 8;
/// Fuel of sending a message: finding the receiver and copying at most 64 bytes.
const SEND_FUEL: u32 = 200;

/// Take fuel for what a host function does. The slice may end with that, at the next
/// loop, branch or call.
fn spend<H: 'static>(from: &mut Calling<'_, H>, fuel: u32) {
    // Fails only where fuel is off.
    let left = from.get_fuel().unwrap_or(0);
    let taken = left.min(u64::from(fuel));
    let _ = from.set_fuel(left - taken);
    let debt = &mut from.data_mut().debt;
    *debt = debt.saturating_add(fuel - taken as u32);
}

// Widths as constants, so that each access function is its own.
const BYTE: u8 = 1;
const HALF: u8 = 2;
const WORD: u8 = 4;

const fn width(bytes: u8) -> Width {
    match bytes {
        BYTE => Width::Byte,
        HALF => Width::Half,
        _ => Width::Word,
    }
}

fn read<H: Host + 'static, const BYTES: u8>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut from: Calling<'_, H>, handle: u32, offset: u32| -> Result<u32, Error> {
            let host = &mut from.data_mut().host;
            Ok(host.read(width(BYTES), handle, offset)?)
        },
    )
}

fn write<H: Host + 'static, const BYTES: u8>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut from: Calling<'_, H>, handle: u32, offset: u32, value: u32| -> Result<(), Error> {
            let host = &mut from.data_mut().host;
            Ok(host.write(width(BYTES), handle, offset, value)?)
        },
    )
}

/// The caller's memory (empty without one) and the host beside it.
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

/// The part of `memory` that a container means; `None` if it is not all inside.
fn part(memory: &[u8], pointer: u32, length: u32) -> Option<&[u8]> {
    let end = (pointer as usize).checked_add(length as usize)?;
    memory.get(pointer as usize..end)
}
