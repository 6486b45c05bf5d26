//! Calls.

use crate::encode::{Access, Cond, IP, LR, MEMORY, Reg};
use crate::entry::{Direct, Helper, context};
use crate::frame::sum;
use crate::fuel;
use crate::function::Generator;
use crate::kind::{Kind, Signature, kinds, words};
use crate::moves::Moves;
use crate::operands::Place;
use crate::words::Word;

/// Words of arguments and results that are in registers.
const IN_REGISTERS: u32 = 4;

/// Bytes that a caller keeps at sp for a call.
fn outgoing(signature: &Signature<'_>) -> u32 {
    let most = words(signature.parameters).max(words(signature.results));
    4 * most.saturating_sub(IN_REGISTERS)
}

impl Generator<'_, '_> {
    /// `call`.
    pub(crate) fn call(&mut self, index: u32) {
        let Some(signature) = self.module.function_signature(index) else {
            return;
        };
        self.prepare(&signature);
        self.call_later(index);
        let cost = if (index as usize) < self.module.imported {
            match self.module.direct(index) {
                Some(direct) => fuel::access(direct),
                None => fuel::CALL,
            }
        } else if index < self.index {
            u32::from(self.module.room.functions[index as usize].cost)
        } else {
            0
        };
        self.charge(cost);
        self.receive(&signature);
    }

    /// `call_indirect`.
    pub(crate) fn call_indirect(&mut self, type_index: u32, table: u32) {
        let Some(signature) = self.module.signature(type_index) else {
            return;
        };
        self.find(type_index, table);
        self.prepare(&signature);
        self.code.call_register(LR);
        self.charge(if self.module.direct == [None; Direct::COUNT] {
            fuel::CALL
        } else {
            // It may be any of them.
            fuel::access(Direct::Modify)
        });
        self.receive(&signature);
    }

    /// `return_call`.
    pub(crate) fn return_call(&mut self, index: u32) {
        let Some(signature) = self.module.function_signature(index) else {
            return;
        };
        self.hand_over(&signature);
        self.leave_for_jump();
        self.jump_later(index);
        self.dead = true;
    }

    /// `return_call_indirect`.
    pub(crate) fn return_call_indirect(&mut self, type_index: u32, table: u32) {
        let Some(signature) = self.module.signature(type_index) else {
            return;
        };
        self.find(type_index, table);
        // A slot that nothing is in.
        let slot = self.next_slot();
        let word = self.frame_locals + u32::from(slot);
        self.slots_max = self.slots_max.max(u32::from(slot) + 1);
        self.frame(Access::Str, LR, word);
        self.hand_over(&signature);
        self.frame(Access::Ldr, IP, word);
        self.leave_for_jump();
        self.code.jump_register(IP);
        self.dead = true;
    }

    /// Takes an index from the stack and brings the element of a table to lr, if it has this type.
    fn find(&mut self, type_index: u32, table: u32) {
        let operand = self.pop();
        let index = self.narrow_in(&operand, IP);
        let length = -(context::table(table) as i32);
        self.code.access_at(Access::Ldr, LR, MEMORY, length);
        self.code.compare(index, LR);
        self.trap(Cond::Hs, Helper::TrapTable);
        self.code.access_at(Access::Ldr, LR, MEMORY, length - 4);
        self.code.access(Access::Ldr, LR, LR, index, 2);
        self.code.compare_immediate(LR, 0, IP);
        self.trap(Cond::Eq, Helper::TrapNull);
        // The type stands in front of the branch; the reference is one more than its address.
        self.code.access_at(Access::Ldr, IP, LR, -5);
        let canonical = self.module.canonical(type_index);
        self.code.compare_immediate(IP, canonical, IP);
        self.trap(Cond::Ne, Helper::TrapSignature);
    }

    /// Brings arguments to their places. Keeps lr.
    fn prepare(&mut self, signature: &Signature<'_>) {
        let count = signature.parameters.len();
        self.spill_below(count);
        let bytes = outgoing(signature);
        self.lower_stack(bytes);
        self.bring(count, crate::encode::SP, IP);
        self.truncate(self.operands - count);
    }

