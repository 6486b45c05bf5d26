//! Containers: their life, and what is known of them.

use super::{ask, convert, done, kept, list, update_status, with_draft};
use crate::{
    Block, Client, Container, DeviceEvent, Error, FaultPlace, FaultRecord, Image, Inspection,
    LogLine, Refusal, Said, SignatureClaims, Terms, Values, model::Source,
};
use std::collections::BTreeMap;

use berth_protocol::{DeviceError, Engine, ImageHash, Op, Place, Reply, Restart, Trust};
use berth_signature::LABELS_MAX;

/// Start a container.
///
/// # Errors
/// As every request; a refusal names all missing imports at once.
pub fn start(client: &mut Client, name: &str) -> Result<(), Error> {
    done(client, "start", Some(name), Op::Start { name })
}

/// Let a container be started again although the device's supervisor failed while it ran.
///
/// # Errors
/// As every request.
pub fn lift(client: &mut Client, name: &str) -> Result<(), Error> {
    done(client, "start", Some(name), Op::Lift { name })
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

/// Suspend a container where it stands.
///
/// # Errors
/// As every request.
pub fn pause(client: &mut Client, name: &str) -> Result<(), Error> {
    done(client, "pause", Some(name), Op::Pause { name })
}

/// Let a paused container go on.
///
/// # Errors
/// As every request.
pub fn resume(client: &mut Client, name: &str) -> Result<(), Error> {
    done(client, "resume", Some(name), Op::Resume { name })
}

/// Delete a container that is not active.
///
/// # Errors
/// As every request.
pub fn remove(client: &mut Client, name: &str) -> Result<(), Error> {
    done(client, "rm", Some(name), Op::Remove { name })
}

/// Change how a container runs; what is `None` stays. `restart`: start it anew if it is active.
///
/// # Errors
/// As every request.
pub fn edit(
    client: &mut Client,
    name: &str,
    terms: impl Into<Terms>,
    restart: bool,
) -> Result<(), Error> {
    let terms = terms.into();
    let parameters = terms.parameters;
    let changes = terms.configuration.bytes();
    let op = if terms.is_plain() {
        Op::Edit {
            name,
            parameters,
            restart,
        }
    } else {
        Op::Change {
            name,
            parameters,
            restart,
            chosen: terms.chosen(&changes),
        }
    };
    with_draft(client, ("edit", name), &changes, |client| {
        done(client, "edit", Some(name), op)
    })
}

/// All containers, with the blocks they hold.
///
/// # Errors
/// As every request.
pub fn containers(client: &mut Client) -> Result<Vec<Container>, Error> {
    let mut containers = names(client)?;
    // Only what is active can hold anything.
    for container in containers.iter_mut().filter(|c| c.is_active()) {
        match optional(blocks(client, &container.name)) {
            Ok(blocks) => container.blocks = blocks.unwrap_or_default(),
            // Deleted since the list was read.
            Err(error) if error.is_refusal("unknown-name") => {}
            Err(error) => return Err(error),
        }
    }
    engines(client, &mut containers)?;
    Ok(containers)
}

/// Asks what executes each of them.
fn engines(client: &mut Client, containers: &mut [Container]) -> Result<(), Error> {
    let mut compiles = true;
    for container in containers.iter_mut().filter(|c| c.is_active()) {
        let engine = match compiles {
            true => optional(engine(client, &container.name)),
            false => Ok(None),
        };
        (container.engine, container.engine_why) = match engine {
            Ok(Some(told)) => told,
            Ok(None) => {
                compiles = false;
                (Some(Engine::Interpreter.word()), None)
            }
            Err(error) if error.is_refusal("unknown-name") => continue,
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

/// What executes a container, and why it is the interpreter.
fn engine(client: &mut Client, name: &str) -> Result<(Option<&'static str>, Option<Said>), Error> {
    let op = Op::Engine { name };
    ask(client, "ps", Some(name), op, |reply| match reply {
        Reply::Engine { engine, why } => Some((engine.map(Engine::word), why.map(Into::into))),
        _ => None,
    })
}

fn blocks(client: &mut Client, name: &str) -> Result<Vec<Block>, Error> {
    list(
        client,
        "ps",
        Some(name),
        |cursor| Op::Blocks { name, cursor },
        |reply| match reply {
            Reply::Block {
                label,
                access,
                next,
            } => {
                let block = Block {
                    label: label.into(),
                    access: access.word(),
                };
                Some((block, next))
            }
            _ => None,
        },
    )
}

/// All containers, without their blocks: fewer requests.
pub(crate) fn names(client: &mut Client) -> Result<Vec<Container>, Error> {
    list(
        client,
        "ps",
        None,
        |cursor| Op::Containers { cursor },
        |reply| match reply {
            Reply::Container { item, next } => Some((convert::container(item), next)),
            _ => None,
        },
    )
}

/// All stored images.
///
/// # Errors
/// As every request.
pub fn images(client: &mut Client) -> Result<Vec<Image>, Error> {
    list(
        client,
        "images",
        None,
        |cursor| Op::Images { cursor },
        |reply| match reply {
            Reply::Image { item, next } => Some((convert::image(item), next)),
            _ => None,
        },
    )
}

/// Larger images no device has.
const IMAGE_MAX: u32 = 64 << 20;

/// Read a stored image back. `progress` hears how many bytes have come.
///
/// # Errors
/// As every request; [`Error::Verification`] if what came is not what [`images`] told of.
pub fn read_image(
    client: &mut Client,
    image: &Image,
    mut progress: impl FnMut(u32),
) -> Result<Vec<u8>, Error> {
    let name = &*image.name;
    if image.bytes > IMAGE_MAX {
        return Err(Error::Unexpected { to: "image" });
    }
    let mut bytes = Vec::new();
    while bytes.len() < image.bytes as usize {
        let offset = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let op = Op::ReadImage { name, offset };
        let part = ask(client, "images", Some(name), op, |reply| match reply {
            Reply::ImagePart { bytes } => Some(bytes.to_vec()),
            _ => None,
        })?;
        if part.is_empty() {
            break;
        }
        bytes.extend(part);
        progress(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }
    if convert::hexadecimal(&ImageHash::of(&bytes).0) != image.sha256 {
        return Err(Error::Verification(format!(
            "{name}: what was read has another SHA-256 than the device says; was it replaced meanwhile?"
        )));
    }
    Ok(bytes)
}

/// Everything that is known of a container.
///
/// # Errors
/// As every request.
pub fn inspect(client: &mut Client, name: &str) -> Result<Inspection, Error> {
    let op = Op::Inspect { name };
    let (sha256, parameters, saved_bytes, log_dropped, mut last_fault) =
        ask(client, "inspect", Some(name), op, |reply| match reply {
            Reply::Inspection(found) => Some((
                convert::hexadecimal(&found.hash.0),
                convert::settings(found.parameters),
                found.saved_bytes,
                found.log_dropped,
                found.fault.map(convert::fault),
            )),
            _ => None,
        })?;
    if let Some(call) = last_fault
        .as_mut()
        .and_then(|fault: &mut FaultRecord| fault.last_call.as_mut())
    {
        call.block = optional(fault_block(client, name))?.flatten();
    }
    if let Some(fault) = &mut last_fault {
        let place = optional(fault_place(client, name))?.flatten();
        fault.place = place.map(FaultPlace::of);
    }
    let container = containers(client)?
        .into_iter()
        .find(|container| container.name == name)
        // Deleted between the two requests.
        .ok_or_else(|| {
            Error::Refused(Refusal::of(
                "inspect",
                Some(name),
                &DeviceError::UnknownName,
            ))
        })?;
    let kept = optional(kept(client, name))?;
    Ok(Inspection {
        container,
        sha256,
        parameters,
        values: kept.as_ref().map(Values::of),
        configuration: kept.map(|kept| said(kept.configuration)),
        saved_bytes,
        log_dropped,
        sources: optional(sources(client, name))?.unwrap_or_default(),
        last_fault,
        update: optional(update_status(client, name, None))?.flatten(),
        signature: optional(signature(client, name))?.flatten(),
    })
}

/// What the signature of a container's image claims; `None`: it is not signed.
fn signature(client: &mut Client, name: &str) -> Result<Option<SignatureClaims>, Error> {
    let mut found: Option<SignatureClaims> = None;
    for label in 0..LABELS_MAX as u8 {
        let op = Op::Signature { name, label };
        let (claims, next) = ask(client, "inspect", Some(name), op, |reply| match reply {
            Reply::Signature {
                key,
                counter,
                package,
                label,
            } => Some((
                Some(SignatureClaims {
                    key: convert::hexadecimal(&key),
                    counter,
                    package: package.into(),
                    labels: Vec::new(),
                }),
                label.map(Said::from),
            )),
            Reply::End => Some((None, None)),
            _ => None,
        })?;
        // Of one image, whatever becomes of the container between two requests.
        match (&mut found, claims) {
            (None, claims) => found = claims,
            (Some(first), Some(now)) if first.key == now.key && first.counter == now.counter => {}
            _ => return Ok(None),
        }
        match (&mut found, next) {
            (Some(found), Some(label)) => found.labels.push(label),
            _ => break,
        }
    }
    Ok(found)
}

/// Whose packages the device takes.
///
/// # Errors
/// As every request.
pub(crate) fn trust(client: &mut Client) -> Result<Trust, Error> {
    ask(client, "trust", None, Op::Trust, |reply| match reply {
        Reply::Trust(trust) => Some(trust),
        _ => None,
    })
}

/// What is revoked on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revocations {
    /// Counter of its list; `None`: there is none.
    pub(crate) counter: Option<u32>,
    /// Entries of the list.
    pub(crate) entries: u16,
    /// The list is what was signed.
    pub(crate) is_valid: bool,
}

/// What is revoked.
///
/// # Errors
/// As every request.
pub(crate) fn revocations(client: &mut Client) -> Result<Revocations, Error> {
    ask(
        client,
        "trust",
        None,
        Op::Revocations,
        |reply| match reply {
            Reply::Revocations {
                counter,
                entries,
                is_valid,
            } => Some(Revocations {
                counter,
                entries,
                is_valid,
            }),
            _ => None,
        },
    )
}

/// A device is not believed to send what can be shown.
fn said(configuration: BTreeMap<String, String>) -> BTreeMap<Said, Said> {
    let pairs = configuration.into_iter();
    pairs
        .map(|(name, value)| (Said::from(&*name), Said::from(&*value)))
        .collect()
}

/// The block that the last call before a container's last fault was about.
fn fault_block(client: &mut Client, name: &str) -> Result<Option<Said>, Error> {
    let op = Op::FaultBlock { name };
    ask(client, "inspect", Some(name), op, |reply| match reply {
        Reply::FaultBlock { label } => Some(label.map(Into::into)),
        _ => None,
    })
}

/// Where a container's last fault was, as its package tells.
fn fault_place(client: &mut Client, name: &str) -> Result<Option<Place>, Error> {
    let op = Op::FaultPlace { name };
    ask(client, "inspect", Some(name), op, |reply| match reply {
        Reply::FaultPlace { place } => Some(place),
        _ => None,
    })
}

/// When a container is started again, as it was chosen.
///
/// # Errors
/// As every request.
pub(crate) fn restart_policy(client: &mut Client, name: &str) -> Result<Option<Restart>, Error> {
    let op = Op::Inspect { name };
    ask(client, "edit", Some(name), op, |reply| match reply {
        Reply::Inspection(found) => Some(found.parameters.restart),
        _ => None,
    })
}

/// A part that firmware may be without.
pub(crate) fn optional<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_refusal("unsupported") => Ok(None),
        Err(error) => Err(error),
    }
}

fn sources(client: &mut Client, name: &str) -> Result<Vec<Source>, Error> {
    list(
        client,
        "inspect",
        Some(name),
        |cursor| Op::Sources { name, cursor },
        |reply| match reply {
            Reply::Source { item, next } => Some((convert::source(item), next)),
            _ => None,
        },
    )
}

/// The first line of a container's `log` that is not older than `from`; `None` if there is none yet.
///
/// # Errors
/// As every request; refused if the container has another log than the one that is named.
pub fn log_line(
    client: &mut Client,
    name: &str,
    log: Option<u32>,
    from: u32,
) -> Result<Option<LogLine>, Error> {
    let op = Op::Log { name, log, from };
    ask(client, "logs", Some(name), op, |reply| match reply {
        Reply::LogLine {
            log,
            sequence,
            dropped,
            time_us,
            level,
            text,
        } if (from..u32::MAX).contains(&sequence) => Some(Some(LogLine {
            log,
            sequence,
            dropped,
            time_us,
            level: level.word(),
            text: text.into(),
            meaning: None,
        })),
        Reply::End => Some(None),
        _ => None,
    })
}

/// The first event of a `log` of them that is not older than `from`; `None` if there is none yet.
///
/// # Errors
/// As every request; refused if the device was reset since.
pub fn event(
    client: &mut Client,
    log: Option<u32>,
    from: u32,
) -> Result<Option<DeviceEvent>, Error> {
    let op = Op::Events { log, from };
    ask(client, "events", None, op, |reply| match reply {
        Reply::Event {
            log,
            sequence,
            dropped,
            time_us,
            name,
            what,
        } if (from..u32::MAX).contains(&sequence) => Some(Some(convert::event(
            (log, sequence, dropped, time_us),
            name,
            what,
        ))),
        Reply::End => Some(None),
        _ => None,
    })
}
