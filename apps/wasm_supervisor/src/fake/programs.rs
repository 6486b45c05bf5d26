//! Register programs of the fake board, as `capsules/wasm_host/README.md` describes them: all of a program is checked
//! before its first access, and a pass is as much work as a kernel's.

use std::collections::BTreeMap;
use std::vec::Vec;

use berth_exposure::program::{Exchange, NESTING_MAX, PASS_UNITS, Place, Ready, check_units};

use super::Fake;
use crate::arena;
use crate::errno;
use crate::interrupts::Interrupts;
use crate::platform::{Platform, Width};
use crate::programs::{
    Ended, INSTRUCTION_BYTES, INSTRUCTIONS_MAX, Instruction, Parts, Pass, Passes, Programs, Work,
};

/// How many may be under way.
const ROOM: usize = 2;

const OFF: u8 = 4;

/// What is known of programs.
#[derive(Default)]
pub struct Machines {
    /// Those under way, by handle.
    machines: BTreeMap<u16, Machine>,
    /// Passes that were made.
    pub passes: u32,
    /// Handles of those that were ended where they were, in order.
    pub ended: Vec<u16>,
}

/// One program.
#[derive(Default)]
struct Machine {
    count: usize,
    input: usize,
    room: usize,
    /// What is checked, and has been found good.
    steps: Vec<Instruction>,
    at: usize,
    /// Begin, end, and how often again.
    loops: Vec<(usize, usize, u32)>,
    polls: u32,
    sent: u16,
    received: u16,
    taken: usize,
    put: usize,
}

/// Does a status say that the device is ready?
const fn says(ready: Ready, status: u32) -> bool {
    (status >> ready.bit & 1 != 0) == ready.is
}

impl Machines {
    /// Returns how many are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.machines.len()
    }
}

impl Machine {
    /// Checks the next instruction.
    fn check(&mut self, fake: &Fake, handle: u16, parts: &Parts<'_>) -> Result<(), u8> {
        let index = self.steps.len();
        let bytes = parts.code.get(index * INSTRUCTION_BYTES..);
        let bytes = bytes.and_then(|bytes| bytes.first_chunk());
        let instruction = bytes.and_then(Instruction::decode).ok_or(errno::FAIL)?;
        if !instruction.is_sound() {
            return Err(errno::FAIL);
        }
        if let Instruction::Repeat { body, .. } = instruction
            && index + 1 + usize::from(body) > self.count
        {
            return Err(errno::FAIL);
        }
        if let Some(place) = instruction.place() {
            fake.may(handle, place)?;
        }
        self.steps.push(instruction);
        let (input, output, depth) = sums(&self.steps);
        if input > self.input || output > self.room || depth > NESTING_MAX {
            return Err(errno::SIZE);
        }
        Ok(())
    }

    /// One look at what is next. Returns the work that it was.
    fn step(&mut self, fake: &Fake, handle: u16, parts: &mut Parts<'_>) -> Result<u32, u8> {
        let mut work = 1;
        match self.steps[self.at] {
            Instruction::Read(at) => {
                let value = fake.load(handle, at)?;
                self.append(parts, at.width, value);
            }
            Instruction::Write(at, value) => fake.store(handle, at, value)?,
            Instruction::Modify { at, mask, value } => {
                work += 1;
                let old = fake.load(handle, at)?;
                fake.store(handle, at, old & !mask | value & mask)?;
            }
            Instruction::Poll {
                at,
                mask,
                value,
                limit,
            } => {
                if fake.load(handle, at)? & mask != value {
                    self.wait(limit)?;
                    return Ok(work);
                }
                self.polls = 0;
            }
            Instruction::Take(at) => {
                let value = self.next(parts, at.width);
                fake.store(handle, at, value)?;
            }
            Instruction::Repeat { count, body } => {
                let start = self.at + 1;
                self.loops.push((start, start + usize::from(body), count));
                self.at = start;
                return Ok(work);
            }
            Instruction::Exchange(exchange) => {
                work += 3;
                if !self.exchange(fake, handle, parts, &exchange)? {
                    return Ok(work);
                }
            }
        }
        self.at += 1;
        while let Some((start, end, left)) = self.loops.last_mut() {
            if self.at != *end {
                break;
            }
            *left -= 1;
            if *left > 0 {
                self.at = *start;
                break;
            }
            self.loops.pop();
        }
        Ok(work)
    }

