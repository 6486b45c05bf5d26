//! What the store has of containers: brought back at the start, and kept up to date.

use alloc::rc::Rc;

use berth_protocol::{Happening, ImageHash, Update};

use super::budget::{Budget, Cause};
use super::name::CONTAINERS_MAX;
use super::notes::{Tag, blame_is_stored, reading_the_store};
use super::shared::Shared;
use super::state::Event;
use super::storage::{CANDIDATE_KEY, Image, Meta, image_key, saved_key};
use super::table::Containers;
use crate::platform::Platform;

impl<P: Platform + 'static> Containers<P> {
    /// Those that the store has.
    #[must_use]
    pub fn new(shared: Rc<Shared<P>>) -> Self {
        let mut containers = Self::empty(shared.clone());
        reading_the_store(&shared.platform, || containers.restore());
        containers
    }

    /// Bring back what the store has. A container for which there is no memory now stays in
    /// the store for the next time.
    fn restore(&mut self) {
        for slot in 0..CONTAINERS_MAX {
            let found = self.images.flash().and_then(|store| {
                let object = store.get(image_key(slot))?;
                Some((Meta::read(object.meta)?, ImageHash(*object.hash?)))
            });
            let Some(((name, parameters, quarantined, belongings), hash)) = found else {
                continue;
            };
            let blamed = self.before.blames(Tag::of(name.as_str()));
            if !self.place(slot, name, hash, parameters, belongings) {
                continue;
            }
            let now = self.shared.platform.now_us();
            if let Some(container) = self.get_mut(slot) {
                container.budget = Budget::one_left(now);
            }
            if quarantined || blamed {
                self.go(slot, Event::Quarantine);
            }
            if blamed && !quarantined {
                self.untold.0 = Some(slot);
            }
            let saved = self.images.flash().and_then(|s| s.get(saved_key(slot)));
            if let Some(saved) = saved {
                self.shared
                    .with_saved(slot, |place| place.restore(saved.bytes));
            }
        }
        self.forget_candidate();
    }

    /// A live update was interrupted in its trial: the old image is there, and stays.
    fn forget_candidate(&mut self) {
        let candidate = self.images.flash().and_then(|s| s.get(CANDIDATE_KEY));
        let Some(candidate) = candidate else {
            return;
        };
        let name = Meta::read(candidate.meta).map(|(name, ..)| name);
        self.untold.1 = true;
        if let Some(slot) = name.and_then(|name| self.find(name.as_str())) {
            self.updated(slot, Update::RolledBack { fault: None });
        }
    }

    /// Write what was found out at the start. Not then: the supervisor is still being made, on the stack.
    #[inline(never)]
    pub fn tell_store(&mut self) {
        let (quarantined, candidate, is_unswept) = core::mem::take(&mut self.untold);
        // If one of them fails, the next start of the supervisor does it.
        if let Some(slot) = quarantined
            && self.store_meta(slot, true).is_ok()
        {
            blame_is_stored(&self.shared.platform);
        }
        if candidate {
            self.drop_candidate();
        }
        // What was interrupted, or was of a container that is deleted. Once: this is on every interrupt's way to its handler.
        if is_unswept {
            self.sweep();
        }
    }

    /// The image that was on trial is not needed any more.
    pub(super) fn drop_candidate(&mut self) {
        // If this fails, the next start of the supervisor does it.
        let _ = self.images.remove(CANDIDATE_KEY, None);
    }

    /// A live update of the container in `slot` has come so far.
    pub(super) fn updated(&mut self, slot: usize, outcome: Update) {
        if let Some(container) = self.get_mut(slot) {
            container.update = outcome;
        }
        self.note(slot, Happening::Updated(outcome));
    }

    /// Store what is known of the container in `slot` beside its image, and whether it is `quarantined`.
    ///
    /// # Errors
    ///
    /// Why it could not be stored.
    pub(super) fn store_meta(
        &mut self,
        slot: usize,
        quarantined: bool,
    ) -> Result<(), berth_store::Error> {
        let Some(container) = self.slots.get(slot).and_then(Option::as_ref) else {
            return Ok(());
        };
        let meta = Meta::marked(
            container.name,
            container.parameters,
            quarantined,
            container.belongings,
        );
        self.images
            .describe(container.image.key(slot), meta.bytes())
    }

    /// Store what the container in `slot` has saved since it was stored last. What itself has
    /// caused may have to wait for its budget.
    ///
    /// # Errors
    ///
    /// Why it could not be stored. It is tried again the next time.
    pub(super) fn persist(&mut self, slot: usize, cause: Cause) -> Result<(), berth_store::Error> {
        let now = self.shared.platform.now_us();
        let container = self.slots.get_mut(slot).and_then(Option::as_mut);
        let (Some(container), Some(store)) = (container, self.images.flash_mut()) else {
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
