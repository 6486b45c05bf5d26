//! Register programs: what is checked before the first access, and what is carried out then.
//!
//! ```text
//!   instructions ──check──► steps ──pass──► pass ──► … ──► done
//!    (the process's)    masks, widths,   at most PASS_UNITS of work,
//!                       lengths, sums    one system call each, the check too
//! ```
//!
//! The check asks [`crate::access`] once for each place and keeps the answer as a step, so a step is no dearer for it
//! however often it is repeated. The kernel never works on a program outside of a system call of the process that has it: a
//! pass is done when the process asks for it, in the process's own time, and the firmware comes first between two.
//!
//! Nothing here knows of processes or claims.

use crate::access::{self, Change};
use crate::exposure::Exposure;
use crate::window::{BusError, Window};
use berth_exposure::Width;
use berth_exposure::program::{
    ACCESSES_MAX, DATA_MAX, Exchange, INSTRUCTIONS_MAX, Instruction, NESTING_MAX, PASS_UNITS,
    Place, Ready,
};
use kernel::ErrorCode;

/// Work of a look at the status of an exchange, with the word that it writes and the one that it reads; one more where bits of
/// the data register are kept.
const LOOK_UNITS: u32 = 3;
/// Most looks at the status for which the words are fetched, and handed over, all at once.
pub(crate) const LOOKS_MAX: usize = 48;
/// Work of a turn of a repetition.
const TURN_UNITS: u32 = 2;
/// Work of beginning with an exchange, or of going on with it: the ways of words from and to the process's buffers are in it.
const EXCHANGE_UNITS: u32 = 12;

/// Why a program was refused, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// An instruction is none, or one of its numbers is outside its range.
    Malformed,
    /// It has too many instructions, accesses, or levels of `repeat`, or more data than its buffers hold.
    TooLarge,
    /// An access is not allowed, or the bus answered it with an error.
    Access(access::Refusal),
    /// A device did not become ready within the reads it was given.
    NoAnswer,
    /// The block has a program that is not over, or, to be continued, has none.
    State,
    /// As many programs are under way as the board has room for.
    NoRoom,
}

impl From<Refusal> for ErrorCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // Not what an access is refused for, so whoever gave the program knows which it was without reading it again.
            Refusal::Malformed => Self::FAIL,
            Refusal::TooLarge => Self::SIZE,
            // It means the same wherever it is made.
            Refusal::Access(access) => crate::refusal::Refusal::from(access).into(),
            Refusal::NoAnswer => Self::NOACK,
            Refusal::State => Self::ALREADY,
            Refusal::NoRoom => Self::NOMEM,
        }
    }
}

impl From<access::Refusal> for Refusal {
    fn from(refusal: access::Refusal) -> Self {
        Self::Access(refusal)
    }
}

impl From<BusError> for Refusal {
    fn from(error: BusError) -> Self {
        Self::Access(error.into())
    }
}

/// Where a program's input comes from and its output goes to.
pub(crate) trait Data {
    /// The value of `width` at a byte offset of the input. `None`: it is not there.
    fn take(&self, at: usize, width: Width) -> Option<u32>;
    /// Put a value at a byte offset of the output. `None`: there is no room.
    fn put(&self, at: usize, width: Width, value: u32) -> Option<()>;
    /// The values of `width` from a byte offset of the input on, little endian, as many as there is room for. `None`: not all are there.
    fn fetch(&self, at: usize, width: Width, values: &mut [[u8; 4]]) -> Option<()>;
    /// Put the low bytes of values, as many as the width has, at a byte offset of the output. `None`: not all have room.
    fn hand_over(&self, at: usize, width: Width, values: &[[u8; 4]]) -> Option<()>;
}

/// What a pass has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Done,
    GoesOn,
}

/// What steps that follow each other have come to.
enum Straight {
    /// They are done.
    Behind,
    /// The work of the pass is done before they are.
    NoUnits,
    /// It is, and there is no other.
    NoPass,
    /// What comes next is repeated, up to the step before this one.
    Repeats { count: u32, end: u8 },
}

