//! All containers of the device, and where each is found.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use berth_protocol::{Happening, ImageHash, Parameters, State, Update};

use super::events::{Events, Record};
use super::handlers::Periodic;
use super::loading::{labels, validate};
use super::log::Log;
use super::notes::{Before, Tag};
use super::restart::Restarts;
use super::load::{Clock, Load};
use super::schedule::{Schedule, Turns};
use super::storage::{self, Image, ImageStore, image_key, saved_key};
use super::update::Trial;
use super::{CONTAINERS_MAX, Container, Main, Name, Shared, state};
use crate::admission::bound::bound;
use crate::admission::{Label, Malformed, Module};
use crate::arena;
use crate::platform::Platform;

/// Why something was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not possible in this state.
    State(State),
    /// Nothing starts in safe mode.
    SafeMode,
    /// Every slot is taken.
    TooMany,
    /// No memory for the image and what belongs to it.
    NoRoom,
    /// Not a module for this device.
    Invalid(Malformed),
    /// So many imports cannot be satisfied, or not now; more than one, or some
    /// that never can.
    Missing(u16),
    /// Its `claim`-th label is held by a container or by the firmware.
    Busy {
        /// Which of its labels.
        claim: usize,
        /// Slot of the holder; `None` if it is the firmware.
        holder: Option<usize>,
    },
    /// The kernel does not give its `claim`-th label for another reason.
    Claim {
        /// Which of its labels.
        claim: usize,
        /// The kernel's error code.
        code: u8,
    },
    /// The store does not take it.
    Store(berth_store::Error),
    /// It may need more memory than it can have.
    Memory {
        /// Bytes it needs at most.
        needed: u32,
        /// Bytes it can have: its limit, what is free, or what is free in one
        /// piece, whichever does not suffice.
        room: u32,
    },
}

/// All containers.
pub struct Containers<P: Platform + 'static> {
    pub(super) shared: Rc<Shared<P>>,
    pub(super) slots: [Option<Container<P>>; CONTAINERS_MAX],
    pub(super) schedule: Schedule,
    pub(super) clock: Clock,
    pub(super) events: Events,
    pub(super) before: Before,
    /// The next slot to be looked at for what starts at boot.
    pub(super) boot_slot: usize,
    /// The store; none if there is no flash.
    pub(super) images: Option<ImageStore<P::Flash>>,
    /// The image that was refused as a live update, until nobody can ask any more what was missing.
    pub(super) refused: Option<Image>,
    /// The live update whose new image is on trial.
    pub(super) trial: Option<Box<Trial>>,
}

