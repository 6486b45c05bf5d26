//! One function: what is known before its code is made, its beginning and its end.
//!
//! ```text
//!   higher   words that the caller passes at sp
//!            lr, and what was in r4 to r8 and r11 (those that are used)
//!            slots of the operand stack, upwards
//!   sp       local variables that are not in registers, upwards
//! ```
//!
//! Local variables that are used most, in loops above all, have the registers r4 to r8 and r11.

use berth_admission::Malformed;
use berth_admission::reader::Reader;

use crate::access::Checked;
use crate::code::{Code, NONE};
use crate::encode::{Access, Cond, IP, LR, MEMORY, Reg, SP, branch, call};
use crate::entry::{self, Helper, context};
use crate::fuel::Account;
use crate::instruction::{Instruction, code};
use crate::kind::{Kind, Signature, kinds, words};
use crate::sections::Module;
use crate::{Error, Sink};

/// Bytes of frame and saved registers up to which a function looks at the stack's limit before it takes them.
pub(crate) const UNCHECKED_BYTES: u32 = 64;
/// Registers of local variables.
const KEPT: [u8; 6] = [4, 5, 6, 7, 8, 11];
/// Loops in each other whose variables count for more.
const LOOPS: u32 = 3;
/// In chains of calls: numbers from here on are helpers.
const HELPERS: u32 = 2048;

/// Where a local variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// Nowhere: it is not used.
    None,
    Register(Reg),
    /// Low word and high word.
    Pair(Reg, Reg),
    /// So many words from the front of the frame.
    Frame(u16),
}

/// A local variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local {
    pub(crate) kind: Kind,
    pub(crate) home: Home,
    /// How often it is used, in loops more.
    uses: u16,
}

impl Local {
    pub(crate) const NONE: Self = Self::new(Kind::I32);

    pub(crate) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            home: Home::None,
            uses: 0,
        }
    }
}

/// What a look at a body tells.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    /// It calls other functions.
    calls: bool,
    /// It calls itself, a later function, or one that is not known: calls may lead back to it.
    may_recur: bool,
}

/// Makes the code of a module's functions, one after the other.
pub(crate) struct Generator<'m, 'a> {
    pub(crate) module: Module<'m, 'a>,
    pub(crate) code: Code<'m>,
    /// Bytes of the memory, if it always has so many.
    pub(crate) memory_bytes: Option<u32>,
    /// Bytes of the memory at least.
    pub(crate) memory_least: u32,
    /// Where helpers are called, in bytes of the object; 0: not yet.
    trampolines: [u32; Helper::COUNT],
    /// Bytes of the object in front of this function.
    pub(crate) position: u32,
    /// The most that is charged at once.
    pub(crate) longest: u32,

    // From here on of this function.
    pub(crate) index: u32,
    pub(crate) signature: Signature<'a>,
    pub(crate) operands: usize,
    pub(crate) blocks: usize,
    /// What comes is not reached.
    pub(crate) dead: bool,
    /// Blocks opened in what is not reached.
    pub(crate) dead_blocks: u32,
    /// Registers r0 to r3 in which values are, one bit each.
    pub(crate) busy: u8,
    /// And those that this instruction uses.
    pub(crate) held: u8,
    /// Words of local variables in the frame.
    pub(crate) frame_locals: u32,
    /// Slots that are used.
    pub(crate) slots_max: u32,
    /// Bytes that sp is lower than usual, while a call is prepared.
    pub(crate) adjust: u32,
    /// The most that it is.
    pub(crate) adjust_max: u32,
    /// Registers that it saves, one bit each.
    saved: u16,
    /// Where the prologue makes room for the frame.
    prologue_frame: u32,
    /// Opcode and index of the next instruction.
    pub(crate) next: Option<(u16, u32)>,
    pub(crate) checked: Checked,
    pub(crate) account: Account,
    /// Branches to traps, by reason; to pauses; calls and jumps to functions and helpers; sums with the frame's size.
    pub(crate) traps: [u32; TRAPS],
    pub(crate) pauses: u32,
    pub(crate) calls: u32,
    pub(crate) jumps: u32,
    pub(crate) frames: u32,
    failed: Option<&'static str>,
}

