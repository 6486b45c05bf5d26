//! What the supervisor needs of the system for conveyors of containers.
//!
//! A conveyor mirrors registers of a block in a container's memory. The system below has memory of its own for what is moved, which is
//! lent to it for good: what lies in a container's memory is copied there and back for the length of a call, so that memory may move
//! when it grows.

use crate::errno;

pub use berth_exposure::conveyor::{
    ACCESSES_MAX, Direction, MEMORY_MAX, MOVE_BYTES, MOVES_MAX, Move, directions,
};

/// Shortest time between two syncs of a conveyor, in microseconds.
pub const PERIOD_MIN_US: u32 = 1_000;

/// When a conveyor is synchronised, beside whenever its container asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At no other time.
    Asked,
    /// Every so many microseconds.
    Every(u32),
    /// Before and after the handler of an interrupt of its block.
    Interrupt(
        /// The number among those of the block.
        u16,
    ),
}

impl When {
    /// What a container says: 0, 1 or 2 in the lowest two bits, and above it the period in microseconds or the number of the interrupt.
    /// `None`: nothing of this.
    #[must_use]
    pub const fn of(word: u32) -> Option<Self> {
        let value = word >> 2;
        match (word & 0b11, value) {
            (0, 0) => Some(Self::Asked),
            (1, PERIOD_MIN_US..) => Some(Self::Every(value)),
            (2, 0..=0xff) => Some(Self::Interrupt(value as u16)),
            _ => None,
        }
    }
}

/// Why a conveyor is not attached, or a sync of it not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// A Tock error code.
    pub code: u8,
    /// The index of the move to blame when it is attached, the offset of the register when it is synchronised. `None`: it was none of
    /// these.
    pub what: Option<u32>,
}

impl Refused {
    /// Nothing in particular is to blame.
    #[must_use]
    pub const fn of(code: u8) -> Self {
        Self { code, what: None }
    }
}

/// The part of the [`Platform`](crate::platform::Platform) that attaches conveyors. Nothing here allocates.
pub trait Conveyors {
    /// Are they attached?
    fn has_conveyors(&self) -> bool {
        false
    }

    /// Attach a conveyor with this list of moves and so many bytes of memory to a claimed block.
    ///
    /// # Errors
    ///
    /// [`Refused`]: `ALREADY` if the block has one, `NO_MEMORY` if there is no room for one more.
    fn attach_conveyor(&self, handle: u16, list: &[u8], memory: u16) -> Result<(), Refused> {
        let _ = (handle, list, memory);
        Err(Refused::of(errno::NO_SUPPORT))
    }

    /// Make moves of the conveyor of a block, so many from the first one on, as far as they go one of these ways ([`directions`]), between
    /// its registers and `memory`. Returns how many accesses they were.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    fn sync_conveyor(
        &self,
        handle: u16,
        moves: (u8, u8),
        directions: u32,
        memory: &mut [u8],
    ) -> Result<u32, Refused> {
        let _ = (handle, moves, directions, memory);
        Err(Refused::of(errno::NO_SUPPORT))
    }

    /// Detach the conveyor of a block, if it has one.
    fn detach_conveyor(&self, handle: u16) {
        let _ = handle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_when() {
        for (word, when) in [
            (0, Some(When::Asked)),
            (4, None),
            (1_000 << 2 | 1, Some(When::Every(1_000))),
            (999 << 2 | 1, None),
            (1, None),
            (!3 | 1, Some(When::Every(u32::MAX >> 2))),
            (2, Some(When::Interrupt(0))),
            (0xff << 2 | 2, Some(When::Interrupt(0xff))),
            (0x100 << 2 | 2, None),
            (3, None),
            (u32::MAX, None),
        ] {
            assert_eq!(When::of(word), when, "{word:#x}");
        }
    }
}
