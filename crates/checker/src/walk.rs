//! The object from its front to its end: entries, stubs of imported functions, functions one after the other.
//!
//! A mark of one bit is kept for each halfword. In front of the walk it says: something leads here, so an instruction has
//! to begin here, and nothing is known at it. Behind, it is left where something may still lead: at places that charge
//! fuel, which loops go back to, and at those where helpers are called.

use berth_compiler::entry::{SLACK, context, entry};

use crate::Refusal;
use crate::calls::HELPERS;
use crate::decode::{At, FUEL, IP, Is, LR, MEMORY, SP, condition, decode};
use crate::module::Module;
use crate::rules::{Bounds, State, Value};

/// What comes of a step: or why the object is not taken.
pub(crate) type Step<T> = Result<T, &'static str>;

/// `ldr pc, [r9, #-HOST]`.
const HOST: [u16; 2] = [0xf859, 0xfc00 | context::HOST as u16];
/// How a function looks at the stack's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Not at all.
    None,
    /// Before it takes its frame.
    Before,
    /// At so many bytes below what it saves.
    Whole(i32),
}

/// The walk.
pub(crate) struct Walk<'a> {
    pub(crate) object: &'a [u8],
    pub(crate) module: Module,
    pub(crate) types: &'a [u32],
    pub(crate) marks: &'a mut [u32],
    pub(crate) memory: u32,

    // From here on of this function.
    pub(crate) index: u32,
    pub(crate) from: u32,
    pub(crate) end: u32,
    /// Bytes that its callers keep at sp.
    pub(crate) callers: i32,
    pub(crate) look: Look,
    pub(crate) calls: bool,
    /// No branch was there yet.
    pub(crate) straight: bool,
    /// Fuel was charged on all ways.
    pub(crate) charged: bool,
    pub(crate) state: State,
    /// A register that is below a number, for the table behind the branch that says so.
    pub(crate) covered: Option<(u8, u32)>,
}

impl<'a> Walk<'a> {
    pub(crate) const fn new(
        object: &'a [u8],
        module: Module,
        types: &'a [u32],
        marks: &'a mut [u32],
        memory: u32,
    ) -> Self {
        Self {
            object,
            module,
            types,
            marks,
            memory,
            index: 0,
            from: 0,
            end: 0,
            callers: 0,
            look: Look::None,
            calls: false,
            straight: true,
            charged: false,
            state: State::new(),
            covered: None,
        }
    }

    /// All of it.
    pub(crate) fn object(&mut self) -> Result<(), Refusal> {
        let at_place = |offset| move |what| Refusal { offset, what };
        let functions = self.module.functions;
        self.end = self.object.len() as u32;
        let mut at = entry(functions);
        for index in 0..functions {
            let place = entry(index);
            let from = self.entry(index).map_err(at_place(place))?;
            if from != at {
                return Err(at_place(place)("an entry that leads elsewhere"));
            }
            if index < self.module.imported {
                at = self.imported(at, index).map_err(at_place(at))?;
                continue;
            }
            let next = index + 1;
            let end = match self.object.len() as u32 {
                length if next == functions => length,
                length => {
                    let end = self.entry(next).map_err(at_place(entry(next)))?;
                    end.min(length)
                }
            };
            (self.index, self.from, self.end) = (index, from, end);
            at = self.prologue().map_err(at_place(from))?;
            while at < end {
                at = self.step(at).map_err(at_place(at))?;
            }
            self.function_end(at).map_err(at_place(from))?;
            self.end = self.object.len() as u32;
        }
        if at != self.end {
            return Err(at_place(at)("something behind the last function"));
        }
        Ok(())
    }

    pub(crate) fn half(&self, at: u32) -> Step<u16> {
        match self.object.get(at as usize..at as usize + 2) {
            Some(&[low, high]) if at.is_multiple_of(2) && at + 2 <= self.end => {
                Ok(u16::from_le_bytes([low, high]))
            }
            _ => Err("the function ends too early"),
        }
    }

    pub(crate) fn halves(&self, at: u32) -> Step<[u16; 2]> {
        Ok([self.half(at)?, self.half(at + 2)?])
    }

    /// The instruction at a place, and the place behind it.
    pub(crate) fn decode(&self, at: u32) -> Step<(Is, u32)> {
        let first = self.half(at)?;
        let second = self.half(at + 2).unwrap_or(0);
        let (is, bytes) = decode(first, second).ok_or("no instruction that the compiler makes")?;
        self.half(at + bytes - 2)?;
        Ok((is, at + bytes))
    }

    /// The same, where nothing may lead.
    pub(crate) fn next(&self, at: u32) -> Step<(Is, u32)> {
        let (is, next) = self.decode(at)?;
        self.unmarked(at, next)?;
        Ok((is, next))
    }

    pub(crate) fn is_marked(&self, at: u32) -> bool {
        let word = self.marks.get(at as usize / 64);
        word.is_some_and(|word| word >> (at / 2 % 32) & 1 != 0)
    }

    pub(crate) fn mark(&mut self, at: u32, is: bool) {
        if let Some(word) = self.marks.get_mut(at as usize / 64) {
            let bit = 1 << (at / 2 % 32);
            *word = if is { *word | bit } else { *word & !bit };
        }
    }

    pub(crate) fn unmarked(&self, from: u32, to: u32) -> Step<()> {
        if (from / 2..to / 2).any(|half| self.is_marked(2 * half)) {
            return Err("something leads to where no instruction may begin");
        }
        Ok(())
    }

    /// Where a distance from a place leads, inside the object.
    pub(crate) fn target(&self, at: u32, distance: i32) -> Step<u32> {
        let target = i64::from(at) + i64::from(distance);
        let target = u32::try_from(target).ok();
        target
            .filter(|target| (*target as usize) < self.object.len())
            .ok_or("a branch out of the object")
    }

