//! Live update: another image takes a running container's place.
//!
//! ```text
//!   commit ─► load beside the old one ──┬─ both fit ────────────► switch ─► trial ─┬─► kept
//!             (its claims count as ours)└─ not both: stop the old, load ─► trial ──┤
//!                                              └─ cannot be loaded: the old again  └─► rolled back
//! ```
//!
//! Blocks that both images claim pass over without being given back: the kernel knows the container
//! by its slot, not by its image, so the new host simply holds the same handles and nobody
//! can come between. Blocks that only the old one had are given back when it goes, and get their
//! safe state; those that only the new one has are claimed before.
//!
//! While the trial lasts the new image is the store's *candidate*. The old image, with the state that the old
//! container saved, is what a reset brings back. A fault in the trial brings both back as well;
//! claims end with the fault, as with every fault, and the old container claims anew. Interrupt handlers
//! end with the image that registered them.

use berth_protocol::{Entry, Fault, ImageHash, Parameters, State, Update};

use super::budget::Cause;
use super::images::Commit;
use super::loading::{Held, Loading, START_FUEL, Source, is_for_now, never_fits, validate};
use super::outcome::{End, LastWords};
use super::refused::Refused;
use super::restart::Restarts;
use super::run::Run;
use super::run_id::{BLOCKS_MAX, Blocks};
use super::saved::Saved;
use super::state::Event;
use super::storage::{Belongings, CANDIDATE_KEY, Image, Meta, image_key};
use super::table::Containers;
use super::trial::{Trial, Version};
use crate::admission::entries::PAUSE;
use crate::engine::{Engine, Step};
use crate::platform::Platform;

/// If the store does not take the end of a trial at once, it is tried again after this.
const RETRY_US: u64 = 1_000_000;

