//! What is known of the block of a linear memory ([`growth`](super::growth)).

/// What is known of an arena's linear memory.
#[derive(Clone, Copy)]
pub(super) struct Linear {
    /// Offset of its block plus one; 0 if there is none.
    pub(super) at_plus_one: u32,
    /// Bytes that its owner thinks it has.
    pub(super) claimed: u32,
    /// Bytes that it has.
    pub(super) held: u32,
    /// Bytes that the next block for it must have at least; 0 if none is expected.
    pub(super) expected: u32,
    /// Fewest bytes that it was refused; 0 if none were.
    pub(super) refused: u32,
    /// What the pool's count of returns was then.
    pub(super) refused_at: u32,
}

impl Linear {
    pub(super) const NONE: Self = Self {
        at_plus_one: 0,
        claimed: 0,
        held: 0,
        expected: 0,
        refused: 0,
        refused_at: 0,
    };

    /// The bytes that the block at `offset` has, of which its owner says that it has `claimed`.
    pub(super) const fn held(&self, offset: u32, claimed: usize) -> usize {
        if self.at_plus_one == offset + 1 {
            self.held as usize
        } else {
            claimed
        }
    }

    /// Is a block of `size` bytes the first of a linear memory? The one that is asked for after a yes is;
    /// the engine's buffer asks for eight bytes where fewer would do.
    pub(super) const fn begins_with(&self, size: usize) -> bool {
        self.expected > 0 && size >= self.expected as usize && self.at_plus_one == 0
    }

    /// The block at `offset` is given back.
    pub(super) const fn freed(&mut self, offset: u32) {
        if self.at_plus_one == offset + 1 {
            *self = Self::NONE;
        }
    }
}

/// What became of a block that was to be longer or shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resized {
    /// It is, where it was.
    InPlace,
    /// It lies elsewhere now; what is in the old one's `held` bytes is to be copied, and the old
    /// one to be given back with [`moved`](super::pool::Pool::moved).
    Moved {
        /// Offset of the new block.
        to: u32,
        /// Bytes of the old one.
        held: usize,
    },
    /// There is no room; nothing has changed.
    No,
}
