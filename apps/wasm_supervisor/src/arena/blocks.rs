//! Blocks: those in use are taken from and given back to the free ones of their arena, which are one list in address
//! order, kept in the free memory itself.

use super::pages::Growth;
use super::pool::{
    ALIGN_MAX, ArenaId, GRANULE, GRANULE_U32, Memory, NOBODY, NONE, Node, PAGE_BYTES, PAGE_U32,
    Pool, RECENT, ROOM_PAGES, Recent, aligned,
};

/// A place in a free block that an allocation can take.
struct Fit {
    /// The free block before it; [`NONE`]: it is the first.
    previous: u32,
    /// Offset of the free block.
    block: u32,
    /// What is written there.
    node: Node,
    /// Where in it what is taken begins.
    start: u32,
}

/// What there is for a block that is to be longer.
enum Behind {
    /// A free block of the arena, long enough, and the one before it in the list.
    Block { previous: u32, node: Node },
    /// Pages that have to be claimed first.
    Pages(Growth),
    /// Not enough.
    Nothing,
}

impl<M: Memory, const PAGES: usize> Pool<M, PAGES> {
    /// Take a block wherever there is room for it.
    pub(super) fn allocate_block(&mut self, id: ArenaId, size: usize, align: usize) -> Option<u32> {
        let (size, align) = request(size, align)?;
        if let Some(offset) = self.again(id, size, align) {
            return Some(offset);
        }
        if let Some(fit) = self.find(id, size, align) {
            return Some(self.take(id, &fit, size));
        }
        if self.settle(id)
            && let Some(fit) = self.find(id, size, align)
        {
            return Some(self.take(id, &fit, size));
        }
        // No other block has room, and this one has it now.
        let growth = self.plan(id, size, align)?;
        let free = self.claim(id, &growth);
        let start = aligned(free.block, align);
        debug_assert!(start + size <= free.block + free.node.length, "as planned");
        Some(self.take(id, &Fit { start, ..free }, size))
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
        Some(self.take_pages(id, first_page, pages, size as usize))
    }

    /// Take `size` bytes at the beginning of `pages` free ones.
    fn take_pages(&mut self, id: ArenaId, first_page: usize, pages: usize, size: usize) -> u32 {
        // It may be one block with what was free before it.
        let free = self.claim(id, &Growth { first_page, pages });
        let start = first_page as u32 * PAGE_U32;
        let size = aligned(size as u32, GRANULE_U32);
        self.take(id, &Fit { start, ..free }, size)
    }

    /// Take `size` bytes for what has `held` bytes at `offset`, in pages that nobody had, if it can become longer there than
    /// where it is once it has moved: up to `most` bytes.
    pub(super) fn allocate_with_reach(
        &mut self,
        id: ArenaId,
        offset: u32,
        held: usize,
        size: usize,
        most: usize,
    ) -> Option<u32> {
        let pages = size.div_ceil(PAGE_BYTES);
        let most = most.div_ceil(PAGE_BYTES);
        // What it has is free afterwards.
        let own = (offset as usize).div_ceil(PAGE_BYTES)..(offset as usize + held) / PAGE_BYTES;
        let mut best = None;
        // Where it is: its own pages, and what is free behind them.
        let mut longest = if own.start < own.end {
            self.run_of(own.start, Some(&own))
        } else {
            0
        };
        let mut first = 0;
        while let Some(skipped) = self.next_free(first) {
            first = skipped;
            let free = self.run_of(first, None);
            let reach = self.run_of(first, Some(&own)).min(most);
            if free >= pages && reach > longest {
                (longest, best) = (reach, Some(first));
            }
            first += free;
        }
        if !self.may_claim(id, pages) {
            return None;
        }
        Some(self.take_pages(id, best?, pages, size))
    }