/// One instruction, checked against its block: with what the exposure lets be seen and changed there.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Step {
    /// Does nothing: a modify of bits that cannot change.
    Nothing,
    Read(Place, u32),
    /// A write that keeps nothing of what is there.
    Store(Place, u32),
    Write(Place, Change, u32),
    Take(Place, Change),
    Poll {
        at: Place,
        mask: u32,
        value: u32,
        limit: u32,
    },
    Repeat {
        count: u32,
        /// Index behind the last instruction that is repeated.
        end: u8,
    },
    Exchange(Words),
}

/// An exchange.
#[derive(Clone, Copy)]
struct Words {
    data: Place,
    status: u16,
    words: u16,
    under_way: u16,
    limit: u32,
    send: Option<(Ready, Change, bool)>,
    receive: Option<(Ready, u32, bool)>,
}

#[derive(Clone, Copy)]
struct Repetition {
    /// The first step that it repeats.
    start: usize,
    /// The first that it does not.
    end: usize,
    /// How often more.
    left: u32,
}

/// How far a program has come.
struct Course {
    /// The step that is next, or at work.
    at: usize,
    /// What repeats the step that is next, the innermost last.
    repetitions: [Repetition; NESTING_MAX],
    /// How many of these there are.
    depth: usize,
    /// Reads that the step at work may still make. 0: it has not begun.
    polls: u32,
    /// Words that the exchange at work has sent.
    sent: u16,
    /// Words that it has received.
    received: u16,
    /// Bytes of the input that are used.
    taken: usize,
    /// Bytes of the output that are written.
    put: usize,
}

impl Course {
    /// Nothing is done.
    const BEGINNING: Self = Self {
        at: 0,
        repetitions: [Repetition {
            start: 0,
            end: 0,
            left: 0,
        }; NESTING_MAX],
        depth: 0,
        polls: 0,
        sent: 0,
        received: 0,
        taken: 0,
        put: 0,
    };
}

/// Room for one program, and how far it has come.
pub(crate) struct Machine {
    /// The program's instructions, checked.
    steps: [Step; INSTRUCTIONS_MAX],
    /// How many there are.
    length: u8,
    course: Course,
    /// Instructions that are checked.
    checked: u8,
    /// What the check has come to.
    sums: Sums,
}

/// What the check of a program has come to.
struct Sums {
    /// The instructions that repeat what comes now: where they end, and how often all together.
    repeated: [(u8, u64); NESTING_MAX],
    depth: usize,
    needs: Needs,
    /// Bytes of input that there are, and of output that there is room for.
    input: u64,
    output: u64,
}

impl Sums {
    const NONE: Self = Self {
        repeated: [(0, 1); NESTING_MAX],
        depth: 0,
        needs: Needs {
            accesses: 0,
            input: 0,
            output: 0,
        },
        input: 0,
        output: 0,
    };

    /// The innermost that repeats what comes now.
    fn around(&self) -> Option<(u8, u64)> {
        let innermost = self.depth.checked_sub(1)?;
        self.repeated.get(innermost).copied()
    }
}

impl Machine {
    pub(crate) const fn new() -> Self {
        Self {
            steps: [Step::Nothing; INSTRUCTIONS_MAX],
            length: 0,
            course: Course::BEGINNING,
            checked: 0,
            sums: Sums::NONE,
        }
    }

    /// Index of the instruction that was looked at last.
    pub(crate) fn instruction(&self) -> u32 {
        self.course.at as u32
    }

    /// Returns how many instructions it has.
    pub(crate) fn length(&self) -> usize {
        self.length.into()
    }

    /// Bytes of output so far.
    pub(crate) fn output(&self) -> usize {
        self.course.put
    }

