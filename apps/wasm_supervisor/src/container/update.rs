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

use alloc::boxed::Box;
use alloc::vec::Vec;

use berth_protocol::{Entry, Fault, Happening, ImageHash, Parameters, State, Update};

use super::Main;
use super::host::{BLOCKS_MAX, Blocks};
use super::lifecycle::{PAUSE, PAUSE_FUEL};
use super::loading::{Held, Loading, validate};
use super::restart::{End, Restarts};
use super::saved::SAVED_MAX;
use super::state::Event;
use super::storage::{CANDIDATE_KEY, Image, ImageStore, image_key};
use super::table::{Containers, Refused, tag};
use crate::admission::Module;
use crate::admission::bound::bound;
use crate::arena::{self, Owned};
use crate::engine::Engine;
use crate::engine::wasmi::Wasmi;
use crate::platform::Platform;

/// If the store does not take the end of a trial now, it is tried again after this.
const RETRY_US: u64 = 1_000_000;

/// The engine of a container.
type Running<P> = Owned<Wasmi<super::ContainerHost<P>>>;

/// An image with what belongs to it.
#[derive(Debug)]
pub struct Version {
    /// Where it is.
    pub image: Image,
    /// SHA-256 of it.
    pub hash: ImageHash,
    /// How it is to run.
    pub parameters: Parameters,
}

/// A new image that may still fail.
pub(super) struct Trial {
    slot: usize,
    until_us: u64,
    stopped_first: bool,
    /// What comes back if it does.
    old: Version,
    /// The state that the old container had saved.
    saved: Vec<u8>,
}