    /// Would [`allocate`](Self::allocate) succeed?
    pub fn can_allocate(&mut self, id: ArenaId, size: usize, align: usize) -> bool {
        self.settle(id);
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

    /// Return all whole pages of `id` that no block uses.
    pub fn trim(&mut self, id: ArenaId) {
        self.settle(id);
        self.returns = self.returns.wrapping_add(1);
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            arena.settled = true;
        }
        let mut previous = NONE;
        let mut block = self.first(id);
        while block != NONE {
            let node = self.memory.read(block);
            let end = block + node.length;
            let from = aligned(block, PAGE_U32);
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

    /// Give back `size` bytes at `offset`.
    pub(super) fn give_back(&mut self, offset: u32, size: usize) {
        let Some((size, _)) = request(size, GRANULE) else {
            return;
        };
        let Some(id) = self.owner_of(offset) else {
            return;
        };
        if self.arena(id).ending {
            return;
        }
        self.returns = self.returns.wrapping_add(1);
        let mut out = Recent {
            offset,
            length: size,
        };
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            arena.used = arena.used.saturating_sub(size);
            arena.blocks = arena.blocks.saturating_sub(1);
            // While it is filled everything finds its place in the list, so that holes are as large as they can be.
            if arena.settled {
                for recent in &mut arena.recent {
                    core::mem::swap(recent, &mut out);
                }
            }
        }
        self.put(id, out);
    }

    /// Take a block of exactly this length that was given back just now: what is taken and given back again and again costs no
    /// search.
    fn again(&mut self, id: ArenaId, size: u32, align: u32) -> Option<u32> {
        let arena = self.arenas.get_mut(id.index())?;
        let mut recent = arena.recent.iter_mut();
        let block = recent.find(|it| it.length == size && it.offset & (align - 1) == 0)?;
        let offset = block.offset;
        *block = Recent::NONE;
        arena.used += size;
        arena.blocks += 1;
        Some(offset)
    }

    /// Put what was given back just now into the list, where it may be one with what it touches. Returns whether there was any.
    fn settle(&mut self, id: ArenaId) -> bool {
        let Some(arena) = self.arenas.get_mut(id.index()) else {
            return false;
        };
        let recent = core::mem::replace(&mut arena.recent, [Recent::NONE; RECENT]);
        let any = recent.iter().any(|block| block.length > 0);
        for block in recent {
            self.put(id, block);
        }
        any
    }

    fn put(&mut self, id: ArenaId, block: Recent) {
        if block.length > 0 {
            self.insert(id, block.offset, block.length);
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
        self.settle(id);
        let end = offset + old;
        let fit = match self.room_behind(id, end, extra) {
            Behind::Nothing => return false,
            // One block with what is free before it, which begins at the end of this one.
            Behind::Pages(growth) => self.claim(id, &growth),
            Behind::Block { previous, node } => Fit {
                previous,
                block: end,
                node,
                start: end,
            },
        };
        self.take(id, &fit, extra);
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            arena.blocks = arena.blocks.saturating_sub(1);
        }
        true
    }

    /// Could the block at `offset` of arena `id` be made longer where it is?
    pub(super) fn can_resize(&mut self, id: ArenaId, offset: u32, old: usize, new: usize) -> bool {
        let (Some((old, _)), Some((new, _))) = (request(old, GRANULE), request(new, GRANULE))
        else {
            return false;
        };
        self.settle(id);
        let extra = new.saturating_sub(old);
        !matches!(self.room_behind(id, offset + old, extra), Behind::Nothing)
    }

    /// What is free right behind `end`, for `extra` bytes more.
    fn room_behind(&self, id: ArenaId, end: u32, extra: u32) -> Behind {
        let [_, previous, next] = self.neighbours(id, end);
        let behind = if next == end {
            let node = self.memory.read(next);
            if node.length >= extra {
                return Behind::Block { previous, node };
            }
            node.length
        } else {
            0
        };
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

    /// The last two free blocks before `offset` and the first at or behind it.
    fn neighbours(&self, id: ArenaId, offset: u32) -> [u32; 3] {
        let (mut before, mut previous) = (NONE, NONE);
        let mut next = self.first(id);
        while next != NONE && next < offset {
            before = previous;
            previous = next;
            next = self.memory.read(next).next;
        }
        [before, previous, next]
    }

    /// The arena gets these pages. Returns the free block that they are, with what is free before and behind them.
    fn claim(&mut self, id: ArenaId, growth: &Growth) -> Fit {
        let from = (growth.first_page * PAGE_BYTES) as u32;
        let length = (growth.pages * PAGE_BYTES) as u32;
        self.set_owner(from, from + length, id.owner());
        self.owned_pages += growth.pages;
        if self.lowest_free == growth.first_page {
            self.lowest_free += growth.pages;
        }
        if let Some(arena) = self.arenas.get_mut(id.index()) {
            let (first, end) = (
                growth.first_page as u16,
                (growth.first_page + growth.pages) as u16,
            );
            (arena.from_page, arena.to_page) = match arena.pages {
                0 => (first, end),
                _ => (arena.from_page.min(first), arena.to_page.max(end)),
            };
            arena.pages += growth.pages as u16;
            arena.peak = arena.peak.max(arena.pages);
        }
        self.insert(id, from, length)
    }

    /// Put a free block into the list, merged with what it touches. Returns what it is then.
    fn insert(&mut self, id: ArenaId, offset: u32, length: u32) -> Fit {
        let [before, previous, next] = self.neighbours(id, offset);
        let mut node = Node { next, length };
        if next != NONE && offset + length == next {
            let behind = self.memory.read(next);
            node = Node {
                next: behind.next,
                length: length + behind.length,
            };
        }
        if previous != NONE {
            let length = self.memory.read(previous).length;
            if previous + length == offset {
                node.length += length;
                self.memory.write(previous, node);
                return Fit {
                    previous: before,
                    block: previous,
                    node,
                    start: previous,
                };
            }
        }
        self.memory.write(offset, node);
        self.link(id, previous, offset);
        Fit {
            previous,
            block: offset,
            node,
            start: offset,
        }
    }

    /// The shortest free block of the arena with room for the request: what
    /// stays small is put between what came and went while a module was loaded.
    fn find(&self, id: ArenaId, size: u32, align: u32) -> Option<Fit> {
        let mut best: Option<Fit> = None;
        let mut previous = NONE;
        let mut block = self.first(id);
        while block != NONE {
            let node = self.memory.read(block);
            let start = aligned(block, align);
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
}

/// Returns the size rounded to whole granules and the alignment that counts, or `None` for
/// what no pool can serve.
fn request(size: usize, align: usize) -> Option<(u32, u32)> {
    if align > ALIGN_MAX || size > (1 << 30) {
        return None;
    }
    let size = aligned(size.max(1) as u32, GRANULE_U32);
    Some((size, (align as u32).max(GRANULE_U32)))
}
