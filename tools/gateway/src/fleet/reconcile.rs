//! One device, made what it is to be.

use super::spec::Container;
use crate::placing::{How, Placed, place, remove};
use berth::{Client, Image};
use berth_protocol::{Parameters, State};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use utoipa::ToSchema;

/// How long a new container is on trial on its device before it counts as updated.
const TRIAL: Duration = Duration::from_secs(2);

/// A container as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) sha256: String,
    pub(crate) image: Arc<Vec<u8>>,
    pub(crate) parameters: Parameters,
    pub(crate) start: bool,
}

impl Target {
    /// `None` if its parameters make no sense, which was looked at when it was taken.
    pub(crate) fn of(container: &Container, image: Arc<Vec<u8>>) -> Option<Self> {
        Some(Self {
            sha256: container.sha256.clone(),
            image,
            parameters: container.parameters.parameters().ok()?,
            start: container.start,
        })
    }
}

/// In what a device differs from what it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Difference {
    /// The container.
    pub(crate) container: String,
    /// `missing`, `other-image`, `other-parameters`, `not-running` or `too-much`.
    pub(crate) what: &'static str,
}

/// In what a device differs.
pub(crate) fn differences(
    targets: &BTreeMap<String, Target>,
    too_much: &[String],
    images: &[Image],
    containers: &[berth::Container],
) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differs = |container: &str, what| {
        found.push(Difference {
            container: container.to_owned(),
            what,
        });
    };
    for name in too_much {
        if images.iter().any(|image| image.name == **name) {
            differs(name, "too-much");
        }
    }
    for (name, target) in targets {
        let Some(image) = images.iter().find(|image| image.name == **name) else {
            differs(name, "missing");
            continue;
        };
        if image.sha256 != target.sha256 {
            differs(name, "other-image");
        } else if !has(image, target.parameters) {
            differs(name, "other-parameters");
        } else if target.start {
            // One that has ended with a fault, or was given up, is what its set says it is: that is the gate's.
            let state = containers
                .iter()
                .find(|c| c.name == **name)
                .map(|c| c.state);
            if matches!(state, Some(State::Stored | State::Stopped)) {
                differs(name, "not-running");
            }
        }
    }
    found
}

/// Is everything that is wanted so?
fn has(image: &Image, wanted: Parameters) -> bool {
    let (is, wanted) = (&image.parameters, berth::settings(wanted));
    fn same<T: PartialEq>(is: &Option<T>, wanted: &Option<T>) -> bool {
        wanted.is_none() || is == wanted
    }
    same(&is.stack, &wanted.stack)
        && same(&is.memory, &wanted.memory)
        && same(&is.limit, &wanted.limit)
        && same(&is.share, &wanted.share)
        && same(&is.restart, &wanted.restart)
        && same(&is.backoff_ms, &wanted.backoff_ms)
        && same(&is.boot, &wanted.boot)
        && same(&is.log_level, &wanted.log_level)
        && same(&is.service, &wanted.service)
        && same(&is.writes, &wanted.writes)
}

/// What was done, for the history: container, hash and one word.
pub(crate) type Done = Vec<(String, String, &'static str)>;

/// Makes a device what it is to be. Returns what was done, and why not all if so.
///
/// # Errors
/// If the line broke: nobody knows how far it came, and it is looked at again.
pub(crate) fn reconcile(
    client: &mut Client,
    targets: &BTreeMap<String, Target>,
    too_much: &[String],
) -> Result<(Done, Option<String>), berth::Error> {
    let images = berth::images(client)?;
    let containers = berth::containers(client)?;
    let mut done = Vec::new();
    for difference in differences(targets, too_much, &images, &containers) {
        let name = &difference.container;
        let target = targets.get(name);
        let made = match (difference.what, target) {
            ("too-much", _) => remove(client, name).map(|()| ("removed", None)),
            ("other-parameters", Some(target)) => {
                berth::edit(client, name, target.parameters, true).map(|()| ("changed", None))
            }
            ("not-running", Some(_)) => berth::start(client, name).map(|()| ("started", None)),
            (_, Some(target)) => {
                let how = How {
                    parameters: target.parameters,
                    trial: TRIAL,
                    start: target.start,
                    restart: false,
                };
                let before = containers.iter().find(|c| c.name == **name);
                place(client, name, before, &target.image, how).map(|placed: Placed| {
                    let back = placed.rolled_back();
                    (
                        if back.is_some() {
                            "rolled-back"
                        } else {
                            placed.outcome
                        },
                        back,
                    )
                })
            }
            (_, None) => continue,
        };
        let sha256 = target.map_or_else(String::new, |target| target.sha256.clone());
        match made {
            Ok((what, failed)) => {
                done.push((name.clone(), sha256, what));
                if let Some(why) = failed {
                    return Ok((done, Some(format!("{name}: {why}"))));
                }
            }
            Err(berth::Error::Refused(refusal)) => {
                done.push((name.clone(), sha256, "refused"));
                return Ok((done, Some(refusal.to_string())));
            }
            Err(error @ berth::Error::Usage(_)) => return Ok((done, Some(error.to_string()))),
            Err(error) => return Err(error),
        }
    }
    Ok((done, None))
}