    /// Where the entry of a function leads.
    pub(crate) fn entry(&self, index: u32) -> Step<u32> {
        let place = entry(index) + 4;
        match self.object.get(place as usize..place as usize + 4) {
            Some(&[a, b, c, d]) => {
                let halves = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
                match decode(halves.0, halves.1) {
                    Some((
                        Is::Branch {
                            condition: condition::ALWAYS,
                            distance,
                        },
                        4,
                    )) => self.target(place, distance),
                    _ => Err("an entry that is no branch"),
                }
            }
            _ => Err("an entry is not there"),
        }
    }

    /// The stub of an imported function.
    fn imported(&self, at: u32, index: u32) -> Step<u32> {
        if let Some(behind) = self.direct(at, index) {
            return Ok(behind);
        }
        let (is, next) = self.decode(at)?;
        let names = is
            == Is::Constant {
                to: IP,
                value: index,
            };
        if !names || self.halves(next)? != HOST {
            return Err("another stub of an imported function");
        }
        Ok(next + 4)
    }

    /// The beginning of a function.
    fn prologue(&mut self) -> Step<u32> {
        const UNLIKE: &str = "another beginning of a function";
        self.callers = self.type_of(self.index).outgoing();
        (self.look, self.calls) = (Look::None, false);
        (self.straight, self.charged) = (true, false);
        self.state = State::new();
        let (Is::Push(saved), mut at) = self.next(self.from)? else {
            return Err(UNLIKE);
        };
        self.state.saved = saved;
        let (mut is, mut next) = self.next(at)?;
        if let Is::Access {
            load: true,
            bytes: 4,
            register,
            base: MEMORY,
            at: At::Distance(distance),
        } = is
            && distance == -(context::STACK_LIMIT as i32)
        {
            (is, next) = self.next(next)?;
            let limit = if let (
                LR,
                Is::Plus {
                    to: IP,
                    from: SP,
                    value,
                    ..
                },
            ) = (register, is)
            {
                self.look = Look::Whole(value.wrapping_neg() as i32);
                (is, next) = self.next(next)?;
                Is::Compared { a: IP, b: LR }
            } else {
                self.look = Look::Before;
                Is::Compared { a: SP, b: IP }
            };
            let (branch, behind) = self.next(next)?;
            let Is::Branch {
                condition: condition::LO,
                distance,
            } = branch
            else {
                return Err(UNLIKE);
            };
            let target = self.target(next, distance)?;
            if is != limit
                || register
                    != if limit == (Is::Compared { a: SP, b: IP }) {
                        IP
                    } else {
                        LR
                    }
                || target < behind
                || !self.is_trap(target)
            {
                return Err(UNLIKE);
            }
            self.mark(target, true);
            at = behind;
            (is, next) = self.next(at)?;
        }
        if let Is::Plus {
            to: LR, from: SP, ..
        } = is
        {
            let bounds = self.bounds();
            self.state.apply(is, &self.module, bounds)?;
            (is, next) = self.next(next)?;
        }
        let Is::Stack(by) = is else {
            return Err(UNLIKE);
        };
        self.state.move_stack(by)?;
        self.state.frame = self.state.below;
        Ok(next)
    }

    const fn bounds(&self) -> Bounds {
        Bounds {
            memory: self.memory,
            callers: self.callers,
        }
    }

    /// The end of a function, at which there is nothing to go on with.
    fn function_end(&self, at: u32) -> Step<()> {
        const UNCHECKED: i32 = SLACK as i32 / 2;
        if at != self.end || self.state.live {
            return Err("a function that goes on behind its end");
        }
        let State { most, .. } = self.state;
        let fits = match self.look {
            Look::Whole(bytes) => most <= bytes,
            Look::Before => most + self.state.saved_bytes() <= UNCHECKED,
            Look::None => most + self.state.saved_bytes() <= UNCHECKED && !self.calls,
        };
        if !fits {
            return Err("more of the stack than the function looked at");
        }
        Ok(())
    }

    /// One instruction, or several that stand together. Returns the place behind.
    fn step(&mut self, at: u32) -> Step<u32> {
        if self.halves(at) == Ok(HELPERS) {
            return self.helper_place(at);
        }
        let (is, next) = self.decode(at)?;
        self.unmarked(at + 2, next)?;
        if self.is_marked(at) {
            if self.state.live && self.state.below != self.state.frame {
                return Err("paths meet while sp is moved");
            }
            self.mark(at, false);
            (self.straight, self.covered) = (false, None);
            self.state.forget();
        }
        let flags = core::mem::take(&mut self.state.flags);
        let covered = self.covered.take();
        match is {
            Is::Plus {
                to: FUEL, value, ..
            } => return self.site(at, value, next),
            Is::Bulk => {}
            Is::Branch {
                condition,
                distance,
            } => self.branch(at, (condition, distance), flags, next)?,
            Is::Call(distance) => return self.call(at, distance, next),
            Is::CallLr => {
                let Value::Callee(number) = self.state.value(LR) else {
                    return Err("a call of what is not known to be a function");
                };
                self.calls_function(self.of_type(number), true)?;
            }
            Is::Return(saved) => {
                self.leaves(saved)?;
                self.state.live = false;
            }
            Is::Leave(saved) => {
                self.leaves(saved)?;
                return self.jump(next);
            }
            Is::If(count) => return self.conditional(count, next),
            Is::TableJump(register) => return self.table(register, covered, next),
            _ => {
                let bounds = self.bounds();
                self.state.apply(is, &self.module, bounds)?;
            }
        }
        Ok(next)
    }
}