    /// Forget what was there and expect so many instructions, with so much input and room for output.
    pub(crate) fn begin(&mut self, instructions: u8, input: usize, output: usize) {
        (self.length, self.checked) = (instructions, 0);
        self.course = Course::BEGINNING;
        self.sums = Sums {
            input: input.min(DATA_MAX) as u64,
            output: output.min(DATA_MAX) as u64,
            ..Sums::NONE
        };
    }

    /// Index of the instruction that is to be checked next. `None`: all are, and it can run.
    pub(crate) fn unchecked(&self) -> Option<usize> {
        (self.checked < self.length).then_some(self.checked.into())
    }

    /// Check the next instruction for a block. Nothing is accessed.
    ///
    /// # Errors
    /// [`Refusal`]; [`instruction`](Self::instruction) says where. It must not be continued then.
    pub(crate) fn check(
        &mut self,
        exposure: &Exposure,
        instruction: Option<Instruction>,
    ) -> Result<(), Refusal> {
        let index = self.checked;
        self.course.at = index.into();
        let sums = &mut self.sums;
        while sums.around().is_some_and(|(end, _)| index >= end) {
            sums.depth -= 1;
        }
        let (end, times) = sums.around().unwrap_or((self.length, 1));
        let instruction = instruction.ok_or(Refusal::Malformed)?;
        if !instruction.is_sound() {
            return Err(Refusal::Malformed);
        }
        let place = self.steps.get_mut(usize::from(index));
        let step = place.ok_or(Refusal::TooLarge)?;
        let own = put_step(exposure, instruction, index, step)?;
        sums.needs.add(own, times);
        if let Step::Repeat {
            count,
            end: own_end,
        } = *step
        {
            // What is repeated is all there, and inside of what repeats it.
            if own_end > end {
                return Err(Refusal::Malformed);
            }
            let entry = sums.repeated.get_mut(sums.depth);
            *entry.ok_or(Refusal::TooLarge)? = (own_end, times.saturating_mul(count.into()));
            sums.depth += 1;
        }
        let needs = sums.needs;
        if needs.accesses > ACCESSES_MAX.into()
            || needs.input > sums.input
            || needs.output > sums.output
        {
            return Err(Refusal::TooLarge);
        }
        self.checked = index + 1;
        if self.checked == self.length {
            self.course.at = 0;
        }
        Ok(())
    }

    /// Go on for `units` of work, and then for those of a pass as often as there is `another`.
    ///
    /// # Errors
    /// What ended it; it must not be continued then.
    pub(crate) fn passes<W: Window + ?Sized>(
        &mut self,
        window: &W,
        data: &impl Data,
        units: u32,
        another: &mut dyn FnMut() -> bool,
    ) -> Result<Pass, Refusal> {
        let steps = self.steps.get(..self.length.into()).unwrap_or_default();
        self.course.go_on(steps, window, data, units, another)
    }
}

impl Course {
    #[inline(always)]
    fn go_on<W: Window + ?Sized>(
        &mut self,
        steps: &[Step],
        window: &W,
        data: &impl Data,
        mut units: u32,
        another: &mut dyn FnMut() -> bool,
    ) -> Result<Pass, Refusal> {
        // From one turn to the next: the beginning or end of a repetition.
        loop {
            let end;
            (self.at, end) = self.turn(self.at, steps.len());
            let mut at = self.at;
            let in_reach = steps.get(..end).unwrap_or_default();
            let come = self.straight(in_reach, &mut at, window, data, &mut units, another);
            self.at = at;
            match come? {
                Straight::NoPass => return Ok(Pass::GoesOn),
                Straight::NoUnits if another() => units = PASS_UNITS,
                Straight::NoUnits => return Ok(Pass::GoesOn),
                Straight::Repeats { count, end } => {
                    units = units.saturating_sub(1);
                    let entry = self.repetitions.get_mut(self.depth);
                    *entry.ok_or(Refusal::TooLarge)? = Repetition {
                        start: self.at,
                        end: end.into(),
                        left: count,
                    };
                    self.depth += 1;
                }
                Straight::Behind if self.at >= steps.len() && self.depth == 0 => {
                    return Ok(Pass::Done);
                }
                Straight::Behind => units = units.saturating_sub(TURN_UNITS),
            }
        }
    }

