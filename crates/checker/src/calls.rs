//! Calls, jumps and returns: functions of the object, and helpers with what they are given.

use berth_compiler::entry::{Helper, context, entry};

use crate::decode::{IP, Is, condition};
use crate::module::{Module, Type};
use crate::rules::Value;
use crate::walk::{Step, Walk};

/// The two halfwords with which each place begins that calls a helper: `ldr ip, [r9, #-HELPERS]`.
pub(crate) const HELPERS: [u16; 2] = [0xf859, 0xcc00 | context::HELPERS as u16];
/// `mov r9, r1`.
const NEW_MEMORY: u16 = 0x4689;

impl Walk<'_> {
    /// The type of a function.
    pub(crate) fn type_of(&self, index: u32) -> Type {
        let at = entry(index) as usize;
        let number = self.object.get(at).zip(self.object.get(at + 1));
        let number = number.map_or(0, |(low, high)| u16::from_le_bytes([*low, *high]));
        self.of_type(u32::from(number))
    }

    pub(crate) fn of_type(&self, number: u32) -> Type {
        Type::of(self.types.get(number as usize).copied().unwrap_or(0))
    }

    /// The function that is called at a place: by its entry, or itself if it is not behind this one.
    pub(crate) fn function_at(&self, at: u32) -> Step<u32> {
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

    /// The halfwords at a place call this helper.
    pub(crate) fn helper_at(&self, at: u32) -> Option<u32> {
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
    pub(crate) fn helper_place(&self, at: u32) -> Step<u32> {
        self.unmarked(at + 2, at + 8)?;
        self.half(at + 6)?;
        if self.state.live || !self.is_marked(at) || self.helper_at(at).is_none() {
            return Err("a jump to a helper");
        }
        Ok(at + 8)
    }

    /// Is what is at a place a trap and nothing else?
    pub(crate) fn is_trap(&self, at: u32) -> bool {
        let Ok((Is::Call(distance), _)) = self.decode(at) else {
            return false;
        };
        let target = self.target(at, distance).ok();
        let helper = target.and_then(|target| self.helper_at(target));
        helper.is_some_and(is_trap)
    }

    pub(crate) fn call(&mut self, at: u32, distance: i32, next: u32) -> Step<u32> {
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
    pub(crate) fn calls_function(&mut self, is: Type, may_recur: bool) -> Step<()> {
        if self.state.below != self.state.frame + is.outgoing() {
            return Err("a call with more or less room at sp than its type says");
        }
        self.may_call(may_recur)?;
        self.state.called();
        Ok(())
    }

    pub(crate) fn may_call(&mut self, may_recur: bool) -> Step<()> {
        self.calls = true;
        if may_recur && !self.charged {
            return Err("a circle of calls in which no fuel is charged");
        }
        Ok(())
    }

    /// A helper is called.
    pub(crate) fn helper(&mut self, helper: u32, next: u32) -> Step<u32> {
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
        let same = match state.value(3) {
            Value::Constant(value) => {
                let module = &self.module;
                module.has_functions(value & 0xff) == module.has_functions(value >> 8)
            }
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
                        // What is called is not what the host gave.
                        TABLE_COPY => both(tables, tables) && same,
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
    pub(crate) fn leaves(&self, saved: u16) -> Step<()> {
        if self.state.below != 0 || saved != self.state.saved {
            return Err("a return with sp or saved registers elsewhere");
        }
        Ok(())
    }

    /// A call in the place of a return.
    pub(crate) fn jump(&mut self, at: u32) -> Step<u32> {
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
