//! What conveyors are attached, and what of a container's memory they mirror registers in.
//!
//! ```text
//!   guest: conveyor:<label>.attach ──► Attached ──► kernel checks the list and keeps it
//!   asked, due, or an interrupt ─────► sync: the memory's bytes to the kernel's and back, the moves in between
//! ```
//!
//! Conveyors belong to runs and end with them. A block has one: a staged run that wants it for itself while the run that it is to
//! replace has one is told so.

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use berth_protocol::Fault;

use super::run_id::RunId;
use crate::conveyors::{
    Direction, MEMORY_MAX, MOVE_BYTES, MOVES_MAX, Move, Refused, When, directions,
};
use crate::errno;
use crate::interrupts::Capture;
use crate::platform::Platform;

/// What a container did wrong with a conveyor: the fault, and what its record says beside the block: the register's offset or, where no
/// register is to blame, the move's index.
pub(super) type Wrong = (Fault, u32);

/// One conveyor.
pub(super) struct Attached {
    /// The run that has it, and its container's slot.
    pub(super) run: RunId,
    pub(super) slot: usize,
    /// Its block by its number in the container, and by its handle in the kernel.
    pub(super) block: u8,
    handle: u16,
    /// Its memory in the container's.
    pointer: u32,
    bytes: u16,
    /// What it moves, and the ways that goes.
    moves: Vec<Move>,
    directions: u32,
    when: When,
    /// When it is to be synchronised next, if it is from time to time.
    pub(super) due_us: u64,
}

impl Attached {
    /// Make moves of it. Returns how many accesses they were.
    fn sync<P: Platform>(
        &self,
        platform: &P,
        moves: (u8, u8),
        directions: u32,
        memory: &mut [u8],
    ) -> Result<u32, Wrong> {
        let start = self.pointer as usize;
        // Memories do not shrink.
        let memory = memory.get_mut(start..start + usize::from(self.bytes));
        let memory = memory.ok_or((Fault::BadPointer, 0))?;
        let directions = directions & self.directions;
        let come = platform.sync_conveyor(self.handle, moves, directions, memory);
        come.map_err(|Refused { code, what }| match (code, what) {
            (errno::RESERVE, _) => (Fault::BadHandle, 0),
            (_, Some(offset)) => (Fault::BadRegister, offset),
            (_, None) => (Fault::BadConveyor, moves.0.into()),
        })
    }

    /// The number of all its moves.
    fn all(&self) -> (u8, u8) {
        // At most MOVES_MAX.
        (0, self.moves.len() as u8)
    }

    /// When it is to be synchronised, from time to time.
    pub(super) const fn due(&self) -> Option<u64> {
        match self.when {
            When::Every(_) => Some(self.due_us),
            When::Asked | When::Interrupt(_) => None,
        }
    }

    /// Where values of a register come to lie in the container's memory, in the order in which they are moved.
    fn places(&self, register: Capture) -> impl Iterator<Item = usize> {
        let is_its = move |one: &&Move| {
            one.direction == Direction::In
                && one.offset == register.offset
                && one.width.bytes() == u32::from(register.bytes)
        };
        let moves = self.moves.iter().filter(is_its);
        moves.flat_map(|one| {
            let first = self.pointer as usize + usize::from(one.place);
            let bytes = one.width.bytes() as usize;
            (0..usize::from(one.count)).map(move |number| first + number * bytes)
        })
    }
}

/// All conveyors. They are outside the containers' arenas.
pub(super) struct Conveyors {
    list: RefCell<Vec<Attached>>,
    /// Whether there are any, and whether any is synchronised from time to time: looked at in every turn.
    any: Cell<(bool, bool)>,
}

/// The conveyor of a block of a run, of which there is one at most.
fn of(list: &[Attached], run: RunId, block: u8) -> Option<&Attached> {
    list.iter().find(|one| one.run == run && one.block == block)
}

/// What a container asks to be attached.
pub(super) struct Wanted<'a> {
    /// Its block by its number in the container.
    pub(super) block: u8,
    /// Its handle.
    pub(super) handle: u16,
    /// The moves.
    pub(super) list: &'a [u8],
    /// Where its memory begins.
    pub(super) pointer: u32,
    /// When it is synchronised.
    pub(super) when: u32,
    /// Length of the linear memory.
    pub(super) memory: usize,
}

