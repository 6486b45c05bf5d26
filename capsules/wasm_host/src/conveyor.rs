//! Conveyors: a list of moves between registers and memory that is checked once and then made again and again.
//!
//! ```text
//!   list ──check──► moves kept for the block ──sync──► Engine: registers ◄──► memory that the process has lent
//!  (the process's)   masks, widths, places     in passes of at most PASS_UNITS of work
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
    ACCESSES_MAX, Direction, MEMORY_MAX, MOVE_UNITS, MOVES_MAX, Move, directions,
};
use berth_exposure::program::PASS_UNITS;
use kernel::processbuffer::WriteableProcessSlice;
use kernel::utilities::cells::MapCell;

/// The bus answered an access of a move with an error; those before it were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Offset of the register.
    pub offset: u16,
}

/// Makes the moves of conveyors.
///
/// [`Processor`] does it with loads and stores, and is all that a board needs. Another engine may go on by itself: it answers that
/// fewer are made, and is asked again with the others until all are.
pub trait Engine {
    /// Make the moves, or go on with them. `memory` is the conveyor's, all of it. Returns how many are made now, from the first on.
    ///
    /// It ends when all are made or, at the latest, when `another` says behind a pass of moves ([`Moves::pass`]) that there may not be one more.
    ///
    /// # Errors
    /// [`Refused`]; nothing of these moves is under way then.
    fn carry(
        &self,
        window: &dyn Window,
        moves: Moves<'_>,
        memory: &WriteableProcessSlice,
        another: &mut dyn FnMut() -> bool,
    ) -> Result<usize, Refused>;

    /// Nothing may be under way when this returns, of any conveyor: a claim ends, a conveyor does, a process lends other memory for
    /// them, or its run has ended and its memory is another's from now on.
    fn stop(&self) {}
}

/// A move, checked against its block.
#[derive(Clone, Copy)]
pub struct Checked {
    /// What is seen, or stored where nothing is kept.
    mask: u32,
    /// What is changed, where bits are kept.
    change: Change,
    offset: u16,
    width: Width,
    place: u8,
    count: u8,
    /// Its direction as a bit, with [`KEEPS`] and [`IS_LONG`]: one look at it says all that there is to do.
    way: u8,
    /// Of it and of all before it.
    until: Sum,
}

/// What some moves are together.
#[derive(Clone, Copy)]
struct Sum {
    /// Work.
    work: u8,
    accesses: u8,
}

impl Sum {
    const NONE: Self = Self {
        work: 0,
        accesses: 0,
    };
}

/// Bits of the register are kept.
const KEEPS: u8 = 1 << 6;
/// It is more than one access.
const IS_LONG: u8 = 1 << 7;

impl Checked {
    const NONE: Self = Self {
        mask: 0,
        change: Change::NONE,
        offset: 0,
        width: Width::Bits32,
        place: 0,
        count: 0,
        way: directions::IN as u8,
        until: Sum::NONE,
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
        if self.is_of(directions::IN) {
            Direction::In
        } else {
            Direction::Out
        }
    }

    /// Returns whether all bits of an access are exposed, so that values can be moved as they are.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.way & KEEPS == 0 && self.mask == self.width.mask()
    }

    /// Make it, with the values in this room. Most moves are one access that keeps nothing: that is all that is in the loop over moves.
    #[inline(always)]
    fn make<W: Window + ?Sized>(&self, window: &W, room: &mut Room) -> Result<(), BusError> {
        if self.way & (KEEPS | IS_LONG) != 0 {
            return self.make_long(window, room);
        }
        self.access(window, room, self.place)
    }

    /// Make one of several accesses, or of one for which bits of the register are kept.
    #[cold]
    #[inline(never)]
    fn make_long<W: Window + ?Sized>(&self, window: &W, room: &mut Room) -> Result<(), BusError> {
        let mut place = self.place;
        for _ in 0..self.count {
            if self.way & KEEPS == 0 {
                self.access(window, room, place)?;
            } else {
                (self.change).apply(window, self.offset, self.width, room.word(place))?;
            }
            // All inside: checked.
            place = place.wrapping_add(self.width.bytes() as u8);
        }
        Ok(())
    }

    /// Make one access, for which nothing is kept.
    #[inline(always)]
    fn access<W: Window + ?Sized>(
        &self,
        window: &W,
        room: &mut Room,
        place: u8,
    ) -> Result<(), BusError> {
        let (offset, width) = (self.offset, self.width);
        if self.is_of(directions::IN) {
            room.put(place, width, window.load(offset, width)? & self.mask);
        } else {
            window.store(offset, width, room.word(place) & self.mask)?;
        }
        Ok(())
    }

    /// Does it go one of these ways?
    #[inline(always)]
    const fn is_of(&self, directions: u32) -> bool {
        self.way as u32 & directions != 0
    }
}

