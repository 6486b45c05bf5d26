//! Containers come into being, and are deleted.

use alloc::vec::Vec;

use berth_protocol::{Happening, ImageHash, Parameters};

use super::loading::validate;
use super::name::Name;
use super::record::Container;
use super::refused::Refused;
use super::state;
use super::storage::{Image, ImageStore, image_key, saved_key};
use super::table::Containers;
use crate::admission::Module;
use crate::platform::Platform;

impl<P: Platform + 'static> Containers<P> {
    /// Keep a container in memory. The caller has checked that the name is free.
    ///
    /// # Errors
    ///
    /// [`Refused::TooMany`], [`Refused::NoRoom`], [`Refused::Invalid`].
    pub fn store(
        &mut self,
        name: Name,
        image: Vec<u8>,
        hash: ImageHash,
        parameters: Parameters,
    ) -> Result<(), Refused> {
        let slot = self.admit(&image)?;
        self.place(slot, name, Image::Kept(image), hash, parameters)
            .then(|| self.note(slot, Happening::Stored))
            .ok_or(Refused::NoRoom)
    }

    /// Make a container of the image that was uploaded into the store. The caller has checked that
    /// the name is free.
    ///
    /// # Errors
    ///
    /// As [`store`](Self::store), and [`Refused::Store`].
    pub fn store_uploaded(
        &mut self,
        name: Name,
        hash: ImageHash,
        parameters: Parameters,
    ) -> Result<(), Refused> {
        let uploaded = self.images.as_ref().and_then(ImageStore::received);
        let slot = self.admit(uploaded.unwrap_or_default())?;
        // First all that may fail without leaving a trace.
        if !self.place(slot, name, Image::Stored, hash, parameters) {
            return Err(Refused::NoRoom);
        }
        if let Some(store) = &mut self.images
            && let Err(error) = store.commit(image_key(slot), Some(saved_key(slot)))
        {
            self.forget(slot);
            return Err(Refused::Store(error));
        }
        self.note(slot, Happening::Stored);
        Ok(())
    }

    /// Look at an image; the slot that its container gets.
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

    /// Delete the container in `slot` with its image, log and saved state.
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
        if let (Some(store), true) = (
            &mut self.images,
            self.slots
                .get(slot)
                .and_then(Option::as_ref)
                .is_some_and(Container::is_persistent),
        ) {
            store
                .remove(image_key(slot), Some(saved_key(slot)))
                .map_err(Refused::Store)?;
        }
        // Only now, so that a store that fails has changed nothing. The next start of the supervisor forgets
        // what is on trial for a container that is not there.
        if self.trial.take_if(|trial| trial.slot == slot).is_some() {
            self.drop_candidate();
        }
        self.note(slot, Happening::Removed);
        self.forget(slot);
        Ok(())
    }
}
