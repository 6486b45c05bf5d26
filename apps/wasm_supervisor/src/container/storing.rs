//! Containers come into being, and are deleted.

use berth_protocol::{Happening, ImageHash, Parameters};

use super::loading::validate;
use super::name::Name;
use super::refused::Refused;
use super::state;
use super::storage::{Belongings, Meta, image_key, saved_key};
use super::table::Containers;
use crate::admission::Module;
use crate::platform::Platform;

impl<P: Platform + 'static> Containers<P> {
    /// Make a container of an image that is at hand. The caller has checked that the name is free.
    ///
    /// # Errors
    ///
    /// As [`store_uploaded`](Self::store_uploaded).
    pub fn store(
        &mut self,
        name: Name,
        image: impl AsRef<[u8]>,
        hash: ImageHash,
        parameters: Parameters,
    ) -> Result<(), Refused> {
        Module::scan(image.as_ref()).map_err(Refused::Invalid)?;
        let belongings = Belongings::default();
        self.arrive(image.as_ref(), &Meta::new(name, parameters, belongings))?;
        let stored = self.store_uploaded(name, hash, (parameters, belongings), false);
        if stored.is_err() {
            self.images.abort().map_err(Refused::Store)?;
        }
        stored
    }

    /// An image that is at hand is an upload.
    pub(super) fn arrive(&mut self, image: &[u8], meta: &Meta) -> Result<(), Refused> {
        let length = u32::try_from(image.len()).unwrap_or(u32::MAX);
        let hash = ImageHash::of(image);
        let begun = self.images.begin(length, hash, meta.bytes());
        let arrived = begun.and_then(|_| self.images.write(0, image));
        arrived.map(|_| ()).map_err(Refused::Store)
    }

    /// Make a container of the image that was uploaded; it may be an older version of its package than one that was here, if `takes_older`.
    /// The caller has checked that the name is free.
    ///
    /// # Errors
    ///
    /// [`Refused::TooMany`], [`Refused::NoRoom`], [`Refused::Invalid`], [`Refused::Store`], those of [`take`](Self::take).
    pub fn store_uploaded(
        &mut self,
        name: Name,
        hash: ImageHash,
        (parameters, belongings): (Parameters, Belongings),
        takes_older: bool,
    ) -> Result<(), Refused> {
        let slot = self.admit(self.images.received())?;
        self.take(takes_older)?;
        // First all that may fail without leaving a trace. What an earlier container of this slot had is not this one's.
        self.forget_values(slot).map_err(Refused::Store)?;
        if !self.place(slot, name, hash, parameters, belongings) {
            return Err(Refused::NoRoom);
        }
        if let Err(error) = self.images.commit(image_key(slot), Some(saved_key(slot))) {
            self.forget(slot);
            return Err(Refused::Store(error));
        }
        self.note(slot, Happening::Stored);
        Ok(())
    }

    /// Look at an image. Returns the slot that its container gets.
    fn admit(&self, image: &[u8]) -> Result<usize, Refused> {
        Module::scan(image).map_err(Refused::Invalid)?;
        let slot = self
            .slots
            .iter()
            .position(Option::is_none)
            .ok_or(Refused::TooMany)?;
        validate(&self.shared, image)?;
        Ok(slot)
    }

    /// Delete the container in `slot` with its image, log and saved state, and with what belongs to it.
    ///
    /// # Errors
    ///
    /// If it runs, or the store does not forget it.
    pub fn remove(&mut self, slot: usize) -> Result<(), Refused> {
        if let Some(container) = self.get(slot)
            && !state::may_remove(container.state)
        {
            return Err(Refused::State(container.state));
        }
        self.images
            .remove(image_key(slot), Some(saved_key(slot)))
            .map_err(Refused::Store)?;
        // Only now, so that a store that fails has changed nothing. The next start of the supervisor forgets
        // what is on trial for a container that is not there.
        if self.trial.take_if(|trial| trial.slot == slot).is_some() {
            self.drop_candidate();
        }
        self.note(slot, Happening::Removed);
        self.forget(slot);
        self.sweep();
        Ok(())
    }
}