/// Values of a conveyor, while they are moved.
///
/// Its places are bytes, and behind the last one there is room for as much as is looked at from there: so nothing has to be asked of
/// a place.
#[repr(align(4))]
pub(crate) struct Room([u8; MEMORY_MAX + LOOKED_AT - 1]);

/// Bytes that are looked at for any value.
const LOOKED_AT: usize = 4;

impl Room {
    pub(crate) const fn new() -> Self {
        Self([0; MEMORY_MAX + LOOKED_AT - 1])
    }

    /// So many of its bytes, from the first on.
    pub(crate) fn bytes(&mut self, count: usize) -> &mut [u8] {
        self.0.get_mut(..count).unwrap_or_default()
    }

    /// The value at a place, with what lies behind one that is shorter.
    #[inline(always)]
    fn word(&self, place: u8) -> u32 {
        let from = self.0.get(place.into()..);
        let word = from.and_then(<[u8]>::first_chunk);
        word.map_or(0, |word| u32::from_le_bytes(*word))
    }

    #[inline(always)]
    fn put(&mut self, place: u8, width: Width, value: u32) {
        let to = self.0.get_mut(place.into()..);
        if let Some(to) = to.and_then(<[u8]>::first_chunk_mut::<LOOKED_AT>) {
            let [b0, b1, ..] = value.to_le_bytes();
            match width {
                Width::Bits8 => to[0] = b0,
                Width::Bits16 => [to[0], to[1]] = [b0, b1],
                Width::Bits32 => *to = value.to_le_bytes(),
            }
        }
    }
}

/// Moves of one conveyor that are to be made, in the order of its list.
#[derive(Clone, Copy)]
pub struct Moves<'a> {
    listed: &'a [Checked],
    directions: u32,
    /// Some of them may go the other way.
    is_mixed: bool,
    /// All before them.
    before: Sum,
}

impl<'a> Moves<'a> {
    /// Returns those of them that are made: the others go the other way.
    pub fn iter(self) -> impl Iterator<Item = &'a Checked> {
        let directions = self.directions;
        { self.listed.iter() }.filter(move |one| one.is_of(directions))
    }

    /// Returns how many they are, with those that go the other way.
    #[must_use]
    pub const fn count(self) -> usize {
        self.listed.len()
    }

    /// Returns as many of them as a pass may make, from the first on, and the others. One has always room.
    #[must_use]
    pub fn pass(self) -> (Self, Self) {
        let mut fits = self.listed.len();
        while fits > 1 && self.work(fits) > PASS_UNITS {
            fits -= 1;
        }
        self.divided(fits)
    }

    /// The first so many, and the others.
    fn divided(self, count: usize) -> (Self, Self) {
        let (listed, others) = self
            .listed
            .split_at_checked(count)
            .unwrap_or((self.listed, &[]));
        let before = listed.last().map_or(self.before, |last| last.until);
        (
            Self { listed, ..self },
            Self {
                listed: others,
                before,
                ..self
            },
        )
    }

    /// The work of the first so many of them, whichever way they go.
    fn work(self, count: usize) -> u32 {
        let last = count.checked_sub(1).and_then(|last| self.listed.get(last));
        last.map_or(0, |last| (last.until.work - self.before.work).into())
    }

    /// How many accesses the first so many of them make.
    pub(crate) fn accesses(self, count: usize) -> u32 {
        let (first, others) = self.divided(count);
        if self.is_mixed {
            first.iter().map(|one| u32::from(one.count)).sum()
        } else {
            (others.before.accesses - first.before.accesses).into()
        }
    }

    /// Returns whether any of them may go into the memory.
    const fn may_read(self) -> bool {
        self.directions & directions::IN != 0
    }
}