impl<P: Platform + 'static> Containers<P> {
    /// Those that the store has.
    #[must_use]
    pub fn new(shared: Rc<Shared<P>>) -> Self {
        let before = Before::read(&shared.platform);
        let mut events = Events::new();
        events.note(Record {
            time_us: shared.platform.now_us(),
            name: None,
            what: before.happening(),
        });
        let mut containers = Self {
            images: storage::open(&shared.platform),
            refused: None,
            trial: None,
            clock: Clock::new(shared.platform.now_us()),
            shared,
            slots: [const { None }; CONTAINERS_MAX],
            schedule: Schedule::new(),
            events,
            before,
            boot_slot: 0,
        };
        containers.restore();
        containers
    }

    /// The container in `slot`.
    #[must_use]
    pub fn get(&self, slot: usize) -> Option<&Container<P>> {
        self.slots.get(slot)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut Container<P>> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// The slot of the container called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.iter()
            .find(|(_, container)| container.name() == name)
            .map(|(slot, _)| slot)
    }

    /// All containers with their slots.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Container<P>)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(slot, container)| Some((slot, container.as_ref()?)))
    }

    /// Is there room for one more?
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.slots.iter().any(Option::is_none)
    }

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
        let module = Module::scan(image).map_err(Refused::Invalid)?;
        let needed = bound(&module).map_err(Refused::Invalid)?;
        let slot = self
            .slots
            .iter()
            .position(Option::is_none)
            .ok_or(Refused::TooMany)?;
        validate(&self.shared, image, needed)?;
        Ok(slot)
    }

    /// Put a container into a free slot; whether there was memory for what belongs to it.
    pub(super) fn place(
        &mut self,
        slot: usize,
        name: Name,
        image: Image,
        hash: ImageHash,
        parameters: Parameters,
    ) -> bool {
        let (Some(place), Ok(log)) = (self.slots.get_mut(slot), Log::new()) else {
            return false;
        };
        *place = Some(Container {
            tag: Tag::of(name.as_str()),
            name,
            image,
            hash,
            parameters,
            state: State::Stored,
            started_us: 0,
            fuel_used: 0,
            fault: None,
            engine: None,
            main: Main::Fresh,
            restarts: Restarts::default(),
            ended: State::Stored,
            turns: Turns::default(),
            load: Load::default(),
            memory_high: 0,
            periodic: Periodic::default(),
            interrupts: (0, 0),
            update: Update::None,
        });
        self.shared.set_log(slot, Some(log));
        self.shared.set_parameters(slot, &parameters);
        true
    }

    /// Empty a slot.
    fn forget(&mut self, slot: usize) {
        // A paused one has its handlers still.
        self.end_interrupts(slot);
        if let Some(place) = self.slots.get_mut(slot) {
            *place = None;
        }
        self.note_active(slot);
        self.shared.platform.release_all(tag(slot));
        self.shared.forget(slot);
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
        self.forget_trial(slot)?;
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
        self.note(slot, Happening::Removed);
        self.forget(slot);
        Ok(())
    }

    /// What is known of the supervisor's failures.
    #[must_use]
    pub const fn before(&self) -> &Before {
        &self.before
    }

    /// What happened lately.
    #[must_use]
    pub const fn events(&self) -> &Events {
        &self.events
    }

    /// Keep in mind what happened to the container in `slot`.
    pub(super) fn note(&mut self, slot: usize, what: Happening) {
        let time_us = self.shared.platform.now_us();
        if let Some(name) = self.get(slot).map(|container| container.name) {
            let name = Some(name);
            self.events.note(Record {
                time_us,
                name,
                what,
            });
        }
    }

    /// Bytes of device memory that the container in `slot` holds and may hold.
    #[must_use]
    pub fn memory(&self, slot: usize) -> (u32, u32) {
        let held = self
            .shared
            .arena(slot)
            .map_or(0, |id| arena::usage(id).held_bytes);
        let limit = self
            .get(slot)
            .and_then(|container| container.parameters.limit)
            .unwrap_or(arena::TOTAL_BYTES);
        (held, limit)
    }

    /// Most bytes of device memory that the container in `slot` has held since it was started.
    #[must_use]
    pub fn memory_high(&self, slot: usize) -> u32 {
        self.get(slot)
            .map_or(0, |container| match container.engine.as_ref() {
                Some(engine) => arena::usage(engine.arena()).peak_bytes,
                None => container.memory_high,
            })
    }

    /// The label of the `claim`-th claiming import of the container in `slot`, or of the image that
    /// was just refused in its place.
    #[must_use]
    pub fn label(&self, slot: usize, claim: usize) -> Option<&str> {
        let module = Module::scan(self.refused_image(slot)).ok()?;
        labels(&module).nth(claim).map(|label| label.0)
    }

    /// The image that was just refused in place of the container's in `slot`, or that one itself.
    #[must_use]
    pub fn refused_image(&self, slot: usize) -> &[u8] {
        match &self.refused {
            Some(image) => self.bytes_of(slot, image),
            None => self.image(slot),
        }
    }

    /// The label of the `block`-th block that the container in `slot` has claimed.
    #[must_use]
    pub fn block_label(&self, slot: usize, block: u8) -> Option<&str> {
        let module = Module::scan(self.image(slot)).ok()?;
        let mut first = labels(&module).enumerate().filter(|(claim, label)| {
            // Each label is claimed once, where it comes first.
            !labels(&module).take(*claim).any(|other| other == *label)
        });
        first.nth(usize::from(block)).map(|(_, label)| label.0)
    }

    /// The slot of the container that claims with the kernel tag `tag`.
    #[must_use]
    pub const fn slot_of_tag(tag: u32) -> Option<usize> {
        match (tag as usize).checked_sub(1) {
            Some(slot) if slot < CONTAINERS_MAX => Some(slot),
            _ => None,
        }
    }

    /// The container that holds `label`, if it is one of ours.
    #[must_use]
    pub fn holder(&self, label: Label<'_>) -> Option<usize> {
        self.iter()
            .filter(|(_, container)| container.engine.is_some())
            .find(|(slot, _)| {
                Module::scan(self.image(*slot))
                    .is_ok_and(|module| labels(&module).any(|other| other == label))
            })
            .map(|(slot, _)| slot)
    }
}

/// The number by which the kernel knows the container in `slot`.
pub(crate) const fn tag(slot: usize) -> u32 {
    slot as u32 + 1
}
