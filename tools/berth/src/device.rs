//! What can be done with a device, one function an operation.

use crate::{
    Address, Block, Client, Container, DeviceInfo, Error, Exposure, HeapInfo, Holder, LineLock,
    LogLine, Missing, Refusal, open,
};
use berth_protocol::{
    CHUNK_MAX, DeviceError, ImageHash, MissingWhy, Op, PROTOCOL_VERSION, Parameters, Reply, State,
};
use std::time::Duration;

/// What came of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// Stored.
    Stored,
    /// The same image was stored already.
    Unchanged,
}

/// Take the line, connect, and see that a device of our version answers.
///
/// # Errors
/// Those of exit codes 3 and 4.
pub fn connect(
    address: &Address,
    timeout: Duration,
) -> Result<(LineLock, Client, DeviceInfo), Error> {
    let lock = LineLock::take(address)?;
    let mut client = Client::new(open(address)?)?;
    client.set_timeout(timeout);
    let info = hello(&mut client)?;
    Ok((lock, client, info))
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

/// Store `image` under `name`. `progress` hears how many bytes the device has.
/// An upload that was interrupted goes on where it ended.
///
/// # Errors
/// As every request; [`Error::Verification`] if the image arrived damaged.
pub fn upload(
    client: &mut Client,
    name: &str,
    image: &[u8],
    parameters: Parameters,
    mut progress: impl FnMut(u32),
) -> Result<UploadOutcome, Error> {
    let length = u32::try_from(image.len())
        .map_err(|_| Error::Usage("the image is larger than 4 GiB".into()))?;
    let begin = Op::UploadBegin {
        name,
        length,
        hash: ImageHash::of(image),
        parameters,
    };
    let begun = ask(client, "upload", Some(name), begin, |reply| match reply {
        Reply::Upload { offset } => Some(Some(offset)),
        Reply::Unchanged => Some(None),
        _ => None,
    })?;
    let Some(mut offset) = begun else {
        return Ok(UploadOutcome::Unchanged);
    };
    progress(offset);
    while offset < length {
        let rest = image
            .get(offset as usize..)
            .ok_or(Error::Unexpected { to: "upload" })?;
        let bytes = rest.get(..CHUNK_MAX).unwrap_or(rest);
        let op = Op::UploadChunk { offset, bytes };
        let next = ask(client, "upload", Some(name), op, |reply| match reply {
            Reply::Upload { offset } => Some(offset),
            _ => None,
        })?;
        // Each answer moves on, or the loop would have no end.
        if next <= offset || next > length {
            return Err(Error::Unexpected { to: "upload" });
        }
        offset = next;
        progress(offset);
    }
    match done(client, "upload", Some(name), Op::UploadCommit) {
        Err(Error::Refused(refusal)) if refusal.code == "hash-mismatch" => {
            Err(Error::Verification(refusal.to_string()))
        }
        other => other.map(|()| UploadOutcome::Stored),
    }
}

/// Start a container.
///
/// # Errors
/// As every request; a refusal names all missing imports at once.
pub fn start(client: &mut Client, name: &str) -> Result<(), Error> {
    done(client, "start", Some(name), Op::Start { name })
}

/// Stop a container at its next suspension point.
///
/// # Errors
/// As every request.
pub fn stop(client: &mut Client, name: &str) -> Result<(), Error> {
    done(client, "stop", Some(name), Op::Stop { name })
}

/// Stop a container at once.
///
/// # Errors
/// As every request.
pub fn kill(client: &mut Client, name: &str) -> Result<(), Error> {
    done(client, "kill", Some(name), Op::Kill { name })
}

/// Delete a container that is not active.
///
/// # Errors
/// As every request.
pub fn remove(client: &mut Client, name: &str) -> Result<(), Error> {
    done(client, "rm", Some(name), Op::Remove { name })
}

/// All containers, with the blocks they hold.
///
/// # Errors
/// As every request.
pub fn containers(client: &mut Client) -> Result<Vec<Container>, Error> {
    let mut containers = list_containers(client)?;
    // Only what runs or is paused can hold anything.
    if containers.iter().any(|c| c.uptime_us > 0) {
        for exposure in exposures(client)? {
            if let Holder::Container(name) = exposure.holder
                && let Some(container) = containers.iter_mut().find(|c| c.name == name)
            {
                container.blocks.push(Block {
                    label: exposure.label,
                    access: exposure.access,
                });
            }
        }
    }
    Ok(containers)
}

fn list_containers(client: &mut Client) -> Result<Vec<Container>, Error> {
    list(
        client,
        "ps",
        |cursor| Op::Containers { cursor },
        |reply| match reply {
            Reply::Container { item, next } => Some((
                Container {
                    name: item.name.into(),
                    state: state_word(item.state),
                    exit_code: match item.state {
                        State::Exited { code } => Some(code),
                        _ => None,
                    },
                    fault: match item.state {
                        State::Faulted { fault } => Some(fault.word()),
                        _ => None,
                    },
                    uptime_us: item.uptime_us,
                    fuel_used: item.fuel_used,
                    memory_used: item.memory_used,
                    memory_limit: item.memory_limit,
                    share: item.share,
                    cpu_permille: item.cpu_permille,
                    memory_high: item.memory_high,
                    stack_high: item.stack_high,
                    interrupts: item.interrupts,
                    interrupts_dropped: item.interrupts_dropped,
                    restarts: item.restarts,
                    image_bytes: item.image_bytes,
                    blocks: Vec::new(),
                },
                next,
            )),
            _ => None,
        },
    )
}

/// All exposures.
///
/// # Errors
/// As every request.
pub fn exposures(client: &mut Client) -> Result<Vec<Exposure>, Error> {
    list(
        client,
        "exposures",
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

/// The first log line that is not older than `from`; `None` if there is none yet.
///
/// # Errors
/// As every request.
pub fn log_line(client: &mut Client, name: &str, from: u32) -> Result<Option<LogLine>, Error> {
    ask(
        client,
        "logs",
        Some(name),
        Op::Log { name, from },
        |reply| match reply {
            Reply::LogLine {
                sequence,
                dropped,
                time_us,
                level,
                text,
            } if sequence >= from => Some(Some(LogLine {
                sequence,
                dropped,
                time_us,
                level: level.word(),
                text: text.into(),
            })),
            Reply::End => Some(None),
            _ => None,
        },
    )
}

/// The state without what belongs to it.
const fn state_word(state: State) -> &'static str {
    match state {
        State::Stored => "stored",
        State::Starting => "starting",
        State::Running => "running",
        State::Paused => "paused",
        State::Stopped => "stopped",
        State::Exited { .. } => "exited",
        State::Faulted { .. } => "faulted",
        State::Restarting { .. } => "restarting",
    }
}

/// Ask item after item.
fn list<T>(
    client: &mut Client,
    what: &'static str,
    op: impl Fn(u16) -> Op<'static>,
    read: impl Fn(Reply<'_>) -> Option<(T, Option<u16>)>,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    let mut cursor = 0;
    loop {
        let item = ask(client, what, None, op(cursor), |reply| match reply {
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
fn done(
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
fn ask<T>(
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
            Refusal {
                code: error.word(),
                name: name.map(Into::into),
                message: error.to_string(),
                missing: Vec::new(),
            },
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
                    message: why.to_string(),
                }),
                Ok(Reply::Held {
                    module,
                    name,
                    holder,
                }) => Some(Missing {
                    module: module.into(),
                    name: name.into(),
                    why: MissingWhy::InUse.word(),
                    message: match holder {
                        Some(holder) => format!("{} by container {holder}", MissingWhy::InUse),
                        None => format!("{} by another process of the firmware", MissingWhy::InUse),
                    },
                }),
                // The list is gone or shorter than announced: the refusal stands without it.
                _ => None,
            })?;
        let Some(item) = item else { break };
        items.push(item);
    }
    Ok(items)
}
