//! The frame of a function: taken, filled and left.
//!
//! ```text
//!   higher   words that the caller passes at sp
//!            lr, and what was in r4 to r8 and r11 (those that are used)
//!            slots of the operand stack, upwards
//!   sp       local variables that are not in registers, upwards
//! ```

use crate::encode::{Access, Cond, IP, LR, MEMORY, Reg, SP};
use crate::entry::{Helper, context};
use crate::function::{Generator, Home, Shape, UNCHECKED_BYTES};
use crate::kind::{kinds, words};
use crate::{Error, Sink};

/// Sums with the frame's size.
pub(crate) mod sum {
    /// sp = sp + frame.
    pub(crate) const LEAVE: u32 = 0;
    /// ip = address of what the caller passes at sp.
    pub(crate) const CALLERS_WORDS: u32 = 1;
}

impl Generator<'_, '_> {
    /// Bytes of the stack that are known to be used.
    pub(crate) const fn fixed_bytes(&self) -> u32 {
        self.saved_bytes() + 4 * self.frame_locals
    }

    /// Bytes of saved registers and lr.
    const fn saved_bytes(&self) -> u32 {
        4 * (self.saved.count_ones() + 1)
    }

    /// Bytes of the frame below them.
    fn frame_bytes(&self) -> u32 {
        4 * (self.frame_locals + self.slots_max)
    }

    /// The beginning of a function: registers saved, the stack's limit looked at, the frame taken.
    pub(crate) fn prologue(&mut self, locals: usize, shape: Shape, large: bool) {
        self.code.push(self.saved);
        let stack_limit = -(context::STACK_LIMIT as i32);
        if large {
            self.code.access_at(Access::Ldr, LR, MEMORY, stack_limit);
            // What it takes in all comes later, and so does its size.
            self.prologue_look = self.code.place();
            self.code.add_12(true, IP, SP, 0);
            self.code.compare(IP, LR);
            self.trap(Cond::Lo, Helper::TrapStack);
        } else if shape.calls {
            self.code.access_at(Access::Ldr, IP, MEMORY, stack_limit);
            self.code.compare(SP, IP);
            self.trap(Cond::Lo, Helper::TrapStack);
        }
        if words(self.signature.parameters) > 4 {
            let above = self.saved_bytes() as u16;
            self.code.add_12(false, LR, SP, above);
        }
        self.prologue_frame = self.code.place();
        if large {
            self.code.add_12(true, SP, SP, 0);
        } else {
            self.code.move_stack(true, 0);
        }
        self.parameters();
        self.clear_locals(locals);
    }

    /// Brings the parameters to their places. lr points to those at sp.
    fn parameters(&mut self) {
        let mut word = 0;
        for (index, kind) in kinds(self.signature.parameters).enumerate() {
            let home = self.module.room.locals[index].home;
            for half in 0..kind.words() {
                let to = match home {
                    Home::None => {
                        word += 1;
                        continue;
                    }
                    Home::Register(reg) => Some(reg),
                    Home::Pair(low, high) => Some(if half == 0 { low } else { high }),
                    Home::Frame(_) => None,
                };
                let from = if word < 4 {
                    Reg(word)
                } else {
                    let reg = to.unwrap_or(IP);
                    let offset = 4 * (i32::from(word) - 4);
                    self.code.access_at(Access::Ldr, reg, LR, offset);
                    reg
                };
                word += 1;
                match (home, to) {
                    (Home::Frame(first), _) => {
                        self.frame(Access::Str, from, u32::from(first) + half);
                    }
                    (_, Some(reg)) => self.code.copy(reg, from),
                    _ => {}
                }
            }
        }
    }

    /// All other variables begin as 0.
    fn clear_locals(&mut self, locals: usize) {
        let mut zero = false;
        for index in self.signature.parameters.len()..locals {
            let local = self.module.room.locals[index];
            match local.home {
                Home::None => {}
                Home::Register(reg) => self.code.constant(reg, 0),
                Home::Pair(low, high) => {
                    self.code.constant(low, 0);
                    self.code.constant(high, 0);
                }
                Home::Frame(first) => {
                    if !zero {
                        self.code.constant(IP, 0);
                        zero = true;
                    }
                    for word in 0..local.kind.words() {
                        self.frame(Access::Str, IP, u32::from(first) + word);
                    }
                }
            }
        }
    }

    /// The code that a function leaves with, but for the return itself.
    pub(crate) fn leave_for_jump(&mut self) {
        let mut chain = self.frames;
        self.code.chain(&mut chain, sum::LEAVE);
        self.frames = chain;
        self.code.pop(self.saved);
    }

    /// The end of a function. Returns false if its frame is larger than was thought; then it is to be made again.
    pub(crate) fn end(&mut self, large: bool, sink: &mut impl Sink) -> Result<bool, Error> {
        let out = self.adjust_max.next_multiple_of(4);
        let frame = self.frame_bytes();
        if !large && self.saved_bytes() + frame + out > UNCHECKED_BYTES {
            self.check()?;
            return Ok(false);
        }
        if frame + out > 4000 {
            self.fail("a frame that is too large");
        }
        if frame > 0 {
            self.code.move_stack(false, frame as u16);
        }
        self.code.pop_and_return(self.saved);
        if large {
            // sp itself is lowered by `out` more before calls.
            let places = [
                (self.prologue_look, IP, frame + out),
                (self.prologue_frame, SP, frame),
            ];
            for (place, d, bytes) in places {
                let bits = bytes as u16;
                let high = 0xf2a0 | u16::from(SP.0) | bits >> 11 << 10;
                let low = (bits >> 8 & 7) << 12 | u16::from(d.0) << 8 | bits & 0xff;
                self.code.patch(place, (high, low));
            }
        } else {
            let short = 0xb080 | (frame >> 2) as u16;
            self.code.patch_short(self.prologue_frame, short);
        }
        self.sums(frame);
        let cost = self.close_root();
        self.stubs();
        self.resolve();
        self.check()?;
        let function = &mut self.module.room.functions[self.index as usize];
        function.address = self.position;
        function.cost = cost.min(u32::from(u16::MAX)) as u16;
        self.deliver(sink)?;
        Ok(true)
    }

    /// Sums with the size of the frame, which is known now.
    fn sums(&mut self, frame: u32) {
        let mut chain = self.frames;
        while let Some((place, what)) = self.code.take(&mut chain) {
            let (d, bits) = match what {
                sum::LEAVE => (SP, frame),
                _ => (IP, frame + self.saved_bytes()),
            };
            let bits = bits as u16;
            let high = 0xf200 | u16::from(SP.0) | bits >> 11 << 10;
            let low = (bits >> 8 & 7) << 12 | u16::from(d.0) << 8 | bits & 0xff;
            self.code.patch(place, (high, low));
        }
    }
}