    fn exchange(
        &mut self,
        fake: &Fake,
        handle: u16,
        parts: &mut Parts<'_>,
        exchange: &Exchange,
    ) -> Result<bool, u8> {
        let status = Place {
            offset: exchange.status,
            width: Width::Bits32,
        };
        let state = fake.load(handle, status)?;
        let mut moved = false;
        let both = exchange.room.is_some() && exchange.filled.is_some();
        let queued = if both { self.sent - self.received } else { 0 };
        if let Some(room) = exchange.room
            && self.sent < exchange.words
            && queued < exchange.under_way.into()
            && says(room, state)
        {
            let value = if exchange.from_input {
                self.next(parts, exchange.data.width)
            } else {
                0
            };
            fake.store(handle, exchange.data, value)?;
            self.sent += 1;
            moved = true;
        }
        let expected = if both { self.sent } else { exchange.words };
        if let Some(filled) = exchange.filled
            && self.received < expected
            && says(filled, state)
        {
            let value = fake.load(handle, exchange.data)?;
            if exchange.to_output {
                self.append(parts, exchange.data.width, value);
            }
            self.received += 1;
            moved = true;
        }
        let done = exchange.words
            == if exchange.filled.is_some() {
                self.received
            } else {
                self.sent
            };
        if done {
            (self.sent, self.received, self.polls) = (0, 0, 0);
        } else if moved {
            self.polls = 0;
        } else {
            self.wait(exchange.limit)?;
        }
        Ok(done)
    }

    fn wait(&mut self, limit: u32) -> Result<(), u8> {
        self.polls += 1;
        if self.polls >= limit {
            return Err(errno::NO_ACK);
        }
        Ok(())
    }

    fn next(&mut self, parts: &Parts<'_>, width: Width) -> u32 {
        let bytes = width.bytes() as usize;
        let input = match parts.input {
            [] => &parts.code[self.count * INSTRUCTION_BYTES..],
            apart => apart,
        };
        let mut value = [0; 4];
        value[..bytes].copy_from_slice(&input[self.taken..self.taken + bytes]);
        self.taken += bytes;
        u32::from_le_bytes(value)
    }

    fn append(&mut self, parts: &mut Parts<'_>, width: Width, value: u32) {
        let bytes = width.bytes() as usize;
        parts.output[self.put..self.put + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        self.put += bytes;
    }

    fn pass(&mut self, fake: &Fake, handle: u16, parts: &mut Parts<'_>) -> Result<Pass, Ended> {
        let mut units = PASS_UNITS;
        while self.steps.len() < self.count {
            let operation = { parts.code.get(self.steps.len() * INSTRUCTION_BYTES) }.copied();
            let Some(left) = units.checked_sub(check_units(operation.unwrap_or(0))) else {
                return Ok(Pass::GoesOn);
            };
            units = left;
            let index = self.steps.len() as u32;
            self.check(fake, handle, parts).map_err(|code| Ended {
                code,
                at: Some((index, 0)),
            })?;
        }
        while self.at < self.count {
            if units == 0 {
                return Ok(Pass::GoesOn);
            }
            let at = self.at as u32;
            let work = self.step(fake, handle, parts).map_err(|code| Ended {
                code,
                at: Some((at, self.put as u32)),
            })?;
            units = units.saturating_sub(work);
        }
        Ok(Pass::Done(self.put as u32))
    }
}

/// The same parts, for a shorter time.
fn again<'a>(parts: &'a mut Parts<'_>) -> Parts<'a> {
    Parts {
        code: parts.code,
        input: parts.input,
        output: &mut *parts.output,
        lengths: parts.lengths,
    }
}

/// What a program so far takes and puts out, and how deep it repeats.
fn sums(steps: &[Instruction]) -> (usize, usize, usize) {
    let mut around: Vec<(usize, usize)> = Vec::new();
    let (mut input, mut output, mut depth) = (0, 0, 0);
    for (index, step) in steps.iter().enumerate() {
        around.retain(|(end, _)| index < *end);
        let times: usize = around.iter().map(|(_, times)| times).product();
        match step {
            Instruction::Read(at) => output += times * at.width.bytes() as usize,
            Instruction::Take(at) => input += times * at.width.bytes() as usize,
            Instruction::Repeat { count, body } => {
                around.push((index + 1 + usize::from(*body), *count as usize));
                depth = depth.max(around.len());
            }
            Instruction::Exchange(exchange) => {
                let bytes = usize::from(exchange.words) * exchange.data.width.bytes() as usize;
                input += if exchange.from_input {
                    times * bytes
                } else {
                    0
                };
                output += if exchange.to_output { times * bytes } else { 0 };
            }
            _ => {}
        }
    }
    (input, output, depth)
}

impl Fake {
    /// The block of this handle is given back: its program is over.
    pub(super) fn end_program(&self, handle: u16) {
        arena::of_the_test(|| {
            let mut programs = self.0.programs.borrow_mut();
            if programs.machines.remove(&handle).is_some() {
                programs.ended.push(handle);
            }
        });
    }

