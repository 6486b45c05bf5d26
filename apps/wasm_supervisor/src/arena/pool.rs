//! The page pool and the blocks inside its arenas.
//!
//! A page belongs to nobody or to one arena. Inside the pages of an arena the
//! free blocks form one list in address order; two that touch are merged, also
//! across a page border, so runs of neighbouring pages serve large blocks.
//! Blocks in use carry no header: whoever frees one says how long it is, as
//! Rust's allocator interface does. That is what keeps a container with its
//! some sixty blocks small.
//!
//! What is done with blocks stands in `blocks`, what is done with pages in `pages`.
//!
//! All addresses are offsets into the pool. This file does not touch memory
//! itself; it keeps its list through [`Memory`], so it runs on any model of it.

use super::linear::Linear;

/// Bytes of a page. What an arena holds is rounded up to pages in several places
/// (its ends, and around every hole that loading leaves), so small pages make
/// small containers; each costs one byte of table. Measured with the smallest
/// container (10,264 bytes used): 10,624 held with pages of 64, 10,432 with 32.
pub const PAGE_BYTES: usize = 32;

/// Pages that an arena claims at once until it is first trimmed, where there are
/// so many in one piece, so that not every small block is a search for pages.
pub(super) const CLAIM_PAGES: usize = 512 / PAGE_BYTES;

/// Pages left free before a memory that may grow: instantiating takes some 5 KiB after it is made.
pub(super) const ROOM_PAGES: usize = 8 * 1024 * size_of::<usize>() / 4 / PAGE_BYTES;

/// Blocks begin and end at multiples of this; also the size of a list node.
pub const GRANULE: usize = 8;

/// Largest alignment a block can have; the pool's memory is aligned to it.
pub const ALIGN_MAX: usize = 64;

/// Arenas: the supervisor's own, one for every container, and one for a container that is loaded
/// while the one it replaces still runs.
pub const ARENAS: usize = 2 + crate::sizes::CONTAINERS_MAX;

/// Bytes that containers cannot take, so that the supervisor can always answer.
pub const RESERVED_BYTES: usize = 2048;
pub(super) const RESERVED_PAGES: usize = RESERVED_BYTES / PAGE_BYTES;

pub(super) const GRANULE_U32: u32 = GRANULE as u32;
pub(super) const PAGE_U32: u32 = PAGE_BYTES as u32;

/// Ends a list.
pub(super) const NONE: u32 = u32::MAX;
/// Owner of a free page.
pub(super) const NOBODY: u8 = 0;
/// Owner of a page for which there is no memory.
const MISSING: u8 = u8::MAX;
// No arena is called so.
const _: () = assert!(ARENAS < MISSING as usize);

/// Is one of these four pages `owner`'s?
pub(super) const fn has_page_of(four: [u8; 4], owner: u8) -> bool {
    const LOWEST: u32 = u32::from_ne_bytes([1; 4]);
    const HIGHEST: u32 = u32::from_ne_bytes([0x80; 4]);
    // A byte that is 0 borrows when 1 is taken from it, and nothing else sets a highest bit that was not set.
    let other = u32::from_ne_bytes(four) ^ u32::from_ne_bytes([owner; 4]);
    other.wrapping_sub(LOWEST) & !other & HIGHEST != 0
}

/// The first multiple of a power of two at or behind an offset.
#[inline(always)]
pub(super) const fn aligned(offset: u32, to: u32) -> u32 {
    (offset + (to - 1)) & !(to - 1)
}

/// Number of an arena, below [`ARENAS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArenaId(u8);

impl ArenaId {
    /// The supervisor's own arena.
    pub const SUPERVISOR: Self = Self(0);

    /// The arena that the container in slot `slot` has at first, or, for a slot behind the last, the
    /// one that none has; which is which changes with live updates. `None` if there is no such.
    #[must_use]
    pub const fn of_container(slot: usize) -> Option<Self> {
        if slot + 1 < ARENAS {
            Some(Self((slot + 1) as u8))
        } else {
            None
        }
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns how the table of pages names it.
    pub(super) const fn owner(self) -> u8 {
        self.0 + 1
    }

    /// From what [`number`](Self::number) gave.
    pub(super) const fn from_number(number: u8) -> Self {
        Self(number)
    }

    /// As a plain number.
    pub(super) const fn number(self) -> u8 {
        self.0
    }
}

/// A free block as it is written into the first [`GRANULE`] of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Offset of the next free block of the arena, or [`u32::MAX`].
    pub next: u32,
    /// Length of this block in bytes.
    pub length: u32,
}

