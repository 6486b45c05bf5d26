//! Integers of 64 bits, in two registers.

use crate::code::NONE;
use crate::encode::{Alu, Cond, IP, LR, Reg, Shift, modified};
use crate::entry::Helper;
use crate::function::Generator;
use crate::kind::Kind;
use crate::narrow::{CONDITIONS, mirrored};
use crate::operands::{Operand, Place};
use crate::words::Word;

/// Both words, if they are in registers.
const fn pair((low, high): (Word, Word)) -> Option<(Reg, Reg)> {
    match (low, high) {
        (Word::Register(low), Word::Register(high)) => Some((low, high)),
        _ => None,
    }
}

impl Generator<'_, '_> {
    /// `i64.eqz`.
    pub(crate) fn is_zero_wide(&mut self) {
        let operand = self.pop();
        let (low, high) = (self.word(&operand, 0), self.word(&operand, 1));
        let low = self.in_register(low, IP);
        let high = self.in_register(high, LR);
        self.code.alu(Alu::Orr, true, IP, low, high);
        self.push(false, Place::Flags(Cond::Eq));
    }

    /// A comparison.
    pub(crate) fn compare_wide(&mut self, opcode: u16) {
        let (mut second, mut first) = (self.pop(), self.pop());
        let mut condition = CONDITIONS[usize::from(opcode - 0x51)];
        let equal = matches!(condition, Cond::Eq | Cond::Ne);
        let exchange = if equal {
            matches!(first.place, Place::Constant(_))
        } else {
            matches!(condition, Cond::Gt | Cond::Hi | Cond::Le | Cond::Ls)
        };
        if exchange {
            core::mem::swap(&mut first, &mut second);
            condition = mirrored(condition);
        }
        let low = self.word(&first, 0);
        let low = self.in_register(low, LR);
        match self.word(&second, 0) {
            Word::Constant(value) => self.code.compare_immediate(low, value, IP),
            word => {
                let other = self.in_register(word, IP);
                self.code.compare(low, other);
            }
        }
        self.code.keep_flags = true;
        let high = self.word(&first, 1);
        let high = self.in_register(high, LR);
        let other = self.word(&second, 1);
        if equal {
            match other {
                Word::Constant(value) if modified(value).is_some() => {
                    self.code.if_then(Cond::Eq);
                    self.code.compare_immediate(high, value, IP);
                }
                word => {
                    let other = self.in_register(word, IP);
                    self.code.if_then(Cond::Eq);
                    self.code.compare(high, other);
                }
            }
        } else {
            let other = self.in_register(other, IP);
            self.code.alu(Alu::Sbc, true, IP, high, other);
        }
        self.code.keep_flags = false;
        self.push(false, Place::Flags(condition));
    }

    /// Operations with one operand.
    pub(crate) fn unary_wide(&mut self, opcode: u16) {
        let helper = match opcode {
            0x79 => Helper::I64Clz,
            0x7a => Helper::I64Ctz,
            0x7b => Helper::I64Popcnt,
            _ => {
                let operand = self.pop();
                let low = self.narrow(&operand);
                if opcode == 0xc4 {
                    return self.signed_pair(low);
                }
                let to = self.reuse(&[low]);
                self.code.extend(opcode == 0xc2, to, low);
                return self.signed_pair(to);
            }
        };
        self.help_with(helper as u32, 1, Kind::I64);
    }

    /// Pushes what is in a register, extended by its sign.
    pub(crate) fn signed_pair(&mut self, reg: Reg) {
        let (low, high) = match self.result_pair(None) {
            (low, high) if low.0 >= 4 => (low, high),
            (low, high) if reg.0 < 4 && self.busy & 1 << reg.0 == 0 => {
                // One of the two is not needed.
                let _ = low;
                (reg, high)
            }
            both => both,
        };
        self.code.copy(low, reg);
        self.code.shift(Shift::Asr, high, low, 31);
        self.push(true, Place::Pair(low, high));
    }

    /// Operations with two operands.
    pub(crate) fn binary_wide(&mut self, opcode: u16) {
        match opcode {
            0x7c | 0x7d | 0x83..=0x85 => self.by_halves(opcode),
            0x7e => self.multiply_wide(),
            0x7f..=0x82 => self.divide_wide(opcode),
            _ => match self.operand(0).place {
                Place::Constant(by) if opcode <= 0x88 => {
                    self.pop();
                    let first = self.pop();
                    self.shift_wide(opcode, &first, by as u16 & 63);
                }
                _ => {
                    let helper = Helper::I64Shl as u32 + u32::from(opcode) - 0x86;
                    self.help_with(helper, 2, Kind::I64);
                }
            },
        }
    }

