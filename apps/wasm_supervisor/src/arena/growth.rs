//! The block of a container's linear memory, which may be shorter than its owner asked for.
//!
//! The engine's buffer asks for twice its length when it grows by a byte, so a memory of more than
//! half of what there is could never grow. But the engine also asks its limiter before each growth
//! how many bytes the memory may *have*. So for this one block the pool remembers both:
//!
//! ```text
//!   first growing(0, n)   the next block of n bytes is the memory's     claimed n, held n or more
//!   growing(n, n + 1)     n + 1 bytes are possible, here or elsewhere
//!   realloc(2 n)          2 n if there is room, else n + 1              claimed 2 n, held n + 1
//!   growing(n + 1, n + 2) the engine will ask for nothing: room is made
//!                         here, behind the block, or there is none      claimed 2 n, held n + 2
//! ```
//!
//! The engine touches no byte beyond what its limiter has allowed (`ByteBuffer::grow` of
//! `wasmi_core` 1.1.0, as of 2.0.0: it fills from the old length to the new one), so it never
//! touches what it claims and does not hold.

use super::linear::{Linear, Resized};
use super::pool::{ArenaId, GRANULE, Memory, PAGE_BYTES, Pool};

impl<M: Memory, const PAGES: usize> Pool<M, PAGES> {
    /// Take `size` bytes at a multiple of `align` for arena `id`. Returns the offset of
    /// the block, or `None` if its limit or the pool does not allow it.
    pub fn allocate(&mut self, id: ArenaId, size: usize, align: usize) -> Option<u32> {
        if !self.linear(id)?.begins_with(size) {
            return self.allocate_block(id, size, align);
        }
        // On pages of its own, so that nothing stands right behind it, where it is to grow.
        let whole = size.next_multiple_of(PAGE_BYTES);
        let (offset, held) = match self.allocate_pages(id, whole) {
            Some(offset) => (offset, whole),
            None => (self.allocate_block(id, size, align)?, size),
        };
        self.set_linear(
            id,
            Linear {
                at_plus_one: offset + 1,
                claimed: size as u32,
                held: held as u32,
                ..Linear::NONE
            },
        );
        Some(offset)
    }

    /// May the linear memory of arena `id` have `bytes` bytes? Asked before every growth and
    /// before one is made; `grows`: it may grow later, or does. After a yes the memory has them, or its owner asks for a block.
    ///
    /// A no is remembered: until somebody has given something back, as many bytes or more are refused
    /// without another search, so that asking in a loop costs no more than any other instruction.
    pub fn grow_linear(&mut self, id: ArenaId, bytes: usize, grows: bool) -> bool {
        if self.refuses_linear(id, bytes) {
            return false;
        }
        let possible = self.find_linear(id, bytes, grows);
        let returns = self.returns();
        if !possible && let Some(linear) = self.linear(id) {
            linear.refused = u32::try_from(bytes).unwrap_or(u32::MAX);
            linear.refused_at = returns;
            linear.expected = 0;
        }
        possible
    }

    /// Is it known, without a search, that the linear memory of arena `id` cannot have `bytes` bytes?
    pub fn refuses_linear(&mut self, id: ArenaId, bytes: usize) -> bool {
        let returns = self.returns();
        self.linear(id).is_some_and(|linear| {
            linear.refused > 0 && linear.refused_at == returns && bytes >= linear.refused as usize
        })
    }

    /// Look for `bytes` bytes for the linear memory of arena `id`.
    fn find_linear(&mut self, id: ArenaId, bytes: usize, grows: bool) -> bool {
        let Some(linear) = self.linear(id) else {
            return false;
        };
        let Linear {
            at_plus_one,
            claimed,
            held,
            ..
        } = *linear;
        if at_plus_one == 0 {
            // One that begins empty has its first block when it grows.
            linear.expected = if grows { bytes as u32 } else { 0 };
            return self.can_allocate(id, bytes, GRANULE);
        }
        linear.expected = 0;
        let offset = at_plus_one - 1;
        if bytes <= claimed as usize {
            if bytes <= held as usize {
                return true;
            }
            let possible = self.resize_block(offset, held as usize, bytes);
            if let (true, Some(linear)) = (possible, self.linear(id)) {
                linear.held = bytes as u32;
            }
            return possible;
        }
        linear.expected = bytes as u32;
        self.can_resize(id, offset, held as usize, bytes) || self.can_allocate(id, bytes, GRANULE)
    }

    /// Make the block at `offset`, of which its owner says that it has `old` bytes, longer or shorter.
    pub fn resize(&mut self, offset: u32, old: usize, new: usize) -> Resized {
        let Some(id) = self.owner_of(offset) else {
            return Resized::No;
        };
        let Some(linear) = self.linear(id) else {
            return Resized::No;
        };
        if linear.at_plus_one != offset + 1 {
            return if self.resize_block(offset, old, new) {
                Resized::InPlace
            } else {
                Resized::No
            };
        }
        let held = linear.held as usize;
        let least = match linear.expected as usize {
            0 => new,
            expected => expected.min(new),
        };
        let block = |to: u32, size: usize| Linear {
            at_plus_one: to + 1,
            claimed: new as u32,
            held: size as u32,
            ..Linear::NONE
        };
        if self.resize_block(offset, held, new) {
            self.set_linear(id, block(offset, new));
            return Resized::InPlace;
        }
        if let Some(to) = self.allocate_block(id, new, GRANULE) {
            self.set_linear(id, block(to, new));
            return Resized::Moved { to, held };
        }
        // It is not asked again until it has all that it claims, so it goes where it can have most of that.
        if let Some(to) = self.allocate_with_reach(id, offset, held, least, new) {
            self.set_linear(id, block(to, least));
            return Resized::Moved { to, held };
        }
        if self.resize_block(offset, held, least) {
            self.set_linear(id, block(offset, least));
            return Resized::InPlace;
        }
        match self.allocate_block(id, least, GRANULE) {
            Some(to) => {
                self.set_linear(id, block(to, least));
                Resized::Moved { to, held }
            }
            None => Resized::No,
        }
    }

    /// Give back the `held` bytes at `offset` that were copied elsewhere, and the pages that nothing uses any more:
    /// the memory may need them next.
    pub fn moved(&mut self, offset: u32, held: usize) {
        self.give_back(offset, held);
        if let Some(id) = self.owner_of(offset) {
            self.trim(id);
        }
    }

    fn set_linear(&mut self, id: ArenaId, linear: Linear) {
        if let Some(place) = self.linear(id) {
            *place = linear;
        }
    }
}