/// Where list nodes are kept: the free memory itself.
pub trait Memory {
    /// Read the node of the free block at `offset`.
    fn read(&self, offset: u32) -> Node;
    /// Write the node of the free block at `offset`.
    fn write(&mut self, offset: u32, node: Node);
}

/// What an arena holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in blocks, rounded up to the granule.
    pub used_bytes: u32,
    /// Bytes of pages it owns, free blocks included.
    pub held_bytes: u32,
    /// Most bytes of pages it has owned since it was wiped.
    pub peak_bytes: u32,
    /// Blocks in use.
    pub blocks: u32,
}

/// What the pool has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes of all pages.
    pub total_bytes: u32,
    /// Bytes of free pages.
    pub free_bytes: u32,
    /// Bytes of the longest run of free pages.
    pub largest_bytes: u32,
}

/// A block that was given back just now and is in no list yet. Length 0: none.
#[derive(Clone, Copy)]
pub(super) struct Recent {
    /// Where it is.
    pub(super) offset: u32,
    /// Its length in bytes.
    pub(super) length: u32,
}

impl Recent {
    /// No block.
    pub(super) const NONE: Self = Self {
        offset: 0,
        length: 0,
    };
}

/// Blocks that an arena remembers: as many as the engine takes and gives back when a container waits.
pub(super) const RECENT: usize = 2;

/// One arena: the pages that it owns, and the free blocks in them.
#[derive(Clone, Copy)]
pub(super) struct Arena {
    /// Offset of the first free block plus one; 0 if there is none.
    pub(super) first_plus_one: u32,
    /// Bytes in blocks.
    pub(super) used: u32,
    /// Blocks in use.
    pub(super) blocks: u32,
    /// Pages that it owns.
    pub(super) pages: u16,
    /// Most pages that it owned since it was wiped.
    pub(super) peak: u16,
    /// Pages that it may not own, of the most that there can be.
    withheld: u16,
    /// None of its pages is before this one.
    pub(super) from_page: u16,
    /// All of its pages are before this one.
    pub(super) to_page: u16,
    /// Trimmed since it was wiped: from then on it claims no more than needed.
    pub(super) settled: bool,
    /// It is wiped soon: what is given back meanwhile need not be put into the list.
    pub(super) ending: bool,
    /// What was given back last, for who wants a block of the same length next.
    pub(super) recent: [Recent; RECENT],
    /// The one block that may be shorter than its owner thinks.
    pub(super) linear: Linear,
}

impl Arena {
    const EMPTY: Self = Self {
        first_plus_one: 0,
        used: 0,
        blocks: 0,
        pages: 0,
        peak: 0,
        withheld: 0,
        from_page: 0,
        to_page: 0,
        settled: false,
        ending: false,
        recent: [Recent::NONE; RECENT],
        linear: Linear::NONE,
    };

    /// Returns the most pages that it may own.
    pub(super) const fn limit(&self) -> u16 {
        u16::MAX - self.withheld
    }
}

/// The pool of `PAGES` pages. A new one is all zero, so it costs RAM only: what starts
/// with other values lies in flash as well.
pub struct Pool<M, const PAGES: usize> {
    /// Where nodes are kept.
    pub(super) memory: M,
    /// For each page the arena that owns it, [`NOBODY`], or [`MISSING`].
    pub(super) owner: [u8; PAGES],
    /// All arenas.
    pub(super) arenas: [Arena; ARENAS],
    /// Pages that arenas own.
    pub(super) owned_pages: usize,
    /// Pages at the end for which there is no memory.
    missing_pages: usize,
    /// No page below this one is free.
    pub(super) lowest_free: usize,
    /// How often something was given back or a limit changed: while it stays, what was refused stays so.
    pub(super) returns: u32,
}

impl<M: Memory, const PAGES: usize> Pool<M, PAGES> {
    /// A pool whose pages are all free.
    pub const fn new(memory: M) -> Self {
        Self {
            memory,
            owner: [NOBODY; PAGES],
            arenas: [Arena::EMPTY; ARENAS],
            owned_pages: 0,
            missing_pages: 0,
            lowest_free: 0,
            returns: 0,
        }
    }

