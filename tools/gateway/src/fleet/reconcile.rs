//! One device, made what it is to be.

use super::spec::Container;
use crate::{
    placing::{How, Placed, place, remove},
    watch::{Carrying, Watch},
};
use berth::{Client, Image, Kept};
use berth_protocol::State;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use utoipa::ToSchema;

/// How long a new container is on trial on its device before it counts as updated.
pub(super) const TRIAL: Duration = Duration::from_secs(2);

/// A container as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) sha256: String,
    pub(crate) image: Arc<Vec<u8>>,
    pub(crate) wanted: berth::Terms,
    pub(crate) start: bool,
}

impl Target {
    /// `None` if its parameters make no sense, which was looked at when it was taken.
    pub(crate) fn of(container: &Container, image: Arc<Vec<u8>>) -> Option<Self> {
        Some(Self {
            sha256: container.sha256.clone(),
            image,
            wanted: container.parameters.terms().ok()?,
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
    kept: &BTreeMap<String, Kept>,
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
        } else if !has(image, kept.get(name), &target.wanted) {
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
fn has(image: &Image, kept: Option<&Kept>, how: &berth::Terms) -> bool {
    let (is, wanted) = (&image.parameters, berth::settings(how.parameters));
    let kept_is = match kept {
        _ if how.configuration.is_empty() && how.values.is_none() => true,
        Some(kept) => {
            how.configuration.are_in(&kept.configuration) && same(&kept.values_chosen, &how.values)
        }
        None => false,
    };
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
        && kept_is
}

/// What is kept for those containers of which more than parameters is wanted.
///
/// # Errors
/// As every request.
pub(crate) fn kept(
    client: &mut Client,
    targets: &BTreeMap<String, Target>,
) -> Result<BTreeMap<String, Kept>, berth::Error> {
    let mut all = BTreeMap::new();
    for (name, target) in targets {
        if target.wanted.configuration.is_empty() && target.wanted.values.is_none() {
            continue;
        }
        match berth::kept(client, name) {
            Ok(kept) => drop(all.insert(name.clone(), kept)),
            // It is not there, or the device has none for any container.
            Err(berth::Error::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// What was done, for the history: container, hash and one word.
pub(crate) type Done = Vec<(String, String, &'static str)>;

/// Why a container that is of no set is left as it is: what is in its place has come from somebody else, and nobody could put it back.
fn is_anothers(name: &str) -> String {
    format!(
        "{name}: the device has a container of this name that is of no set, with another image; remove it (`berth rm {name}`), or name \
         the set's otherwise"
    )
}

/// Makes a device what it is to be, of whose containers those named in `own` are of a set already. Returns what was done, and why not all if so.
///
/// # Errors
/// If the line broke: nobody knows how far it came, and it is looked at again.
pub(crate) fn reconcile(
    client: &mut Client,
    targets: &BTreeMap<String, Target>,
    (own, too_much): (&BTreeSet<String>, &[String]),
    watch: &Arc<Watch>,
) -> Result<(Done, Option<String>), berth::Error> {
    let images = berth::images(client)?;
    let containers = berth::containers(client)?;
    let mut done = Vec::new();
    let kept = kept(client, targets)?;
    for difference in differences(targets, too_much, &images, &containers, &kept) {
        let name = &difference.container;
        let target = targets.get(name);
        if difference.what == "other-image" && !own.contains(name) {
            return Ok((done, Some(is_anothers(name))));
        }
        let made = match (difference.what, target) {
            ("too-much", _) => remove(client, name).map(|()| ("removed", None)),
            ("other-parameters", Some(target)) => {
                berth::edit(client, name, target.wanted.clone(), true).map(|()| ("changed", None))
            }
            ("not-running", Some(_)) => berth::start(client, name).map(|()| ("started", None)),
            (_, Some(target)) => {
                let how = How {
                    wanted: target.wanted.clone(),
                    trial: TRIAL,
                    start: target.start,
                    restart: false,
                };
                let before = containers.iter().find(|c| c.name == **name);
                let carrying = Carrying::begin(watch, name, target.image.len());
                place(client, name, before, &target.image, &how, &carrying).map(|placed: Placed| {
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
