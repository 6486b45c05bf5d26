//! What the store has of containers: brought back at the start, and kept up to date.

use alloc::rc::Rc;

use berth_protocol::{Happening, ImageHash, Update};

use super::name::CONTAINERS_MAX;
use super::shared::Shared;
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
                let (name, parameters) = Meta::read(object.meta)?;
                Some((name, ImageHash(*object.hash?), parameters))
            });
            let Some((name, hash, parameters)) = found else {
                continue;
            };
            if self.place(slot, name, Image::Stored, hash, parameters)
                && let Some(saved) = self
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
        let name = Meta::read(candidate.meta).map(|(name, _)| name);
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

    /// Store what the container in `slot` has saved since it was stored last.
    ///
    /// # Errors
    ///
    /// Why it could not be stored. It is tried again the next time.
    pub(super) fn persist(&mut self, slot: usize) -> Result<(), berth_store::Error> {
        match self.get(slot) {
            // What is saved during a trial would outlive the image that may not.
            Some(container) if container.image == Image::Stored => self.persist_saved(slot),
            _ => Ok(()),
        }
    }

    /// The same whatever image it is saved by.
    pub(super) fn persist_saved(&mut self, slot: usize) -> Result<(), berth_store::Error> {
        let Some(store) = &mut self.images else {
            return Ok(());
        };
        self.shared
            .with_saved(slot, |saved| match saved.unstored() {
                Some(bytes) => {
                    store.put(saved_key(slot), &[], bytes)?;
                    saved.set_stored();
                    Ok(())
                }
                None => Ok(()),
            })
    }
}
