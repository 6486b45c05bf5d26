//! Who holds which exposure, and the handles that prove it.
//!
//! One slot an exposure, so a handle leads to its exposure by an index and an
//! access costs the same however many exposures there are. A handle is 16 bits:
//!
//! ```text
//!   15                     i   i-1        0
//!  ┌─────────────────────────┬──────────────┐
//!  │ generation of the claim │ slot index   │   i = bits needed to count the slots
//!  └─────────────────────────┴──────────────┘
//! ```
//!
//! Every new claim of a slot gets the next generation, never zero, so a handle
//! kept past its claim's end leads nowhere. The same 16 bits come back only after
//! `2^(16 - i) - 1` claims of the same slot (4095 with 16 exposures), and then only for the
//! process that holds it: a handle is worth nothing to any other.

use core::cell::Cell;
use kernel::process::ProcessId;

/// Most exposures a table may have: leaves eight bits for generations.
pub(crate) const SLOTS_MAX: usize = 256;

/// Most slots that are looked at in one piece, where what is looked for may be in any.
pub(crate) const PIECE: usize = 16;

/// A process that holds an exposure, and the container it named. What tells claims apart at once is compared first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder<P> {
    /// The container's tag; the process chose it.
    pub(crate) tag: u32,
    /// The process.
    pub(crate) process: P,
}

/// Room for the claims of `N` exposures. `P` identifies a process.
///
/// Apart from the driver, which is moved to its place: what grows with the table is made where it stays.
pub struct ClaimStore<const N: usize, P: 'static = ProcessId> {
    /// One for each exposure, in the order of the board's table.
    slots: [Slot<P>; N],
    /// The exposures in the order of their labels.
    by_label: [Cell<u8>; N],
}

impl<const N: usize, P: 'static> ClaimStore<N, P> {
    /// Nothing claimed.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            slots: [const { Slot::new() }; N],
            by_label: [const { Cell::new(0) }; N],
        }
    }
}

impl<const N: usize, P: 'static> Default for ClaimStore<N, P> {
    fn default() -> Self {
        Self::new()
    }
}

/// The claims of all exposures of a board.
pub(crate) struct Claims<P: 'static, const N: usize> {
    store: &'static ClaimStore<N, P>,
    /// How many are held.
    live: Cell<usize>,
    /// The last so many slots may have holders whose runs have ended.
    unlooked: Cell<usize>,
}

/// The claim of one exposure.
struct Slot<P> {
    /// Who holds it, if anybody does.
    holder: Cell<Option<Holder<P>>>,
    /// Counts its claims: a handle names the one it was given for.
    generation: Cell<u16>,
    /// It is open to its holder.
    mapped: Cell<bool>,
    /// Its interrupts that are registered, as a set of the board's table.
    interrupts: Cell<u32>,
    /// All its interrupts.
    sources: Cell<u32>,
}

impl<P> Slot<P> {
    const fn new() -> Self {
        Self {
            holder: Cell::new(None),
            generation: Cell::new(0),
            mapped: Cell::new(false),
            interrupts: Cell::new(0),
            sources: Cell::new(0),
        }
    }
}

impl<P: Copy + Eq, const N: usize> Claims<P, N> {
    /// Bits of a handle that hold the index.
    const INDEX_BITS: u32 = {
        assert!(N <= SLOTS_MAX, "a board has at most 256 exposures");
        N.next_power_of_two().trailing_zeros()
    };
    const INDEX_MASK: u16 = ((1_u32 << Self::INDEX_BITS) - 1) as u16;
    const GENERATION_LAST: u16 = (u16::MAX as u32 >> Self::INDEX_BITS) as u16;

    pub(crate) const fn new(store: &'static ClaimStore<N, P>) -> Self {
        Self {
            store,
            live: Cell::new(0),
            unlooked: Cell::new(0),
        }
    }

