//! Blocks and branches.
//!
//! Where paths meet they agree on where values are: one value that a block gives is in r0, or r0 and r1; several are in
//! their slots, as are the parameters of a loop and of an `if`. What lies below a block is in slots, or constant.

use crate::code::NONE;
use crate::encode::{Access, Cond, IP, LR, R0, R1, Reg};
use crate::entry::Helper;
use crate::frame::sum;
use crate::fuel::Account;
use crate::function::Generator;
use crate::instruction::{Instruction, code};
use crate::kind::{Signature, kinds, words};
use crate::moves::Moves;
use crate::operands::Place;
use crate::words::Word;

/// An open block.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// The instruction that opened it; 0: the function.
    code: u16,
    signature: Signature<'a>,
    /// Values below it and below its parameters.
    operands: usize,
    /// The slot of the first above.
    slot: u16,
    /// Branches to its end.
    chain: u32,
    /// Where a loop begins.
    start: u32,
    /// The branch to the `else` of an `if`.
    otherwise: u32,
    /// What counted outside, if a site of its own counts inside.
    pub(crate) outside: Option<Account>,
    /// The last `br_table` that leads here, and its code for that.
    stub: (u32, u32),
}

impl Block<'_> {
    pub(crate) const NONE: Self = Self {
        code: 0,
        signature: Signature {
            parameters: &[],
            results: &[],
        },
        operands: 0,
        slot: 0,
        chain: NONE,
        start: 0,
        otherwise: NONE,
        outside: None,
        stub: (NONE, NONE),
    };
}

/// Where a single value is when paths meet.
const fn single(wide: bool) -> Place {
    if wide {
        Place::Pair(R0, R1)
    } else {
        Place::Register(R0)
    }
}