    /// Do steps that follow each other, from `next` on, as far as the units go, and those of passes that there are `another` of. Then `next` is the
    /// step at work, or the next one.
    #[inline(always)]
    fn straight<W: Window + ?Sized>(
        &mut self,
        steps: &[Step],
        next: &mut usize,
        window: &W,
        data: &impl Data,
        units: &mut u32,
        another: &mut dyn FnMut() -> bool,
    ) -> Result<Straight, Refusal> {
        loop {
            while let Some(step) = steps.get(*next) {
                if *units == 0 {
                    if !another() {
                        return Ok(Straight::NoPass);
                    }
                    *units = PASS_UNITS;
                }
                // What goes to or comes from the process's buffer costs as much as an access.
                *units -= 1;
                match step {
                    Step::Nothing => {}
                    Step::Store(at, value) => window.store(at.offset, at.width, *value)?,
                    Step::Write(at, change, value) => {
                        *units = units.saturating_sub(2);
                        change.apply(window, at.offset, at.width, *value)?;
                    }
                    Step::Read(at, mask) => {
                        *units = units.saturating_sub(1);
                        let value = window.load(at.offset, at.width)? & mask;
                        self.append(data, at.width, value)?;
                    }
                    Step::Take(at, change) => {
                        *units = units.saturating_sub(2);
                        let value = self.next(data, at.width)?;
                        change.apply(window, at.offset, at.width, value)?;
                    }
                    Step::Poll {
                        at,
                        mask,
                        value,
                        limit,
                    } => {
                        while window.load(at.offset, at.width)? & mask != *value {
                            wait(&mut self.polls, *limit)?;
                            let Some(left) = units.checked_sub(1) else {
                                return Ok(Straight::NoUnits);
                            };
                            *units = left;
                        }
                        self.polls = 0;
                    }
                    Step::Repeat { count, end } => {
                        *next += 1;
                        return Ok(Straight::Repeats {
                            count: *count,
                            end: *end,
                        });
                    }
                    Step::Exchange(words) => {
                        let Some(left) = self.exchange(window, data, words, *units, another)?
                        else {
                            return Ok(Straight::NoUnits);
                        };
                        *units = left;
                    }
                }
                *next += 1;
            }
            // A repetition's steps once more: found here, as there may be few of them.
            match self.again(steps.len()) {
                Some(start) => *next = start,
                None => return Ok(Straight::Behind),
            }
            *units = units.saturating_sub(TURN_UNITS);
        }
    }

    /// The first step of the innermost repetition, if it ends at this step and that was not its last turn: it has one more then.
    #[inline(always)]
    fn again(&mut self, at: usize) -> Option<usize> {
        let innermost = self.repetitions.get_mut(self.depth.checked_sub(1)?)?;
        if innermost.end != at || innermost.left == 1 {
            return None;
        }
        innermost.left -= 1;
        Some(innermost.start)
    }

    /// Go back to the first step of a repetition that ends at this step, or out of it. Returns the step that is next, and where the
    /// next turn is, at most `behind`, which is behind the last step.
    #[inline(never)]
    fn turn(&mut self, at: usize, behind: usize) -> (usize, usize) {
        while let Some(top) = self.depth.checked_sub(1) {
            let Some(repetition) = self.repetitions.get_mut(top) else {
                break;
            };
            if at != repetition.end {
                return (at, repetition.end);
            }
            repetition.left -= 1;
            if repetition.left != 0 {
                return (repetition.start, repetition.end);
            }
            self.depth = top;
        }
        (at, behind)
    }