    fn slot(&self, index: usize) -> Option<&'static Slot<P>> {
        self.store.slots.get(index)
    }

    /// The exposures in the order of their labels, once [`table::check`](crate::table::check) has written it down.
    pub(crate) fn by_label(&self) -> &'static [Cell<u8>; N] {
        &self.store.by_label
    }

    /// Who holds a slot now.
    pub(crate) fn holder(&self, index: usize) -> Option<Holder<P>> {
        self.slot(index)?.holder.get()
    }

    /// Returns whether anybody holds anything.
    pub(crate) fn any(&self) -> bool {
        self.live.get() != 0
    }

    /// Returns whether a held slot's block is open to its holder.
    pub(crate) fn is_mapped(&self, index: usize) -> bool {
        self.slot(index).is_some_and(|slot| slot.mapped.get())
    }

    /// Note whether a slot's block is open to its holder. Returns what was noted before.
    pub(crate) fn set_mapped(&self, index: usize, mapped: bool) -> bool {
        self.slot(index)
            .is_some_and(|slot| slot.mapped.replace(mapped))
    }

    /// Note which interrupts of a slot are registered. Returns what was noted before.
    pub(crate) fn set_interrupts(&self, index: usize, interrupts: u32) -> u32 {
        self.slot(index)
            .map_or(0, |slot| slot.interrupts.replace(interrupts))
    }

    /// The interrupts of a slot that are registered.
    pub(crate) fn interrupts(&self, index: usize) -> u32 {
        self.slot(index).map_or(0, |slot| slot.interrupts.get())
    }

    /// All interrupts of a slot.
    pub(crate) fn sources(&self, index: usize) -> u32 {
        self.slot(index).map_or(0, |slot| slot.sources.get())
    }

    /// Note an interrupt of a slot.
    pub(crate) fn add_source(&self, index: usize, interrupt: u32) {
        if let Some(slot) = self.slot(index) {
            slot.sources.set(slot.sources.get() | interrupt);
        }
    }

    /// Note that a run has ended. Returns whether anybody held anything.
    pub(crate) fn leave(&self) -> bool {
        if self.any() {
            self.unlooked.set(N);
        }
        self.any()
    }

    /// Returns whether any claim may be of a run that has ended.
    pub(crate) fn any_left(&self) -> bool {
        self.unlooked.get() != 0
    }

    /// The next slot of which `over` says so, with its holder, if it is among the next that are looked at in one piece.
    #[inline(never)]
    pub(crate) fn next_left(
        &self,
        over: &mut dyn FnMut(usize, Holder<P>) -> bool,
    ) -> Option<usize> {
        for _ in 0..PIECE {
            let left = self.unlooked.get();
            let index = N.checked_sub(left)?;
            self.unlooked.set(left.checked_sub(1)?);
            if self.holder(index).is_some_and(|holder| over(index, holder)) {
                return Some(index);
            }
        }
        None
    }

    /// Take a free slot and make its handle. Returns `None` if it is held or does not exist.
    pub(crate) fn take(&self, index: usize, holder: Holder<P>) -> Option<u16> {
        let slot = self.slot(index)?;
        if slot.holder.get().is_some() {
            return None;
        }
        let generation = match slot.generation.get() {
            last if last >= Self::GENERATION_LAST => 1,
            other => other + 1,
        };
        slot.generation.set(generation);
        slot.holder.set(Some(holder));
        self.live.set(self.live.get() + 1);
        // The index fits INDEX_BITS since it is below N.
        Some((generation << Self::INDEX_BITS) | (index as u16 & Self::INDEX_MASK))
    }

    /// The slot that a live handle of this process leads to.
    pub(crate) fn resolve(&self, handle: u16, process: P) -> Option<usize> {
        let index = usize::from(handle & Self::INDEX_MASK);
        let slot = self.slot(index)?;
        let held = slot.generation.get() == handle >> Self::INDEX_BITS
            && slot.holder.get().is_some_and(|h| h.process == process);
        held.then_some(index)
    }

    /// Free a slot. Returns whether it was held.
    pub(crate) fn free(&self, index: usize) -> bool {
        let Some(slot) = self.slot(index) else {
            return false;
        };
        let held = slot.holder.take().is_some();
        if held {
            self.live.set(self.live.get().saturating_sub(1));
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::collections::HashSet;
    use std::vec::Vec;

    fn holder(process: u32, tag: u32) -> Holder<u32> {
        Holder { tag, process }
    }

    fn claims<const N: usize>() -> Claims<u32, N> {
        Claims::new(Box::leak(Box::new(ClaimStore::new())))
    }

    #[test]
    fn a_slot_has_one_holder() {
        let claims = claims::<3>();
        assert!(!claims.any());
        let handle = claims.take(1, holder(7, 1)).unwrap();
        assert_eq!(claims.take(1, holder(8, 1)), None);
        assert_eq!(claims.take(1, holder(7, 1)), None);
        assert_eq!(claims.take(3, holder(7, 1)), None);
        assert_eq!(claims.resolve(handle, 7), Some(1));
        assert_eq!(claims.resolve(handle, 8), None);
        assert!(claims.any());
        assert!(claims.free(1));
        assert!(!claims.free(1));
        assert!(!claims.any());
        assert_eq!(claims.resolve(handle, 7), None);
    }

    /// A stale handle stays stale through every later claim until its 16 bits come
    /// round, which takes as many claims as the head of this file says.
    fn handles_come_round_after<const N: usize>(expected: usize) {
        let claims = claims::<N>();
        for index in [0, N - 1] {
            let mut seen = HashSet::new();
            loop {
                let handle = claims.take(index, holder(7, 1)).unwrap();
                assert_ne!(handle, 0);
                if !seen.insert(handle) {
                    claims.free(index);
                    break;
                }
                assert_eq!(claims.resolve(handle, 7), Some(index));
                claims.free(index);
                assert_eq!(claims.resolve(handle, 7), None);
            }
            assert_eq!(seen.len(), expected);
        }
    }

    #[test]
    fn a_handle_does_not_come_back_soon() {
        handles_come_round_after::<1>(65535);
        handles_come_round_after::<3>((1 << 14) - 1);
        handles_come_round_after::<16>(4095);
        handles_come_round_after::<256>(255);
    }

    #[test]
    fn of_all_handles_only_the_live_ones_of_the_process_resolve() {
        let claims = claims::<5>();
        let mut live = Vec::new();
        for index in 0..5 {
            claims.take(index, holder(1, 0)).unwrap();
            claims.free(index);
            let process = if index % 2 == 0 { 1 } else { 2 };
            let handle = claims.take(index, holder(process, 0)).unwrap();
            live.push((handle, process, index));
        }
        for handle in 0..=u16::MAX {
            for process in 0..4 {
                let expected = live
                    .iter()
                    .find(|(h, p, _)| (*h, *p) == (handle, process))
                    .map(|(_, _, index)| *index);
                assert_eq!(claims.resolve(handle, process), expected);
            }
        }
    }
}
