//! All containers of the device, and where each is found.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;

use berth_protocol::{Happening, ImageHash, Parameters, State, Update};

use super::budget::Budget;
use super::events::{Events, Record};
use super::images::{Images, Memory};
use super::load::{Clock, Load};
use super::log::Log;
use super::name::{CONTAINERS_MAX, Name};
use super::notes::{Before, Tag, note_active, reading_the_store};
use super::record::Container;
use super::restart::Restarts;
use super::run::{Figures, Run};
use super::schedule::{Schedule, Turns};
use super::shared::Shared;
use super::storage::{Belongings, Image};
use super::trial::Trial;
use crate::admission::{Label, Module};
use crate::arena::{self, ArenaId};
use crate::platform::{Claimed, Platform};

/// All containers.
pub struct Containers<P: Platform + 'static> {
    /// What they share with the supervisor: the platform, logs, saved states.
    pub(super) shared: Rc<Shared<P>>,
    /// As many as there can be; apart, since an array of them is too long for a stack on which it is moved about.
    pub(super) slots: Box<[Option<Container<P>>]>,
    /// Whose turn it is.
    pub(super) schedule: Schedule,
    /// Whose time it is.
    pub(super) clock: Clock,
    /// What happened lately.
    pub(super) events: Events,
    /// What the run of the supervisor before this one left.
    pub(super) before: Before,
    /// The next slot to be looked at for what starts at boot.
    pub(super) boot_slot: usize,
    /// The images of all.
    pub(super) images: Images<P::Flash>,
    /// The candidate is an image that was refused as a live update, and is there until nobody can ask any more what was
    /// missing.
    pub(super) refused: bool,
    /// The live update whose new image is on trial.
    pub(super) trial: Option<Trial>,
    /// When state that waits for a container's budget can be written; the end of time if none waits.
    pub(super) deferred_us: u64,
    /// What is to be written to the store before anything else is done: who is quarantined from now on, that the
    /// candidate is forgotten, and that it is swept.
    pub(super) untold: (Option<usize>, bool, bool),
    /// What is known of the list of what is revoked.
    pub(super) revocations: Cell<Option<bool>>,
    /// Number of the next log.
    next_log: u32,
}