    /// May this be accessed?
    fn may(&self, handle: u16, at: Place) -> Result<(), u8> {
        let inside = u32::from(at.offset) + at.width.bytes() <= self.length(handle);
        if !inside || !u32::from(at.offset).is_multiple_of(at.width.bytes()) {
            return Err(errno::INVALID);
        }
        let block = self.block(handle, at.offset);
        block.map(drop).ok_or(errno::NO_SUPPORT)
    }

    fn load(&self, handle: u16, at: Place) -> Result<u32, u8> {
        self.read(at.width, handle, at.offset).ok_or(OFF)
    }

    fn store(&self, handle: u16, at: Place, value: u32) -> Result<(), u8> {
        self.write_register(at.width, handle, at.offset, value & at.width.mask())
            .ok_or(OFF)
    }

    fn pass(&self, handle: u16, machine: Machine, mut parts: Parts<'_>) -> Result<Pass, Ended> {
        arena::of_the_test(|| {
            let mut machine = machine;
            self.0.programs.borrow_mut().passes += 1;
            let come = machine.pass(self, handle, &mut parts);
            if come == Ok(Pass::GoesOn) {
                let mut programs = self.0.programs.borrow_mut();
                programs.machines.insert(handle, machine);
            }
            come
        })
    }
}

impl Programs for Fake {
    fn runs_programs(&self) -> bool {
        !self.0.no_programs.get()
    }

    fn cancel_program(&self, handle: u16) {
        self.end_program(handle);
    }

    fn run_program(
        &self,
        handle: u16,
        parts: Parts<'_>,
        passes: Passes,
    ) -> (Result<Pass, Ended>, Work) {
        let mut parts = parts;
        let (come, passes) = match passes {
            Passes::First(passes) => match self.begin_program(handle, again(&mut parts)) {
                Ok(Pass::GoesOn) if passes > 1 && self.waiting() == 0 => {
                    let (come, more) = self.continue_program(handle, parts, passes - 1);
                    (come, 1 + more)
                }
                come => (come, 1),
            },
            Passes::Next(passes) => self.continue_program(handle, parts, passes),
        };
        (come, Work { passes, calls: 1 })
    }
}

impl Fake {
    fn begin_program(&self, handle: u16, parts: Parts<'_>) -> Result<Pass, Ended> {
        let refused = |code| Err(Ended { code, at: None });
        let (count, input) = parts.lengths;
        let under_way = self.0.programs.borrow().machines.len();
        if self.block(handle, 0).is_none() {
            return refused(errno::RESERVE);
        }
        if self.0.programs.borrow().machines.contains_key(&handle) {
            return refused(errno::ALREADY);
        }
        if count == 0 {
            return refused(errno::FAIL);
        }
        if usize::from(count) > INSTRUCTIONS_MAX {
            return refused(errno::SIZE);
        }
        if under_way >= ROOM {
            return refused(errno::NO_MEMORY);
        }
        let machine = Machine {
            count: count.into(),
            input: input.into(),
            room: parts.output.len(),
            ..Machine::default()
        };
        self.pass(handle, machine, parts)
    }

    fn continue_program(
        &self,
        handle: u16,
        parts: Parts<'_>,
        passes: u32,
    ) -> (Result<Pass, Ended>, u32) {
        let mut parts = parts;
        let mut made = 0;
        loop {
            made += 1;
            let machine =
                arena::of_the_test(|| self.0.programs.borrow_mut().machines.remove(&handle));
            let Some(machine) = machine else {
                let code = errno::ALREADY;
                return (Err(Ended { code, at: None }), made);
            };
            let come = self.pass(handle, machine, again(&mut parts));
            if come != Ok(Pass::GoesOn) || made >= passes || self.waiting() != 0 {
                return (come, made);
            }
        }
    }
}
