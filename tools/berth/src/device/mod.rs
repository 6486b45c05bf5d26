//! What can be done with a device, one function an operation.

mod containers;
mod convert;
mod draft;
mod upload;

pub(crate) use containers::{Revocations, names, optional, restart_policy, revocations, trust};
pub use containers::{
    containers, edit, event, images, inspect, kill, lift, log_line, pause, read_image, remove,
    resume, start, stop,
};
pub(crate) use convert::from_hexadecimal;
pub use convert::{hexadecimal, settings};
pub(crate) use draft::revoke;
use draft::with_draft;
pub use draft::{Kept, kept};
pub use upload::{After, Begun, UploadOutcome, live_update, update_status, upload};

use crate::{
    Address, Client, CodeFlash, DeviceInfo, DeviceStatus, Error, Exposure, HeapInfo, Holder,
    LineLock, Missing, Refusal, Said, open,
};
use berth_protocol::{DeviceError, MissingWhy, Op, PROTOCOL_VERSION, Reply};
use std::time::Duration;

/// Take the line, connect, and see that a device of our version answers. If a multiplexer of ours
/// has the line, go through it.
///
/// # Errors
/// Those of exit codes 3 and 4.
pub fn connect(
    address: &Address,
    timeout: Duration,
) -> Result<(LineLock, Client, DeviceInfo), Error> {
    let (lock, address) = take_line(address)?;
    let mut client = Client::new(open(&address)?)?;
    client.set_timeout(timeout);
    let info = hello(&mut client)?;
    Ok((lock, client, info))
}

/// Takes the lock of a line, or of the socket where its holder serves others. Returns it with the place to open.
///
/// # Errors
/// [`Error::Busy`].
pub fn take_line(address: &Address) -> Result<(LineLock, Address), Error> {
    match LineLock::take(address) {
        Ok(lock) => Ok((lock, address.clone())),
        Err(Error::Busy {
            socket: Some(socket),
            ..
        }) => {
            let shared = Address::Unix(socket);
            Ok((LineLock::take(&shared)?, shared))
        }
        Err(error) => Err(error),
    }
}

/// Who is there?
///
/// # Errors
/// [`Error::Version`] and those of exit codes 3 and 4.
pub fn hello(client: &mut Client) -> Result<DeviceInfo, Error> {
    let op = Op::Hello {
        protocol: PROTOCOL_VERSION,
    };
    let info = ask(client, "hello", None, op, |reply| match reply {
        Reply::Hello(device) => Some(DeviceInfo {
            protocol: device.protocol,
            board: device.board.into(),
            kernel: device.kernel.into(),
            supervisor: device.supervisor.into(),
            uptime_us: device.uptime_us,
        }),
        _ => None,
    })?;
    if info.protocol != PROTOCOL_VERSION {
        return Err(Error::Version {
            device: info.protocol,
        });
    }
    Ok(info)
}

/// Let the device begin anew, and wait until it answers again.
///
/// # Errors
/// As every request.
pub fn reset(client: &mut Client, info: &DeviceInfo) -> Result<(), Error> {
    let uptime_us = info.uptime_us;
    done(client, "reset", None, Op::Reset { uptime_us })?;
    hello(client).map(|_| ())
}

/// Memory of the device.
///
/// # Errors
/// As every request.
pub fn heap(client: &mut Client) -> Result<HeapInfo, Error> {
    ask(client, "heap", None, Op::Heap, |reply| match reply {
        Reply::Heap(heap) => Some(HeapInfo {
            total: heap.total,
            free: heap.free,
            largest_free: heap.largest_free,
            containers: heap.containers,
            containers_max: heap.containers_max,
        }),
        _ => None,
    })
}

/// Returns how the device as a whole is doing.
///
/// # Errors
/// As every request.
pub fn status(client: &mut Client) -> Result<DeviceStatus, Error> {
    ask(client, "status", None, Op::Status, |reply| match reply {
        Reply::Status(status) => Some(convert::status(status)),
        _ => None,
    })
}

/// Returns how the flash for compiled code is doing; `None`: the device has none.
///
/// # Errors
/// As every request; refused by a device that compiles nothing.
pub(crate) fn code(client: &mut Client) -> Result<Option<CodeFlash>, Error> {
    ask(client, "status", None, Op::Code, |reply| match reply {
        Reply::Code(status) => Some(status.map(convert::code)),
        _ => None,
    })
}