    /// add, sub, and, or, xor.
    fn by_halves(&mut self, opcode: u16) {
        let (mut second, mut first) = (self.pop(), self.pop());
        if opcode != 0x7d && matches!(first.place, Place::Constant(_)) {
            core::mem::swap(&mut first, &mut second);
        }
        let (first, second) = (self.halves(&first), self.halves(&second));
        let (low, high) = self.result_pair(pair(first).or(pair(second)));
        let (op_low, op_high, carries) = match opcode {
            0x7c => (Alu::Add, Alu::Adc, true),
            0x7d => (Alu::Sub, Alu::Sbc, true),
            0x83 => (Alu::And, Alu::And, false),
            0x84 => (Alu::Orr, Alu::Orr, false),
            _ => (Alu::Eor, Alu::Eor, false),
        };
        self.half(op_low, carries, low, (first.0, second.0));
        self.half(op_high, false, high, (first.1, second.1));
        self.push(true, Place::Pair(low, high));
    }

    /// One of the halves. Uses ip and lr; the carry is kept until it is used.
    fn half(&mut self, op: Alu, flags: bool, to: Reg, (first, second): (Word, Word)) {
        let logic = matches!(op, Alu::And | Alu::Orr | Alu::Eor);
        match (op, second) {
            (Alu::And, Word::Constant(0)) => return self.code.constant(to, 0),
            (Alu::And, Word::Constant(u32::MAX)) | (Alu::Orr | Alu::Eor, Word::Constant(0)) => {
                return self.load_word(to, first);
            }
            _ => {}
        }
        if let (true, Word::Constant(0)) = (logic, first) {
            return match op {
                Alu::And => self.code.constant(to, 0),
                _ => self.load_word(to, second),
            };
        }
        let reg = self.in_register(first, LR);
        match second {
            Word::Constant(value) => {
                self.code.alu_immediate(op, flags, (to, reg), value, IP);
            }
            word => {
                let other = self.in_register(word, IP);
                self.code.alu(op, flags, to, reg, other);
            }
        }
    }

    fn multiply_wide(&mut self) {
        let (second, first) = (self.pop(), self.pop());
        let (first, second) = (self.halves(&first), self.halves(&second));
        let candidate = pair(first).or(pair(second));
        let low = self.some_register(first.0);
        let by_low = self.some_register(second.0);
        let high = self.unless_zero(first.1);
        let by_high = self.unless_zero(second.1);
        let (to_low, to_high) = match (candidate, first.0, second.0) {
            (None, Word::Constant(_), _) | (None, _, Word::Constant(_)) => {
                // What a constant was loaded to can be written.
                let own = self.result_pair(pair((Word::Register(low), Word::Register(by_low))));
                if own.0 == own.1 { (low, by_low) } else { own }
            }
            _ => self.result_pair(candidate),
        };
        self.code.multiply_long(IP, LR, low, by_low);
        if let Some(by_high) = by_high {
            self.code.multiply_add(LR, low, by_high, LR);
        }
        if let Some(high) = high {
            self.code.multiply_add(LR, high, by_low, LR);
        }
        self.code.copy(to_low, IP);
        self.code.copy(to_high, LR);
        self.push(true, Place::Pair(to_low, to_high));
    }

    /// A register with this word.
    fn some_register(&mut self, word: Word) -> Reg {
        match word {
            Word::Register(reg) => reg,
            other => {
                let reg = self.temporary();
                self.load_word(reg, other);
                reg
            }
        }
    }

    fn unless_zero(&mut self, word: Word) -> Option<Reg> {
        (word != Word::Constant(0)).then(|| self.some_register(word))
    }

