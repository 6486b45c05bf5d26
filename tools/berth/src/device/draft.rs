//! What is kept for a container on the device, and changes of it, which are longer than a request.

use super::ask;
use crate::{Client, Error};
use berth_protocol::configuration::{CONFIGURATION_MAX, settings};
use berth_protocol::{DRAFT_PART_MAX, ImageHash, Op, Reply};
use std::collections::BTreeMap;

/// How many parts of a configuration are asked for at most, however often it is changed meanwhile.
const PARTS: u32 = 600;

/// How often changes are sent again that another operator's have taken the place of.
const DRAFTS: u32 = 5;

/// What is kept for a container beside its image and its state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its configuration.
    pub configuration: BTreeMap<String, String>,
    /// How many named values it has.
    pub values: u16,
    /// Bytes of flash that these take.
    pub values_bytes: u32,
    /// Most that they may take.
    pub values_limit: u32,
    /// What its operator chose of that.
    pub values_chosen: Option<u32>,
}

/// Do something that needs changes of a configuration to be on the device; they are sent when they are missed.
pub(super) fn with_draft<T>(
    client: &mut Client,
    about: (&'static str, &str),
    changes: &[u8],
    mut act: impl FnMut(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    for _ in 0..DRAFTS {
        match act(client) {
            Err(error) if error.is_refusal("no-draft") => send(client, about, changes)?,
            done => return done,
        }
    }
    act(client)
}

/// Keep a signed list of what must not run any more on the device.
///
/// # Errors
/// As every request.
pub(crate) fn revoke(client: &mut Client, list: &[u8]) -> Result<(), Error> {
    let about = ("revoke", "list");
    with_draft(client, about, list, |client| {
        let op = Op::Revoke {
            draft: number(list),
            length: list.len() as u16,
        };
        super::done(client, about.0, None, op)
    })
}

/// Returns the number of the draft that has these bytes.
fn number(bytes: &[u8]) -> u32 {
    let [a, b, c, d, ..] = ImageHash::of(bytes).0;
    u32::from_le_bytes([a, b, c, d])
}

fn send(
    client: &mut Client,
    (to, name): (&'static str, &str),
    changes: &[u8],
) -> Result<(), Error> {
    let draft = number(changes);
    let mut offset = 0;
    for bytes in changes.chunks(DRAFT_PART_MAX) {
        let op = Op::Draft {
            draft,
            offset,
            bytes,
        };
        match super::done(client, to, Some(name), op) {
            // Another has come between: what needs it says so.
            Err(error) if error.is_refusal("no-draft") => return Ok(()),
            sent => sent?,
        }
        offset += bytes.len() as u16;
    }
    Ok(())
}

/// What is kept for a container.
///
/// # Errors
/// As every request.
pub fn kept(client: &mut Client, name: &str) -> Result<Kept, Error> {
    let mut all = Vec::new();
    let mut first = None;
    for _ in 0..PARTS {
        let offset = u16::try_from(all.len()).unwrap_or(u16::MAX);
        let op = Op::Kept { name, offset };
        let (changes, left, part, kept) =
            ask(client, "inspect", Some(name), op, |reply| match reply {
                Reply::Kept(kept) => Some((
                    kept.changes,
                    kept.left,
                    kept.part.to_vec(),
                    Kept {
                        configuration: BTreeMap::new(),
                        values: kept.values,
                        values_bytes: kept.values_bytes,
                        values_limit: kept.values_limit,
                        values_chosen: kept.values_chosen,
                    },
                )),
                _ => None,
            })?;
        if *first.get_or_insert(changes) != changes {
            // It was changed between two parts.
            all.clear();
            first = None;
            continue;
        }
        let is_all = left == 0 || part.is_empty();
        all.extend(part);
        if is_all || all.len() >= CONFIGURATION_MAX {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let all = settings(&all);
            let configuration =
                all.map(|one| (text(one.name), text(one.value.unwrap_or_default())));
            return Ok(Kept {
                configuration: configuration.collect(),
                ..kept
            });
        }
    }
    Err(Error::Unexpected { to: "inspect" })
}
