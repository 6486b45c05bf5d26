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
    ACCESSES_MAX, DATA_MAX, Exchange, INSTRUCTIONS_MAX, Instruction, NESTING_MAX, Place, Ready,
};
use kernel::ErrorCode;

/// Work of one pass, in accesses; whatever makes none counts as one, too.
pub(crate) const PASS_UNITS: u32 = 18;
/// Work of checking an instruction, in the same unit.
pub(crate) const CHECK_UNITS: u32 = 8;

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
}

/// What a pass has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Done,
    GoesOn,
}

/// One instruction, checked against its block.
#[derive(Clone, Copy)]
enum Step {
    /// Does nothing: a modify of bits that cannot change.
    Nothing,
    Read(Place, u32),
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
    Exchange {
        data: Place,
        status: u16,
        words: u16,
        under_way: u16,
        limit: u32,
        /// The bits of the status that may be seen.
        seen: u32,
        send: Option<(Ready, Change, bool)>,
        receive: Option<(Ready, u32, bool)>,
    },
}

#[inline(never)]
fn load(at: Place, window: &dyn Window) -> Result<u32, BusError> {
    access::load(window, at.offset.into(), at.width)
}

#[inline(never)]
fn write(at: Place, window: &dyn Window, change: Change, value: u32) -> Result<(), BusError> {
    change.apply(window, at.offset.into(), at.width, value)
}

#[derive(Clone, Copy)]
struct Repetition {
    /// The first step that it repeats.
    start: u8,
    /// The first that it does not.
    end: u8,
    /// How often more.
    left: u32,
}

