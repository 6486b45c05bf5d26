//! Integers of 32 bits.

use crate::encode::{Alu, Cond, IP, LR, Reg, Shift};
use crate::entry::Helper;
use crate::function::Generator;
use crate::kind::Kind;
use crate::operands::{Operand, Place};

/// The conditions of comparisons in the order of their opcodes.
pub(crate) const CONDITIONS: [Cond; 10] = [
    Cond::Eq,
    Cond::Ne,
    Cond::Lt,
    Cond::Lo,
    Cond::Gt,
    Cond::Hi,
    Cond::Le,
    Cond::Ls,
    Cond::Ge,
    Cond::Hs,
];

/// The condition of a comparison whose operands are exchanged.
pub(crate) const fn mirrored(condition: Cond) -> Cond {
    match condition {
        Cond::Lt => Cond::Gt,
        Cond::Gt => Cond::Lt,
        Cond::Le => Cond::Ge,
        Cond::Ge => Cond::Le,
        Cond::Lo => Cond::Hi,
        Cond::Hi => Cond::Lo,
        Cond::Ls => Cond::Hs,
        Cond::Hs => Cond::Ls,
        other => other,
    }
}

/// The number that an operand is, if it is known.
const fn constant(operand: &Operand) -> Option<u32> {
    match operand.place {
        Place::Constant(value) => Some(value as u32),
        _ => None,
    }
}

impl Generator<'_, '_> {
    /// `i32.eqz`, and `ref.is_null`: null is 0.
    pub(crate) fn is_zero(&mut self) {
        let operand = self.pop();
        let condition = if let Place::Flags(condition) = operand.place {
            condition.not()
        } else {
            let reg = self.narrow(&operand);
            self.code.compare_immediate(reg, 0, IP);
            Cond::Eq
        };
        self.push(false, Place::Flags(condition));
    }

    /// A comparison.
    pub(crate) fn compare(&mut self, opcode: u16) {
        let (mut second, mut first) = (self.pop(), self.pop());
        let mut condition = CONDITIONS[usize::from(opcode - 0x46)];
        if constant(&first).is_some() {
            core::mem::swap(&mut first, &mut second);
            condition = mirrored(condition);
        }
        let reg = self.narrow(&first);
        match constant(&second) {
            Some(value) => self.code.compare_immediate(reg, value, IP),
            None => {
                let other = self.narrow_in(&second, IP);
                self.code.compare(reg, other);
            }
        }
        self.push(false, Place::Flags(condition));
    }

    /// Operations with one operand.
    pub(crate) fn unary(&mut self, opcode: u16) {
        if opcode == 0x69 {
            return self.help_with(Helper::I32Popcnt as u32, 1, Kind::I32);
        }
        let operand = self.pop();
        let reg = self.narrow(&operand);
        let to = self.result(&[reg]);
        match opcode {
            0x67 => self.code.leading_zeros(to, reg),
            0x68 => {
                self.code.reverse_bits(IP, reg);
                self.code.leading_zeros(to, IP);
            }
            _ => self.code.extend(opcode == 0xc0, to, reg),
        }
        self.push_register(to);
    }

    /// Operations with two operands.
    pub(crate) fn binary(&mut self, opcode: u16) {
        let (mut second, mut first) = (self.pop(), self.pop());
        let commutes = matches!(opcode, 0x6a | 0x6c | 0x71..=0x73);
        if commutes && constant(&first).is_some() {
            core::mem::swap(&mut first, &mut second);
        }
        match opcode {
            0x6d..=0x70 => return self.divide(opcode, &first, &second),
            0x74..=0x78 => return self.shifted(opcode, &first, &second),
            _ => {}
        }
        if let (0x6b, Some(value)) = (opcode, constant(&first)) {
            let reg = self.narrow(&second);
            let to = self.result(&[reg]);
            self.code
                .alu_immediate(Alu::Rsb, false, (to, reg), value, IP);
            return self.push_register(to);
        }
        let op = match opcode {
            0x6a => Some(Alu::Add),
            0x6b => Some(Alu::Sub),
            0x71 => Some(Alu::And),
            0x72 => Some(Alu::Orr),
            0x73 => Some(Alu::Eor),
            _ => None,
        };
        let reg = self.narrow(&first);
        match (op, constant(&second)) {
            (Some(op), Some(value)) => {
                let to = self.result(&[reg]);
                self.code.alu_immediate(op, false, (to, reg), value, IP);
                self.push_register(to);
            }
            (None, Some(value)) if value.is_power_of_two() && value > 1 => {
                let to = self.result(&[reg]);
                let by = value.trailing_zeros() as u16;
                self.code.shift(Shift::Lsl, to, reg, by);
                self.push_register(to);
            }
            _ => {
                let other = self.narrow_in(&second, LR);
                let to = self.result(&[reg, other]);
                match op {
                    Some(op) => self.code.alu(op, false, to, reg, other),
                    None => self.code.multiply(to, reg, other),
                }
                self.push_register(to);
            }
        }
    }

