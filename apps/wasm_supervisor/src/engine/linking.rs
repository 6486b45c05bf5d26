//! Host functions as wasmi sees them: arguments in, [`Host`] method, result out.
//!
//! Functions are typed and wrapped one by one (half the cost of wasmi's
//! dynamic ones), and given to the instance in the order of the imports, which
//! needs no linker and its tables of names.

use alloc::vec::Vec;

use berth_protocol::Fault;
use wasmi::{
    AsContextMut, Caller, Error, Extern, Func, Memory, Nullable, Ref, Store, errors::HostError,
};

use super::foreign;
use super::wasmi::{Data, Handler};
use super::{BlockNumbers, Host, MailPlace, Stop};
use crate::admission::entries::MEMORY;
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
        HostFunction::Claim(_) => Func::wrap(store, move |mut from: Calling<'_, H>| -> u32 {
            host(&mut from).claim(block)
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
                let host = host(&mut from);
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
            host(&mut from).now_us()
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
        HostFunction::Foreign(function) => foreign::wrap(store, function),
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
        HostFunction::Register(_) => Func::wrap(
            store,
            move |mut from: Calling<'_, H>, how: u32, index: u32, pointer: u32, count: u32| {
                let function = handler(&mut from, index);
                let (memory, data) = memory_and_data(&mut from);
                let length = memory.len();
                let list = part(memory, pointer, count.saturating_mul(CAPTURE_BYTES));
                let host = &mut data.host;
                Ok::<i32, Error>(host.register(block, how, function, list, length)?)
            },
        ),
        HostFunction::Unregister(_) => Func::wrap(store, move |mut from: Calling<'_, H>| {
            from.data_mut().host.unregister(block);
        }),
    }
}

/// Fuel of a log line and of each of its bytes: some 5 instructions each, as other fuel.
/// Cleaning, keeping and printing a line is work that the container would otherwise have
/// done at the cost of the others.
pub(super) const LOG_FUEL: u32 = 500;
pub(super) const LOG_FUEL_PER_BYTE: u32 = 8;
/// Fuel of sending a message: finding the receiver and copying at most 64 bytes.
const SEND_FUEL: u32 = 200;

/// Take fuel for what a host function does. The slice may end with that, at the next
/// loop, branch or call.
pub(super) fn spend<H: 'static>(from: &mut Calling<'_, H>, fuel: u32) {
    // Fails only where fuel is off.
    let left = from.get_fuel().unwrap_or(0);
    let taken = left.min(u64::from(fuel));
    let _ = from.set_fuel(left - taken);
    let debt = &mut from.data_mut().debt;
    *debt = debt.saturating_add_unsigned(fuel - taken as u32);
}

/// The host, for a call; the slice ends after it if a handler waits.
#[inline(always)]
fn host<'a, H: Host + 'static>(from: &'a mut Calling<'_, H>) -> &'a mut H {
    if from.data().host.interrupted() {
        end_slice(from);
    }
    &mut from.data_mut().host
}

/// Take the fuel that is left, unused.
#[cold]
#[inline(never)]
fn end_slice<H: 'static>(from: &mut Calling<'_, H>) {
    // Slices are far shorter than 2^31.
    let left = from.get_fuel().unwrap_or(0) as u32;
    let _ = from.set_fuel(0);
    let debt = &mut from.data_mut().debt;
    *debt = debt.saturating_sub_unsigned(left);
}

/// The table that a module must export for its handlers, as linkers call it.
const TABLE: &str = "__indirect_function_table";

/// Bytes of a capture in a list of `register`.
const CAPTURE_BYTES: u32 = 8;

/// The function at `index` of the caller's table, if it can be a handler.
fn handler<H: 'static>(from: &mut Calling<'_, H>, index: u32) -> Result<Handler, Fault> {
    let table = from
        .get_export(TABLE)
        .and_then(Extern::into_table)
        .ok_or(Fault::TableBounds)?;
    match table.get(&*from, index.into()) {
        Some(Ref::Func(Nullable::Val(function))) => function
            .typed(&*from)
            .map(Handler)
            .map_err(|_| Fault::Signature),
        Some(_) => Err(Fault::NullCall),
        None => Err(Fault::TableBounds),
    }
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
            let host = host(&mut from);
            Ok(host.read(width(BYTES), handle, offset)?)
        },
    )
}

fn write<H: Host + 'static, const BYTES: u8>(store: &mut Store<Data<H>>) -> Func {
    Func::wrap(
        store,
        |mut from: Calling<'_, H>, handle: u32, offset: u32, value: u32| -> Result<(), Error> {
            let host = host(&mut from);
            Ok(host.write(width(BYTES), handle, offset, value)?)
        },
    )
}

/// The caller's memory (empty without one) and the host beside it.
pub(super) fn memory_and_data<'a, H: Host + 'static>(
    from: &'a mut Calling<'_, H>,
) -> (&'a mut [u8], &'a mut Data<H>) {
    if from.data().host.interrupted() {
        end_slice(from);
    }
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