    fn divide_wide(&mut self, opcode: u16) {
        const LOWEST: u32 = 1 << 31;
        let (divisor, dividend) = (self.operand(0), self.operand(1));
        let words = (self.word(&divisor, 0), self.word(&divisor, 1));
        let known = match divisor.place {
            Place::Constant(value) => Some(value),
            _ => None,
        };
        if matches!(known, None | Some(0)) {
            let (low, high) = (self.in_register(words.0, IP), self.in_register(words.1, LR));
            self.code.alu(Alu::Orr, true, IP, low, high);
            self.trap(Cond::Eq, Helper::TrapDivisionByZero);
        }
        if opcode == 0x7f && matches!(known, None | Some(-1)) {
            let mut fine = NONE;
            let (low, high) = (self.in_register(words.0, IP), self.in_register(words.1, LR));
            self.code.alu(Alu::And, false, IP, low, high);
            self.code.compare_immediate(IP, u32::MAX, LR);
            self.code.branch_later(Cond::Ne, &mut fine);
            let high = self.word(&dividend, 1);
            let high = self.in_register(high, IP);
            self.code.compare_immediate(high, LOWEST, LR);
            self.code.branch_later(Cond::Ne, &mut fine);
            let low = self.word(&dividend, 0);
            let low = self.in_register(low, IP);
            self.code.compare_immediate(low, 0, LR);
            self.trap(Cond::Eq, Helper::TrapOverflow);
            self.code.land(&mut fine);
            self.forget_all_checked();
        }
        let helper = Helper::I64DivS as u32 + u32::from(opcode) - 0x7f;
        // So many steps as a division of 64 bits takes.
        self.charge(crate::fuel::HELPER * 4);
        self.help_with(helper, 2, Kind::I64);
    }

    /// A shift by a number that is known.
    fn shift_wide(&mut self, opcode: u16, operand: &Operand, by: u16) {
        if by == 0 {
            return self.push(true, operand.place);
        }
        let words = self.halves(operand);
        let signed = opcode == 0x87;
        let right = if signed { Shift::Asr } else { Shift::Lsr };
        let (from_low, from_high) = match words {
            // A number that is known: it is shifted all the same.
            (Word::Constant(_), _) => (self.some_register(words.0), self.some_register(words.1)),
            (Word::Register(low), Word::Register(high)) => (low, high),
            (Word::Register(low), _) => return self.shift_extended(opcode, low, by),
            _ => return,
        };
        let own = Some((from_low, from_high));
        if opcode == 0x88 && by >= 32 {
            let to = self.reuse(&[from_high, from_low]);
            self.shift_or_copy(right, to, from_high, by - 32);
            return self.push(true, Place::Extended(to));
        }
        let (low, high) = self.result_pair(own);
        if opcode == 0x86 {
            if by < 32 {
                self.code.shift(Shift::Lsl, high, from_high, by);
                let from = (high, high, from_low);
                self.code
                    .alu_shifted(Alu::Orr, false, from, (Shift::Lsr, 32 - by));
                self.code.shift(Shift::Lsl, low, from_low, by);
            } else {
                self.shift_or_copy(Shift::Lsl, high, from_low, by - 32);
                self.code.constant(low, 0);
            }
        } else if by < 32 {
            self.code.shift(Shift::Lsr, low, from_low, by);
            let from = (low, low, from_high);
            self.code
                .alu_shifted(Alu::Orr, false, from, (Shift::Lsl, 32 - by));
            self.code.shift(right, high, from_high, by);
        } else {
            self.shift_or_copy(right, low, from_high, by - 32);
            self.code.shift(Shift::Asr, high, from_high, 31);
        }
        self.push(true, Place::Pair(low, high));
    }

    /// The same of a number whose high word is 0.
    fn shift_extended(&mut self, opcode: u16, from: Reg, by: u16) {
        if opcode != 0x86 {
            if by >= 32 {
                return self.push(true, Place::Constant(0));
            }
            let to = self.reuse(&[from]);
            self.code.shift(Shift::Lsr, to, from, by);
            return self.push(true, Place::Extended(to));
        }
        let (low, high) = self.result_pair(None);
        if by < 32 {
            self.code.shift(Shift::Lsr, high, from, 32 - by);
            self.code.shift(Shift::Lsl, low, from, by);
        } else {
            self.shift_or_copy(Shift::Lsl, high, from, by - 32);
            self.code.constant(low, 0);
        }
        self.push(true, Place::Pair(low, high));
    }

    fn shift_or_copy(&mut self, shift: Shift, to: Reg, from: Reg, by: u16) {
        if by == 0 {
            self.code.copy(to, from);
        } else {
            self.code.shift(shift, to, from, by);
        }
    }
}