/// Refuses an image that cannot be loaded with these parameters however much memory is free; otherwise the most that
/// loading it takes. What never fits is no reason to stop what runs.
pub(super) fn never_fits(image: &[u8], parameters: Parameters) -> Result<u32, Refused> {
    let module = Module::scan(image).map_err(Refused::Invalid)?;
    let needed = bound(&module).map_err(Refused::Invalid)?;
    let room = parameters.limit.unwrap_or(arena::TOTAL_BYTES);
    let memory = u32::try_from(module.memory_bytes).unwrap_or(u32::MAX);
    let memory_room = parameters.memory.unwrap_or(u32::MAX);
    let pairs = [(needed, room), (memory, memory_room)];
    match pairs.into_iter().find(|(needed, room)| needed > room) {
        Some((needed, room)) if arena::is_in_use() => Err(Refused::Memory { needed, room }),
        _ => Ok(needed),
    }
}

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
        parameters: Parameters,
        trial_ms: u32,
    ) -> Result<Update, Refused> {
        let uploaded = self.images.as_ref().and_then(ImageStore::received);
        self.admit_update(slot, uploaded.unwrap_or_default(), parameters)?;
        let image = Image::Candidate;
        if let Some(store) = &mut self.images {
            store.commit(CANDIDATE_KEY, None).map_err(Refused::Store)?;
        }
        let new = Version {
            image,
            hash,
            parameters,
        };
        let updated = self.replace(slot, new, trial_ms);
        if self.trial.is_none() && updated.is_ok() {
            self.drop_candidate();
        }
        updated
    }

    /// The image that was refused last is not needed any more.
    pub fn forget_refused(&mut self) {
        if self.refused.take() == Some(Image::Candidate) {
            self.drop_candidate();
        }
    }

    /// Replace the container in `slot` by an image in memory.
    ///
    /// # Errors
    ///
    /// As [`update_uploaded`](Self::update_uploaded).
    pub fn update_kept(
        &mut self,
        slot: usize,
        image: Vec<u8>,
        hash: ImageHash,
        parameters: Parameters,
        trial_ms: u32,
    ) -> Result<Update, Refused> {
        self.admit_update(slot, &image, parameters)?;
        let image = Image::Kept(image);
        let new = Version {
            image,
            hash,
            parameters,
        };
        self.replace(slot, new, trial_ms)
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

    /// Is a trial over? Then the new image stays. When it is over, if not.
    pub(super) fn end_trial(&mut self, now: u64) {
        if self
            .trial
            .as_ref()
            .is_some_and(|trial| trial.until_us <= now)
        {
            self.keep(now);
        }
    }

    /// When the trial is over, if there is one.
    pub(super) fn trial_end(&self) -> Option<u64> {
        self.trial.as_ref().map(|trial| trial.until_us)
    }

    /// The container in `slot` has faulted. If it was on trial, the old image is there again, with its
    /// saved state, and started. Whether it was.
    pub(super) fn roll_back(&mut self, slot: usize, fault: Option<Fault>) -> bool {
        let Some(trial) = self.trial.take_if(|trial| trial.slot == slot) else {
            return false;
        };
        self.restore_version(slot, trial.old, &trial.saved);
        self.drop_candidate();
        self.updated(slot, Update::RolledBack { fault });
        if self.launch(slot, Event::Start).is_err() {
            self.apply_policy(slot, End::Failure);
        }
        true
    }

    /// The container in `slot` is to be deleted: with it goes what is on trial in its place.
    ///
    /// # Errors
    ///
    /// If the store does not forget it.
    pub(super) fn forget_trial(&mut self, slot: usize) -> Result<(), Refused> {
        if self.trial.take_if(|trial| trial.slot == slot).is_some()
            && let Some(store) = &mut self.images
        {
            store.remove(CANDIDATE_KEY, None).map_err(Refused::Store)?;
        }
        Ok(())
    }

    /// Can this image be loaded at all, and is now a time for it?
    fn admit_update(
        &self,
        slot: usize,
        image: &[u8],
        parameters: Parameters,
    ) -> Result<(), Refused> {
        let needed = never_fits(image, parameters)?;
        if let (Some(_), Some(container)) = (&self.trial, self.get(slot)) {
            return Err(Refused::State(container.state()));
        }
        validate(&self.shared, image, needed)
    }

    fn replace(&mut self, slot: usize, new: Version, trial_ms: u32) -> Result<Update, Refused> {
        self.settle(slot);
        let state = self.get(slot).map(super::Container::state);
        if state == Some(State::Running) {
            self.replace_running(slot, new, trial_ms)
        } else {
            self.replace_idle(slot, new)
        }
    }

    /// There is nothing that could be on trial: the next start takes the new image.
    fn replace_idle(&mut self, slot: usize, new: Version) -> Result<Update, Refused> {
        let stored = new.image == Image::Candidate;
        if let (Some(store), true) = (&mut self.images, stored) {
            store
                .rename(CANDIDATE_KEY, image_key(slot), None)
                .map_err(Refused::Store)?;
        }
        let image = if stored { Image::Stored } else { new.image };
        self.set_version(slot, Version { image, ..new });
        if let Some(container) = self.get_mut(slot) {
            // Suspended in the old image; its saved state it may have.
            container.drop_engine();
        }
        self.end_interrupts(slot);
        self.shared.platform.release_all(tag(slot));
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
        let mut saved = Vec::new();
        saved
            .try_reserve_exact(SAVED_MAX)
            .map_err(|_| Refused::NoRoom)?;
        let container = self.get_mut(slot).ok_or(Refused::NoRoom)?;
        let mut engine = container.engine.take().ok_or(Refused::NoRoom)?;
        let none: Blocks = [None; BLOCKS_MAX];
        let blocks = engine.run(|engine| engine.host().blocks()).unwrap_or(none);
        let old = self.set_version(slot, new).ok_or(Refused::NoRoom)?;
        self.shared.swap_arena(slot);
        let mut loaded = self.load_over(slot, &old.image, &blocks);
        self.shared.swap_arena(slot);
        let stopped_first = matches!(loaded, Err(Loading::Refused(Refused::Memory { .. })));
        if let (Err(failed), false) = (&loaded, stopped_first) {
            // The old one goes on as if nothing had been.
            let failed = failed.outcome();
            self.refused = self.set_version(slot, old).map(|new| new.image);
            if let Some(container) = self.get_mut(slot) {
                container.engine = Some(engine);
            }
            return failed.map(|fault| self.not_started(slot, fault));
        }
        self.save_state(slot, &old.image, &mut engine);
        self.shared
            .with_saved(slot, |place| saved.extend_from_slice(place.bytes()));
        self.end_interrupts(slot);
        drop(engine);
        if stopped_first {
            loaded = self.load_over(slot, &old.image, &blocks);
        } else {
            self.shared.swap_arena(slot);
        }
        match loaded {
            Ok(engine) => {
                self.switch(slot, engine, &blocks);
                Ok(self.begin_trial(slot, trial_ms, stopped_first, old, saved))
            }
            Err(failed) => {
                self.restore_version(slot, old, &saved);
                match self.load(slot, self.held(slot, &blocks).as_ref()) {
                    Ok(engine) => self.switch(slot, engine, &blocks),
                    Err(_) => self.fail(slot, Fault::OutOfMemory, Entry::Start, None),
                }
                let fault = failed.outcome().ok().flatten();
                Ok(self.not_started(slot, fault))
            }
        }
    }

    /// Load the new image of the container in `slot` while the old one's `blocks` are held.
    fn load_over(&self, slot: usize, old: &Image, blocks: &Blocks) -> Result<Running<P>, Loading> {
        let held = Held::new(self.bytes_of(slot, old), *blocks);
        self.load(slot, held.as_ref())
    }

    fn held(&self, slot: usize, blocks: &Blocks) -> Option<Held<'_>> {
        Held::new(self.image(slot), *blocks)
    }

    /// The new engine is the container's from now on; what it does not use of the old one's blocks is
    /// given back.
    fn switch(&mut self, slot: usize, mut engine: Running<P>, old: &Blocks) {
        let (fuel, blocks) = engine
            .run(|engine| (engine.fuel_used(), engine.host().blocks()))
            .unwrap_or((0, *old));
        self.release_except(old, &blocks);
        let now = self.shared.platform.now_us();
        if let Some(container) = self.get_mut(slot) {
            container.engine = Some(engine);
            container.main = Main::Fresh;
            container.started_us = now;
            container.fuel_used = 0;
            container.interrupts = (0, 0);
            container.fault = None;
            container.restarts = Restarts::default();
        }
        self.used(slot, fuel);
    }

    fn begin_trial(
        &mut self,
        slot: usize,
        trial_ms: u32,
        stopped_first: bool,
        old: Version,
        saved: Vec<u8>,
    ) -> Update {
        let now = self.shared.platform.now_us();
        let trial = Trial {
            slot,
            until_us: now.saturating_add(u64::from(trial_ms) * 1000),
            stopped_first,
            old,
            saved,
        };
        let status = trial.status(now);
        self.trial = Some(Box::new(trial));
        status
    }

    /// The trial is passed.
    fn keep(&mut self, now: u64) {
        let Some(mut trial) = self.trial.take() else {
            return;
        };
        let slot = trial.slot;
        let stored = self
            .get(slot)
            .is_some_and(|container| container.image == Image::Candidate);
        if let (Some(store), true) = (&mut self.images, stored) {
            if store.rename(CANDIDATE_KEY, image_key(slot), None).is_err() {
                trial.until_us = now + RETRY_US;
                self.trial = Some(trial);
                return;
            }
            if let Some(container) = self.get_mut(slot) {
                container.image = Image::Stored;
            }
        }
        let kept = Update::Kept {
            stopped_first: trial.stopped_first,
        };
        drop(trial);
        // What the new one saved meanwhile; tried again when it ends.
        let _ = self.persist(slot);
        self.updated(slot, kept);
    }

    /// The new image never ran: the old one does.
    fn not_started(&mut self, slot: usize, fault: Option<Fault>) -> Update {
        let outcome = Update::RolledBack { fault };
        self.updated(slot, outcome);
        outcome
    }

    pub(super) fn updated(&mut self, slot: usize, outcome: Update) {
        if let Some(container) = self.get_mut(slot) {
            container.update = outcome;
        }
        self.note(slot, Happening::Updated(outcome));
    }

    /// Let the container that is replaced save its state, if it can. Whatever it does is its last word.
    fn save_state(&mut self, slot: usize, image: &Image, engine: &mut Running<P>) {
        let outcome = engine.run(|engine| {
            let asks = engine.exports(PAUSE);
            let step = asks.then(|| engine.aside(PAUSE, PAUSE_FUEL));
            step.map(|_| engine.fuel_used())
        });
        if let Ok(Some(fuel)) = outcome {
            self.used(slot, fuel);
        }
        if *image == Image::Stored {
            // Kept in memory if the store does not take it.
            let _ = self.persist_saved(slot);
        }
    }

    /// Let the container in `slot` be this version; what it was.
    fn set_version(&mut self, slot: usize, version: Version) -> Option<Version> {
        self.shared.set_parameters(slot, &version.parameters);
        let container = self.get_mut(slot)?;
        Some(Version {
            image: core::mem::replace(&mut container.image, version.image),
            hash: core::mem::replace(&mut container.hash, version.hash),
            parameters: core::mem::replace(&mut container.parameters, version.parameters),
        })
    }

    /// The old version again, with the state that it had saved.
    fn restore_version(&mut self, slot: usize, old: Version, saved: &[u8]) {
        self.set_version(slot, old);
        self.shared.with_saved(slot, |place| {
            if place.bytes() != saved {
                // The block it had is large enough, or the old length was reserved before.
                let _ = place.save(saved);
            }
        });
    }

    fn drop_candidate(&mut self) {
        if let Some(store) = &mut self.images {
            // If this fails, the next start of the supervisor does it.
            let _ = store.remove(CANDIDATE_KEY, None);
        }
    }
}

impl Trial {
    fn status(&self, now: u64) -> Update {
        let left_us = self.until_us.saturating_sub(now);
        Update::Trial {
            left_ms: u32::try_from(left_us / 1000).unwrap_or(u32::MAX),
            stopped_first: self.stopped_first,
        }
    }
}
