//! Conveyors: a list of moves between registers and memory that is checked once and then made again and again.
//!
//! ```text
//!   list ──check──► moves kept for the block ──sync──► Engine: registers ◄──► memory that the process has lent
//!  (the process's)   masks, widths, places     one call, at most ACCESSES_MAX accesses
//! ```
//!
//! The check asks [`crate::access`] once for each move and keeps the answer, so nothing is looked up when the moves are made. They are made
//! in a system call of the process that has the conveyor, in its own time, and the firmware comes first between two.
//!
//! Nothing here knows of processes or claims.

use crate::access::{self, Change};
use crate::exposure::Exposure;
use crate::program::Refusal;
use crate::window::{BusError, Window};
use berth_exposure::Width;
use berth_exposure::conveyor::{
    ACCESSES_MAX, Direction, MEMORY_MAX, MOVE_BYTES, MOVES_MAX, Move, directions,
};
use kernel::processbuffer::WriteableProcessSlice;
use kernel::utilities::cells::MapCell;

/// What an engine has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// All moves are made.
    All,
    /// Some are still being made.
    UnderWay,
}

/// The bus answered an access of a move with an error; those before it were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Offset of the register.
    pub offset: u16,
}

/// Makes the moves of conveyors.
///
/// [`Processor`] does it with loads and stores, and is all that a board needs. Another engine may go on by itself: it answers
/// [`Carried::UnderWay`], and is asked again with the same moves until all are made.
pub trait Engine {
    /// Make the moves, or go on with them. `memory` is the conveyor's, all of it.
    ///
    /// # Errors
    /// [`Refused`]; nothing of these moves is under way then.
    fn carry(
        &self,
        window: &dyn Window,
        moves: Moves<'_>,
        memory: &WriteableProcessSlice,
    ) -> Result<Carried, Refused>;

    /// Nothing may be under way when this returns, of any conveyor: a claim ends, a conveyor does, a process lends other memory for
    /// them, or its run has ended and its memory is another's from now on.
    fn stop(&self) {}
}

/// A move, checked against its block.
#[derive(Clone, Copy)]
pub struct Checked {
    offset: u16,
    place: u8,
    count: u8,
    width: Width,
    way: Way,
}

#[derive(Clone, Copy)]
enum Way {
    /// The bits that are seen.
    In(u32),
    /// What is changed.
    Out(Change),
}

impl Checked {
    const NONE: Self = Self {
        offset: 0,
        place: 0,
        count: 0,
        width: Width::Bits32,
        way: Way::In(0),
    };

    /// Offset of the register in its block.
    #[must_use]
    pub const fn offset(&self) -> u16 {
        self.offset
    }

    /// Width of its accesses.
    #[must_use]
    pub const fn width(&self) -> Width {
        self.width
    }

    /// Where its first value is in the memory.
    #[must_use]
    pub const fn place(&self) -> usize {
        self.place as usize
    }

    /// How many accesses it makes.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count as usize
    }

    /// Which way it goes.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        match self.way {
            Way::In(_) => Direction::In,
            Way::Out(_) => Direction::Out,
        }
    }

    /// Returns whether all bits of an access are exposed, so that values can be moved as they are.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        match self.way {
            Way::In(mask) => mask == self.width.mask(),
            Way::Out(change) => change.is_all_of(self.width),
        }
    }

    /// Make it, with the values in `memory`.
    #[inline(always)]
    fn make<W: Window + ?Sized>(&self, window: &W, memory: &mut [u8]) -> Result<(), BusError> {
        // Each width by itself: what follows from it is known then.
        match self.width {
            Width::Bits8 => self.make_wide::<W, 1>(window, Width::Bits8, memory),
            Width::Bits16 => self.make_wide::<W, 2>(window, Width::Bits16, memory),
            Width::Bits32 => self.make_wide::<W, 4>(window, Width::Bits32, memory),
        }
    }

    #[inline(always)]
    fn make_wide<W: Window + ?Sized, const BYTES: usize>(
        &self,
        window: &W,
        width: Width,
        memory: &mut [u8],
    ) -> Result<(), BusError> {
        let (start, offset) = (self.place(), self.offset);
        // All inside: checked.
        let values = memory
            .get_mut(start..start + self.count() * BYTES)
            .unwrap_or_default()
            .chunks_exact_mut(BYTES);
        match self.way {
            Way::In(mask) => {
                for value in values {
                    let read = (window.load(offset, width)? & mask).to_le_bytes();
                    value.copy_from_slice(read.get(..BYTES).unwrap_or_default());
                }
            }
            Way::Out(change) => {
                for value in values {
                    let mut word = [0; 4];
                    if let Some(low) = word.get_mut(..BYTES) {
                        low.copy_from_slice(value);
                    }
                    let word = u32::from_le_bytes(word);
                    match change.stored(word) {
                        Some(word) => window.store(offset, width, word)?,
                        None => change.apply(window, offset, width, word)?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// Moves of one conveyor that are to be made, in the order of its list.
#[derive(Clone, Copy)]
pub struct Moves<'a> {
    listed: &'a [Checked],
    directions: u32,
}

impl<'a> Moves<'a> {
    /// Returns them.
    pub fn iter(self) -> impl Iterator<Item = &'a Checked> {
        let directions = self.directions;
        let is_meant = move |one: &&Checked| one.direction().bit() & directions != 0;
        self.listed.iter().filter(is_meant)
    }

    /// Returns how many accesses they are.
    #[must_use]
    pub fn accesses(self) -> u32 {
        self.iter().map(|one| u32::from(one.count)).sum()
    }
}

/// The engine that every board has: the processor's own loads and stores.
///
/// The values are copied all at once before the first access and behind the last one, so an access costs little beside itself.
pub struct Processor {
    room: MapCell<[u8; MEMORY_MAX]>,
}

impl Processor {
    /// With room for the values.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            room: MapCell::new([0; MEMORY_MAX]),
        }
    }
}

impl Default for Processor {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for Processor {
    fn carry(
        &self,
        window: &dyn Window,
        moves: Moves<'_>,
        memory: &WriteableProcessSlice,
    ) -> Result<Carried, Refused> {
        let come = self.room.map(|room| {
            // No conveyor has more, and both are as long.
            let room = room.get_mut(..memory.len()).unwrap_or_default();
            let _ = memory.copy_to_slice_or_err(room);
            let come = make(window, moves, room);
            let _ = memory.copy_from_slice_or_err(room);
            come
        });
        // Nothing else uses the room.
        come.unwrap_or(Ok(())).map(|()| Carried::All)
    }
}

/// Moves, on their way to the window that makes their accesses.
pub struct Moving<'a> {
    moves: Moves<'a>,
    memory: &'a mut [u8],
    come: Result<(), Refused>,
}

impl Moving<'_> {
    /// Make them, with the accesses of this window.
    #[inline(always)]
    pub(crate) fn on<W: Window + ?Sized>(&mut self, window: &W) {
        for one in self.moves.iter() {
            if one.make(window, self.memory).is_err() {
                let offset = one.offset;
                self.come = Err(Refused { offset });
                return;
            }
        }
    }
}