/// The engine that every board has: the processor's own loads and stores.
///
/// The values are copied all at once before the first access and, if any was read, behind the last one of all passes of a call, so an access costs
/// little beside itself.
pub struct Processor {
    room: MapCell<Room>,
}

impl Processor {
    /// With room for the values.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            room: MapCell::new(Room::new()),
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
        another: &mut dyn FnMut() -> bool,
    ) -> Result<usize, Refused> {
        let come = self.room.map(|room| {
            // No conveyor has more, and both are as long.
            let _ = memory.copy_to_slice_or_err(room.bytes(memory.len()));
            let come = passes(window, moves, room, another);
            if moves.may_read() {
                let _ = memory.copy_from_slice_or_err(room.bytes(memory.len()));
            }
            come
        });
        // Nothing else uses the room.
        come.unwrap_or(Ok(0))
    }
}

/// Pass after pass of moves. Returns how many are made.
fn passes(
    window: &dyn Window,
    moves: Moves<'_>,
    room: &mut Room,
    another: &mut dyn FnMut() -> bool,
) -> Result<usize, Refused> {
    let mut left = moves;
    loop {
        let (pass, others) = left.pass();
        make(window, pass, room)?;
        left = others;
        if left.count() == 0 || !another() {
            return Ok(moves.count() - left.count());
        }
    }
}

/// Moves, on their way to the window that makes their accesses.
pub struct Moving<'a> {
    moves: Moves<'a>,
    room: &'a mut Room,
    come: Result<(), Refused>,
}

impl Moving<'_> {
    /// Make them, with the accesses of this window.
    #[inline(always)]
    pub(crate) fn on<W: Window + ?Sized>(&mut self, window: &W) {
        for one in self.moves.iter() {
            if one.make(window, self.room).is_err() {
                let offset = one.offset;
                self.come = Err(Refused { offset });
                return;
            }
        }
    }
}

/// Make moves with values that are at hand, as [`Processor`] does.
///
/// # Errors
/// As [`Engine::carry`].
pub(crate) fn make(window: &dyn Window, moves: Moves<'_>, room: &mut Room) -> Result<(), Refused> {
    let mut moving = Moving {
        moves,
        room,
        come: Ok(()),
    };
    window.carry(&mut moving);
    moving.come
}

/// The list of one conveyor.
pub(crate) struct List {
    moves: [Checked; MOVES_MAX],
    length: u8,
    /// How many moves are checked; those before `length` are to be.
    checked: u8,
    /// Accesses that those behind may be.
    accesses_left: u8,
    /// Bytes of its memory.
    memory: u16,
    /// The ways that its moves go.
    directions: u32,
}

impl List {
    pub(crate) const fn new() -> Self {
        Self {
            moves: [Checked::NONE; MOVES_MAX],
            length: 0,
            checked: 0,
            accesses_left: 0,
            memory: 0,
            directions: 0,
        }
    }

    /// Bytes of its memory.
    pub(crate) fn memory(&self) -> usize {
        self.memory.into()
    }

    /// Whether all of it is checked.
    pub(crate) fn is_whole(&self) -> bool {
        self.checked == self.length
    }