/// Reasons of traps.
pub(crate) const TRAPS: usize = Helper::TrapConversion as usize;

/// Sums with the frame's size.
pub(crate) mod sum {
    /// sp = sp + frame.
    pub(crate) const LEAVE: u32 = 0;
    /// ip = address of what the caller passes at sp.
    pub(crate) const CALLERS_WORDS: u32 = 1;
}

impl<'m, 'a> Generator<'m, 'a> {
    pub(crate) fn new(mut module: Module<'m, 'a>, memory_least: u32, grows: bool) -> Self {
        let code = Code::new(core::mem::take(&mut module.room.code));
        let position = entry::entry(module.functions as u32);
        Self {
            module,
            code,
            memory_bytes: (!grows).then_some(memory_least),
            memory_least,
            trampolines: [0; Helper::COUNT],
            position,
            longest: 0,
            index: 0,
            signature: Signature::default(),
            operands: 0,
            blocks: 0,
            dead: false,
            dead_blocks: 0,
            busy: 0,
            held: 0,
            frame_locals: 0,
            slots_max: 0,
            adjust: 0,
            adjust_max: 0,
            saved: 0,
            prologue_frame: 0,
            next: None,
            checked: Checked::NONE,
            account: Account::NONE,
            traps: [NONE; TRAPS],
            pauses: NONE,
            calls: NONE,
            jumps: NONE,
            frames: NONE,
            failed: None,
        }
    }

    /// This function is not compiled.
    pub(crate) const fn fail(&mut self, what: &'static str) {
        self.failed = Some(what);
    }

