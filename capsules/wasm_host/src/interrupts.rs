//! Which interrupts are recorded, and when their lines are open.
//!
//! ```text
//!            line raised            captured, cleared,          acknowledged, and
//!            (top half masks)       recorded                    nothing else waits
//!   open ───────────────────► noted ──────────────► outstanding ──────────────► open
//!                            prologue    epilogue                  settle
//! ```
//!
//! A line that is shared opens when no interrupt on it is noted or outstanding, and
//! while at least one is registered. So a source that only a handler can silence
//! interrupts once for every run of the handler, and each interrupt has at most one
//! record that waits: there is no queue that could overflow.
//!
//! Sets of interrupts are bits of a word, by their index in the board's table.

use crate::access;
use crate::exposure::Exposure;
use crate::refusal::Refusal;
use crate::share::Share;
use crate::table::TableError;
use crate::window::{Clock, Lines};
use berth_exposure::Width;
use berth_exposure::interrupt::{Capture, INTERRUPTS_MAX, Interrupt, Limits};
use core::cell::Cell;
use kernel::deferred_call::DeferredCall;

/// What is kept for each interrupt of the board's table; a board makes them all
/// together as an [`InterruptStore`].
pub(crate) struct Slot {
    /// The interrupts on the same line, itself included.
    pub(crate) peers: Cell<u32>,
    /// Where its captures begin in the store.
    pub(crate) first: Cell<u16>,
    /// How many captures are registered, or checked of a registration that is under way.
    pub(crate) captures: Cell<u8>,
    /// How many captures that registration has, all of them.
    pub(crate) asked: Cell<u8>,
    /// The priority that it was registered with; 0 comes first.
    pub(crate) priority: Cell<u8>,
    /// Interrupts since the last record that could be written.
    pub(crate) since: Cell<u32>,
    /// Interrupts since it was registered.
    pub(crate) taken: Cell<u32>,
    /// Of these, those that no record told of: its process had lent no room for one.
    pub(crate) dropped: Cell<u32>,
    /// Of these, those that one record told of together with another.
    pub(crate) merged: Cell<u32>,
}

impl Slot {
    const fn new() -> Self {
        Self {
            peers: Cell::new(0),
            first: Cell::new(0),
            captures: Cell::new(0),
            asked: Cell::new(0),
            priority: Cell::new(0),
            since: Cell::new(0),
            taken: Cell::new(0),
            dropped: Cell::new(0),
            merged: Cell::new(0),
        }
    }
}

/// A register that is read when an interrupt comes, checked against its block.
#[derive(Clone, Copy)]
pub(crate) struct Captured {
    /// The bits that are seen.
    mask: u32,
    offset: u16,
    width: Width,
}

impl Captured {
    /// One that sees nothing.
    const NONE: Self = Self {
        mask: 0,
        offset: 0,
        width: Width::Bits32,
    };

    /// A capture of a block's register, if that may be read. Nothing is accessed.
    pub(crate) fn check(exposure: &Exposure, capture: Capture) -> Result<Self, Refusal> {
        let offset = capture.offset;
        let width = Width::of_bytes(capture.bytes.into()).ok_or(Refusal::CaptureMalformed)?;
        Ok(Self {
            mask: access::may_read(exposure, offset, width)?,
            offset,
            width,
        })
    }

    /// What may be seen of the register now; of one that does not answer nothing.
    pub(crate) fn read(self, exposure: &Exposure) -> u32 {
        let value = exposure.window.load(self.offset, self.width);
        value.unwrap_or(0) & self.mask
    }
}

/// Room for a table of `I` interrupts with `C` captures at most, all together
/// ([`captures`]).
pub struct InterruptStore<const I: usize, const C: usize> {
    /// What is registered of each interrupt.
    slots: [Slot; I],
    /// The captures of all together.
    captures: [Cell<Captured>; C],
}

impl<const I: usize, const C: usize> InterruptStore<I, C> {
    /// Nothing registered.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            slots: [const { Slot::new() }; I],
            captures: [const { Cell::new(Captured::NONE) }; C],
        }
    }
}

impl<const I: usize, const C: usize> Default for InterruptStore<I, C> {
    fn default() -> Self {
        Self::new()
    }
}