    /// Do with memory for so many bytes only; before anything is taken.
    pub fn make_do_with(&mut self, bytes: usize) {
        let there = (bytes / PAGE_BYTES).min(PAGES);
        if let Some(missing) = self.owner.get_mut(there..) {
            missing.fill(MISSING);
            self.missing_pages = missing.len();
        }
    }

    /// Bytes of all pages.
    pub const fn total_bytes(&self) -> u32 {
        PAGES.saturating_sub(self.missing_pages) as u32 * PAGE_U32
    }

    /// The memory that holds the nodes.
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// Arena `id` is wiped next, after all that is in it was dropped. Blocks that are given back until then are not put
    /// into the list, one by one.
    pub fn end(&mut self, id: ArenaId) {
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            arena.ending = true;
        }
    }

    /// Return all pages of `id`, whatever is in them. Its limit stays.
    pub fn wipe(&mut self, id: ArenaId) {
        self.returns = self.returns.wrapping_add(1);
        let Some(arena) = self.arenas.get_mut(id.index()) else {
            return;
        };
        let (from, to) = (usize::from(arena.from_page), usize::from(arena.to_page));
        self.owned_pages = self.owned_pages.saturating_sub(usize::from(arena.pages));
        if arena.pages > 0 {
            self.lowest_free = self.lowest_free.min(from);
        }
        *arena = Arena {
            withheld: arena.withheld,
            ..Arena::EMPTY
        };
        let own = id.owner();
        let (fours, rest) = match self.owner.get_mut(from..to) {
            Some(pages) => pages.as_chunks_mut::<4>(),
            None => return,
        };
        let free = |pages: &mut [u8]| {
            for owner in pages {
                if *owner == own {
                    *owner = NOBODY;
                }
            }
        };
        // Pages between the first and the last are its own or others'.
        let all = u32::from_ne_bytes([own; 4]);
        for four in fours {
            if u32::from_ne_bytes(*four) == all {
                *four = [NOBODY; 4];
            } else if has_page_of(*four, own) {
                free(four);
            }
        }
        free(rest);
    }

    /// Arena `id` may own pages for at most `bytes`, rounded down.
    pub fn set_limit(&mut self, id: ArenaId, bytes: usize) {
        self.returns = self.returns.wrapping_add(1);
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            let limit = u16::try_from(bytes / PAGE_BYTES).unwrap_or(u16::MAX);
            arena.withheld = u16::MAX - limit;
        }
    }

    /// What arena `id` holds.
    pub fn usage(&self, id: ArenaId) -> Usage {
        let arena = self.arena(id);
        Usage {
            used_bytes: arena.used,
            held_bytes: u32::from(arena.pages) * PAGE_U32,
            peak_bytes: u32::from(arena.peak) * PAGE_U32,
            blocks: arena.blocks,
        }
    }

    /// What is left for everybody.
    pub fn space(&self) -> Space {
        let (mut run, mut largest) = (0u32, 0u32);
        for owner in &self.owner {
            if *owner == NOBODY {
                run += 1;
                largest = largest.max(run);
            } else {
                run = 0;
            }
        }
        Space {
            total_bytes: self.total_bytes(),
            free_bytes: self.free_bytes(),
            largest_bytes: largest * PAGE_U32,
        }
    }

    /// Bytes of free pages.
    pub const fn free_bytes(&self) -> u32 {
        self.free_pages() as u32 * PAGE_U32
    }

    pub(super) const fn free_pages(&self) -> usize {
        PAGES.saturating_sub(self.owned_pages + self.missing_pages)
    }

    pub(super) fn arena(&self, id: ArenaId) -> &Arena {
        self.arenas.get(id.index()).unwrap_or(&Arena::EMPTY)
    }

    pub(super) fn first(&self, id: ArenaId) -> u32 {
        // Without a block this is `NONE`.
        self.arena(id).first_plus_one.wrapping_sub(1)
    }

    pub(super) const fn returns(&self) -> u32 {
        self.returns
    }

    pub(super) fn linear(&mut self, id: ArenaId) -> Option<&mut Linear> {
        self.arenas
            .get_mut(id.index())
            .map(|arena| &mut arena.linear)
    }

    pub(super) fn owner_of(&self, offset: u32) -> Option<ArenaId> {
        match self.owner.get((offset / PAGE_U32) as usize) {
            Some(&owner) if owner != NOBODY && owner != MISSING => Some(ArenaId(owner - 1)),
            _ => None,
        }
    }
}
