//! The object from its front to its end: entries, stubs of imported functions, functions one after the other.
//!
//! A mark of one bit is kept for each halfword. In front of the walk it says: something leads here, so an instruction has
//! to begin here, and nothing is known at it. Behind, it is left where something may still lead: at places that charge
//! fuel, which loops go back to, and at those where helpers are called.

use berth_compiler::entry::{Helper, SLACK, context, entry};

use crate::Refusal;
use crate::decode::{At, FUEL, IP, Is, LR, MEMORY, SP, condition, decode, is_general};
use crate::module::{Module, Type};
use crate::rules::{Bounds, Flags, State, Value};

type Step<T> = Result<T, &'static str>;

/// The two halfwords with which each place begins that calls a helper: `ldr ip, [r9, #-HELPERS]`.
const HELPERS: [u16; 2] = [0xf859, 0xcc00 | context::HELPERS as u16];
/// `ldr pc, [r9, #-HOST]`.
const HOST: [u16; 2] = [0xf859, 0xfc00 | context::HOST as u16];
/// `mov r9, r1`.
const NEW_MEMORY: u16 = 0x4689;

/// How a function looks at the stack's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Not at all.
    None,
    /// Before it takes its frame.
    Before,
    /// At so many bytes below what it saves.
    Whole(i32),
}

