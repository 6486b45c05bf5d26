//! A container onto a device, in place of the one of its name if there is one.

use crate::watch::Carrying;
use berth::{After, Begun, Client, Container, UpdateOutcome, UploadOutcome};
use std::{thread, time::Duration};

/// How long whoever places one waits for the end of its trial at most, and how often he looks.
const TRIAL_WAIT: Duration = Duration::from_secs(10);
const TRIAL_TICK: Duration = Duration::from_millis(100);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placed {
    /// `stored`, `unchanged` (it has this image already) or `updated`.
    pub(crate) outcome: &'static str,
    /// Was it started?
    pub(crate) started: bool,
    /// How the update of a container that ran has come along.
    pub(crate) update: Option<UpdateOutcome>,
}

impl Placed {
    /// Why the old one is there again, if it is.
    pub(crate) fn rolled_back(&self) -> Option<String> {
        let update = self.update.as_ref()?;
        (update.update == "rolled-back").then(|| match update.fault {
            Some(fault) => format!("the new image faulted ({fault}); the old one runs again"),
            None => "the new image could not be started; the old one runs".to_owned(),
        })
    }
}

/// How a container is placed.
#[derive(Clone, Debug)]
pub(crate) struct How {
    /// How it is to run.
    pub(crate) wanted: berth::Terms,
    /// How long one that replaces one that runs is on trial.
    pub(crate) trial: Duration,
    /// Start it, if it does not run?
    pub(crate) start: bool,
    /// Start one anew that runs with this image already, so that the parameters take effect at once?
    pub(crate) restart: bool,
}

/// Stores an image in place of `before`, the container of this name if there is one; one that runs is updated live, on
/// trial. `carrying` is told how many bytes the device has.
///
/// # Errors
/// As every request.
pub(crate) fn place(
    client: &mut Client,
    name: &str,
    before: Option<&Container>,
    image: &[u8],
    how: &How,
    carrying: &Carrying,
) -> Result<Placed, berth::Error> {
    let &How {
        ref wanted,
        trial,
        start,
        restart,
    } = how;
    let mut told = |done| carrying.has(done);
    let was_active = before.is_some_and(Container::is_active);
    let mut done = Placed {
        outcome: "stored",
        ..Placed::default()
    };
    if before.is_none() {
        let stored = berth::upload(client, name, image, wanted.clone(), told)?;
        if stored == UploadOutcome::Unchanged {
            done.outcome = "unchanged";
        }
    } else {
        let after = if start { After::Runs } else { After::Waits };
        let waits = (trial, after);
        let wanted = wanted.clone();
        let begun = berth::live_update(
            client,
            name,
            image,
            wanted.clone(),
            waits,
            &mut told,
            |_| Ok(()),
        )?;
        match begun {
            Begun::Unchanged => {
                done.outcome = "unchanged";
                berth::edit(client, name, wanted, restart && was_active)?;
            }
            Begun::Update { upload, outcome } => {
                done.outcome = "updated";
                done.started = start && !was_active;
                done.update = outcome;
                while trial <= TRIAL_WAIT
                    && done
                        .update
                        .as_ref()
                        .is_some_and(|now| now.update == "trial")
                {
                    thread::sleep(TRIAL_TICK);
                    done.update = berth::update_status(client, name, Some(upload))?;
                }
                return Ok(done);
            }
        }
    }
    if start && !was_active {
        berth::start(client, name)?;
        done.started = true;
    }
    Ok(done)
}

/// The container of this name.
///
/// # Errors
/// As every request.
pub(crate) fn find(client: &mut Client, name: &str) -> Result<Option<Container>, berth::Error> {
    let mut containers = berth::containers(client)?.into_iter();
    Ok(containers.find(|container| container.name == *name))
}

/// Deletes a container, and ends it first if it is active.
///
/// # Errors
/// As every request.
pub(crate) fn remove(client: &mut Client, name: &str) -> Result<(), berth::Error> {
    match berth::remove(client, name) {
        Err(error) if error.is_refusal("wrong-state") => {
            berth::kill(client, name)?;
            berth::remove(client, name)
        }
        removed => removed,
    }
}