impl<P: Platform + 'static> Containers<P> {
    /// None; the store is open.
    pub(super) fn empty(shared: Rc<Shared<P>>) -> Self {
        let before = Before::read(&shared.platform);
        let mut events = Events::new();
        events.note(Record {
            time_us: shared.platform.now_us(),
            name: None,
            what: before.happening(),
        });
        Self {
            images: if before.without_store {
                Images::Memory(Memory::default())
            } else {
                reading_the_store(&shared.platform, || Images::open(&shared.platform))
            },
            refused: false,
            trial: None,
            deferred_us: u64::MAX,
            untold: (None, false, true),
            revocations: Cell::new(None),
            next_log: 0,
            clock: Clock::new(shared.platform.now_us()),
            shared,
            slots: core::iter::repeat_with(|| None)
                .take(CONTAINERS_MAX)
                .collect(),
            schedule: Schedule::new(),
            events,
            before,
            boot_slot: 0,
        }
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

    /// Put a container into a free slot. Returns whether there was memory for what belongs to it.
    pub(super) fn place(
        &mut self,
        slot: usize,
        name: Name,
        hash: ImageHash,
        parameters: Parameters,
        belongings: Belongings,
    ) -> bool {
        let log = Log::new(self.next_log);
        let (Some(place), Ok(log)) = (self.slots.get_mut(slot), log) else {
            return false;
        };
        self.next_log = self.next_log.wrapping_add(1);
        *place = Some(Container {
            tag: Tag::of(name.as_str()),
            name,
            image: Image::Stored,
            hash,
            parameters,
            belongings,
            state: State::Stored,
            fault: None,
            run: None,
            last: Figures::default(),
            restarts: Restarts::default(),
            ended: State::Stored,
            turns: Turns::default(),
            load: Load::default(),
            budget: Budget::default(),
            update: Update::None,
            update_id: None,
        });
        self.shared.set_log(slot, Some(log));
        self.shared.set_parameters(slot, &parameters);
        true
    }

    /// Empty a slot.
    pub(super) fn forget(&mut self, slot: usize) {
        // A paused one has its run still, which ends with it.
        if let Some(place) = self.slots.get_mut(slot) {
            *place = None;
        }
        self.note_active(slot);
        self.shared.forget(slot);
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

    /// Leave to the supervisor's next run whether the container in `slot` is active.
    pub(super) fn note_active(&self, slot: usize) {
        let pair = slot / 2;
        let active = [2 * pair, 2 * pair + 1].map(|slot| match self.get(slot) {
            Some(container) if container.state.is_active() => container.tag,
            _ => Tag::NONE,
        });
        note_active(&self.shared.platform, pair, active);
    }

    /// The run of the container in `slot`, if it has one.
    pub(super) fn run_mut(&mut self, slot: usize) -> Option<&mut Run<P>> {
        self.get_mut(slot)?.run.as_mut()
    }

    /// Is there a message for the container in `slot`?
    #[cfg(test)]
    pub(super) fn has_mail(&self, slot: usize) -> bool {
        let run = self.get(slot).and_then(|container| container.run.as_ref());
        run.is_some_and(|run| self.shared.has_mail(run.id()))
    }

    /// The arena of the container in `slot`, while it has one.
    #[must_use]
    pub fn arena(&self, slot: usize) -> Option<ArenaId> {
        self.get(slot)?.run.as_ref()?.id().arena()
    }

    /// Bytes of device memory that the container in `slot` holds and may hold.
    #[must_use]
    pub fn memory(&self, slot: usize) -> (u32, u32) {
        let held = self.arena(slot).map_or(0, |id| arena::usage(id).held_bytes);
        let limit = self
            .get(slot)
            .map_or_else(arena::total, |container| limit(&container.parameters));
        (held, limit)
    }

    /// Where images are.
    #[must_use]
    pub const fn images(&self) -> &Images<P::Flash> {
        &self.images
    }

    /// Where images are, to upload into.
    pub const fn images_mut(&mut self) -> &mut Images<P::Flash> {
        &mut self.images
    }

    /// The image of the container in `slot`; empty if there is none.
    #[must_use]
    pub fn image(&self, slot: usize) -> &[u8] {
        self.get(slot)
            .map_or(&[], |container| self.bytes_of(slot, container.image))
    }

    /// The bytes of an image of the container in `slot`.
    pub(super) fn bytes_of(&self, slot: usize, image: Image) -> &[u8] {
        self.images.image(image.key(slot))
    }

    /// The label of the `claim`-th claiming import of the container in `slot`, or with `update` of the
    /// image that was refused in its place.
    #[must_use]
    pub fn label(&self, slot: usize, claim: usize, update: bool) -> Option<&str> {
        let module = Module::scan(self.refused_image(slot, update)?).ok()?;
        module.labels().nth(claim).map(|label| label.0)
    }

    /// The image of the container in `slot`, or with `update` the one that was refused in its place, if that is
    /// still there.
    #[must_use]
    pub fn refused_image(&self, slot: usize, update: bool) -> Option<&[u8]> {
        match (update, self.refused) {
            (false, _) => Some(self.image(slot)),
            (true, true) => Some(self.bytes_of(slot, Image::Candidate)),
            (true, false) => None,
        }
    }

    /// Is an image kept that was refused as a live update?
    #[must_use]
    pub const fn has_refused(&self) -> bool {
        self.refused
    }

    /// The label of the `block`-th block that the container in `slot` has claimed.
    #[must_use]
    pub fn block_label(&self, slot: usize, block: u8) -> Option<&str> {
        let module = Module::scan(self.image(slot)).ok()?;
        let label = module.block_labels().nth(usize::from(block));
        label.map(|label| label.0)
    }

    /// The block number `cursor` that the container in `slot` holds, its label, and whether it holds another.
    #[must_use]
    pub fn block(&mut self, slot: usize, cursor: u16) -> Option<(Claimed, &str, bool)> {
        let number = usize::from(cursor);
        let blocks = self.run_mut(slot)?.blocks();
        let block = blocks.get(number).copied().flatten()?;
        let more = blocks.get(number + 1).is_some_and(Option::is_some);
        // There are fewer numbers than a byte has.
        let label = self.block_label(slot, number as u8)?;
        Some((block, label, more))
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
            .filter(|(_, container)| container.run.is_some())
            .find(|(slot, _)| {
                Module::scan(self.image(*slot))
                    .is_ok_and(|module| module.labels().any(|other| other == label))
            })
            .map(|(slot, _)| slot)
    }
}

/// The number by which the kernel knows the container in `slot`.
pub(crate) const fn tag(slot: usize) -> u32 {
    slot as u32 + 1
}

/// Most bytes of device memory that a container with these parameters may hold.
pub(super) fn limit(parameters: &Parameters) -> u32 {
    parameters.limit.unwrap_or_else(arena::total)
}