impl Conveyors {
    /// None.
    #[must_use]
    pub(super) const fn new() -> Self {
        Self {
            list: RefCell::new(Vec::new()),
            any: Cell::new((false, false)),
        }
    }

    /// Is any synchronised from time to time?
    pub(super) fn any_is_timed(&self) -> bool {
        self.any.get().1
    }

    fn look(&self, list: &[Attached]) {
        let is_timed = list.iter().any(|one| one.due().is_some());
        self.any.set((!list.is_empty(), is_timed));
    }

    /// Attach a conveyor for a run of the container in `slot`. 0 or a negated error code of Tock.
    ///
    /// # Errors
    ///
    /// What the container did wrong.
    pub(super) fn attach<P: Platform>(
        &self,
        platform: &P,
        run: RunId,
        slot: usize,
        wanted: &Wanted<'_>,
    ) -> Result<i32, Wrong> {
        let listed = wanted.list.as_chunks::<MOVE_BYTES>().0;
        let count = listed.len();
        let wrong = |index: usize| (Fault::BadConveyor, index as u32);
        if count > MOVES_MAX {
            return Err(wrong(count));
        }
        let when = When::of(wanted.when).ok_or(wrong(count))?;
        let mut list = self.list.borrow_mut();
        let mut moves = Vec::new();
        if list.try_reserve(1).is_err() || moves.try_reserve_exact(count).is_err() {
            return Ok(-i32::from(errno::NO_MEMORY));
        }
        for (index, bytes) in listed.iter().enumerate() {
            moves.push(Move::decode(*bytes).ok_or(wrong(index))?);
        }
        // The longest that there can be: of what goes beyond it, the kernel says which it is.
        let end = moves.iter().map(|one| one.end()).max().unwrap_or(0);
        let bytes = end.min(MEMORY_MAX as u32) as u16;
        let end = (wanted.pointer as usize).checked_add(bytes.into());
        if end.is_none_or(|end| end > wanted.memory) {
            return Err((Fault::BadPointer, 0));
        }
        match platform.attach_conveyor(wanted.handle, wanted.list, bytes) {
            Ok(()) => {}
            Err(Refused { code, what }) => {
                return match (code, what) {
                    (errno::ALREADY, None) => Ok(-i32::from(errno::BUSY)),
                    (errno::NO_MEMORY, None) => Ok(-i32::from(code)),
                    (errno::RESERVE, None) => Err((Fault::BadHandle, 0)),
                    (errno::FAIL | errno::SIZE, Some(index)) => Err(wrong(index as usize)),
                    (_, Some(index)) => {
                        let one = moves.get(index as usize);
                        Err(one.map_or(wrong(count), |one| (Fault::BadRegister, one.offset.into())))
                    }
                    (_, None) => Err(wrong(count)),
                };
            }
        }
        let due_us = match when {
            When::Every(period) => platform.now_us() + u64::from(period),
            When::Asked | When::Interrupt(_) => 0,
        };
        list.push(Attached {
            run,
            slot,
            block: wanted.block,
            handle: wanted.handle,
            pointer: wanted.pointer,
            bytes,
            directions: (moves.iter()).fold(0, |all, one| all | one.direction.bit()),
            moves,
            when,
            due_us,
        });
        self.look(&list);
        Ok(0)
    }

    /// Make `count` moves from the `first` one on, because the container asks for it. Returns how many accesses they were.
    ///
    /// # Errors
    ///
    /// What the container did wrong.
    pub(super) fn sync<P: Platform>(
        &self,
        platform: &P,
        run: RunId,
        block: u8,
        moves: (u32, u32),
        memory: &mut [u8],
    ) -> Result<u32, Wrong> {
        let list = self.list.borrow();
        let wrong = (Fault::BadConveyor, moves.0);
        let one = of(&list, run, block).ok_or(wrong)?;
        let (Ok(first), Ok(count)) = (u8::try_from(moves.0), u8::try_from(moves.1)) else {
            return Err(wrong);
        };
        one.sync(platform, (first, count), directions::ALL, memory)
    }

