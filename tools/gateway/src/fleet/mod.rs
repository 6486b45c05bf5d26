//! What is to run on which devices, and the way there.
//!
//! ```text
//!   fleet.toml ── spec ──► state (versions of sets, rollouts, images by hash)
//!                             │
//!                          engine, a look a second
//!                             ├── which version is a device's? (its stage has come: the new one; otherwise the old one)
//!                             ├── reconcile: make the device so, if it is there and is not
//!                             └── gates: go on to the next stage, or stop, and the old version is everybody's again
//! ```
//!
//! A roll-back is nothing of its own: it decides that the old version holds, and devices are made so. What was done
//! stands in the state, so a gateway that was killed goes on where it was, and does nothing twice.

mod engine;
mod judge;
mod reconcile;
mod spec;

pub(crate) use engine::run;
pub(crate) use reconcile::{Difference, Target, differences, kept};
pub(crate) use spec::{Gate, Spec, read};

use crate::{By, Device, Error, State, state::Applied};
use spec::Stages;

/// Says what a set is to be; if it was something else a roll-out begins.
///
/// # Errors
/// [`Error::Usage`] if it makes no sense or another set has a container of one of these names on one of these devices;
/// [`Error::Taken`] while it is rolled out.
pub(crate) fn apply(state: &State, name: &str, spec: &Spec, by: By<'_>) -> Result<Applied, Error> {
    spec.check(name)?;
    // What comes meanwhile may be another set with the same containers.
    loop {
        if let Some(applied) = apply_once(state, name, spec, by)? {
            return Ok(applied);
        }
    }
}

fn apply_once(
    state: &State,
    name: &str,
    spec: &Spec,
    by: By<'_>,
) -> Result<Option<Applied>, Error> {
    let seen = state.seen()?;
    let all = &seen.devices;
    let devices: Vec<&Device> = all.iter().filter(|device| spec.is_for(device)).collect();
    if let Some(unknown) = spec
        .devices
        .iter()
        .find(|name| all.iter().all(|is| is.name != **name))
    {
        return Err(Error::Unknown {
            kind: "device",
            name: unknown.clone(),
        });
    }
    for other in state.sets()?.iter().filter(|other| other.name != name) {
        let both = devices
            .iter()
            .find_map(|device| Some((device, other.says_too(spec, device)?)));
        if let Some((device, container)) = both {
            return Err(Error::Usage(format!(
                "set {name}: {container} on {} is of set {}",
                device.name, other.name
            )));
        }
    }
    // Looked at above.
    let ends = Stages::read(&spec.rollout.stages)
        .map_err(Error::Usage)?
        .of(devices.len());
    let stages = devices.iter().enumerate().map(|(index, device)| {
        let stage = ends.iter().position(|&end| index < end).unwrap_or(0);
        (
            device.name.clone(),
            i64::try_from(stage).unwrap_or(i64::MAX),
        )
    });
    state.apply(name, spec, &stages.collect::<Vec<_>>(), &seen, by)
}