    /// Begin with a list of so many moves for a memory of so many bytes, none of them checked.
    ///
    /// # Errors
    /// Their number, or the length of the memory.
    pub(crate) fn begin(&mut self, count: usize, memory: u32) -> Result<(), Refusal> {
        if count == 0 {
            return Err(Refusal::Malformed);
        }
        if count > MOVES_MAX || memory > MEMORY_MAX as u32 {
            return Err(Refusal::TooLarge);
        }
        // All fit: checked above, and by what the maximum is.
        (self.length, self.memory) = (count as u8, memory as u16);
        (self.checked, self.accesses_left) = (0, ACCESSES_MAX as u8);
        self.directions = 0;
        Ok(())
    }

    /// Whether it has been begun with just these.
    pub(crate) fn is_of(&self, count: usize, memory: u32) -> bool {
        (usize::from(self.length), u32::from(self.memory)) == (count, memory)
    }

    /// Which move is to be checked next. `None`: all are.
    pub(crate) fn unchecked(&self) -> Option<usize> {
        (!self.is_whole()).then_some(self.checked.into())
    }

    /// Check the next move for a block, and keep it. Nothing is accessed.
    ///
    /// # Errors
    /// What is wrong with it. The list must not be used then.
    pub(crate) fn check(&mut self, exposure: &Exposure, one: Option<Move>) -> Result<(), Refusal> {
        let (before, rest) = self.moves.split_at_mut(self.checked.into());
        let until = before.last().map_or(Sum::NONE, |one| one.until);
        let (one, accesses) = checked(exposure, one, self.memory, until)?;
        let left = self.accesses_left.checked_sub(accesses);
        self.accesses_left = left.ok_or(Refusal::TooLarge)?;
        self.directions |= one.direction().bit();
        // There is one: the list is not whole.
        *rest.first_mut().ok_or(Refusal::TooLarge)? = one;
        self.checked += 1;
        Ok(())
    }

    /// Moves of it, so many from `first` on. `None`: there are not so many.
    pub(crate) fn moves(&self, first: usize, count: usize, directions: u32) -> Option<Moves<'_>> {
        let all = self.moves.get(..self.checked.into())?;
        let (before, others) = all.split_at_checked(first)?;
        Some(Moves {
            listed: others.get(..count)?,
            directions,
            is_mixed: directions & self.directions != self.directions,
            before: before.last().map_or(Sum::NONE, |last| last.until),
        })
    }
}

/// A move, if it may be made, and what it takes of the accesses that there may be. `before`: what those before it are together.
fn checked(
    exposure: &Exposure,
    one: Option<Move>,
    memory: u16,
    before: Sum,
) -> Result<(Checked, u8), Refusal> {
    let one = one.filter(|one| one.is_sound()).ok_or(Refusal::Malformed)?;
    let Move {
        offset,
        width,
        place,
        count,
        ..
    } = one;
    let (mut way, mut each) = (one.direction.bit() as u8, 1);
    if count > 1 {
        way |= IS_LONG;
    }
    let mut change = Change::NONE;
    let mask = match one.direction {
        Direction::In => access::may_read(exposure, offset, width)?,
        Direction::Out => {
            change = access::may_write(exposure, offset, width)?;
            change.stored(u32::MAX).unwrap_or_else(|| {
                (way, each) = (way | KEEPS, 2);
                0
            })
        }
    };
    let accesses = u32::from(count) * each;
    if accesses > ACCESSES_MAX || one.end() > memory.into() {
        return Err(Refusal::TooLarge);
    }
    Ok((
        Checked {
            mask,
            change,
            offset,
            width,
            // Below MEMORY_MAX.
            place: place as u8,
            // At most ACCESSES_MAX, as the accesses are.
            count: count as u8,
            way,
            until: Sum {
                work: before.work + MOVE_UNITS + accesses as u8,
                accesses: before.accesses + count as u8,
            },
        },
        accesses as u8,
    ))
}

/// Which directions an argument names; more than there are are none.
pub(crate) const fn directions_of(argument: u32) -> u32 {
    argument & directions::ALL
}
