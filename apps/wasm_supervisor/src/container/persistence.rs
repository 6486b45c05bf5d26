//! What the store has of containers: brought back at the start, and kept up to date.

use alloc::rc::Rc;

use berth_protocol::{Happening, ImageHash, State, Update};

use super::budget::Cause;
use super::name::CONTAINERS_MAX;
use super::notes::Tag;
use super::shared::Shared;
use super::state::{self, Event};
use super::storage::{CANDIDATE_KEY, Image, Meta, image_key, saved_key};
use super::table::Containers;
use crate::platform::Platform;

impl<P: Platform + 'static> Containers<P> {
    /// Those that the store has.
    #[must_use]
    pub fn new(shared: Rc<Shared<P>>) -> Self {
        let mut containers = Self::empty(shared);
        containers.restore();
        containers
    }

    /// Bring back what the store has. A container for which there is no memory now stays in
    /// the store for the next time.
    fn restore(&mut self) {
        for slot in 0..CONTAINERS_MAX {
            let Some(store) = &self.images else {
                return;
            };
            let found = store.get(image_key(slot)).and_then(|object| {
                let (name, parameters, quarantined) = Meta::read(object.meta)?;
                Some((name, ImageHash(*object.hash?), parameters, quarantined))
            });
            let Some((name, hash, parameters, quarantined)) = found else {
                continue;
            };
            if !self.place(slot, name, Image::Stored, hash, parameters) {
                continue;
            }
            let blamed = self.before.blames(Tag::of(name.as_str()));
            if quarantined || blamed {
                self.quarantine(slot);
            }
            if blamed && !quarantined {
                // If this fails, it is known to this run, and to the next that it was not active.
                let _ = self.store_meta(slot);
            }
            if let Some(saved) = self
                .images
                .as_ref()
                .and_then(|store| store.get(saved_key(slot)))
            {
                self.shared
                    .with_saved(slot, |place| place.restore(saved.bytes));
            }
        }
        self.forget_candidate();
    }

    /// A live update was interrupted in its trial: the old image is there, and stays.
    fn forget_candidate(&mut self) {
        let Some(store) = &mut self.images else {
            return;
        };
        let Some(candidate) = store.get(CANDIDATE_KEY) else {
            return;
        };
        let name = Meta::read(candidate.meta).map(|(name, ..)| name);
        // If this fails, the next start does it.
        let _ = store.remove(CANDIDATE_KEY, None);
        if let Some(slot) = name.and_then(|name| self.find(name.as_str())) {
            self.updated(slot, Update::RolledBack { fault: None });
        }
    }

    /// The store may forget the image that was on trial.
    pub(super) fn drop_candidate(&mut self) {
        if let Some(store) = &mut self.images {
            // If this fails, the next start of the supervisor does it.
            let _ = store.remove(CANDIDATE_KEY, None);
        }
    }

    /// A live update of the container in `slot` has come so far.
    pub(super) fn updated(&mut self, slot: usize, outcome: Update) {
        if let Some(container) = self.get_mut(slot) {
            container.update = outcome;
        }
        self.note(slot, Happening::Updated(outcome));
    }

    /// The container in `slot` is the cause of a failure: no policy starts it.
    fn quarantine(&mut self, slot: usize) {
        if let Some(container) = self.get_mut(slot)
            && let Ok(state) = state::next(container.state, Event::Quarantine)
        {
            container.state = state;
            self.note(slot, Happening::Quarantined);
        }
    }

    /// Store what is known of the container in `slot` beside its image.
    ///
    /// # Errors
    ///
    /// Why it could not be stored.
    pub(super) fn store_meta(&mut self, slot: usize) -> Result<(), berth_store::Error> {
        let Some(container) = self.get(slot) else {
            return Ok(());
        };
        let quarantined = container.state == State::Quarantined;
        let meta = Meta::marked(container.name, container.parameters, quarantined);
        match (container.image.key(slot), &mut self.images) {
            (Some(key), Some(store)) => store.link(key, key, meta.bytes()),
            _ => Ok(()),
        }
    }

    /// Store what the container in `slot` has saved since it was stored last. What itself has
    /// caused may have to wait for its budget.
    ///
    /// # Errors
    ///
    /// Why it could not be stored. It is tried again the next time.
    pub(super) fn persist(&mut self, slot: usize, cause: Cause) -> Result<(), berth_store::Error> {
        let now = self.shared.platform.now_us();
        let (Some(Some(container)), Some(store)) = (self.slots.get_mut(slot), &mut self.images)
        else {
            return Ok(());
        };
        // What is saved during a trial would outlive the image that may not.
        if container.image != Image::Stored {
            return Ok(());
        }
        let deferred = self.shared.with_saved(slot, |saved| {
            let key = saved_key(slot);
            let Some(bytes) = saved.unstored() else {
                return Ok(None);
            };
            // What is there already is not written again.
            let same = store.get(key).is_some_and(|object| object.bytes == bytes);
            if !same {
                if cause == Cause::Container
                    && let Err(due_us) = container.budget.take(container.writes(), now)
                {
                    return Ok(Some(due_us));
                }
                store.put(key, &[], bytes)?;
            }
            saved.set_stored();
            Ok(None)
        })?;
        if let Some(due_us) = deferred {
            self.deferred_us = self.deferred_us.min(due_us);
        }
        Ok(())
    }

    /// Store what has waited for the budget of its container, if there is one by now.
    pub(super) fn store_deferred(&mut self, now: u64) {
        if self.deferred_us > now {
            return;
        }
        self.deferred_us = u64::MAX;
        for slot in 0..CONTAINERS_MAX {
            // What fails is tried again when the container ends the next time.
            let _ = self.persist(slot, Cause::Container);
        }
    }
}