/// All exposures.
///
/// # Errors
/// As every request.
pub fn exposures(client: &mut Client) -> Result<Vec<Exposure>, Error> {
    list(
        client,
        "exposures",
        None,
        |cursor| Op::Exposures { cursor },
        |reply| match reply {
            Reply::Exposure { item, next } => Some((
                Exposure {
                    label: item.label.into(),
                    length: item.length,
                    access: item.access.word(),
                    registers: item.registers,
                    holder: match item.holder {
                        berth_protocol::Holder::Free => Holder::Free,
                        berth_protocol::Holder::Container(name) => Holder::Container(name.into()),
                        berth_protocol::Holder::Firmware => Holder::Firmware,
                    },
                },
                next,
            )),
            _ => None,
        },
    )
}

/// Ask item after item.
fn list<'a, T>(
    client: &mut Client,
    what: &'static str,
    name: Option<&str>,
    op: impl Fn(u16) -> Op<'a>,
    read: impl Fn(Reply<'_>) -> Option<(T, Option<u16>)>,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    let mut cursor = 0;
    loop {
        let item = ask(client, what, name, op(cursor), |reply| match reply {
            Reply::End => Some(None),
            other => read(other).map(Some),
        })?;
        let Some((item, next)) = item else {
            return Ok(items);
        };
        items.push(item);
        match next {
            Some(next) if next > cursor => cursor = next,
            Some(_) => return Err(Error::Unexpected { to: what }),
            None => return Ok(items),
        }
    }
}

/// An operation that has nothing to tell.
pub(crate) fn done(
    client: &mut Client,
    what: &'static str,
    name: Option<&str>,
    op: Op<'_>,
) -> Result<(), Error> {
    ask(client, what, name, op, |reply| {
        matches!(reply, Reply::Done).then_some(())
    })
}

/// One request. `read` gives `None` for an answer that does not fit the question.
pub(crate) fn ask<T>(
    client: &mut Client,
    what: &'static str,
    name: Option<&str>,
    op: Op<'_>,
    read: impl FnOnce(Reply<'_>) -> Option<T>,
) -> Result<T, Error> {
    /// What must be known of an error after the answer's bytes are gone.
    enum Outcome<T> {
        Read(Option<T>),
        Refused(Refusal, u16),
    }
    let (id, outcome) = client.request(what, op, |result| match result {
        Ok(reply) => Outcome::Read(read(reply)),
        Err(error) => Outcome::Refused(
            Refusal::of(what, name, &error),
            match error {
                DeviceError::MissingImports { count } => count,
                _ => 0,
            },
        ),
    })?;
    match outcome {
        Outcome::Read(Some(value)) => Ok(value),
        Outcome::Read(None) => Err(Error::Unexpected { to: what }),
        Outcome::Refused(mut refusal, count) => {
            refusal.missing = missing(client, id, count)?;
            Err(Error::Refused(refusal))
        }
    }
}

/// The list behind [`DeviceError::MissingImports`].
fn missing(client: &mut Client, of: u32, count: u16) -> Result<Vec<Missing>, Error> {
    let mut items = Vec::new();
    for index in 0..count {
        let (_, item) =
            client.request("detail", Op::Detail { of, index }, |result| match result {
                Ok(Reply::Missing { module, name, why }) => Some(Missing {
                    module: module.into(),
                    name: name.into(),
                    why: why.word(),
                    message: Said::of(&why.to_string()),
                }),
                Ok(Reply::Held {
                    module,
                    name,
                    holder,
                }) => Some(Missing {
                    module: module.into(),
                    name: name.into(),
                    why: MissingWhy::InUse.word(),
                    message: Said::of(&match holder {
                        Some(holder) => format!("{} by container {holder}", MissingWhy::InUse),
                        None => format!("{} by another process of the firmware", MissingWhy::InUse),
                    }),
                }),
                // The list is gone or shorter than announced: the refusal stands without it.
                _ => None,
            })?;
        let Some(item) = item else { break };
        items.push(item);
    }
    Ok(items)
}
