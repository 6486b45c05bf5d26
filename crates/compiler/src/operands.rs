//! Where the values on the stack are: mostly not on a stack.
//!
//! A constant and a read of a local variable stay what they are until somebody wants them. What an instruction computes is
//! in one of r0 to r3. When these are used up, at calls and where paths meet, values go to their *slots*: each place of
//! the operand stack has one in the function's frame.

use crate::encode::{Cond, LR, Reg};
use crate::function::{Generator, Home};
use crate::instruction::code;
use crate::kind::Kind;
use crate::words::Word;

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In its slot.
    Slot,
    /// It is this number; one of 64 bits is this one extended by its sign.
    Constant(i32),
    /// What this local variable has; the low half if the value is one of 32 bits and the variable is not.
    Local(u16),
    /// In a register.
    Register(Reg),
    /// In two of them, the low word first.
    Pair(Reg, Reg),
    /// The low word in a register, the high one is 0.
    Extended(Reg),
    /// 1 if the flags say so, else 0. Only on top.
    Flags(Cond),
}

/// A value on the stack.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    pub(crate) place: Place,
    /// Two words.
    pub(crate) wide: bool,
    /// Its slot: so many words from the first.
    pub(crate) slot: u16,
}

impl Operand {
    pub(crate) const NONE: Self = Self {
        place: Place::Slot,
        wide: false,
        slot: 0,
    };

    pub(crate) const fn words(&self) -> u16 {
        if self.wide { 2 } else { 1 }
    }
}

/// Registers that hold values of the stack.
pub(crate) const TEMPORARIES: u8 = 4;

impl Generator<'_, '_> {
    /// The value `from_top` places below the top.
    pub(crate) fn operand(&self, from_top: usize) -> Operand {
        let index = self.operands.checked_sub(from_top + 1);
        index.map_or(Operand::NONE, |index| self.module.room.operands[index])
    }

    /// The slot that the next value gets.
    pub(crate) fn next_slot(&self) -> u16 {
        match self.operands.checked_sub(1) {
            Some(top) => {
                let top = &self.module.room.operands[top];
                top.slot + top.words()
            }
            None => 0,
        }
    }

    /// Pushes a value that is there.
    pub(crate) fn push(&mut self, wide: bool, place: Place) {
        let slot = self.next_slot();
        self.mark(place, true);
        let operand = Operand { place, wide, slot };
        if place == Place::Slot {
            self.slots_max = self.slots_max.max(u32::from(slot + operand.words()));
        }
        match self.module.room.operands.get_mut(self.operands) {
            Some(free) => {
                *free = operand;
                self.operands += 1;
            }
            None => self.fail("too many values on the stack"),
        }
    }

    /// Takes the top value. Its registers stay reserved until the instruction is done.
    pub(crate) fn pop(&mut self) -> Operand {
        let operand = self.operand(0);
        self.operands = self.operands.saturating_sub(1);
        self.mark(operand.place, false);
        for reg in registers(operand.place).into_iter().flatten() {
            self.hold(reg);
        }
        operand
    }

    /// Takes the top value that nobody wants.
    pub(crate) fn forget(&mut self) {
        let place = self.operand(0).place;
        self.operands = self.operands.saturating_sub(1);
        self.mark(place, false);
    }

    /// Notes which registers hold values.
    pub(crate) fn mark(&mut self, place: Place, used: bool) {
        for reg in registers(place).into_iter().flatten() {
            if reg.0 < TEMPORARIES {
                if used {
                    self.busy |= 1 << reg.0;
                } else {
                    self.busy &= !(1 << reg.0);
                }
            }
        }
    }

    /// Forgets all values above the first `count`.
    pub(crate) fn truncate(&mut self, count: usize) {
        while self.operands > count {
            self.forget();
        }
    }

    /// Reserves a register until the instruction is done.
    pub(crate) const fn hold(&mut self, reg: Reg) {
        if reg.0 < TEMPORARIES {
            self.held |= 1 << reg.0;
        }
    }

    /// A register that nothing is in, until the instruction is done.
    pub(crate) fn temporary(&mut self) -> Reg {
        loop {
            let free = !(self.busy | self.held) & ((1 << TEMPORARIES) - 1);
            if free != 0 {
                let reg = Reg(free.trailing_zeros() as u8);
                self.hold(reg);
                return reg;
            }
            let stack = &self.module.room.operands[..self.operands];
            let oldest = stack.iter().position(|operand| {
                registers(operand.place)
                    .into_iter()
                    .flatten()
                    .any(|reg| reg.0 < TEMPORARIES)
            });
            match oldest {
                Some(index) => self.store_slot(index),
                None => {
                    self.fail("an instruction with too many registers");
                    return Reg(0);
                }
            }
        }
    }

    /// One of these that a value was in and nobody wants any more, or a free one.
    pub(crate) fn reuse(&mut self, candidates: &[Reg]) -> Reg {
        let taken = candidates
            .iter()
            .find(|reg| reg.0 < TEMPORARIES && self.busy & 1 << reg.0 == 0);
        match taken {
            Some(reg) => *reg,
            None => self.temporary(),
        }
    }