/// The captures of all interrupts of a table together: the `C` of its store.
#[must_use]
pub const fn captures(table: &[Interrupt]) -> usize {
    let (mut sum, mut rest) = (0, table);
    while let [first, others @ ..] = rest {
        sum += first.captures_max as usize;
        rest = others;
    }
    sum
}

/// The interrupts of a board and what is registered of them.
pub struct Interrupts {
    /// The interrupts that there are; what the masks below have bits for.
    pub(crate) table: &'static [Interrupt],
    /// What is registered of each.
    pub(crate) slots: &'static [Slot],
    /// The registers that are read when they come, of all together.
    pub(crate) captures: &'static [Cell<Captured>],
    /// The interrupt controller.
    pub(crate) lines: &'static dyn Lines,
    /// The time that they may take.
    pub(crate) share: Share,
    /// How much of it that is, and how much else a process may register.
    pub(crate) limits: Limits,
    /// Serves, outside of interrupts, what was noted.
    pub(crate) deferred: DeferredCall,
    /// Those that a process has registered.
    registered: Cell<u32>,
    /// Those whose registration is under way: some of its captures are checked.
    begun: Cell<u32>,
    /// Raised, and not served yet.
    noted: Cell<u32>,
    /// Served, and not acknowledged yet by their process.
    outstanding: Cell<u32>,
    /// Of those served last: whose block says that it had not raised it. No record of one stands for an interrupt.
    anothers: Cell<u32>,
    /// Those whose line may interrupt.
    open: Cell<u32>,
    /// On lines that were open when a registration on them ended: what of them is left may open again without asking
    /// for a share of time, since it had one and has not used it.
    granted: Cell<u32>,
    /// Held high when they were taken: what the controller still has pending of them
    /// is that, not a new one.
    held: Cell<u32>,
    /// Raised anew while their line was to be masked, and taken all the same: the chip had
    /// opened it. Recorded when the line would open.
    again: Cell<u32>,
    /// How often that happened, on any line.
    unbidden: Cell<u32>,
}

impl Interrupts {
    /// The interrupts of `table`, none registered and all their lines masked.
    ///
    /// # Errors
    /// If the table has more than 32 entries, or more than `store` has room for.
    pub fn new<const I: usize, const C: usize>(
        table: &'static [Interrupt],
        store: &'static InterruptStore<I, C>,
        lines: &'static dyn Lines,
        clock: &'static dyn Clock,
        limits: Limits,
    ) -> Result<Self, TableError> {
        Self::over(table, &store.slots, &store.captures, lines, clock, limits)
    }

    fn over(
        table: &'static [Interrupt],
        slots: &'static [Slot],
        captures: &'static [Cell<Captured>],
        lines: &'static dyn Lines,
        clock: &'static dyn Clock,
        limits: Limits,
    ) -> Result<Self, TableError> {
        if table.len() > INTERRUPTS_MAX || table.len() != slots.len() {
            return Err(TableError::TooManyInterrupts);
        }
        let mut first = 0;
        for (slot, interrupt) in slots.iter().zip(table) {
            let same = |(index, other): (usize, &Interrupt)| {
                u32::from(other.line == interrupt.line) << index
            };
            slot.peers.set(table.iter().enumerate().map(same).sum());
            slot.first.set(first as u16);
            first += interrupt.captures_max as usize;
            lines.mask(interrupt.line);
        }
        if first > captures.len() {
            return Err(TableError::TooManyInterrupts);
        }
        Ok(Self {
            table,
            slots,
            captures,
            lines,
            share: Share::new(clock, limits.share_percent),
            limits,
            deferred: DeferredCall::new(),
            registered: Cell::new(0),
            begun: Cell::new(0),
            noted: Cell::new(0),
            outstanding: Cell::new(0),
            anothers: Cell::new(0),
            open: Cell::new(0),
            granted: Cell::new(0),
            held: Cell::new(0),
            again: Cell::new(0),
            unbidden: Cell::new(0),
        })
    }

    /// An interrupt and its slot.
    pub(crate) fn get(&self, index: usize) -> Option<(&'static Interrupt, &'static Slot)> {
        Some((self.table.get(index)?, self.slots.get(index)?))
    }

    pub(crate) fn is_registered(&self, index: usize) -> bool {
        self.registered.get() & bit(index) != 0
    }

    /// The registered interrupts on the line of a slot.
    pub(crate) fn registered_on(&self, slot: &Slot) -> u32 {
        self.registered.get() & slot.peers.get()
    }