    /// What is in the way of this function, if something is.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.failed {
            Some(what) => Err(Error::refused(what)),
            None => self.code.check(),
        }
    }

    /// Stubs for imported functions: they name themselves and jump to the device's software.
    pub(crate) fn imported(&mut self, sink: &mut impl Sink) -> Result<(), Error> {
        for index in 0..self.module.imported {
            self.code.clear();
            self.code.constant(IP, index as u32);
            self.code
                .access_at(Access::Ldr, Reg(15), MEMORY, -(context::HOST as i32));
            self.module.room.functions[index].address = self.position;
            self.deliver(sink)?;
        }
        Ok(())
    }

    fn deliver(&mut self, sink: &mut impl Sink) -> Result<(), Error> {
        let code = self.code.finished()?;
        sink.put(code)?;
        self.position += 2 * code.len() as u32;
        Ok(())
    }

    /// Begins function `index` with the locals that are in the room. `large`: its frame is.
    pub(crate) fn begin(
        &mut self,
        index: u32,
        signature: Signature<'a>,
        locals: usize,
        body: Reader<'a>,
        large: bool,
    ) -> Result<bool, Error> {
        self.code.clear();
        self.index = index;
        self.signature = signature;
        self.operands = 0;
        self.blocks = 0;
        (self.dead, self.dead_blocks) = (false, 0);
        (self.busy, self.held) = (0, 0);
        (self.slots_max, self.adjust, self.adjust_max) = (0, 0, 0);
        self.traps = [NONE; TRAPS];
        (self.pauses, self.calls) = (NONE, NONE);
        (self.jumps, self.frames) = (NONE, NONE);
        self.checked = Checked::NONE;
        self.failed = None;
        let shape = self.look(locals, body)?;
        self.house(locals);
        let large = large || self.fixed_bytes() + 4 > UNCHECKED_BYTES;
        self.prologue(locals, shape, large);
        self.open_root(shape.may_recur);
        Ok(large)
    }

    /// Looks through a body: how often each variable is used, and what is called.
    fn look(&mut self, locals: usize, mut body: Reader<'a>) -> Result<Shape, Malformed> {
        let mut shape = Shape::default();
        // Which of the open blocks are loops, the innermost in the lowest bit.
        let mut loops = 0u64;
        let mut weight = 1u16;
        for local in &mut self.module.room.locals[..locals] {
            local.uses = 0;
        }
        while !body.is_empty() {
            let is = Instruction::read(&mut body)?;
            match is.code {
                code::BLOCK | code::IF | code::LOOP => {
                    loops = loops << 1 | u64::from(is.code == code::LOOP);
                }
                code::END => loops >>= 1,
                code::LOCAL_GET..=code::LOCAL_TEE => {
                    let locals = &mut self.module.room.locals[..locals];
                    if let Some(local) = locals.get_mut(is.index as usize) {
                        local.uses = local.uses.saturating_add(weight);
                    }
                    continue;
                }
                code::CALL | code::RETURN_CALL => {
                    shape.calls = true;
                    shape.may_recur |= is.index >= self.index;
                    continue;
                }
                code::CALL_INDIRECT | code::RETURN_CALL_INDIRECT => {
                    (shape.calls, shape.may_recur) = (true, true);
                    continue;
                }
                _ => continue,
            }
            weight = 1 << (3 * loops.count_ones().min(LOOPS));
        }
        Ok(shape)
    }

    /// Gives each variable its place.
    fn house(&mut self, locals: usize) {
        let locals = &mut self.module.room.locals[..locals];
        for local in &mut *locals {
            local.home = Home::None;
        }
        let mut free = 0;
        self.saved = 0;
        while free < KEPT.len() {
            let left = KEPT.len() - free;
            let best = locals
                .iter_mut()
                .filter(|local| {
                    local.uses > 0
                        && local.home == Home::None
                        && local.kind.words() as usize <= left
                })
                .max_by_key(|local| u32::from(local.uses) * 2 / local.kind.words());
            let Some(best) = best else { break };
            let reg = Reg(KEPT[free]);
            self.saved |= 1 << reg.0;
            free += 1;
            best.home = if best.kind.words() == 2 {
                let high = Reg(KEPT[free]);
                self.saved |= 1 << high.0;
                free += 1;
                Home::Pair(reg, high)
            } else {
                Home::Register(reg)
            };
        }
        let mut word = 0;
        for local in &mut *locals {
            if local.home == Home::None && local.uses > 0 {
                local.home = Home::Frame(word);
                word += local.kind.words() as u16;
            }
        }
        self.frame_locals = u32::from(word);
    }

    /// Bytes of the stack that are known to be used.
    const fn fixed_bytes(&self) -> u32 {
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

    fn prologue(&mut self, locals: usize, shape: Shape, large: bool) {
        self.code.push(self.saved);
        let stack_limit = -(context::STACK_LIMIT as i32);
        if large {
            self.code.access_at(Access::Ldr, LR, MEMORY, stack_limit);
            // Its size comes later.
            self.prologue_frame = self.code.place();
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
        if large {
            self.code.copy(SP, IP);
        } else {
            self.prologue_frame = self.code.place();
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
        let frame = self.frame_bytes() + if large { out } else { 0 };
        if !large && self.saved_bytes() + frame + out > UNCHECKED_BYTES {
            self.check()?;
            return Ok(false);
        }
        if frame > 4000 {
            self.fail("a frame that is too large");
        }
        if frame > 0 {
            self.code.move_stack(false, frame as u16);
        }
        self.code.pop_and_return(self.saved);
        if large {
            let bits = frame as u16;
            let high = 0xf2a0 | u16::from(SP.0) | bits >> 11 << 10;
            let low = (bits >> 8 & 7) << 12 | u16::from(IP.0) << 8 | bits & 0xff;
            self.code.patch(self.prologue_frame, (high, low));
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

    /// A trap if this holds.
    pub(crate) fn trap(&mut self, condition: Cond, reason: Helper) {
        let mut chain = self.traps[reason as usize];
        self.code.branch_later(condition, &mut chain);
        self.traps[reason as usize] = chain;
    }

    /// Where branches to traps and pauses lead.
    fn stubs(&mut self) {
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
    fn resolve(&mut self) {
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
