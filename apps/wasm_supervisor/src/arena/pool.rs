//! The page pool and the blocks inside its arenas.
//!
//! A page belongs to nobody or to one arena. Inside the pages of an arena the
//! free blocks form one list in address order; two that touch are merged, also
//! across a page border, so runs of neighbouring pages serve large blocks.
//! Blocks in use carry no header: whoever frees one says how long it is, as
//! Rust's allocator interface does. That is what keeps a container with its
//! some sixty blocks small.
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
const CLAIM_PAGES: usize = 512 / PAGE_BYTES;

/// Pages left free before a memory that may grow: instantiating takes some 5 KiB after it is made.
const ROOM_PAGES: usize = 8 * 1024 * size_of::<usize>() / 4 / PAGE_BYTES;

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

const GRANULE_U32: u32 = GRANULE as u32;
const PAGE_U32: u32 = PAGE_BYTES as u32;

/// Ends a list.
const NONE: u32 = u32::MAX;
/// Owner of a free page.
const NOBODY: u8 = 0;
/// Owner of a page for which there is no memory.
const MISSING: u8 = u8::MAX;
// No arena is called so.
const _: () = assert!(ARENAS < MISSING as usize);

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

    const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns how the table of pages names it.
    const fn owner(self) -> u8 {
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

#[derive(Clone, Copy)]
struct Arena {
    /// Offset of the first free block plus one; 0 if there is none.
    first_plus_one: u32,
    used: u32,
    blocks: u32,
    pages: u16,
    peak: u16,
    /// Pages that it may not own, of the most that there can be.
    withheld: u16,
    /// Trimmed since it was wiped: from then on it claims no more than needed.
    settled: bool,
    linear: Linear,
}

impl Arena {
    const EMPTY: Self = Self {
        first_plus_one: 0,
        used: 0,
        blocks: 0,
        pages: 0,
        peak: 0,
        withheld: 0,
        settled: false,
        linear: Linear::NONE,
    };

    const fn limit(&self) -> u16 {
        u16::MAX - self.withheld
    }
}

/// A place in a free block that an allocation can take.
struct Fit {
    previous: u32,
    block: u32,
    node: Node,
    start: u32,
}

/// Pages that would make an allocation possible.
struct Growth {
    first_page: usize,
    pages: usize,
}

/// What there is for a block that is to be longer.
enum Behind {
    /// A free block of the arena, long enough.
    Block,
    /// Pages that have to be claimed first.
    Pages(Growth),
    /// Not enough.
    Nothing,
}

/// The pool of `PAGES` pages. A new one is all zero, so it costs RAM only: what starts
/// with other values lies in flash as well.
pub struct Pool<M, const PAGES: usize> {
    memory: M,
    owner: [u8; PAGES],
    arenas: [Arena; ARENAS],
    owned_pages: usize,
    /// Pages at the end for which there is no memory.
    missing_pages: usize,
    /// No page below this one is free.
    lowest_free: usize,
    /// How often something was given back or a limit changed: while it stays, what was refused stays so.
    returns: u32,
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

    /// Take a block wherever there is room for it.
    pub(super) fn allocate_block(&mut self, id: ArenaId, size: usize, align: usize) -> Option<u32> {
        let (size, align) = request(size, align)?;
        if let Some(fit) = self.find(id, size, align) {
            return Some(self.take(id, &fit, size));
        }
        let growth = self.plan(id, size, align)?;
        self.claim(id, &growth);
        let fit = self.find(id, size, align)?;
        Some(self.take(id, &fit, size))
    }

    /// Take `size` bytes, a multiple of a page, in pages that nobody had, if possible with some left free
    /// before them: what comes later is put there (the lowest place first), and not right behind.
    pub(super) fn allocate_pages(&mut self, id: ArenaId, size: usize) -> Option<u32> {
        let (size, _) = request(size, GRANULE)?;
        let pages = (size / PAGE_U32) as usize;
        let with_room = self.run(pages + ROOM_PAGES, false);
        let first_page = match with_room.map(|first| first + ROOM_PAGES) {
            Some(first) => first,
            None => self.run(pages, false)?,
        };
        if !self.may_claim(id, pages) {
            return None;
        }
        self.claim(id, &Growth { first_page, pages });
        let start = first_page as u32 * PAGE_U32;
        // Merged with what was free before it.
        let (block, _) = self.neighbours(id, start + 1);
        let (previous, _) = self.neighbours(id, block);
        let node = self.memory.read(block);
        let fit = Fit {
            previous,
            block,
            node,
            start,
        };
        Some(self.take(id, &fit, size))
    }

    /// Would [`allocate`](Self::allocate) succeed?
    pub fn can_allocate(&self, id: ArenaId, size: usize, align: usize) -> bool {
        request(size, align).is_some_and(|(size, align)| {
            self.find(id, size, align).is_some() || self.plan(id, size, align).is_some()
        })
    }

    /// Give back the block at `offset`, of which its owner says that it has `size` bytes.
    pub fn free(&mut self, offset: u32, size: usize) {
        let held = self.held(offset, size);
        if let Some(linear) = self.owner_of(offset).and_then(|id| self.linear(id)) {
            linear.freed(offset);
        }
        self.give_back(offset, held);
    }

    /// The bytes that the block at `offset` has, of which its owner says that it has `size`.
    pub fn held(&self, offset: u32, size: usize) -> usize {
        let id = self.owner_of(offset);
        id.map_or(size, |id| self.arena(id).linear.held(offset, size))
    }

    /// Give back `size` bytes at `offset`.
    pub(super) fn give_back(&mut self, offset: u32, size: usize) {
        let Some((size, _)) = request(size, GRANULE) else {
            return;
        };
        let Some(id) = self.owner_of(offset) else {
            return;
        };
        self.returns = self.returns.wrapping_add(1);
        self.insert(id, offset, size);
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            arena.used = arena.used.saturating_sub(size);
            arena.blocks = arena.blocks.saturating_sub(1);
        }
    }

    /// Make the block at `offset` longer or shorter where it is. Returns whether that
    /// was possible; if not, nothing has changed.
    pub(super) fn resize_block(&mut self, offset: u32, old: usize, new: usize) -> bool {
        let (Some((old, _)), Some((new, _))) = (request(old, GRANULE), request(new, GRANULE))
        else {
            return false;
        };
        let Some(id) = self.owner_of(offset) else {
            return false;
        };
        if new < old {
            self.returns = self.returns.wrapping_add(1);
            self.insert(id, offset + new, old - new);
            if let Some(arena) = self.arenas.get_mut(id.index()) {
                arena.used = arena.used.saturating_sub(old - new);
            }
            return true;
        }
        let extra = new - old;
        if extra == 0 {
            return true;
        }
        let end = offset + old;
        match self.room_behind(id, end, extra) {
            Behind::Nothing => return false,
            Behind::Pages(growth) => self.claim(id, &growth),
            Behind::Block => {}
        }
        let (previous, _) = self.neighbours(id, end);
        let node = self.memory.read(end);
        let fit = Fit {
            previous,
            block: end,
            node,
            start: end,
        };
        self.take(id, &fit, extra);
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            arena.blocks = arena.blocks.saturating_sub(1);
        }
        true
    }

    /// Could the block at `offset` of arena `id` be made longer where it is?
    pub(super) fn can_resize(&self, id: ArenaId, offset: u32, old: usize, new: usize) -> bool {
        let (Some((old, _)), Some((new, _))) = (request(old, GRANULE), request(new, GRANULE))
        else {
            return false;
        };
        let extra = new.saturating_sub(old);
        !matches!(self.room_behind(id, offset + old, extra), Behind::Nothing)
    }

    /// What is free right behind `end`, for `extra` bytes more.
    fn room_behind(&self, id: ArenaId, end: u32, extra: u32) -> Behind {
        let (_, next) = self.neighbours(id, end);
        let behind = if next == end {
            self.memory.read(next).length
        } else {
            0
        };
        if behind >= extra {
            return Behind::Block;
        }
        // The missing rest may be free pages right behind.
        let edge = end + behind;
        let growth = Growth {
            first_page: (edge / PAGE_U32) as usize,
            pages: (extra - behind).div_ceil(PAGE_U32) as usize,
        };
        if edge.is_multiple_of(PAGE_U32)
            && self.is_free_run(&growth)
            && self.may_claim(id, growth.pages)
        {
            Behind::Pages(growth)
        } else {
            Behind::Nothing
        }
    }

    /// Return all whole pages of `id` that no block uses.
    pub fn trim(&mut self, id: ArenaId) {
        self.returns = self.returns.wrapping_add(1);
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            arena.settled = true;
        }
        let mut previous = NONE;
        let mut block = self.first(id);
        while block != NONE {
            let node = self.memory.read(block);
            let end = block + node.length;
            let from = block.next_multiple_of(PAGE_U32);
            let to = end - end % PAGE_U32;
            if from >= to {
                previous = block;
                block = node.next;
                continue;
            }
            self.set_owner(from, to, NOBODY);
            let freed = ((to - from) / PAGE_U32) as usize;
            self.owned_pages = self.owned_pages.saturating_sub(freed);
            self.lowest_free = self.lowest_free.min((from / PAGE_U32) as usize);
            if let Some(arena) = self.arenas.get_mut(id.index()) {
                arena.pages = arena.pages.saturating_sub(((to - from) / PAGE_U32) as u16);
            }
            // What is left of the block before and behind those pages.
            let mut next = node.next;
            if to < end {
                self.memory.write(
                    to,
                    Node {
                        next,
                        length: end - to,
                    },
                );
                next = to;
            }
            if block < from {
                self.memory.write(
                    block,
                    Node {
                        next,
                        length: from - block,
                    },
                );
                previous = block;
            } else {
                self.link(id, previous, next);
            }
            // The piece behind is shorter than a page: nothing to cut in it.
            if to < end {
                previous = to;
            }
            block = node.next;
        }
    }

    /// Return all pages of `id`, whatever is in them. Its limit stays.
    pub fn wipe(&mut self, id: ArenaId) {
        // Usually nothing is left in it and its pages are a few free blocks.
        self.trim(id);
        if self.arena(id).pages > 0 {
            for owner in &mut self.owner {
                if *owner == id.owner() {
                    *owner = NOBODY;
                    self.owned_pages = self.owned_pages.saturating_sub(1);
                }
            }
            self.lowest_free = 0;
        }
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            let withheld = arena.withheld;
            *arena = Arena {
                withheld,
                ..Arena::EMPTY
            };
        }
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

    const fn free_pages(&self) -> usize {
        PAGES.saturating_sub(self.owned_pages + self.missing_pages)
    }

    fn arena(&self, id: ArenaId) -> &Arena {
        self.arenas.get(id.index()).unwrap_or(&Arena::EMPTY)
    }

    fn first(&self, id: ArenaId) -> u32 {
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

    fn set_owner(&mut self, from: u32, to: u32, owner: u8) {
        let pages = (from / PAGE_U32) as usize..(to / PAGE_U32) as usize;
        if let Some(pages) = self.owner.get_mut(pages) {
            pages.fill(owner);
        }
    }

    /// Make `next` follow `previous`, or be the first of the list.
    fn link(&mut self, id: ArenaId, previous: u32, next: u32) {
        if previous == NONE {
            if let Some(arena) = self.arenas.get_mut(id.index()) {
                arena.first_plus_one = next.wrapping_add(1);
            }
        } else {
            let length = self.memory.read(previous).length;
            self.memory.write(previous, Node { next, length });
        }
    }

    /// The last free block before `offset` and the first at or behind it.
    fn neighbours(&self, id: ArenaId, offset: u32) -> (u32, u32) {
        let mut previous = NONE;
        let mut next = self.first(id);
        while next != NONE && next < offset {
            previous = next;
            next = self.memory.read(next).next;
        }
        (previous, next)
    }

    /// Put a free block into the list, merged with what it touches.
    fn insert(&mut self, id: ArenaId, offset: u32, length: u32) {
        let (previous, next) = self.neighbours(id, offset);
        let mut node = Node { next, length };
        if next != NONE && offset + length == next {
            let behind = self.memory.read(next);
            node = Node {
                next: behind.next,
                length: length + behind.length,
            };
        }
        if previous != NONE {
            let before = self.memory.read(previous);
            if previous + before.length == offset {
                self.memory.write(
                    previous,
                    Node {
                        next: node.next,
                        length: before.length + node.length,
                    },
                );
                return;
            }
        }
        self.memory.write(offset, node);
        self.link(id, previous, offset);
    }

    /// The shortest free block of the arena with room for the request: what
    /// stays small is put between what came and went while a module was loaded.
    fn find(&self, id: ArenaId, size: u32, align: u32) -> Option<Fit> {
        let mut best: Option<Fit> = None;
        let mut previous = NONE;
        let mut block = self.first(id);
        while block != NONE {
            let node = self.memory.read(block);
            let start = block.next_multiple_of(align);
            let shorter = best
                .as_ref()
                .is_none_or(|best| node.length < best.node.length);
            if shorter && start + size <= block + node.length {
                let fits_exactly = node.length == size;
                best = Some(Fit {
                    previous,
                    block,
                    node,
                    start,
                });
                if fits_exactly {
                    break;
                }
            }
            previous = block;
            block = node.next;
        }
        best
    }

    /// Take `size` bytes at the place found; what is left stays in the list.
    fn take(&mut self, id: ArenaId, fit: &Fit, size: u32) -> u32 {
        let end = fit.block + fit.node.length;
        let taken_end = fit.start + size;
        let mut next = fit.node.next;
        if taken_end < end {
            self.memory.write(
                taken_end,
                Node {
                    next,
                    length: end - taken_end,
                },
            );
            next = taken_end;
        }
        if fit.block < fit.start {
            self.memory.write(
                fit.block,
                Node {
                    next,
                    length: fit.start - fit.block,
                },
            );
        } else {
            self.link(id, fit.previous, next);
        }
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            arena.used += size;
            arena.blocks += 1;
        }
        fit.start
    }

    fn is_free_run(&self, growth: &Growth) -> bool {
        self.owner
            .get(growth.first_page..growth.first_page + growth.pages)
            .is_some_and(|run| run.iter().all(|owner| *owner == NOBODY))
    }

    /// Do limit and reserve let `id` have `pages` more?
    fn may_claim(&self, id: ArenaId, pages: usize) -> bool {
        let arena = self.arena(id);
        if usize::from(arena.pages) + pages > usize::from(arena.limit()) {
            return false;
        }
        let reserved = if id == ArenaId::SUPERVISOR {
            0
        } else {
            RESERVED_PAGES
        };
        pages + reserved <= self.free_pages()
    }

    /// Pages that make room; some more than needed while the arena is filled.
    fn plan(&self, id: ArenaId, size: u32, align: u32) -> Option<Growth> {
        let many = if self.arena(id).settled {
            None
        } else {
            self.plan_in(CLAIM_PAGES, id, size, align)
        };
        many.or_else(|| self.plan_in(1, id, size, align))
    }

    /// The fewest pages, in multiples of `unit`, that make room: behind a free
    /// block at the end of what the arena has, or a new run.
    fn plan_in(&self, unit: usize, id: ArenaId, size: u32, align: u32) -> Option<Growth> {
        let pages_for = |bytes: u32| (bytes.div_ceil(PAGE_U32) as usize).next_multiple_of(unit);
        let mut best: Option<Growth> = None;
        let mut block = self.first(id);
        while block != NONE {
            let node = self.memory.read(block);
            let end = block + node.length;
            let start = block.next_multiple_of(align);
            if end.is_multiple_of(PAGE_U32) && start < end {
                let growth = Growth {
                    first_page: (end / PAGE_U32) as usize,
                    pages: pages_for(size - (end - start)),
                };
                if best.as_ref().is_none_or(|best| growth.pages < best.pages)
                    && self.is_free_run(&growth)
                {
                    best = Some(growth);
                }
            }
            block = node.next;
        }
        // A run begins at any page, which may not be aligned enough.
        let pages = pages_for(size + align.saturating_sub(PAGE_U32));
        if best.as_ref().is_none_or(|best| pages < best.pages)
            && let Some(first_page) = self.run(pages, id == ArenaId::SUPERVISOR)
        {
            best = Some(Growth { first_page, pages });
        }
        best.filter(|growth| self.may_claim(id, growth.pages))
    }

    /// First page of a run of `pages` free ones: the lowest, or the highest.
    /// Long-lived things of the supervisor go to the top, so that they do not
    /// cut the room of containers into pieces.
    fn run(&self, pages: usize, highest: bool) -> Option<usize> {
        let mut length = 0;
        let mut full = |owner: &u8| {
            length = if *owner == NOBODY { length + 1 } else { 0 };
            length == pages
        };
        if highest {
            return self.owner.iter().rposition(full);
        }
        let skipped = self.owner.get(self.lowest_free..)?;
        let last = self.lowest_free + skipped.iter().position(&mut full)?;
        Some(last + 1 - pages)
    }

    fn claim(&mut self, id: ArenaId, growth: &Growth) {
        let from = (growth.first_page * PAGE_BYTES) as u32;
        let length = (growth.pages * PAGE_BYTES) as u32;
        self.set_owner(from, from + length, id.owner());
        self.owned_pages += growth.pages;
        if self.lowest_free == growth.first_page {
            self.lowest_free += growth.pages;
        }
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            arena.pages += growth.pages as u16;
            arena.peak = arena.peak.max(arena.pages);
        }
        self.insert(id, from, length);
    }
}

/// Size rounded to whole granules and the alignment that counts; `None` for
/// what no pool can serve.
fn request(size: usize, align: usize) -> Option<(u32, u32)> {
    if align > ALIGN_MAX || size > (1 << 30) {
        return None;
    }
    let size = (size.max(1) as u32).next_multiple_of(GRANULE_U32);
    Some((size, (align as u32).max(GRANULE_U32)))
}