    pub(crate) fn registered_count(&self) -> u32 {
        self.registered.get().count_ones()
    }

    /// The prologue: `line` was raised and the top half has masked it. Returns whether it is one
    /// of ours.
    pub(crate) fn note(&self, line: u32) -> bool {
        let Some(slot) = self
            .table
            .iter()
            .position(|interrupt| interrupt.line == line)
            .and_then(|index| self.slots.get(index))
        else {
            return false;
        };
        let begin = self.share.begin();
        self.lines.mask(line);
        let peers = slot.peers.get();
        if self.open.get() & peers == 0 {
            // Masked, and here all the same: chips whose drivers know no masks enable a line when
            // its service returns. It is masked again; what is new of it is not lost.
            self.unbidden.set(self.unbidden.get().wrapping_add(1));
            self.lines.clear_pending(line);
            self.again
                .set(self.again.get() | (peers & !self.held.get()));
        } else {
            self.open.set(self.open.get() & !peers);
            self.look(line, peers);
            self.take(peers);
        }
        self.share.end(begin, 0);
        true
    }

    /// Notes those of `peers` that are registered, and has their epilogues run. If none is, the
    /// line is nobody's and stays masked until somebody registers.
    fn take(&self, peers: u32) {
        let here = peers & self.registered.get();
        if here == 0 {
            return;
        }
        self.noted.set(self.noted.get() | here);
        self.anothers.set(self.anothers.get() & !here);
        for slot in indices(here).filter_map(|index| self.slots.get(index)) {
            slot.taken.set(slot.taken.get().wrapping_add(1));
            slot.since.set(slot.since.get().saturating_add(1));
        }
        self.deferred.set();
    }

    /// Returns how many interrupts came from lines that were to be masked, modulo 2^32.
    pub(crate) fn unbidden(&self) -> u32 {
        self.unbidden.get()
    }

    /// Forget that the line is pending, and remember whether it is held high.
    fn look(&self, line: u32, peers: u32) {
        self.lines.clear_pending(line);
        let held = self.held.get() & !peers;
        let now = if self.lines.is_pending(line) {
            peers
        } else {
            0
        };
        self.held.set(held | now);
    }

    /// Look again whether a line that was held high still is. Of any other what is pending was raised since it was
    /// taken, and is kept.
    pub(crate) fn look_again(&self, line: u32, peers: u32) {
        if self.held.get() & peers != 0 {
            self.look(line, peers);
        }
    }

    /// The noted interrupt that is served first; it is noted no more.
    pub(crate) fn take_noted(&self) -> Option<usize> {
        let noted = self.noted.get();
        // Lower priority numbers first, then as in the table. Mostly there is one.
        let rank = |index: usize| {
            let slot = self.slots.get(index);
            slot.map_or(0, |slot| usize::from(slot.priority.get())) * INTERRUPTS_MAX + index
        };
        let index = indices(noted).map(rank).min()? % INTERRUPTS_MAX;
        self.noted.set(noted & !bit(index));
        Some(index)
    }

    pub(crate) fn has_noted(&self) -> bool {
        self.noted.get() != 0
    }

    /// It was taken, since its line was raised, but is another's.
    pub(crate) fn is_anothers(&self, index: usize) {
        if let Some(slot) = self.slots.get(index) {
            self.anothers.set(self.anothers.get() | bit(index));
            slot.taken.set(slot.taken.get().wrapping_sub(1));
            slot.since.set(slot.since.get().saturating_sub(1));
        }
    }

    /// A record of it waits for its handler.
    pub(crate) fn set_outstanding(&self, index: usize, outstanding: bool) {
        let others = self.outstanding.get() & !bit(index);
        let own = if outstanding { bit(index) } else { 0 };
        self.outstanding.set(others | own);
    }

    /// Begin with a registration of so many captures, or go on with that. Returns how many of them are checked.
    pub(crate) fn begin(&self, index: usize, slot: &Slot, captures: u8) -> u8 {
        let begun = self.begun.get();
        if begun & bit(index) == 0 || slot.asked.get() != captures {
            self.begun.set(begun | bit(index));
            slot.asked.set(captures);
            slot.captures.set(0);
        }
        slot.captures.get()
    }

    /// Of these no registration is under way any more. Returns whether any was.
    pub(crate) fn forget_begun(&self, interrupts: u32) -> bool {
        let begun = self.begun.get();
        self.begun.set(begun & !interrupts);
        begun & interrupts != 0
    }