    /// Look at the status and move what can be moved, again and again as long as there are units, those of passes that there are
    /// `another` of included. Returns how many are left; `None` if not all words have been moved.
    ///
    /// The process's words are fetched before the first look and handed over behind the last one, so a look costs its accesses and
    /// little more.
    #[inline(never)]
    fn exchange<W: Window + ?Sized>(
        &mut self,
        window: &W,
        data: &impl Data,
        step: &Words,
        units: u32,
        another: &mut dyn FnMut() -> bool,
    ) -> Result<Option<u32>, Refusal> {
        let words = step.words;
        let kept = step.send.is_some_and(|send| !send.1.is_plain());
        let look = LOOK_UNITS + u32::from(kept);
        // Begun anew in the next pass, which has room for it.
        let Some(for_looks) = units
            .checked_sub(EXCHANGE_UNITS)
            .filter(|left| *left >= look)
        else {
            return Ok(None);
        };
        // How many are still to be written, and how many to be read of those that are written.
        let written = if step.send.is_some() {
            self.sent
        } else {
            words
        };
        let mut flight = Flight {
            to_send: words - written,
            queued: match step.receive {
                Some(_) => written - self.received,
                // Where nothing is read nothing is under way.
                None => 0,
            },
            looks: for_looks / look,
            // The last pass hands over what was read.
            looks_of_a_pass: (PASS_UNITS - EXCHANGE_UNITS) / look,
            polls: self.polls,
            sent: [[0; 4]; LOOKS_MAX],
            received: [[0; 4]; LOOKS_MAX],
            read: 0,
        };
        let before = flight.to_send;
        let width = step.data.width;
        let from_input = step.send.is_some_and(|send| send.2);
        if from_input {
            let ahead = usize::from(before).min(LOOKS_MAX);
            let room = flight.sent.get_mut(..ahead).unwrap_or_default();
            // The process may have taken its buffer back meanwhile.
            data.fetch(self.taken, width, room)
                .ok_or(Refusal::TooLarge)?;
        }
        let ended = flight.go_on(window, step, another);
        if from_input {
            self.taken += usize::from(before - flight.to_send) * width.bytes() as usize;
        }
        if step.receive.is_some_and(|(_, _, to_output)| to_output) {
            let read = flight.received.get(..flight.read).unwrap_or_default();
            data.hand_over(self.put, width, read)
                .ok_or(Refusal::TooLarge)?;
            self.put += flight.read * width.bytes() as usize;
        }
        ended?;
        if flight.is_over() {
            (self.sent, self.received, self.polls) = (0, 0, 0);
            return Ok(Some(flight.looks * look));
        }
        self.polls = flight.polls;
        self.sent = words - flight.to_send;
        self.received = self.sent - flight.queued;
        Ok(None)
    }

    #[inline(always)]
    fn next(&mut self, data: &impl Data, width: Width) -> Result<u32, Refusal> {
        // The process may have taken its buffer back meanwhile.
        let value = data.take(self.taken, width).ok_or(Refusal::TooLarge)?;
        self.taken += width.bytes() as usize;
        Ok(value)
    }

    #[inline(always)]
    fn append(&mut self, data: &impl Data, width: Width, value: u32) -> Result<(), Refusal> {
        data.put(self.put, width, value).ok_or(Refusal::TooLarge)?;
        self.put += width.bytes() as usize;
        Ok(())
    }
}

/// A read of a status that was in vain. `polls`: how many may still be; 0: none has been.
#[inline(always)]
fn wait(polls: &mut u32, limit: u32) -> Result<(), Refusal> {
    let left = match *polls {
        0 => limit,
        left => left,
    };
    if left <= 1 {
        return Err(Refusal::NoAnswer);
    }
    *polls = left - 1;
    Ok(())
}