    /// Where a result of this instruction goes: straight into the local variable if it is set next, else one of the
    /// registers of operands, or a free one. Only for instructions that read their operands before they write.
    pub(crate) fn result(&mut self, candidates: &[Reg]) -> Reg {
        match self.next_local() {
            Some(Home::Register(reg)) => reg,
            _ => self.reuse(candidates),
        }
    }

    /// The same for two words. The halves of operands must not cross.
    pub(crate) fn result_pair(&mut self, candidate: Option<(Reg, Reg)>) -> (Reg, Reg) {
        if let Some(Home::Pair(low, high)) = self.next_local() {
            return (low, high);
        }
        match candidate {
            Some((low, high))
                if low.0 < TEMPORARIES
                    && high.0 < TEMPORARIES
                    && self.busy & (1 << low.0 | 1 << high.0) == 0 =>
            {
                (low, high)
            }
            _ => (self.temporary(), self.temporary()),
        }
    }

    /// The home of the local variable that the next instruction sets, unless values on the stack are still in it.
    fn next_local(&self) -> Option<Home> {
        let (code::LOCAL_SET | code::LOCAL_TEE, index) = self.next? else {
            return None;
        };
        let home = self.module.room.locals.get(index as usize)?.home;
        let stack = &self.module.room.operands[..self.operands];
        let is_read = stack
            .iter()
            .any(|operand| operand.place == Place::Local(index as u16));
        (!is_read).then_some(home)
    }

    /// Makes a number of flags, if such a value is on top.
    pub(crate) fn settle_flags(&mut self) {
        if let Place::Flags(condition) = self.operand(0).place {
            self.code.keep_flags = true;
            self.operands -= 1;
            let reg = self.result(&[]);
            self.code.keep_flags = false;
            self.code.truth(reg, condition);
            self.push(false, Place::Register(reg));
        }
    }

    /// Pushes the result of an instruction of one word.
    pub(crate) fn push_register(&mut self, reg: Reg) {
        self.push(false, Place::Register(reg));
    }

    /// Copies values that read a local variable to registers or slots, before it is set.
    pub(crate) fn rescue(&mut self, local: u32) {
        for index in 0..self.operands {
            let operand = self.module.room.operands[index];
            if operand.place != Place::Local(local as u16) {
                continue;
            }
            let free = (!(self.busy | self.held) & ((1 << TEMPORARIES) - 1)).count_ones();
            if free < u32::from(operand.words()) {
                self.store_slot(index);
                continue;
            }
            let low = self.temporary();
            self.load_word(low, self.word(&operand, 0));
            let place = if operand.wide {
                let high = self.temporary();
                self.load_word(high, self.word(&operand, 1));
                Place::Pair(low, high)
            } else {
                Place::Register(low)
            };
            self.mark(place, true);
            self.module.room.operands[index].place = place;
        }
    }

    /// `local.get`, `local.set`, `local.tee`.
    pub(crate) fn local(&mut self, opcode: u16, index: u32) {
        let local = self.module.room.locals[index as usize];
        let wide = local.kind.words() == 2;
        if opcode == code::LOCAL_GET {
            return self.push(wide, Place::Local(index as u16));
        }
        let operand = self.pop();
        if operand.place == Place::Local(index as u16) && operand.wide == wide {
            if opcode == code::LOCAL_TEE {
                self.push(wide, operand.place);
            }
            return;
        }
        self.rescue(index);
        self.forget_checked(index);
        let (low, high) = (self.word(&operand, 0), self.word(&operand, 1));
        match local.home {
            Home::Register(reg) => self.load_word(reg, low),
            Home::Pair(to_low, to_high) => {
                // A variable's own halves do not cross: the other is read first if it is needed.
                if high == Word::Register(to_low) {
                    self.code.copy(LR, to_low);
                    self.load_word(to_low, low);
                    self.code.copy(to_high, LR);
                } else {
                    self.load_word(to_low, low);
                    self.load_word(to_high, high);
                }
            }
            Home::Frame(first) => {
                self.store_word(u32::from(first), low);
                if wide {
                    self.store_word(u32::from(first) + 1, high);
                }
            }
            Home::None => {}
        }
        if opcode == code::LOCAL_TEE {
            let in_registers = registers(operand.place).into_iter().flatten();
            let stays = matches!(local.home, Home::Frame(_) | Home::None)
                && in_registers.count() > 0
                || matches!(operand.place, Place::Constant(_));
            let place = if stays {
                operand.place
            } else {
                Place::Local(index as u16)
            };
            self.push(wide, place);
        }
    }

    /// A constant. Floats are their bits.
    pub(crate) fn push_constant(&mut self, kind: Kind, bits: u64) {
        let wide = kind.words() == 2;
        let narrow = bits as i32;
        if !wide || i64::from(narrow) as u64 == bits {
            return self.push(wide, Place::Constant(narrow));
        }
        let (low, high) = self.result_pair(None);
        self.code.constant(low, bits as u32);
        self.code.constant(high, (bits >> 32) as u32);
        self.push(true, Place::Pair(low, high));
    }
}

/// The registers that a value is in.
pub(crate) const fn registers(place: Place) -> [Option<Reg>; 2] {
    match place {
        Place::Register(reg) | Place::Extended(reg) => [Some(reg), None],
        Place::Pair(low, high) => [Some(low), Some(high)],
        _ => [None, None],
    }
}
