//! Whether a roll-out goes on. Each gateway writes what it knows of its own devices, and each judges by what all have written, so it does
//! not matter which one is there.

use super::{
    engine::{Engine, UnderWay},
    spec::Spec,
};
use crate::{
    By, Error, Standing,
    lines::Known,
    state::{Fact, RolloutDevice},
};
use std::time::Instant;

impl Engine {
    /// Writes what is known of this gateway's devices of a roll-out: whether they are there and well, have said what they have to,
    /// and were seen once more since that was asked. Every gateway does that for its own, and judges by what all have written.
    pub(super) fn note_facts(
        &self,
        this: &mut UnderWay,
        spec: &Spec,
        all: &[Known],
        clock: i64,
    ) -> Result<(), Error> {
        let rollout = &this.rollout;
        let asked = (rollout.asked > 0).then(|| {
            let mut memory = self.memory();
            let asked = memory.asked.entry((rollout.id, rollout.asked));
            *asked.or_insert_with(Instant::now)
        });
        let mut facts = Vec::new();
        for known in all.iter().filter(|known| known.line.is_ours()) {
            let Some(device) = this.devices.get_mut(&known.device.name) else {
                continue;
            };
            let here = matches!(known.line.standing(), Standing::Here(_) | Standing::Looking);
            let said = device.said
                || (!spec.rollout.logs.is_empty()
                    && self.has_said_all(rollout.id, &device.device, spec));
            let mut confirmed = device.confirmed;
            if matches!(&*device.state, "updated" | "good") {
                if rollout.state == "running"
                    && device.stage <= rollout.stage
                    && let Some(why) = sickness(known, spec, device, clock)
                {
                    let noted = self.state.note_failed(rollout.id, &device.device, &why);
                    if !is_lost(&noted) {
                        noted?;
                        device.state = "failed".into();
                        device.why = why;
                    }
                } else if let Some(asked) = asked
                    && confirmed < rollout.asked
                {
                    if known.line.seen().is_some_and(|seen| seen.at >= asked) {
                        confirmed = rollout.asked;
                    } else if here {
                        known.line.glance();
                    }
                }
            }
            if (here, said, confirmed) != (device.here, device.said, device.confirmed) {
                (device.here, device.said, device.confirmed) = (here, said, confirmed);
                facts.push(Fact {
                    rollout: rollout.id,
                    device: device.device.clone(),
                    here,
                    said,
                    confirmed,
                });
            }
        }
        self.state.note_facts(&facts)
    }

    /// Looks whether a roll-out goes on, or has to be stopped, by what the owners of its devices have written. Several gateways may
    /// come to the same end; who is second changes nothing.
    pub(super) fn judge(&self, this: &UnderWay, spec: &Spec) -> Result<(), Error> {
        let rollout = &this.rollout;
        if rollout.state != "running" {
            self.memory().complete.remove(&(rollout.id, rollout.stage));
            return Ok(());
        }
        let stage: Vec<_> = this
            .devices
            .values()
            .filter(|device| device.stage <= rollout.stage)
            // Who was taken out of the gateway holds nothing up.
            .filter(|device| {
                device.state == "failed" || self.lines.get(Some(&device.device)).is_some()
            })
            .collect();
        let nobody = stage.is_empty();
        let mut failed = Vec::new();
        let (mut updated, mut waiting, mut unconfirmed) = (0, 0, 0);
        for device in stage {
            match &*device.state {
                "failed" => failed.push(format!("{}: {}", device.device, device.why)),
                "updated" | "good" => {
                    updated += 1;
                    waiting += usize::from(!device.said && !spec.rollout.logs.is_empty());
                    unconfirmed += usize::from(device.here && device.confirmed < rollout.asked);
                }
                // Who is away gets it when he comes back.
                _ => waiting += usize::from(device.here),
            }
        }
        if failed.len() > spec.rollout.failures_max as usize {
            let why = failed.join("; ");
            let ended = self
                .state
                .end_rollout(rollout.id, "stopped", &why, By::GATEWAY);
            return match ended {
                Err(Error::Unknown { .. }) => Ok(()),
                ended => ended,
            };
        }
        let key = (rollout.id, rollout.stage);
        if waiting > 0 || (updated == 0 && !nobody) {
            self.memory().complete.remove(&key);
            if rollout.asked > 0 {
                self.state.forget_asked(rollout.id)?;
            }
            return Ok(());
        }
        let since = *self
            .memory()
            .complete
            .entry(key)
            .or_insert_with(Instant::now);
        if Instant::now() < since + spec.rollout.watch() {
            return Ok(());
        }
        // Seen once more, so that nothing of the time that was watched is missed.
        if rollout.asked <= 0 {
            return self.state.ask_owners(rollout.id, rollout.stage);
        }
        if unconfirmed > 0 {
            return Ok(());
        }
        self.memory().complete.remove(&key);
        self.state.advance(rollout.id, rollout.stage)
    }

    fn has_said_all(&self, rollout: i64, device: &str, spec: &Spec) -> bool {
        let memory = self.memory();
        let mut containers = spec.rollout.logs.keys();
        containers.all(|container| {
            memory
                .lines
                .contains(&(rollout, device.to_owned(), container.clone()))
        })
    }
}

/// Why a device that has the new version is not well, by what was seen of it since. `clock` is the time by which the
/// state says when that was.
fn sickness(known: &Known, spec: &Spec, device: &RolloutDevice, clock: i64) -> Option<String> {
    let seen = known.line.seen()?;
    let since = clock.saturating_sub(device.at_ms);
    // Of before it was updated.
    if i64::try_from(seen.at.elapsed().as_millis()).unwrap_or(i64::MAX) > since.max(0) {
        return None;
    }
    if seen.status.as_ref().is_some_and(|status| status.safe_mode) {
        return Some("it is in safe mode".into());
    }
    for (name, wanted) in &spec.containers {
        let Some(container) = seen.containers.iter().find(|is| is.name == **name) else {
            return Some(format!("{name} is not there"));
        };
        use berth_protocol::State::{Faulted, Quarantined, Restarting};
        if matches!(
            container.state,
            Faulted { .. } | Quarantined | Restarting { .. }
        ) {
            return Some(format!("{name} is {}", container.state));
        }
        if wanted.start && container.restarts > 0 {
            return Some(format!("{name} was restarted {} times", container.restarts));
        }
    }
    None
}

/// Was it not written because the device is another gateway's by now? That one writes what it sees.
const fn is_lost<T>(noted: &Result<T, Error>) -> bool {
    matches!(noted, Err(Error::LeaseLost(_)))
}