    /// Where the captures of a slot, and behind them those of others, are.
    pub(crate) fn captures_of(&self, slot: &Slot) -> &'static [Cell<Captured>] {
        let first = usize::from(slot.first.get());
        self.captures.get(first..).unwrap_or_default()
    }

    /// Record an interrupt from now on, with the captures that are checked. Its line opens with [`settle`](Self::settle).
    pub(crate) fn register(&self, index: usize, priority: u8) {
        if let Some((interrupt, slot)) = self.get(index) {
            // What was raised while nobody listened is nobody's.
            if self.registered.get() & slot.peers.get() == 0 {
                self.look(interrupt.line, slot.peers.get());
                self.again.set(self.again.get() & !slot.peers.get());
            }
            slot.priority.set(priority);
            for counter in [&slot.since, &slot.taken, &slot.dropped, &slot.merged] {
                counter.set(0);
            }
        }
        self.forget_begun(bit(index));
        self.registered.set(self.registered.get() | bit(index));
    }

    /// Record it no more; what was taken and is not handled is dropped. The line is
    /// masked: to be settled if others are on it.
    pub(crate) fn unregister(&self, index: usize) {
        let Some((interrupt, slot)) = self.get(index) else {
            return;
        };
        // Most of a board's are not, and the end of a process ends many claims in one pass.
        if !self.is_registered(index) {
            return;
        }
        self.lines.mask(interrupt.line);
        let peers = slot.peers.get();
        self.granted
            .set(self.granted.get() | (self.open.get() & peers));
        self.open.set(self.open.get() & !peers);
        let recorded = self.outstanding.get() & !self.anothers.get();
        if (self.noted.get() | recorded) & bit(index) != 0 {
            slot.dropped.set(slot.dropped.get().wrapping_add(1));
        }
        for set in [&self.registered, &self.noted, &self.outstanding] {
            set.set(set.get() & !bit(index));
        }
    }

    /// Open the line of an interrupt if nothing on it waits and the share of time allows
    /// it. Microseconds until it may; 0 if there is nothing to wait for.
    ///
    /// Every opening is one that the share has room for, whoever asks and why: the end of another registration on
    /// the line is no reason for one more.
    pub(crate) fn settle(&self, index: usize) -> u32 {
        let Some((interrupt, slot)) = self.get(index) else {
            return 0;
        };
        let peers = slot.peers.get();
        let waiting = self.noted.get() | self.outstanding.get();
        let open = self.open.get();
        let granted = self.granted.get() & peers != 0;
        self.granted.set(self.granted.get() & !peers);
        let registered = self.registered_on(slot);
        if registered == 0 {
            // Masked, and what is pending was for those that have gone.
            self.lines.clear_pending(interrupt.line);
            return 0;
        }
        if peers & open != 0 {
            return 0;
        }
        // The handler that was run last may have silenced it: what comes from now on is new.
        self.look_again(interrupt.line, peers);
        if peers & waiting != 0 {
            return 0;
        }
        if !granted {
            let wait = self.share.wait_us(peers, open.count_ones());
            if wait != 0 {
                return wait;
            }
        }
        let again = self.again.get() & peers != 0;
        // One that was open just now was counted when it opened.
        if !granted && (again || self.lines.is_pending(interrupt.line)) {
            // For all of them, also if the one that is asked for has gone: whose it is nobody knows.
            for slot in indices(registered).filter_map(|index| self.slots.get(index)) {
                slot.merged.set(slot.merged.get().wrapping_add(1));
            }
        }
        if again {
            // As if it had opened and been raised at once.
            self.again.set(self.again.get() & !peers);
            self.look(interrupt.line, peers);
            self.take(peers);
            return 0;
        }
        self.open.set(open | peers);
        self.lines.unmask(interrupt.line);
        0
    }
}

/// The interrupts of a set, the first of the table first.
pub(crate) fn indices(set: u32) -> impl Iterator<Item = usize> {
    let mut left = set;
    core::iter::from_fn(move || {
        let index = (left != 0).then(|| left.trailing_zeros() as usize)?;
        left &= left - 1;
        Some(index)
    })
}

/// The set of one interrupt; tables have at most 32.
pub(crate) const fn bit(index: usize) -> u32 {
    1_u32.wrapping_shl(index as u32)
}