/// Make moves with a memory that is at hand, as [`Processor`] does.
///
/// # Errors
/// As [`Engine::carry`].
pub(crate) fn make(
    window: &dyn Window,
    moves: Moves<'_>,
    memory: &mut [u8],
) -> Result<(), Refused> {
    let mut moving = Moving {
        moves,
        memory,
        come: Ok(()),
    };
    window.carry(&mut moving);
    moving.come
}

/// The list of one conveyor.
pub(crate) struct List {
    moves: [Checked; MOVES_MAX],
    length: u8,
    /// Bytes of its memory.
    memory: u16,
}

impl List {
    pub(crate) const fn new() -> Self {
        Self {
            moves: [Checked::NONE; MOVES_MAX],
            length: 0,
            memory: 0,
        }
    }

    /// Bytes of its memory.
    pub(crate) fn memory(&self) -> usize {
        self.memory.into()
    }

    /// Moves of it, so many from `first` on. `None`: there are not so many.
    pub(crate) fn moves(&self, first: usize, count: usize, directions: u32) -> Option<Moves<'_>> {
        let listed = self.moves.get(..self.length.into())?;
        let listed = listed.get(first..first + count)?;
        Some(Moves { listed, directions })
    }

    /// Check so many moves, which `bytes` tells by their index, for a block and a memory of so many bytes, and keep them. Nothing is accessed.
    ///
    /// # Errors
    /// What is wrong, and with which move; `None`: with their number, or the length of the memory. The list must not be used then.
    pub(crate) fn check(
        &mut self,
        exposure: &Exposure,
        count: usize,
        memory: u32,
        bytes: impl Fn(usize) -> Option<[u8; MOVE_BYTES]>,
    ) -> Result<(), (Refusal, Option<u32>)> {
        if count == 0 {
            return Err((Refusal::Malformed, None));
        }
        if count > MOVES_MAX || memory > MEMORY_MAX as u32 {
            return Err((Refusal::TooLarge, None));
        }
        // Both fit: checked above.
        (self.length, self.memory) = (count as u8, memory as u16);
        let mut units = ACCESSES_MAX;
        for (index, place) in self.moves.iter_mut().take(count).enumerate() {
            let one = bytes(index).and_then(Move::decode);
            match checked(exposure, one, memory, &mut units) {
                Ok(one) => *place = one,
                Err(refusal) => return Err((refusal, Some(index as u32))),
            }
        }
        Ok(())
    }
}

/// A move, if it may be made. What it takes is no more of `units`.
fn checked(
    exposure: &Exposure,
    one: Option<Move>,
    memory: u32,
    units: &mut u32,
) -> Result<Checked, Refusal> {
    let one = one.filter(|one| one.is_sound()).ok_or(Refusal::Malformed)?;
    let Move {
        offset,
        width,
        place,
        count,
        ..
    } = one;
    let (way, units_each) = match one.direction {
        Direction::In => (Way::In(access::may_read(exposure, offset, width)?), 1),
        Direction::Out => {
            let change = access::may_write(exposure, offset, width)?;
            (Way::Out(change), if change.is_plain() { 1 } else { 2 })
        }
    };
    let left = units.checked_sub(u32::from(count) * units_each);
    *units = left.ok_or(Refusal::TooLarge)?;
    if one.end() > memory {
        return Err(Refusal::TooLarge);
    }
    Ok(Checked {
        offset,
        // Below MEMORY_MAX, and at most ACCESSES_MAX.
        place: place as u8,
        count: count as u8,
        width,
        way,
    })
}

/// Which directions an argument names; more than there are are none.
pub(crate) const fn directions_of(argument: u32) -> u32 {
    argument & directions::ALL
}