impl<'a> Generator<'_, 'a> {
    /// Opens a block. `opcode` 0: the function.
    pub(crate) fn open(&mut self, opcode: u16, signature: Signature<'a>) {
        if self.dead {
            self.dead_blocks += 1;
            return;
        }
        let parameters = if opcode == 0 {
            0
        } else {
            signature.parameters.len()
        };
        let mut otherwise = NONE;
        match opcode {
            code::IF => {
                let condition = self.condition();
                self.code.keep_flags = true;
                self.settle(parameters);
                self.code.keep_flags = false;
                self.code.branch_later(condition.not(), &mut otherwise);
            }
            code::LOOP => {
                self.settle(parameters);
            }
            _ => self.settle(0),
        }
        let operands = self.operands - parameters;
        let slot = match parameters {
            0 => self.next_slot(),
            _ => self.operand(parameters - 1).slot,
        };
        let block = Block {
            code: opcode,
            signature,
            operands,
            slot,
            start: self.code.place(),
            otherwise,
            ..Block::NONE
        };
        match self.module.room.blocks.get_mut(self.blocks) {
            Some(free) => *free = block,
            None => return self.fail("blocks nested too deep"),
        }
        self.blocks += 1;
        if opcode == code::LOOP {
            self.split();
        }
    }

    /// Takes the condition on top of the stack.
    fn condition(&mut self) -> Cond {
        let operand = self.pop();
        if let Place::Flags(condition) = operand.place {
            return condition;
        }
        let reg = self.narrow(&operand);
        self.code.compare_immediate(reg, 0, IP);
        Cond::Ne
    }

    /// `else`.
    pub(crate) fn otherwise(&mut self) {
        if self.dead_blocks > 0 {
            return;
        }
        let index = self.blocks - 1;
        if !self.dead {
            self.pass(index);
            self.branch_to(Cond::Always, index);
        }
        self.close_account(index);
        let block = &mut self.module.room.blocks[index];
        block.code = code::ELSE;
        let (mut chain, count) = (block.otherwise, block.operands);
        block.otherwise = NONE;
        let parameters = block.signature.parameters;
        self.truncate(count);
        self.code.land(&mut chain);
        for kind in kinds(parameters) {
            self.push(kind.words() == 2, Place::Slot);
        }
        self.dead = false;
        self.forget_all_checked();
    }

    /// `end`.
    pub(crate) fn close(&mut self) {
        if self.dead_blocks > 0 {
            self.dead_blocks -= 1;
            return;
        }
        let index = self.blocks - 1;
        let block = self.module.room.blocks[index];
        if block.code == code::IF && !block.signature.parameters.is_empty() {
            self.otherwise();
        }
        let block = self.module.room.blocks[index];
        let meets = block.code == code::IF || block.chain != NONE || block.code == 0;
        if meets && !self.dead {
            self.pass(index);
        }
        if !meets && self.dead {
            self.truncate(block.operands);
        }
        if block.code != 0 {
            self.close_account(index);
        }
        if meets {
            let (mut chain, mut otherwise) = (block.chain, block.otherwise);
            self.code.land(&mut chain);
            self.code.land(&mut otherwise);
            self.truncate(block.operands);
            self.dead = false;
            self.forget_all_checked();
            let results = block.signature.results;
            if block.code != 0 {
                for kind in kinds(results) {
                    let wide = kind.words() == 2;
                    let place = if results.len() == 1 {
                        single(wide)
                    } else {
                        Place::Slot
                    };
                    self.push(wide, place);
                }
            }
        }
        self.blocks -= 1;
    }

    /// Kinds of what a branch to a block takes with it.
    const fn taken(block: &Block<'a>) -> &'a [u8] {
        if block.code == code::LOOP {
            block.signature.parameters
        } else {
            block.signature.results
        }
    }

    /// Are the values on top where a branch to this block wants them?
    fn is_passed(&self, index: usize) -> bool {
        let block = &self.module.room.blocks[index];
        let taken = Self::taken(block);
        let mut slot = block.slot;
        kinds(taken).enumerate().all(|(number, kind)| {
            let operand = self.operand(taken.len() - 1 - number);
            let is_single = taken.len() == 1 && block.code != code::LOOP;
            let there = if block.code == 0 {
                is_single && operand.place == single(operand.wide)
            } else if is_single {
                operand.place == single(operand.wide)
            } else {
                operand.place == Place::Slot && operand.slot == slot
            };
            slot += kind.words() as u16;
            there
        })
    }

    /// Copies the values on top to where a branch to this block wants them. What is known of the stack does not change.
    fn pass(&mut self, index: usize) {
        if self.is_passed(index) {
            return;
        }
        let block = self.module.room.blocks[index];
        let taken = Self::taken(&block);
        if block.code == 0 {
            return self.pass_results();
        }
        if taken.len() == 1 && block.code != code::LOOP {
            let operand = self.operand(0);
            let mut moves = Moves::new();
            for word in 0..u32::from(operand.words()) {
                moves.add(self.word(&operand, word));
            }
            return self.carry_out(moves);
        }
        let mut to = self.frame_locals + u32::from(block.slot);
        for number in (0..taken.len()).rev() {
            let operand = self.operand(number);
            for word in 0..u32::from(operand.words()) {
                let from = self.word(&operand, word);
                self.store_word(to, from);
                to += 1;
            }
        }
        self.slots_max = self.slots_max.max(to - self.frame_locals);
    }

    /// Copies the function's results to where its caller wants them.
    fn pass_results(&mut self) {
        let results = self.signature.results;
        if words(results) > 4 {
            let mut chain = self.frames;
            self.code.chain(&mut chain, sum::CALLERS_WORDS);
            self.frames = chain;
        }
        let mut moves = Moves::new();
        let mut number = 0;
        for from_top in (0..results.len()).rev() {
            let operand = self.operand(from_top);
            for word in 0..u32::from(operand.words()) {
                let from = self.word(&operand, word);
                if number < 4 {
                    moves.add(from);
                } else {
                    let reg = self.in_register(from, LR);
                    self.code.access_at(Access::Str, reg, IP, 4 * (number - 4));
                }
                number += 1;
            }
        }
        self.carry_out(moves);
    }

    /// A branch to a block; what it takes with it is there.
    fn branch_to(&mut self, condition: Cond, index: usize) {
        let block = &mut self.module.room.blocks[index];
        if block.code == code::LOOP {
            self.code.branch_back(condition, block.start);
        } else {
            self.code.branch_later(condition, &mut block.chain);
        }
    }

    /// The block that lies `depth` further out.
    const fn label(&self, depth: u32) -> usize {
        self.blocks.saturating_sub(1 + depth as usize)
    }

    /// `br`.
    pub(crate) fn branch(&mut self, depth: u32) {
        let index = self.label(depth);
        self.pass(index);
        self.branch_to(Cond::Always, index);
        self.dead = true;
    }

    /// `return`.
    pub(crate) fn leave(&mut self) {
        self.branch(self.blocks as u32 - 1);
    }

    /// `br_if`.
    pub(crate) fn branch_if(&mut self, depth: u32) {
        let index = self.label(depth);
        let condition = self.condition();
        if self.is_passed(index) {
            return self.branch_to(condition, index);
        }
        let mut skip = NONE;
        self.code.branch_later(condition.not(), &mut skip);
        self.pass(index);
        self.branch_to(Cond::Always, index);
        self.code.land(&mut skip);
        self.forget_all_checked();
    }

    /// `br_table`: a table of distances, and behind it the code for each of its targets.
    pub(crate) fn branch_table(&mut self, is: &Instruction<'a>) {
        let operand = self.pop();
        let reg = self.narrow(&operand);
        let count = is.index;
        let mut targets = is.targets;
        let mut default = NONE;
        if count > 0 {
            self.code.compare_immediate(reg, count, IP);
            self.code.branch_later(Cond::Hs, &mut default);
            self.code.table_jump(reg);
        }
        let table = self.code.place();
        for _ in 0..count {
            self.code.short(0);
            if self.check().is_err() {
                return;
            }
        }
        for number in 0..count {
            let index = self.label(targets.u32().unwrap_or(0));
            let here = self.code.place();
            let block = &mut self.module.room.blocks[index];
            let place = if block.stub.0 == table {
                block.stub.1
            } else {
                block.stub = (table, here);
                self.pass(index);
                self.branch_to(Cond::Always, index);
                here
            };
            match u16::try_from(place - table) {
                Ok(distance) => self.code.patch_short(table + number, distance),
                Err(_) => return self.fail("a long table of branches"),
            }
        }
        self.code.land(&mut default);
        let index = self.label(targets.u32().unwrap_or(0));
        self.pass(index);
        self.branch_to(Cond::Always, index);
        self.dead = true;
    }

    /// `unreachable`.
    pub(crate) fn unreachable(&mut self) {
        self.trap(Cond::Always, Helper::TrapUnreachable);
        self.dead = true;
    }

    /// `select`.
    pub(crate) fn select(&mut self) {
        let condition = self.condition();
        self.code.keep_flags = true;
        let (second, first) = (self.pop(), self.pop());
        let mut chosen = [R0; 2];
        let halves = usize::from(first.words());
        for word in 0..halves as u32 {
            let (yes, no) = (self.word(&first, word), self.word(&second, word));
            let (base, other, take) = match (self.own(yes), self.own(no)) {
                (Some(reg), _) => (reg, no, condition.not()),
                (None, Some(reg)) => (reg, yes, condition),
                (None, None) => {
                    let reg = self.temporary();
                    self.load_word(reg, yes);
                    (reg, no, condition.not())
                }
            };
            let other = self.in_register(other, IP);
            self.code.if_then(take);
            self.code.copy(base, other);
            chosen[word as usize] = base;
        }
        self.code.keep_flags = false;
        let place = if halves == 2 {
            Place::Pair(chosen[0], chosen[1])
        } else {
            Place::Register(chosen[0])
        };
        self.push(halves == 2, place);
    }

    /// The register that this word is in, if nobody else wants it.
    const fn own(&self, word: Word) -> Option<Reg> {
        match word {
            Word::Register(reg) if reg.0 < 4 => Some(reg),
            _ => None,
        }
    }
}