/// An exchange, while the words that were fetched last.
struct Flight {
    /// Words that are still to be written.
    to_send: u16,
    /// Words that are written, or come by themselves, and are still to be read.
    queued: u16,
    /// How often the status may still be looked at in this pass.
    looks: u32,
    /// How often in the next one.
    looks_of_a_pass: u32,
    /// As that of the course.
    polls: u32,
    /// What is written, from the first on.
    sent: [[u8; 4]; LOOKS_MAX],
    /// What was read.
    received: [[u8; 4]; LOOKS_MAX],
    /// How many that are.
    read: usize,
}

impl Flight {
    const fn is_over(&self) -> bool {
        self.to_send | self.queued == 0
    }

    #[inline(never)]
    fn go_on<W: Window + ?Sized>(
        &mut self,
        window: &W,
        step: &Words,
        another: &mut dyn FnMut() -> bool,
    ) -> Result<(), Refusal> {
        let at = step.data;
        let (room, filled) = (step.send.map(|send| send.0), step.receive.map(|it| it.0));
        // The status with these bits turned says: 1, it holds. For each by itself: both may look at the same bit.
        let (room_turned, filled_turned) = (Ready::turned(room), Ready::turned(filled));
        let (room, filled) = (Ready::mask(room), Ready::mask(filled));
        let change = step.send.map_or(Change::NONE, |send| send.1);
        let seen = step.receive.map_or(0, |it| it.1);
        // Here, so that they are in registers.
        let (mut to_send, mut queued) = (u32::from(self.to_send), u32::from(self.queued));
        let (under_way, mut looks) = (u32::from(step.under_way), self.looks);
        // A look moves one word each way at most.
        let mut left = LOOKS_MAX as u32 - looks;
        let mut sending = self.sent.iter();
        let mut receiving = self.received.iter_mut();
        let come = loop {
            let state = match window.load(step.status, Width::Bits32) {
                Ok(state) => state,
                Err(error) => break Err(error.into()),
            };
            let mut moved = false;
            if to_send != 0 && queued < under_way && (state ^ room_turned) & room != 0 {
                let Some(word) = sending.next() else {
                    break Ok(());
                };
                let word = u32::from_le_bytes(*word);
                let stored = match change.stored(word) {
                    Some(word) => window.store(at.offset, at.width, word),
                    None => change.apply(window, at.offset, at.width, word),
                };
                if let Err(error) = stored {
                    break Err(error.into());
                }
                to_send -= 1;
                queued += u32::from(filled != 0);
                moved = true;
            }
            if queued != 0 && (state ^ filled_turned) & filled != 0 {
                let word = match window.load(at.offset, at.width) {
                    Ok(word) => word & seen,
                    Err(error) => break Err(error.into()),
                };
                let Some(place) = receiving.next() else {
                    break Ok(());
                };
                *place = word.to_le_bytes();
                queued -= 1;
                moved = true;
            }
            looks -= 1;
            if moved {
                self.polls = 0;
            } else if let Err(refusal) = wait(&mut self.polls, step.limit) {
                break Err(refusal);
            }
            if to_send | queued == 0 {
                break Ok(());
            }
            if looks == 0 {
                // Before the words that were fetched, or the room for those that are read, are at an end.
                if left < self.looks_of_a_pass || !another() {
                    break Ok(());
                }
                looks = self.looks_of_a_pass;
                left -= looks;
            }
        };
        // They were such, and have become fewer, or were so many words on their way.
        (self.to_send, self.queued, self.looks) = (to_send as u16, queued as u16, looks);
        self.read = LOOKS_MAX - receiving.len();
        come
    }
}

/// The most that an instruction, or a program, makes and moves.
#[derive(Clone, Copy, Default)]
struct Needs {
    accesses: u64,
    input: u64,
    output: u64,
}

impl Needs {
    fn add(&mut self, other: Self, times: u64) {
        let sum = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more.saturating_mul(times));
        sum(&mut self.accesses, other.accesses);
        sum(&mut self.input, other.input);
        sum(&mut self.output, other.output);
    }
}

