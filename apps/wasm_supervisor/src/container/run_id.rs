//! What names a run, and what names the blocks that it holds.

use super::name::CONTAINERS_MAX;
use crate::arena::ArenaId;
use crate::platform::Claimed;

/// Runs that there can be at once: one of each container, and one that is to replace another.
pub const RUNS_MAX: usize = CONTAINERS_MAX + 1;

/// Names a run while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunId(u8);

impl RunId {
    /// Returns all ids there are.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..RUNS_MAX as u8).map(Self)
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns the arena that the run's memory comes from.
    #[must_use]
    pub fn arena(self) -> Option<ArenaId> {
        ArenaId::of_container(self.index())
    }
}

/// Claimed blocks of one run, in the order of their numbers, none between.
pub type Blocks = [Option<Claimed>; BLOCKS_MAX];

/// Most blocks that a container claims. A label can be imported more than once: for its
/// registers and for its interrupts.
pub const BLOCKS_MAX: usize = 8;

/// Kernel handles of the blocks that a run holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claims {
    handles: [u16; BLOCKS_MAX],
    count: u8,
}

impl Claims {
    /// None.
    pub(super) const NONE: Self = Self {
        handles: [0; BLOCKS_MAX],
        count: 0,
    };

    pub(super) fn add(&mut self, handle: u16) {
        if let Some(place) = self.handles.get_mut(usize::from(self.count)) {
            *place = handle;
            self.count += 1;
        }
    }

    pub(super) fn handles(self) -> impl Iterator<Item = u16> {
        self.handles.into_iter().take(usize::from(self.count))
    }

    pub(super) fn has(self, handle: u16) -> bool {
        self.handles().any(|held| held == handle)
    }
}