/// The walk.
pub(crate) struct Walk<'a> {
    object: &'a [u8],
    module: Module,
    types: &'a [u32],
    marks: &'a mut [u32],
    memory: u32,

    // From here on of this function.
    index: u32,
    from: u32,
    end: u32,
    /// Bytes that its callers keep at sp.
    callers: i32,
    look: Look,
    calls: bool,
    /// No branch was there yet.
    straight: bool,
    /// Fuel was charged on all ways.
    charged: bool,
    state: State,
    /// A register that is below a number, for the table behind the branch that says so.
    covered: Option<(u8, u32)>,
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

    fn half(&self, at: u32) -> Step<u16> {
        match self.object.get(at as usize..at as usize + 2) {
            Some(&[low, high]) if at.is_multiple_of(2) && at + 2 <= self.end => {
                Ok(u16::from_le_bytes([low, high]))
            }
            _ => Err("the function ends too early"),
        }
    }

    fn halves(&self, at: u32) -> Step<[u16; 2]> {
        Ok([self.half(at)?, self.half(at + 2)?])
    }

    /// The instruction at a place, and the place behind it.
    fn decode(&self, at: u32) -> Step<(Is, u32)> {
        let first = self.half(at)?;
        let second = self.half(at + 2).unwrap_or(0);
        let (is, bytes) = decode(first, second).ok_or("no instruction that the compiler makes")?;
        self.half(at + bytes - 2)?;
        Ok((is, at + bytes))
    }

    /// The same, where nothing may lead.
    fn next(&self, at: u32) -> Step<(Is, u32)> {
        let (is, next) = self.decode(at)?;
        self.unmarked(at, next)?;
        Ok((is, next))
    }

    fn is_marked(&self, at: u32) -> bool {
        let word = self.marks.get(at as usize / 64);
        word.is_some_and(|word| word >> (at / 2 % 32) & 1 != 0)
    }

    fn mark(&mut self, at: u32, is: bool) {
        if let Some(word) = self.marks.get_mut(at as usize / 64) {
            let bit = 1 << (at / 2 % 32);
            *word = if is { *word | bit } else { *word & !bit };
        }
    }

    fn unmarked(&self, from: u32, to: u32) -> Step<()> {
        if (from / 2..to / 2).any(|half| self.is_marked(2 * half)) {
            return Err("something leads to where no instruction may begin");
        }
        Ok(())
    }

    /// Where a distance from a place leads, inside the object.
    fn target(&self, at: u32, distance: i32) -> Step<u32> {
        let target = i64::from(at) + i64::from(distance);
        let target = u32::try_from(target).ok();
        target
            .filter(|target| (*target as usize) < self.object.len())
            .ok_or("a branch out of the object")
    }

    /// Where the entry of a function leads.
    fn entry(&self, index: u32) -> Step<u32> {
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

    /// The type of a function.
    fn type_of(&self, index: u32) -> Type {
        let at = entry(index) as usize;
        let number = self.object.get(at).zip(self.object.get(at + 1));
        let number = number.map_or(0, |(low, high)| u16::from_le_bytes([*low, *high]));
        self.of_type(u32::from(number))
    }

    fn of_type(&self, number: u32) -> Type {
        Type::of(self.types.get(number as usize).copied().unwrap_or(0))
    }

    /// The function that is called at a place: by its entry, or itself if it is not behind this one.
    fn function_at(&self, at: u32) -> Step<u32> {
        if at < entry(self.module.functions) {
            return if at % 8 == 4 {
                Ok(at / 8)
            } else {
                Err("a branch into the entries")
            };
        }
        let (mut low, mut high) = (0, self.index + 1);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.entry(middle)? <= at {
                low = middle;
            } else {
                high = middle;
            }
        }
        if self.entry(low)? == at {
            Ok(low)
        } else {
            Err("a call of what is no function")
        }
    }

    /// The stub of an imported function.
    fn imported(&self, at: u32, index: u32) -> Step<u32> {
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
            self.straight = false;
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

    /// The halfwords at a place call this helper.
    fn helper_at(&self, at: u32) -> Option<u32> {
        let words: [u8; 8] = self
            .object
            .get(at as usize..at as usize + 8)?
            .try_into()
            .ok()?;
        let half = |index: usize| u16::from_le_bytes([words[2 * index], words[2 * index + 1]]);
        // ldr ip, [r9, #-HELPERS]; ldr pc, [ip, #4 * helper]
        let number = u32::from(half(3) & 0xfff) / 4;
        let is = [half(0), half(1)] == HELPERS && half(2) == 0xf8dc && half(3) & 0xf003 == 0xf000;
        (is && (number as usize) < Helper::COUNT).then_some(number)
    }

    /// The place that calls a helper: nothing but calls leads here.
    fn helper_place(&self, at: u32) -> Step<u32> {
        self.unmarked(at + 2, at + 8)?;
        self.half(at + 6)?;
        if self.state.live || !self.is_marked(at) || self.helper_at(at).is_none() {
            return Err("a jump to a helper");
        }
        Ok(at + 8)
    }

    /// Is what is at a place a trap and nothing else?
    fn is_trap(&self, at: u32) -> bool {
        let Ok((Is::Call(distance), _)) = self.decode(at) else {
            return false;
        };
        let target = self.target(at, distance).ok();
        let helper = target.and_then(|target| self.helper_at(target));
        helper.is_some_and(is_trap)
    }

    /// Fuel is charged, and code can be paused.
    fn site(&mut self, at: u32, value: u32, next: u32) -> Step<u32> {
        let charged = value.wrapping_neg();
        if !(1..1 << 30).contains(&charged) {
            return Err("fuel that is not charged");
        }
        let (branch, behind) = self.next(next)?;
        let Is::Branch {
            condition: condition::MI,
            distance,
        } = branch
        else {
            return Err("fuel is charged and not looked at");
        };
        let stub = self.target(next, distance)?;
        // At the stub: the call of the helper, and the way back.
        let (call, back_at) = self.decode(stub)?;
        let (back, _) = self.decode(back_at)?;
        let helper = match call {
            Is::Call(distance) => self.helper_at(self.target(stub, distance)?),
            _ => None,
        };
        let leads_back = match back {
            Is::Branch {
                condition: condition::ALWAYS,
                distance,
            } => self.target(back_at, distance)? == behind,
            _ => false,
        };
        if helper != Some(Helper::Pause as u32) || !leads_back || stub < behind {
            return Err("fuel is used up and nothing happens");
        }
        if self.state.live && self.state.below != self.state.frame {
            return Err("code can be paused while sp is moved");
        }
        self.state.forget();
        self.mark(stub, true);
        self.mark(at, true);
        self.charged |= self.straight;
        Ok(behind)
    }

    /// Is fuel charged at this place, which the walk has passed in this function?
    fn is_site(&self, at: u32) -> bool {
        let is = at >= self.from && self.is_marked(at);
        is && matches!(self.decode(at), Ok((Is::Plus { to: FUEL, .. }, _)))
    }

    fn branch(
        &mut self,
        at: u32,
        (condition, distance): (u8, i32),
        flags: Flags,
        next: u32,
    ) -> Step<()> {
        let target = self.target(at, distance)?;
        self.straight = false;
        if condition == condition::MI {
            return Err("a branch that only fuel has");
        }
        let always = condition == condition::ALWAYS;
        if target <= at {
            if !self.is_site(target) {
                return Err("a branch back to where no fuel is charged");
            }
        } else {
            self.lands(target, next)?;
            if self.is_trap(target) {
                if always {
                    self.state.live = false;
                } else {
                    self.state.learn(condition, flags, self.memory);
                }
                return Ok(());
            }
        }
        if self.state.below != self.state.frame {
            return Err("a branch while sp is moved");
        }
        if let (condition::HS, Flags::Compared(register, Value::Constant(count))) =
            (condition, flags)
        {
            self.covered = Some((register, count));
        }
        self.state.live &= !always;
        Ok(())
    }

    /// Something leads to a place in front of the walk.
    fn lands(&mut self, target: u32, next: u32) -> Step<()> {
        if target < next || target >= self.end || self.helper_at(target).is_some() {
            return Err("a branch to where none may lead");
        }
        self.mark(target, true);
        Ok(())
    }

    /// A table of branches.
    fn table(&mut self, register: u8, covered: Option<(u8, u32)>, at: u32) -> Step<u32> {
        let count = match covered {
            Some((covered, count)) if covered == register && count < 1 << 16 => count,
            _ => return Err("a table of branches whose end is not looked at"),
        };
        let behind = at + 2 * count;
        for number in 0..count {
            let target = at + 2 * u32::from(self.half(at + 2 * number)?);
            self.lands(target, behind)?;
        }
        self.unmarked(at, behind)?;
        self.state.live = false;
        Ok(behind)
    }

    /// The next one or two instructions under a condition.
    fn conditional(&mut self, count: u8, mut at: u32) -> Step<u32> {
        for _ in 0..count {
            let (is, next) = self.next(at)?;
            match is {
                Is::Moved { to, from } if is_general(to) && is_general(from) => {
                    self.state.write(to, Value::Unknown)?;
                }
                Is::Constant { to, .. } => self.state.write(to, Value::Unknown)?,
                Is::Against { .. } | Is::Compared { .. } => {}
                _ => return Err("an instruction that has no condition"),
            }
            at = next;
        }
        Ok(at)
    }

    fn call(&mut self, at: u32, distance: i32, next: u32) -> Step<u32> {
        let target = self.target(at, distance)?;
        if let Some(helper) = self.helper_at(target) {
            if target > at {
                if target < next || target >= self.end {
                    return Err("a helper that is called elsewhere");
                }
                self.mark(target, true);
            } else if !self.is_marked(target) {
                return Err("a call into the middle of an instruction");
            }
            return self.helper(helper, next);
        }
        let function = self.function_at(target)?;
        self.calls_function(self.type_of(function), function >= self.index)?;
        Ok(next)
    }

    /// A function is called, which may lead back to this one.
    fn calls_function(&mut self, is: Type, may_recur: bool) -> Step<()> {
        if self.state.below != self.state.frame + is.outgoing() {
            return Err("a call with more or less room at sp than its type says");
        }
        self.may_call(may_recur)?;
        self.state.called();
        Ok(())
    }

    fn may_call(&mut self, may_recur: bool) -> Step<()> {
        self.calls = true;
        if may_recur && !self.charged {
            return Err("a circle of calls in which no fuel is charged");
        }
        Ok(())
    }

    /// A helper is called.
    fn helper(&mut self, helper: u32, next: u32) -> Step<u32> {
        const WRONG: &str = "a helper gets other arguments than it may";
        const GROW: u32 = Helper::MemoryGrow as u32;
        const COPY: u32 = Helper::MemoryCopy as u32;
        const FILL: u32 = Helper::MemoryFill as u32;
        const INIT: u32 = Helper::MemoryInit as u32;
        const DATA_DROP: u32 = Helper::DataDrop as u32;
        const TABLE_COPY: u32 = Helper::TableCopy as u32;
        const TABLE_INIT: u32 = Helper::TableInit as u32;
        const TABLE_FILL: u32 = Helper::TableFill as u32;
        const TABLE_GROW: u32 = Helper::TableGrow as u32;
        const ELEM_DROP: u32 = Helper::ElemDrop as u32;
        if is_trap(helper) {
            self.state.live = false;
            return Ok(next);
        }
        if helper == Helper::Pause as u32 {
            let (back, behind) = self.next(next)?;
            let site = match back {
                Is::Branch {
                    condition: condition::ALWAYS,
                    distance,
                } => self.target(next, distance)?.checked_sub(8),
                _ => None,
            };
            if self.state.below != self.state.frame || !site.is_some_and(|site| self.is_site(site))
            {
                return Err("a pause that goes on elsewhere");
            }
            self.state.live = false;
            return Ok(behind);
        }
        let Module {
            tables,
            data,
            elements,
            ..
        } = self.module;
        let state = &self.state;
        let context = |register| state.value(register) == Value::Context;
        let below = |register, most: u32| match state.value(register) {
            Value::Constant(value) => value < most,
            _ => false,
        };
        // Two numbers in r3, the first in its low byte.
        let both = |low: u32, high: u32| match state.value(3) {
            Value::Constant(value) => (value & 0xff) < low && value >> 8 < high,
            _ => false,
        };
        let mut bytes = 0;
        let is = match helper {
            INIT | TABLE_COPY | TABLE_INIT | TABLE_FILL => {
                // The context is the fifth.
                bytes = 8;
                let fifth = state.passes_context();
                fifth
                    && match helper {
                        INIT => below(3, data),
                        TABLE_COPY => both(tables, tables),
                        TABLE_INIT => both(tables, elements),
                        _ => below(3, tables),
                    }
            }
            GROW => context(1),
            COPY | FILL => context(3),
            DATA_DROP => below(0, data) && context(1),
            ELEM_DROP => below(0, elements) && context(1),
            TABLE_GROW => below(2, tables) && context(3),
            _ => helper != Helper::TrapConversion as u32,
        };
        if (!is && self.state.live) || self.state.below != self.state.frame + bytes {
            return Err(WRONG);
        }
        self.state.called();
        if helper == GROW {
            self.unmarked(next, next + 2)?;
            if self.half(next)? != NEW_MEMORY {
                return Err("the memory has moved and r9 has not");
            }
            return Ok(next + 2);
        }
        Ok(next)
    }

    /// The registers that were saved are taken back.
    fn leaves(&self, saved: u16) -> Step<()> {
        if self.state.below != 0 || saved != self.state.saved {
            return Err("a return with sp or saved registers elsewhere");
        }
        Ok(())
    }

    /// A call in the place of a return.
    fn jump(&mut self, at: u32) -> Step<u32> {
        let (is, next) = self.next(at)?;
        let (callee, may_recur) = match (is, self.state.value(IP)) {
            (
                Is::Branch {
                    condition: condition::ALWAYS,
                    distance,
                },
                _,
            ) => {
                let function = self.function_at(self.target(at, distance)?)?;
                (self.type_of(function), function >= self.index)
            }
            (Is::JumpIp, Value::Callee(number)) => (self.of_type(number), true),
            _ => return Err("a jump to what is not known to be a function"),
        };
        if callee.outgoing() > self.callers {
            return Err("a call in the place of a return with more arguments");
        }
        self.may_call(may_recur)?;
        // What comes next, if nothing leads there, is made as if sp had not moved.
        (self.state.live, self.state.below) = (false, self.state.frame);
        Ok(next)
    }
}

/// Is this helper a trap, which does not return?
const fn is_trap(helper: u32) -> bool {
    helper >= Helper::TrapUnreachable as u32 && helper < Helper::TrapConversion as u32
}