    /// Detach the conveyors of a run, of one `block` or of all.
    pub(super) fn detach<P: Platform>(&self, platform: &P, run: RunId, block: Option<u8>) {
        if !self.any.get().0 {
            return;
        }
        let mut list = self.list.borrow_mut();
        list.retain(|one| {
            let ends = one.run == run && block.is_none_or(|block| block == one.block);
            if ends {
                platform.detach_conveyor(one.handle);
            }
            !ends
        });
        self.look(&list);
    }

    /// Let `look` see those that are synchronised from time to time.
    pub(super) fn timed<R>(
        &self,
        look: impl FnOnce(&mut dyn Iterator<Item = &Attached>) -> R,
    ) -> R {
        let list = self.list.borrow();
        look(&mut list.iter().filter(|one| one.due().is_some()))
    }

    /// The time of one of these has come: it is `now`. Returns its slot and its block; `takes` tells whether a container takes it.
    pub(super) fn next_due(
        &self,
        now: u64,
        takes: &mut dyn FnMut(usize, RunId) -> bool,
    ) -> Option<(usize, RunId, u8)> {
        let mut list = self.list.borrow_mut();
        let mut all = list.iter_mut();
        let one = all.find(|one| {
            let is_due = one.due().is_some_and(|due| due <= now);
            is_due && takes(one.slot, one.run)
        })?;
        if let When::Every(period) = one.when {
            // At its multiples, unless a whole one was missed.
            let next = one.due_us + u64::from(period);
            one.due_us = if next <= now {
                now + u64::from(period)
            } else {
                next
            };
        }
        Some((one.slot, one.run, one.block))
    }

    /// Make all moves of the conveyor of a block, because its time has come.
    pub(super) fn sync_due<P: Platform>(
        &self,
        platform: &P,
        run: RunId,
        block: u8,
        memory: &mut [u8],
    ) -> Result<u32, Wrong> {
        match of(&self.list.borrow(), run, block) {
            Some(one) => one.sync(platform, one.all(), directions::ALL, memory),
            None => Ok(0),
        }
    }

    /// The conveyor that is synchronised at interrupt `number` of a block of a run makes its moves of one direction. Those of `captured`
    /// registers are not made: their values were read when the interrupt came. Returns the calls and the accesses that they were.
    pub(super) fn at_interrupt<P: Platform>(
        &self,
        platform: &P,
        (run, block, number): (RunId, u8, u16),
        direction: Direction,
        captured: &mut dyn FnMut(Capture) -> bool,
        memory: &mut [u8],
    ) -> Result<(u32, u32), Wrong> {
        if !self.any.get().0 {
            return Ok((0, 0));
        }
        let list = self.list.borrow();
        let its = of(&list, run, block).filter(|one| one.when == When::Interrupt(number));
        let Some(one) = its else {
            return Ok((0, 0));
        };
        let mut made = (0, 0);
        let mut sync = |first: usize, behind: usize| {
            let listed = one.moves.get(first..behind).unwrap_or_default();
            if listed.iter().all(|one| one.direction != direction) {
                return Ok(());
            }
            let moves = (first as u8, (behind - first) as u8);
            made.1 += one.sync(platform, moves, direction.bit(), memory)?;
            made.0 += 1;
            Ok(())
        };
        let mut first = 0;
        for (index, one) in one.moves.iter().enumerate() {
            let register = Capture {
                offset: one.offset,
                bytes: one.width.bytes() as u8,
            };
            if direction == Direction::In && one.direction == direction && captured(register) {
                sync(first, index)?;
                first = index + 1;
            }
        }
        sync(first, one.moves.len())?;
        Ok(made)
    }

    /// Put the value of a register of a block, which is the so manieth that was captured of it, to where its conveyor has such values, if it
    /// has them.
    pub(super) fn put(
        &self,
        run: RunId,
        block: u8,
        register: Capture,
        number: usize,
        value: u32,
        memory: &mut [u8],
    ) {
        if !self.any.get().0 {
            return;
        }
        if let Some(one) = of(&self.list.borrow(), run, block)
            && let Some(place) = one.places(register).nth(number)
            && let Some(room) = memory.get_mut(place..place + usize::from(register.bytes))
        {
            for (to, from) in room.iter_mut().zip(value.to_le_bytes()) {
                *to = from;
            }
        }
    }
}

impl Default for Conveyors {
    fn default() -> Self {
        Self::new()
    }
}
