//! Branches: where they may lead, and what is charged for going back.

use berth_compiler::entry::Helper;

use crate::decode::{FUEL, Is, condition, is_general};
use crate::rules::{Flags, Value};
use crate::walk::{Step, Walk};

impl Walk<'_> {
    /// Fuel is charged, and code can be paused.
    pub(crate) fn site(&mut self, at: u32, value: u32, next: u32) -> Step<u32> {
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
    pub(crate) fn is_site(&self, at: u32) -> bool {
        let is = at >= self.from && self.is_marked(at);
        is && matches!(self.decode(at), Ok((Is::Plus { to: FUEL, .. }, _)))
    }

    pub(crate) fn branch(
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
    pub(crate) fn lands(&mut self, target: u32, next: u32) -> Step<()> {
        if target < next || target >= self.end || self.helper_at(target).is_some() {
            return Err("a branch to where none may lead");
        }
        self.mark(target, true);
        Ok(())
    }

    /// A table of branches.
    pub(crate) fn table(&mut self, register: u8, covered: Option<(u8, u32)>, at: u32) -> Step<u32> {
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
    pub(crate) fn conditional(&mut self, count: u8, mut at: u32) -> Step<u32> {
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
}