/// Room for one program, and how far it has come.
pub(crate) struct Machine {
    /// The program's instructions, checked.
    steps: [Step; INSTRUCTIONS_MAX],
    /// How many there are.
    length: u8,
    /// The step that is next, or at work.
    at: u8,
    /// What repeats the step that is next, the innermost last.
    repetitions: [Repetition; NESTING_MAX],
    /// How many of these there are.
    depth: u8,
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
            checked: 0,
            sums: Sums::NONE,
        }
    }

    /// Index of the instruction that was looked at last.
    pub(crate) fn instruction(&self) -> u32 {
        self.at.into()
    }

    /// Returns how many instructions it has.
    pub(crate) fn length(&self) -> usize {
        self.length.into()
    }

    /// Bytes of output so far.
    pub(crate) fn output(&self) -> usize {
        self.put
    }

    /// Forget what was there and expect so many instructions, with so much input and room for output.
    pub(crate) fn begin(&mut self, instructions: u8, input: usize, output: usize) {
        (self.length, self.checked, self.at) = (instructions, 0, 0);
        (self.depth, self.polls, self.sent, self.received) = (0, 0, 0, 0);
        (self.taken, self.put) = (0, 0);
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
        self.at = index;
        let sums = &mut self.sums;
        while sums.around().is_some_and(|(end, _)| index >= end) {
            sums.depth -= 1;
        }
        let (end, times) = sums.around().unwrap_or((self.length, 1));
        let instruction = instruction.ok_or(Refusal::Malformed)?;
        if !instruction.is_sound() {
            return Err(Refusal::Malformed);
        }
        let (step, own) = step_of(exposure, instruction, index)?;
        sums.needs.add(own, times);
        if let Step::Repeat {
            count,
            end: own_end,
        } = step
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
        let place = self.steps.get_mut(usize::from(index));
        *place.ok_or(Refusal::TooLarge)? = step;
        self.checked = index + 1;
        if self.checked == self.length {
            self.at = 0;
        }
        Ok(())
    }

    /// Go on for `units` of work.
    ///
    /// # Errors
    /// What ended it; it must not be continued then.
    pub(crate) fn pass(
        &mut self,
        window: &dyn Window,
        data: &impl Data,
        mut units: u32,
    ) -> Result<Pass, Refusal> {
        while self.at < self.length {
            let Some(step) = self.steps.get(usize::from(self.at)).copied() else {
                break;
            };
            if units == 0 {
                return Ok(Pass::GoesOn);
            }
            units -= 1;
            match step {
                Step::Nothing => {}
                // What goes to or comes from the process's buffer costs as much as an access.
                Step::Read(at, mask) => {
                    units = units.saturating_sub(1);
                    let value = load(at, window)? & mask;
                    self.append(data, at.width, value)?;
                }
                Step::Write(at, change, value) => {
                    units = units.saturating_sub(change.loads().into());
                    write(at, window, change, value)?;
                }
                Step::Take(at, change) => {
                    units = units.saturating_sub(1 + u32::from(change.loads()));
                    let value = self.next(data, at.width)?;
                    write(at, window, change, value)?;
                }
                Step::Poll {
                    at,
                    mask,
                    value,
                    limit,
                } => {
                    if load(at, window)? & mask != value {
                        self.wait(limit)?;
                        continue;
                    }
                    self.polls = 0;
                }
                Step::Repeat { count, end } => {
                    let start = self.at + 1;
                    let entry = self.repetitions.get_mut(usize::from(self.depth));
                    *entry.ok_or(Refusal::TooLarge)? = Repetition {
                        start,
                        end,
                        left: count,
                    };
                    self.depth += 1;
                    self.at = start;
                    continue;
                }
                Step::Exchange { .. } => {
                    // Its accesses: at most four at a time.
                    units = units.saturating_sub(3);
                    if !self.exchange(window, data, &step)? {
                        continue;
                    }
                }
            }
            self.advance();
        }
        Ok(Pass::Done)
    }

    /// To the next step, or back to the first of a repetition.
    #[inline]
    fn advance(&mut self) {
        self.at += 1;
        while let Some(top) = usize::from(self.depth).checked_sub(1) {
            let Some(repetition) = self.repetitions.get_mut(top) else {
                return;
            };
            if self.at != repetition.end {
                return;
            }
            repetition.left -= 1;
            if repetition.left != 0 {
                self.at = repetition.start;
                return;
            }
            self.depth -= 1;
        }
    }

    /// A read that was in vain.
    fn wait(&mut self, limit: u32) -> Result<(), Refusal> {
        let left = match self.polls {
            0 => limit,
            left => left,
        };
        if left <= 1 {
            return Err(Refusal::NoAnswer);
        }
        self.polls = left - 1;
        Ok(())
    }

    /// Look at the status once and move what can be moved. Returns whether all words have been.
    #[inline(never)]
    fn exchange(
        &mut self,
        window: &dyn Window,
        data: &impl Data,
        step: &Step,
    ) -> Result<bool, Refusal> {
        let Step::Exchange {
            data: at,
            status,
            words,
            under_way,
            limit,
            seen,
            send,
            receive,
        } = *step
        else {
            return Ok(true);
        };
        let status = Place {
            offset: status,
            width: Width::Bits32,
        };
        let state = load(status, window)? & seen;
        let mut moved = false;
        if let Some((room, change, from_input)) = send {
            // Where nothing is read nothing is under way.
            let queued = match receive {
                Some(_) => self.sent - self.received,
                None => 0,
            };
            if self.sent < words && queued < under_way && room.holds(state) {
                let value = if from_input {
                    self.next(data, at.width)?
                } else {
                    0
                };
                write(at, window, change, value)?;
                self.sent += 1;
                moved = true;
            }
        }
        if let Some((filled, mask, to_output)) = receive {
            let expected = if send.is_some() { self.sent } else { words };
            if self.received < expected && filled.holds(state) {
                let value = load(at, window)? & mask;
                if to_output {
                    self.append(data, at.width, value)?;
                }
                self.received += 1;
                moved = true;
            }
        }
        let done = match receive {
            Some(_) => self.received == words,
            None => self.sent == words,
        };
        if done {
            (self.sent, self.received, self.polls) = (0, 0, 0);
        } else if moved {
            self.polls = 0;
        } else {
            self.wait(limit)?;
        }
        Ok(done)
    }

    fn next(&mut self, data: &impl Data, width: Width) -> Result<u32, Refusal> {
        // The process may have taken its buffer back meanwhile.
        let value = data.take(self.taken, width).ok_or(Refusal::TooLarge)?;
        self.taken += width.bytes() as usize;
        Ok(value)
    }

    fn append(&mut self, data: &impl Data, width: Width, value: u32) -> Result<(), Refusal> {
        data.put(self.put, width, value).ok_or(Refusal::TooLarge)?;
        self.put += width.bytes() as usize;
        Ok(())
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
    access::may_read(exposure, at.offset.into(), at.width)
}

/// What a write at a place changes. One copy, too.
#[inline(never)]
fn writable(exposure: &Exposure, at: Place) -> Result<Change, access::Refusal> {
    access::may_write(exposure, at.offset.into(), at.width)
}

/// The step of an instruction, and what it needs when it is done once.
#[inline(never)]
fn step_of(
    exposure: &Exposure,
    instruction: Instruction,
    index: u8,
) -> Result<(Step, Needs), Refusal> {
    let may_read = |at: Place| readable(exposure, at);
    let may_write = |at: Place| writable(exposure, at);
    // A change may load first.
    let mut needs = Needs {
        accesses: 2,
        ..Needs::default()
    };
    let step = match instruction {
        Instruction::Read(at) => {
            needs.output = at.width.bytes().into();
            Step::Read(at, may_read(at)?)
        }
        Instruction::Write(at, value) => Step::Write(at, may_write(at)?, value),
        Instruction::Modify { at, mask, value } => {
            match access::may_modify(exposure, at.offset.into(), at.width, mask)? {
                Some(change) => Step::Write(at, change, value),
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
        Instruction::Exchange(exchange) => return exchange_of(exposure, &exchange),
    };
    Ok((step, needs))
}

#[inline(never)]
fn exchange_of(exposure: &Exposure, exchange: &Exchange) -> Result<(Step, Needs), Refusal> {
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
    let step = Step::Exchange {
        data,
        status: exchange.status,
        words,
        under_way: under_way.into(),
        limit,
        seen,
        send,
        receive,
    };
    Ok((step, needs))
}