    fn shifted(&mut self, opcode: u16, first: &Operand, second: &Operand) {
        let shift = match opcode {
            0x74 => Shift::Lsl,
            0x75 => Shift::Asr,
            0x76 => Shift::Lsr,
            _ => Shift::Ror,
        };
        let left = opcode == 0x77;
        if let Some(value) = constant(second) {
            let by = (if left { value.wrapping_neg() } else { value } & 31) as u16;
            if by == 0 {
                return self.push(false, first.place);
            }
            let reg = self.narrow(first);
            let to = self.result(&[reg]);
            self.code.shift(shift, to, reg, by);
            return self.push_register(to);
        }
        let reg = self.narrow(first);
        let by = self.narrow_in(second, LR);
        let to = self.result(&[reg, by]);
        let by = match opcode {
            // A rotation by so many bits more than 32 is the same one.
            0x78 => by,
            0x77 => {
                self.code.alu_immediate(Alu::Rsb, false, (IP, by), 32, LR);
                IP
            }
            _ => {
                self.code.alu_immediate(Alu::And, false, (IP, by), 31, LR);
                IP
            }
        };
        self.code.shift_by(shift, to, reg, by);
        self.push_register(to);
    }

    fn divide(&mut self, opcode: u16, first: &Operand, second: &Operand) {
        const LOWEST: u32 = 1 << 31;
        let signed = matches!(opcode, 0x6d | 0x6f);
        let remainder = matches!(opcode, 0x6f | 0x70);
        let reg = self.narrow(first);
        let by = self.narrow_in(second, LR);
        let to = self.result(&[reg, by]);
        match constant(second) {
            Some(0) => self.trap(Cond::Always, Helper::TrapDivisionByZero),
            Some(_) => {}
            None => {
                self.code.compare_immediate(by, 0, IP);
                self.trap(Cond::Eq, Helper::TrapDivisionByZero);
            }
        }
        if opcode == 0x6d && matches!(constant(second), None | Some(u32::MAX)) {
            self.code.compare_immediate(reg, LOWEST, IP);
            self.code.if_then(Cond::Eq);
            self.code.compare_immediate(by, u32::MAX, IP);
            self.trap(Cond::Eq, Helper::TrapOverflow);
        }
        if remainder {
            self.code.divide(signed, IP, reg, by);
            self.code.multiply_subtract(to, IP, by, reg);
        } else {
            self.code.divide(signed, to, reg, by);
        }
        self.push_register(to);
    }

    /// `i32.wrap_i64`.
    pub(crate) fn wrap(&mut self) {
        let operand = self.pop();
        let place = match operand.place {
            Place::Pair(low, _) | Place::Extended(low) => Place::Register(low),
            other => other,
        };
        self.push(false, place);
    }

    /// `i64.extend_i32_s`, `i64.extend_i32_u`.
    pub(crate) fn widen(&mut self, signed: bool) {
        let operand = self.pop();
        match operand.place {
            Place::Constant(value) if signed || value >= 0 => {
                return self.push(true, operand.place);
            }
            _ => {}
        }
        if signed {
            let reg = self.narrow(&operand);
            return self.signed_pair(reg);
        }
        let reg: Reg = match operand.place {
            Place::Register(reg) if reg.0 < 4 => reg,
            _ => {
                let to = self.temporary();
                let word = self.word(&operand, 0);
                self.load_word(to, word);
                to
            }
        };
        self.push(true, Place::Extended(reg));
    }
}
