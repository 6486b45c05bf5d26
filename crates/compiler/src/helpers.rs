//! Instructions that are calls of the device's software: floats, memory and tables as a whole.

use crate::encode::{Alu, Cond, FUEL, IP, MEMORY, R0, Reg, Shift};
use crate::entry::Helper;
use crate::function::Generator;
use crate::instruction::{Instruction, code};
use crate::kind::Kind;
use crate::operands::Place;
use crate::typing::signature;
use crate::words::Word;

/// Bytes or elements that one halfword of code stands for, as a power of 2.
const BULK: u16 = 2;
/// The bit of a float's sign, in its last word.
const SIGN: u32 = 1 << 31;

impl Generator<'_, '_> {
    /// Comparisons, operations and conversions of floats.
    pub(crate) fn float(&mut self, opcode: u16) {
        let Some((taken, given)) = signature(opcode) else {
            return;
        };
        let number = u32::from(opcode);
        match opcode {
            // The same bits.
            0xbc..=0xbf => {}
            // abs, neg
            0x8b | 0x8c | 0x99 | 0x9a => self.sign(matches!(opcode, 0x8b | 0x99)),
            0x5b..=0x66 => {
                self.help_with(
                    Helper::FloatCompare as u32 + number - 0x5b,
                    taken.len(),
                    given,
                );
            }
            0x8b..=0xa6 => {
                self.help_with(
                    Helper::FloatOperation as u32 + number - 0x8b,
                    taken.len(),
                    given,
                );
            }
            0xb2..=0xbb => self.help_with(Helper::ToFloat as u32 + number - 0xb2, 1, given),
            0xa8..=0xab => self.convert(number - 0xa8, given),
            0xae..=0xb1 => self.convert(number - 0xae + 4, given),
            _ => self.help_with(Helper::Saturate as u32 + number - 0xfc00, 1, given),
        }
    }

    /// A conversion to an integer that traps.
    fn convert(&mut self, which: u32, given: Kind) {
        self.store_slot(self.operands - 1);
        self.help(Helper::Convertible as u32 + which, 1, &[], false);
        self.trap_if_told();
        self.help_with(Helper::Saturate as u32 + which, 1, given);
    }

    /// A trap if a helper has told a reason.
    fn trap_if_told(&mut self) {
        self.code.compare_immediate(R0, 0, IP);
        self.trap(Cond::Ne, Helper::TrapTold);
    }

    /// Clears or changes the sign of a float.
    fn sign(&mut self, clear: bool) {
        let op = if clear { Alu::Bic } else { Alu::Eor };
        let operand = self.pop();
        if operand.wide {
            let (low, high) = self.halves(&operand);
            let low = match low {
                Word::Register(reg) if reg.0 < 4 => reg,
                word => {
                    let reg = self.temporary();
                    self.load_word(reg, word);
                    reg
                }
            };
            let to = match high {
                Word::Register(reg) if reg.0 < 4 => reg,
                _ => self.temporary(),
            };
            let from = self.in_register(high, to);
            self.code.alu_immediate(op, false, (to, from), SIGN, IP);
            return self.push(true, Place::Pair(low, to));
        }
        let reg = self.narrow(&operand);
        let to = self.result(&[reg]);
        self.code.alu_immediate(op, false, (to, reg), SIGN, IP);
        self.push_register(to);
    }

    /// `table.set`: one element is filled. The device's software does it, since a word in a table of functions is called
    /// later and nobody but it knows whether the word is a reference.
    pub(crate) fn table_set(&mut self, table: u32) {
        self.push_constant(Kind::I32, 1);
        let more = [Word::Constant(table)];
        self.help(Helper::TableFill as u32, 3, &more, true);
        self.truncate(self.operands.saturating_sub(3));
        self.trap_if_told();
    }

    /// Memory and tables as a whole.
    pub(crate) fn bulk(&mut self, is: &Instruction<'_>) {
        let context = Word::Register(MEMORY);
        let number = Word::Constant(is.index);
        let (helper, count): (Helper, usize) = match is.code {
            code::MEMORY_GROW => (Helper::MemoryGrow, 1),
            code::MEMORY_COPY => (Helper::MemoryCopy, 3),
            code::MEMORY_FILL => (Helper::MemoryFill, 3),
            code::MEMORY_INIT => (Helper::MemoryInit, 3),
            code::DATA_DROP => (Helper::DataDrop, 0),
            code::TABLE_COPY => (Helper::TableCopy, 3),
            code::TABLE_INIT => (Helper::TableInit, 3),
            code::TABLE_FILL => (Helper::TableFill, 3),
            code::TABLE_GROW => (Helper::TableGrow, 2),
            _ => (Helper::ElemDrop, 0),
        };
        if count == 3 {
            let operand = self.operand(0);
            let word = self.word(&operand, 0);
            let length = self.in_register(word, IP);
            let by = (Shift::Lsr, BULK);
            self.code
                .alu_shifted(Alu::Sub, false, (FUEL, FUEL, length), by);
        }
        let both = match is.code {
            code::TABLE_INIT => is.second | is.index << 8,
            _ => is.index | is.second << 8,
        };
        let more: &[Word] = match helper {
            Helper::MemoryGrow | Helper::MemoryCopy | Helper::MemoryFill => &[context],
            Helper::MemoryInit | Helper::TableFill => &[number],
            Helper::TableCopy | Helper::TableInit => &[Word::Constant(both)],
            _ => &[number, context],
        };
        let fifth = count == 3 && !matches!(helper, Helper::MemoryCopy | Helper::MemoryFill);
        self.help(helper as u32, count, more, fifth);
        self.truncate(self.operands - count);
        match helper {
            Helper::MemoryGrow => {
                self.code.copy(MEMORY, Reg(1));
                self.push_given(Kind::I32);
            }
            Helper::TableGrow => self.push_given(Kind::I32),
            Helper::DataDrop | Helper::ElemDrop => {}
            _ => self.trap_if_told(),
        }
    }
}
