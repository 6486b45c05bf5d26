//! The words that values are made of: where each is, and from there to a register or to its slot.

use crate::encode::{Access, IP, Reg, SP};
use crate::function::{Generator, Home};
use crate::operands::{Operand, Place, TEMPORARIES, registers};

/// Where one word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Register(Reg),
    Constant(u32),
    /// So many words from the front of the frame.
    Frame(u32),
}

impl Generator<'_, '_> {
    /// Address in the frame of the word `word` of a slot.
    const fn slot_word(&self, operand: &Operand, word: u32) -> u32 {
        self.frame_locals + operand.slot as u32 + word
    }

    /// Where word 0 or 1 of a value is. Not of flags.
    pub(crate) fn word(&self, operand: &Operand, word: u32) -> Word {
        match operand.place {
            Place::Slot => Word::Frame(self.slot_word(operand, word)),
            Place::Constant(value) if word == 0 => Word::Constant(value as u32),
            Place::Constant(value) => Word::Constant((value >> 31) as u32),
            Place::Register(reg) | Place::Extended(reg) if word == 0 => Word::Register(reg),
            Place::Pair(low, high) => Word::Register(if word == 0 { low } else { high }),
            Place::Local(index) => match self.module.room.locals[index as usize].home {
                Home::Register(reg) => Word::Register(reg),
                Home::Pair(low, high) => Word::Register(if word == 0 { low } else { high }),
                Home::Frame(first) => Word::Frame(u32::from(first) + word),
                Home::None => Word::Constant(0),
            },
            _ => Word::Constant(0),
        }
    }

    /// Loads or stores a word of the frame.
    pub(crate) fn frame(&mut self, access: Access, reg: Reg, word: u32) {
        let offset = 4 * word + self.adjust;
        if offset > 4095 {
            return self.fail("a frame that is too large");
        }
        self.code.access_at(access, reg, SP, offset as i32);
    }

    /// Brings a word to this register.
    pub(crate) fn load_word(&mut self, reg: Reg, word: Word) {
        match word {
            Word::Register(from) => self.code.copy(reg, from),
            Word::Constant(value) => self.code.constant(reg, value),
            Word::Frame(word) => self.frame(Access::Ldr, reg, word),
        }
    }

    /// A register that has this word: the one that it is in, or `scratch`.
    pub(crate) fn in_register(&mut self, word: Word, scratch: Reg) -> Reg {
        if let Word::Register(reg) = word {
            return reg;
        }
        self.load_word(scratch, word);
        scratch
    }

    /// Writes a word of the frame. Uses ip.
    pub(crate) fn store_word(&mut self, to: u32, word: Word) {
        if word == Word::Frame(to) {
            return;
        }
        let reg = self.in_register(word, IP);
        self.frame(Access::Str, reg, to);
    }

    /// Brings the value at `index` from the bottom to its slot. Uses ip.
    pub(crate) fn store_slot(&mut self, index: usize) {
        let operand = self.module.room.operands[index];
        if operand.place == Place::Slot {
            return;
        }
        for word in 0..u32::from(operand.words()) {
            let to = self.slot_word(&operand, word);
            let from = self.word(&operand, word);
            self.store_word(to, from);
        }
        self.slots_max = self
            .slots_max
            .max(u32::from(operand.slot + operand.words()));
        self.mark(operand.place, false);
        self.module.room.operands[index].place = Place::Slot;
    }

    /// Brings all values to places that a call does not change: those in registers that are not kept.
    pub(crate) fn spill(&mut self) {
        for index in 0..self.operands {
            let place = self.module.room.operands[index].place;
            let kept = registers(place)
                .into_iter()
                .flatten()
                .all(|reg| reg.0 >= TEMPORARIES);
            if !kept {
                self.store_slot(index);
            }
        }
    }

    /// Brings all values to places on which paths that meet agree: slots, or constants where nobody can take them
    /// before. `parameters` values on top are in slots in any case.
    pub(crate) fn settle(&mut self, parameters: usize) {
        for index in 0..self.operands {
            let constant = matches!(self.module.room.operands[index].place, Place::Constant(_));
            if !constant || index + parameters >= self.operands {
                self.store_slot(index);
            }
        }
    }

    /// A register with a value of one word that is not flags.
    pub(crate) fn narrow(&mut self, operand: &Operand) -> Reg {
        match self.word(operand, 0) {
            Word::Register(reg) => reg,
            word => {
                let reg = self.temporary();
                self.load_word(reg, word);
                reg
            }
        }
    }

    /// The same in any register; what is loaded comes to `scratch`.
    pub(crate) fn narrow_in(&mut self, operand: &Operand, scratch: Reg) -> Reg {
        let word = self.word(operand, 0);
        self.in_register(word, scratch)
    }

    /// Registers with both words of a value, the high one possibly a constant.
    pub(crate) fn halves(&mut self, operand: &Operand) -> (Word, Word) {
        let low = self.word(operand, 0);
        let high = self.word(operand, 1);
        let place = |this: &mut Self, word| match word {
            Word::Frame(_) => {
                let reg = this.temporary();
                this.load_word(reg, word);
                Word::Register(reg)
            }
            other => other,
        };
        (place(self, low), place(self, high))
    }
}