/// The bits that a read at a place sees. One copy of the look-up for all instructions.
#[inline(never)]
fn readable(exposure: &Exposure, at: Place) -> Result<u32, access::Refusal> {
    access::may_read(exposure, at.offset, at.width)
}

/// What a write at a place changes. One copy, too.
#[inline(never)]
fn writable(exposure: &Exposure, at: Place) -> Result<Change, access::Refusal> {
    access::may_write(exposure, at.offset, at.width)
}

/// The step of a write.
fn write_of(at: Place, change: Change, value: u32) -> Step {
    match change.stored(value) {
        Some(value) => Step::Store(at, value),
        None => Step::Write(at, change, value),
    }
}

/// Put the step of an instruction into its place, where it is not yet valid if this fails. Returns what it needs when it is done once.
#[inline(never)]
fn put_step(
    exposure: &Exposure,
    instruction: Instruction,
    index: u8,
    step: &mut Step,
) -> Result<Needs, Refusal> {
    let may_read = |at: Place| readable(exposure, at);
    let may_write = |at: Place| writable(exposure, at);
    // A change may load first.
    let mut needs = Needs {
        accesses: 2,
        ..Needs::default()
    };
    *step = match instruction {
        Instruction::Read(at) => {
            needs.output = at.width.bytes().into();
            Step::Read(at, may_read(at)?)
        }
        Instruction::Write(at, value) => write_of(at, may_write(at)?, value),
        Instruction::Modify { at, mask, value } => {
            match access::may_modify(exposure, at.offset, at.width, mask)? {
                Some(change) => write_of(at, change, value),
                None => Step::Nothing,
            }
        }
        Instruction::Poll {
            at,
            mask,
            value,
            limit,
        } => {
            let mask = mask & may_read(at)?;
            if mask == 0 || value & !mask != 0 {
                return Err(Refusal::Access(access::Refusal::NoPermission));
            }
            needs.accesses = limit.into();
            Step::Poll {
                at,
                mask,
                value,
                limit,
            }
        }
        Instruction::Take(at) => {
            needs.input = at.width.bytes().into();
            Step::Take(at, may_write(at)?)
        }
        Instruction::Repeat { count, body } => {
            let end = u8::checked_add(index + 1, body).ok_or(Refusal::Malformed)?;
            needs.accesses = 1;
            Step::Repeat { count, end }
        }
        Instruction::Exchange(exchange) => return put_exchange(exposure, &exchange, step),
    };
    Ok(needs)
}

/// The same for an exchange.
#[inline(never)]
fn put_exchange(
    exposure: &Exposure,
    exchange: &Exchange,
    step: &mut Step,
) -> Result<Needs, Refusal> {
    let data = exchange.data;
    let Exchange {
        words,
        under_way,
        limit,
        ..
    } = *exchange;
    let send = match exchange.room {
        Some(room) => Some((room, writable(exposure, data)?, exchange.from_input)),
        None => None,
    };
    let receive = match exchange.filled {
        Some(filled) => Some((filled, readable(exposure, data)?, exchange.to_output)),
        None => None,
    };
    let status = Place {
        offset: exchange.status,
        width: Width::Bits32,
    };
    let seen = readable(exposure, status)?;
    let bits = [exchange.room, exchange.filled];
    if { bits.iter().flatten() }.any(|ready| seen >> ready.bit & 1 == 0) {
        return Err(Refusal::Access(access::Refusal::NoPermission));
    }
    let bytes = u64::from(words) * u64::from(data.width.bytes());
    let needs = Needs {
        // At each word the status may say `limit` times less one that nothing moves; then it moves at least one.
        accesses: 2 * u64::from(words) * (u64::from(limit) + 2),
        input: if exchange.from_input { bytes } else { 0 },
        output: if exchange.to_output { bytes } else { 0 },
    };
    *step = Step::Exchange(Words {
        data,
        status: exchange.status,
        words,
        under_way: under_way.into(),
        limit,
        send,
        receive,
    });
    Ok(needs)
}