impl<P: Platform + 'static> Containers<P> {
    /// Replace the container in `slot` by the image that was uploaded into the store. The caller has
    /// checked that there is one.
    ///
    /// # Errors
    ///
    /// Why the new image cannot take its place; the old one was not touched.
    pub fn update_uploaded(
        &mut self,
        slot: usize,
        hash: ImageHash,
        (parameters, belongings): (Parameters, Belongings),
        trial_ms: u32,
        commit: Commit,
    ) -> Result<Update, Refused> {
        self.admit_update(self.images.received(), parameters)?;
        self.take(commit.takes_older)?;
        self.forget_refused();
        self.images
            .commit(CANDIDATE_KEY, None)
            .map_err(Refused::Store)?;
        let new = Version {
            image: Image::Candidate,
            hash,
            parameters,
            belongings,
        };
        let updated = self.replace(slot, new, trial_ms, commit.starts);
        if self.trial.is_none() && updated.is_ok() {
            self.drop_candidate();
        }
        updated
    }

    /// The image that was refused last is not needed any more.
    pub fn forget_refused(&mut self) {
        if core::mem::take(&mut self.refused) {
            self.drop_candidate();
        }
    }

    /// Replace the container in `slot` by an image that is at hand.
    ///
    /// # Errors
    ///
    /// As [`update_uploaded`](Self::update_uploaded).
    pub fn update(
        &mut self,
        slot: usize,
        image: impl AsRef<[u8]>,
        hash: ImageHash,
        parameters: Parameters,
        trial_ms: u32,
    ) -> Result<Update, Refused> {
        let container = self.get(slot).ok_or(Refused::NoRoom)?;
        let (name, belongings) = (container.own_name(), container.belongings);
        self.arrive(image.as_ref(), &Meta::new(name, parameters, belongings))?;
        let chosen = (parameters, belongings);
        let updated = self.update_uploaded(slot, hash, chosen, trial_ms, Commit::default());
        if updated.is_err() {
            self.images.abort().map_err(Refused::Store)?;
        }
        updated
    }

    /// Where the last live update of the container in `slot` stands.
    #[must_use]
    pub fn update_status(&self, slot: usize) -> Update {
        let now = self.shared.platform.now_us();
        match &self.trial {
            Some(trial) if trial.slot == slot => trial.status(now),
            _ => self.get(slot).map_or(Update::None, |c| c.update),
        }
    }

    /// Is the last live update of the container in `slot` known to be another one than this?
    #[must_use]
    pub fn has_other_update(&self, slot: usize, id: u32) -> bool {
        let last = self.get(slot).and_then(|container| container.update_id);
        last.is_some_and(|last| last != id)
    }

    /// The last live update of the container in `slot` is this one.
    pub fn name_update(&mut self, slot: usize, id: u32) {
        if let Some(container) = self.get_mut(slot) {
            container.update_id = Some(id);
        }
    }

    /// Can this image be loaded at all, and is now a time for it?
    fn admit_update(&self, image: &[u8], parameters: Parameters) -> Result<(), Refused> {
        never_fits(image, parameters)?;
        if self.trial.is_some() {
            return Err(Refused::OnTrial);
        }
        validate(&self.shared, image)
    }

    fn replace(
        &mut self,
        slot: usize,
        new: Version,
        trial_ms: u32,
        starts: bool,
    ) -> Result<Update, Refused> {
        if let Some(end) = self.settle(slot) {
            self.end(slot, end);
        }
        match self.state(slot) {
            Some(State::Running) => self.replace_running(slot, new, trial_ms),
            // What it would go on with is of the image that it has.
            Some(state @ State::Paused) if starts => {
                self.refused = true;
                Err(Refused::State(state))
            }
            _ if starts => self.replace_and_start(slot, new),
            _ => self.replace_idle(slot, new),
        }
    }

    /// The container in `slot`, which does not run, is started with the new image; if it cannot be, it has the old one.
    fn replace_and_start(&mut self, slot: usize, new: Version) -> Result<Update, Refused> {
        let Some(before) = self.state(slot) else {
            return Err(Refused::NoRoom);
        };
        let Some(old) = self.set_version(slot, new) else {
            return Err(Refused::NoRoom);
        };
        // The image that was to blame, if one was, is not the one that starts.
        self.go(slot, Event::Lift);
        let started = self.start(slot);
        // One that has begun and failed has this image, to be looked at.
        let refused = match started {
            Ok(()) | Err(Refused::State(_)) => {
                let kept = self.images.rename(CANDIDATE_KEY, image_key(slot));
                kept.err().map(|error| {
                    // It must not run with an image that the next start of the device does not find.
                    let _ = self.kill(slot);
                    Refused::Store(error)
                })
            }
            Err(refused) => Some(refused),
        };
        if let Some(refused) = refused {
            self.set_version(slot, old);
            if let Some(container) = self.get_mut(slot) {
                container.state = before;
            }
            self.refused = true;
            return Err(refused);
        }
        if let Some(container) = self.get_mut(slot) {
            container.image = Image::Stored;
        }
        let kept = Update::Kept {
            stopped_first: false,
        };
        self.updated(slot, kept);
        started.map(|()| kept)
    }

    /// There is nothing that could be on trial: the next start takes the new image.
    fn replace_idle(&mut self, slot: usize, new: Version) -> Result<Update, Refused> {
        if let Err(error) = self.images.rename(CANDIDATE_KEY, image_key(slot)) {
            self.refused = true;
            return Err(Refused::Store(error));
        }
        let image = Image::Stored;
        // The image that was to blame is gone.
        self.go(slot, Event::Lift);
        self.set_version(slot, Version { image, ..new });
        if let Some(container) = self.get_mut(slot) {
            // Suspended in the old image; its saved state it may have.
            container.end_run();
        }
        let kept = Update::Kept {
            stopped_first: false,
        };
        self.updated(slot, kept);
        Ok(kept)
    }

    fn replace_running(
        &mut self,
        slot: usize,
        new: Version,
        trial_ms: u32,
    ) -> Result<Update, Refused> {
        // So that copying what the old one saves cannot fail.
        let Some(mut backup) = Saved::reserved() else {
            self.refused = true;
            return Err(Refused::NoRoom);
        };
        let blocks = self.run_mut(slot).map_or([None; BLOCKS_MAX], Run::blocks);
        let mut loaded = self.load_over(slot, &new, &blocks);
        let stopped_first = matches!(&loaded, Err(Loading::Refused(refused @ Refused::Memory { .. }))
            if is_for_now(*refused, &new.parameters));
        if !stopped_first {
            loaded = loaded.and_then(|run| self.take_over(slot, run));
            if let Err(failed) = &loaded {
                // The old one goes on as if nothing had been.
                let failed = failed.outcome();
                self.refused = true;
                return failed.map(|fault| self.not_started(slot, fault));
            }
        }
        self.save_state(slot);
        self.shared.with_saved(slot, |saved| backup.copy(saved));
        if stopped_first {
            if let Some(id) = self.run_mut(slot).map(|run| run.id()) {
                let shared = &self.shared;
                shared.conveyors.detach(&shared.platform, id, None);
                self.shared.cancel_programs(id);
                self.shared.cancel_transfers(id);
            }
            if let Some(run) = self.run_mut(slot) {
                // Its memory only: what it holds passes over.
                run.engine = None;
            }
            loaded = self
                .load_over(slot, &new, &blocks)
                .and_then(|run| self.take_over(slot, run));
        }
        match loaded {
            Ok(run) => {
                self.switch(slot, run);
                let Some(old) = self.set_version(slot, new) else {
                    return Err(Refused::NoRoom);
                };
                Ok(self.begin_trial(slot, trial_ms, stopped_first, old, backup))
            }
            Err(failed) => {
                self.refused = true;
                let fault = failed.outcome().ok().flatten();
                self.load_again(slot, &blocks);
                Ok(self.not_started(slot, fault))
            }
        }
    }

    /// Load a version of the container in `slot` beside its run, which holds `blocks`.
    fn load_over(
        &self,
        slot: usize,
        version: &Version,
        blocks: &Blocks,
    ) -> Result<Run<P>, Loading> {
        let held = Held::new(self.image(slot), *blocks);
        let source = Source {
            image: self.bytes_of(slot, version.image),
            on_trial: true,
            parameters: &version.parameters,
            belongings: version.belongings,
            held: held.as_ref(),
            start_fuel: START_FUEL,
        };
        self.load(slot, &source)
    }

    /// A new run gets the interrupts that the one of the container in `slot` has.
    fn take_over(&self, slot: usize, run: Run<P>) -> Result<Run<P>, Loading> {
        let shared = &self.shared;
        let old = self.get(slot).and_then(|container| container.run.as_ref());
        let taken = old.map_or(Ok(()), |old| {
            let (new, old) = (run.id(), old.id());
            shared.handlers.take_over(&shared.platform, new, old)
        });
        match taken {
            Ok(()) => Ok(run),
            // A registration that the kernel does not take, of a block that it has.
            Err(_) => Err(Loading::Fault(Fault::BadRegister, LastWords::default())),
        }
    }

    /// The old image of the container in `slot`, which had to give up its memory, runs from its beginning.
    fn load_again(&mut self, slot: usize, blocks: &Blocks) {
        let held = Held::new(self.image(slot), *blocks);
        let again = self.get(slot).map(|container| Source {
            image: self.image(slot),
            on_trial: false,
            parameters: &container.parameters,
            belongings: container.belongings,
            held: held.as_ref(),
            start_fuel: START_FUEL,
        });
        let loaded = again.map(|source| self.load(slot, &source));
        let loaded = loaded.and_then(Result::ok);
        match loaded.and_then(|run| self.take_over(slot, run).ok()) {
            Some(run) => self.switch(slot, run),
            None => {
                let end = End::Fault {
                    fault: Fault::OutOfMemory,
                    entry: Entry::Start,
                    last_call: None,
                };
                self.end(slot, end);
            }
        }
    }

    /// The new run is the container's from now on, and the old one is over. What it does not use of the old one's
    /// blocks is given back.
    fn switch(&mut self, slot: usize, run: Run<P>) {
        let old = self.run_mut(slot).map(|old| old.id());
        self.shared.commit_run(run.id(), slot, old);
        self.used(slot, run.fuel_used);
        if let Some(container) = self.get_mut(slot) {
            container.run = Some(run);
            container.fault = None;
            container.restarts = Restarts::default();
        }
    }

    fn begin_trial(
        &mut self,
        slot: usize,
        trial_ms: u32,
        stopped_first: bool,
        old: Version,
        saved: Saved,
    ) -> Update {
        let now = self.shared.platform.now_us();
        let trial = Trial {
            slot,
            until_us: now.saturating_add(u64::from(trial_ms) * 1000),
            retry_us: RETRY_US,
            stopped_first,
            old,
            saved,
        };
        let status = trial.status(now);
        self.trial = Some(trial);
        status
    }

    /// The new image never ran: the old one does.
    fn not_started(&mut self, slot: usize, fault: Option<Fault>) -> Update {
        let outcome = Update::RolledBack { fault };
        self.updated(slot, outcome);
        outcome
    }

    /// Let the container that is replaced save its state, if it can. Whatever it does is its last word.
    fn save_state(&mut self, slot: usize) {
        let fuel = self.pause_fuel(slot);
        self.step(slot, |engine| {
            let step = engine.aside(PAUSE, fuel);
            (step.unwrap_or(Step::Finished), engine.fuel_used())
        });
        // Kept in memory if the store does not take it.
        let _ = self.persist(slot, Cause::Operator);
    }
}