    /// Brings the top `count` values to r0-r3 and, what has no place there, upwards from `base`, by way of `scratch`.
    fn bring(&mut self, count: usize, base: Reg, scratch: Reg) {
        let mut moves = Moves::new();
        let mut number = 0;
        for from_top in (0..count).rev() {
            let operand = self.operand(from_top);
            for word in 0..u32::from(operand.words()) {
                let from = self.word(&operand, word);
                if number < IN_REGISTERS {
                    moves.add(from);
                } else {
                    let reg = self.in_register(from, scratch);
                    let offset = 4 * (number - IN_REGISTERS);
                    self.code.access_at(Access::Str, reg, base, offset as i32);
                }
                number += 1;
            }
        }
        self.carry_out(moves);
    }

    /// Pushes what a call has given.
    fn receive(&mut self, signature: &Signature<'_>) {
        let mut number = 0;
        for kind in kinds(signature.results) {
            let wide = kind.words() == 2;
            if number + kind.words() <= IN_REGISTERS {
                let reg = Reg(number as u8);
                let place = if wide {
                    Place::Pair(reg, Reg(number as u8 + 1))
                } else {
                    Place::Register(reg)
                };
                self.push(wide, place);
            } else {
                let slot = self.frame_locals + u32::from(self.next_slot());
                for word in 0..kind.words() {
                    let reg = if number + word < IN_REGISTERS {
                        Reg((number + word) as u8)
                    } else {
                        let offset = 4 * (number + word - IN_REGISTERS);
                        self.code
                            .access_at(Access::Ldr, IP, crate::encode::SP, offset as i32);
                        IP
                    };
                    self.frame(Access::Str, reg, slot + word);
                }
                self.push(wide, Place::Slot);
            }
            number += kind.words();
        }
        self.raise_stack(outgoing(signature));
    }

    /// Brings arguments to where this function's own were, for a function that takes its place.
    fn hand_over(&mut self, signature: &Signature<'_>) {
        let count = signature.parameters.len();
        let at_sp = words(signature.parameters).saturating_sub(IN_REGISTERS);
        if 4 * at_sp > outgoing(&self.signature) {
            return self.fail("a call in the place of a return with more arguments");
        }
        if at_sp > 0 {
            let mut chain = self.frames;
            self.code.chain(&mut chain, sum::CALLERS_WORDS);
            self.frames = chain;
        }
        self.bring(count, IP, LR);
    }

    /// Brings what is in registers below the top values to slots, since a call changes them.
    fn spill_below(&mut self, count: usize) {
        let all = self.operands;
        self.operands = all - count;
        self.spill();
        self.operands = all;
    }

    fn lower_stack(&mut self, bytes: u32) {
        if bytes > 0 {
            self.code.move_stack(true, bytes as u16);
            self.adjust += bytes;
            self.adjust_max = self.adjust_max.max(self.adjust);
        }
    }

    fn raise_stack(&mut self, bytes: u32) {
        if bytes > 0 {
            self.code.move_stack(false, bytes as u16);
            self.adjust -= bytes;
        }
    }

    /// Calls a helper with the top `count` values, these words more, and the context at sp if it is a fifth.
    pub(crate) fn help(&mut self, number: u32, count: usize, more: &[Word], fifth: bool) {
        const FIFTH: u32 = 8;
        self.spill_below(count);
        if fifth {
            self.lower_stack(FIFTH);
            self.code
                .access_at(Access::Str, MEMORY, crate::encode::SP, 0);
        }
        let mut moves = Moves::new();
        for from_top in (0..count).rev() {
            let operand = self.operand(from_top);
            for word in 0..u32::from(operand.words()) {
                moves.add(self.word(&operand, word));
            }
        }
        for word in more {
            moves.add(*word);
        }
        self.carry_out(moves);
        self.call_helper(number);
        self.charge(fuel::HELPER);
        if fifth {
            self.raise_stack(FIFTH);
        }
    }

    /// Calls a helper with the top `count` values and pushes what it gives.
    pub(crate) fn help_with(&mut self, number: u32, count: usize, gives: Kind) {
        self.help(number, count, &[], false);
        self.truncate(self.operands - count);
        self.push_given(gives);
    }

    /// Pushes what a helper has given.
    pub(crate) fn push_given(&mut self, kind: Kind) {
        let place = if kind.words() == 2 {
            Place::Pair(Reg(0), Reg(1))
        } else {
            Place::Register(Reg(0))
        };
        self.push(kind.words() == 2, place);
    }
}
