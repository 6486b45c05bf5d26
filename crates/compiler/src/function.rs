//! One function: what is known before its code is made, its beginning and its end.
//!
//! Local variables that are used most, in loops above all, have the registers r4 to r8 and r11.

use berth_admission::Malformed;
use berth_admission::reader::Reader;

use crate::Error;
use crate::access::Checked;
use crate::code::{Code, NONE};
use crate::encode::Reg;
use crate::entry::{self, Helper};
use crate::fuel::Account;
use crate::instruction::{Instruction, code};
use crate::kind::{Kind, Signature};
use crate::link::TRAPS;
use crate::module::Module;

/// Bytes of frame and saved registers up to which a function looks at the stack's limit before it takes them.
pub(crate) const UNCHECKED_BYTES: u32 = 64;
/// Registers of local variables.
const KEPT: [u8; 6] = [4, 5, 6, 7, 8, 11];
/// Loops in each other whose variables count for more.
const LOOPS: u32 = 3;
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
pub struct Local {
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
pub(crate) struct Shape {
    /// It calls other functions.
    pub(crate) calls: bool,
    /// It calls itself, a later function, or one that is not known: calls may lead back to it.
    pub(crate) may_recur: bool,
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
    pub(crate) trampolines: [u32; Helper::COUNT],
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
    pub(crate) saved: u16,
    /// Where the prologue of a large frame counts what it takes in all, and where it makes room for the frame.
    pub(crate) prologue_look: u32,
    pub(crate) prologue_frame: u32,
    /// Opcode and index of the next instruction.
    pub(crate) next: Option<(u16, u32)>,
    pub(crate) checked: Checked,
    pub(crate) account: Account,
    /// What callers are charged.
    pub(crate) callers_cost: u32,
    /// Branches to traps, by reason; to pauses; calls and jumps to functions and helpers; sums with the frame's size.
    pub(crate) traps: [u32; TRAPS],
    pub(crate) pauses: u32,
    pub(crate) calls: u32,
    pub(crate) jumps: u32,
    pub(crate) frames: u32,
    failed: Option<&'static str>,
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
            prologue_look: 0,
            prologue_frame: 0,
            next: None,
            checked: Checked::NONE,
            account: Account::NONE,
            callers_cost: 0,
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
}
