//! The pages of the pool: which are free, and which an arena gets.

use super::pool::{
    ArenaId, CLAIM_PAGES, Memory, NOBODY, NONE, PAGE_U32, Pool, RESERVED_PAGES, aligned,
    has_page_of,
};

/// Four pages that nobody owns.
const FREE: u32 = u32::from_ne_bytes([NOBODY; 4]);

/// Pages that would make an allocation possible.
pub(super) struct Growth {
    /// The first of them.
    pub(super) first_page: usize,
    /// How many there are.
    pub(super) pages: usize,
}

impl<M: Memory, const PAGES: usize> Pool<M, PAGES> {
    /// Returns the first free page from `first` on.
    pub(super) fn next_free(&self, first: usize) -> Option<usize> {
        let mut pages = self.owner.get(first..)?.iter();
        Some(first + pages.position(|owner| *owner == NOBODY)?)
    }

    /// Returns how many pages from `first` on are free, those of `own` counted as free.
    pub(super) fn run_of(&self, first: usize, own: Option<&core::ops::Range<usize>>) -> usize {
        let pages = self.owner.iter().enumerate().skip(first);
        pages
            .take_while(|(page, owner)| {
                **owner == NOBODY || own.is_some_and(|own| own.contains(page))
            })
            .count()
    }

    pub(super) fn set_owner(&mut self, from: u32, to: u32, owner: u8) {
        let pages = (from / PAGE_U32) as usize..(to / PAGE_U32) as usize;
        if let Some(pages) = self.owner.get_mut(pages) {
            pages.fill(owner);
        }
    }

    pub(super) fn is_free_run(&self, growth: &Growth) -> bool {
        self.owner
            .get(growth.first_page..growth.first_page + growth.pages)
            .is_some_and(|run| {
                let (fours, rest) = run.as_chunks::<4>();
                fours.iter().all(|four| u32::from_ne_bytes(*four) == FREE)
                    && rest.iter().all(|owner| *owner == NOBODY)
            })
    }

    /// Do limit and reserve let `id` have `pages` more?
    pub(super) fn may_claim(&self, id: ArenaId, pages: usize) -> bool {
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
    pub(super) fn plan(&self, id: ArenaId, size: u32, align: u32) -> Option<Growth> {
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
            let start = aligned(block, align);
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
    pub(super) fn run(&self, pages: usize, highest: bool) -> Option<usize> {
        let mut length = 0;
        if highest {
            return self.owner.iter().rposition(|owner| {
                length = if *owner == NOBODY { length + 1 } else { 0 };
                length == pages
            });
        }
        let (fours, rest) = self.owner.get(self.lowest_free..)?.as_chunks::<4>();
        let mut at = self.lowest_free;
        // Containers can ask for it: four by four where none is free, or all are.
        for four in fours {
            if !has_page_of(*four, NOBODY) {
                length = 0;
                at += four.len();
            } else if *four == [NOBODY; 4] && length + four.len() < pages {
                length += four.len();
                at += four.len();
            } else if let Some(first) = end_of_run(four, &mut length, &mut at, pages) {
                return Some(first);
            }
        }
        end_of_run(rest, &mut length, &mut at, pages)
    }
}

/// Goes on with a run of free pages, `length` of which are right before `at`, through `owners`. Returns its first page where it
/// has as many as are wanted.
fn end_of_run(owners: &[u8], length: &mut usize, at: &mut usize, wanted: usize) -> Option<usize> {
    for owner in owners {
        *length = if *owner == NOBODY { *length + 1 } else { 0 };
        *at += 1;
        if *length == wanted {
            return Some(*at - wanted);
        }
    }
    None
}
