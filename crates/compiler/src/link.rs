//! What leads out of a function: traps and pauses, calls, and the table at the front of the object.

use crate::Error;
use crate::code::Sink;
use crate::encode::{Access, Cond, IP, MEMORY, Reg, branch, call};
use crate::entry::{self, Helper, context};
use crate::function::Generator;

/// Reasons of traps.
pub(crate) const TRAPS: usize = Helper::TrapConversion as usize;
/// In chains of calls: numbers from here on are helpers.
const HELPERS: u32 = 2048;

impl Generator<'_, '_> {
    /// Stubs for imported functions: they name themselves and jump to the device's software.
    pub(crate) fn imported(&mut self, sink: &mut impl Sink) -> Result<(), Error> {
        for index in 0..self.module.imported {
            self.code.clear();
            match self.module.direct(index as u32) {
                Some(direct) => self.code.direct(direct, index as u32),
                None => self.code.host_call(index as u32),
            }
            self.module.room.functions[index].address = self.position;
            self.deliver(sink)?;
        }
        Ok(())
    }

    /// What was made goes to the sink.
    pub(crate) fn deliver(&mut self, sink: &mut impl Sink) -> Result<(), Error> {
        let code = self.code.finished()?;
        sink.put(code)?;
        self.position += 2 * code.len() as u32;
        Ok(())
    }

    /// A trap if this holds.
    pub(crate) fn trap(&mut self, condition: Cond, reason: Helper) {
        let mut chain = self.traps[reason as usize];
        self.code.branch_later(condition, &mut chain);
        self.traps[reason as usize] = chain;
    }

    /// Where branches to traps and pauses lead.
    pub(crate) fn stubs(&mut self) {
        for reason in Helper::TrapUnreachable as usize..TRAPS {
            let mut chain = self.traps[reason];
            while let Some((place, condition)) = self.code.take(&mut chain) {
                self.code.land_one(place, Cond::of(condition));
                self.call_later(HELPERS + reason as u32);
            }
        }
        let mut chain = self.pauses;
        while let Some((place, condition)) = self.code.take(&mut chain) {
            self.code.land_one(place, Cond::of(condition));
            self.call_later(HELPERS + Helper::Pause as u32);
            self.code.branch_back(Cond::Always, place + 2);
        }
    }

    /// A call of a function or, from [`HELPERS`] on, a helper.
    pub(crate) fn call_later(&mut self, what: u32) {
        let mut chain = self.calls;
        self.code.chain(&mut chain, what);
        self.calls = chain;
    }

    /// A call of a helper.
    pub(crate) fn call_helper(&mut self, number: u32) {
        self.call_later(HELPERS + number);
    }

    /// A jump to a function.
    pub(crate) fn jump_later(&mut self, function: u32) {
        let mut chain = self.jumps;
        self.code.chain(&mut chain, function);
        self.jumps = chain;
    }

    /// Writes all calls and jumps. Helpers that are called for the first time get their place here.
    pub(crate) fn resolve(&mut self) {
        for jump in [false, true] {
            let mut chain = if jump { self.jumps } else { self.calls };
            while let Some((place, what)) = self.code.take(&mut chain) {
                let target = self.target(what);
                let distance = target as i32 - (self.position + 2 * place) as i32 - 4;
                let words = if jump {
                    branch(Cond::Always, distance)
                } else {
                    call(distance)
                };
                self.code.patch(place, words);
            }
        }
    }

    /// Where a function or helper is in the object.
    fn target(&mut self, what: u32) -> u32 {
        if let Some(helper) = what.checked_sub(HELPERS) {
            let known = self.trampolines[helper as usize];
            if known != 0 {
                return known;
            }
            let here = self.position + 2 * self.code.place();
            self.code
                .access_at(Access::Ldr, IP, MEMORY, -(context::HELPERS as i32));
            self.code
                .access_at(Access::Ldr, Reg(15), IP, 4 * helper as i32);
            self.trampolines[helper as usize] = here;
            return here;
        }
        match self.module.room.functions[what as usize].address {
            _ if what == self.index => self.position,
            0 => entry::entry(what) + 4,
            address => address,
        }
    }

    /// The entry table.
    pub(crate) fn entries(&mut self, sink: &mut impl Sink) -> Result<(), Error> {
        for index in 0..self.module.functions as u32 {
            let function = self.module.room.functions[index as usize];
            let place = entry::entry(index) + 4;
            let distance = function.address as i32 - place as i32 - 4;
            let (first, second) = branch(Cond::Always, distance);
            let kind = self.module.function_type(index).unwrap_or(0);
            let branch = u32::from(first) | u32::from(second) << 16;
            sink.entry(index, [self.module.canonical(kind), branch])?;
        }
        Ok(())
    }
}
