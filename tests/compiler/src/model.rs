//! A processor that looks at everything that compiled code does: the judge of objects that the checker took.
//!
//! It executes an object in a memory of its own, with helpers that leave nothing in the registers that they may change,
//! and ends with a [`Breach`] at the first access, jump or change that code of one container must not make. It shares
//! nothing with the checker: instructions are executed as the manual says (ARMv7-M, A7), and what may be touched is
//! known from where things are and not from how an address came about.

use std::collections::VecDeque;

use berth_compiler::entry::{Helper, SLACK, context, entry};
use berth_random::Random;

use crate::checked::Object;

/// Where the object is.
const CODE: u32 = 0x0010_0000;
/// Where helpers and the device's software are called; nothing is there.
const HELPERS: u32 = 0x0300_0000;
const HELPER: u32 = 0x0400_0000;
const HOST: u32 = 0x0500_0000;
/// The stack.
const STACK: u32 = 0x2000_0000;
const STACK_BYTES: u32 = 0x4000;
/// r9.
const MEMORY: u32 = 0x2100_0000;
/// Tables, so many bytes from one to the next, and how many elements each has.
const TABLES: u32 = 0x2200_0000;
const TABLE_BYTES: u32 = 0x1000;
const TABLE_ELEMENTS: u32 = 12;
/// Where the one who calls the first function waits.
const END: u32 = 0x0600_0000;
const SP: usize = 13;
const LR: usize = 14;
const PC: usize = 15;
const KEPT: [usize; 6] = [4, 5, 6, 7, 8, 11];

/// Something that must not be, and where: in bytes from the front of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The instruction.
    pub at: u32,
    /// What it did.
    pub what: String,
}

/// How a run went that did no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The function returned.
    Returned,
    /// A trap.
    Trapped,
    /// It was still running.
    Stopped,
}

/// A call that has not returned.
struct Call {
    to: u32,
    sp: u32,
    kept: [u32; 6],
    /// Bytes from sp up that it shares with its caller.
    shared: u32,
    /// What it has saved.
    saved: Option<(u32, u32)>,
}

/// The processor and all that code can reach.
pub struct Model<'a> {
    object: &'a Object,
    code: &'a [u8],
    random: Random,
    registers: [u32; 16],
    flags: [bool; 4],
    /// Conditions of the next instructions.
    conditions: VecDeque<u8>,
    memory: Vec<u8>,
    context: Vec<u32>,
    stack: Vec<u8>,
    tables: Vec<Vec<u32>>,
    calls: Vec<Call>,
    limit: u32,
    /// For each halfword: an instruction began there (1), or went on there (2).
    begun: Vec<u8>,
    /// Instructions since fuel was charged.
    pub executed: u32,
}

type Step<T> = Result<T, String>;

fn refuse<T>(what: &str) -> Step<T> {
    Err(what.to_owned())
}

const N: usize = 0;
const Z: usize = 1;
const C: usize = 2;
const V: usize = 3;

impl<'a> Model<'a> {
    /// A processor with `code` in place of the object's own, and values at random everywhere.
    #[must_use]
    pub fn new(object: &'a Object, code: &'a [u8], seed: u64) -> Self {
        let mut random = Random(seed);
        let tables = object.tables.iter().map(|of_functions| {
            let element = |random: &mut Random| {
                if !of_functions {
                    return random.number() as u32;
                }
                match random.below(object.shared.len() as u64 + 1) as u32 {
                    0 => 0,
                    function => CODE + entry(function - 1) + 5,
                }
            };
            (0..TABLE_ELEMENTS).map(|_| element(&mut random)).collect()
        });
        let tables: Vec<Vec<u32>> = tables.collect();
        let count = tables.len() as u32;
        let bytes = context::global(count, object.global_words, 0);
        let mut words: Vec<u32> = (0..bytes / 4).map(|_| random.number() as u32).collect();
        // Some room, or so little that its end is met.
        let limit = STACK + [0x1000, STACK_BYTES - 0x100][random.below(2) as usize];
        let mut set = |distance: u32, value: u32| words[distance as usize / 4 - 1] = value;
        set(context::MEMORY_BYTES, object.memory);
        set(context::HELPERS, HELPERS);
        set(context::STACK_LIMIT, limit);
        set(context::CODE, CODE);
        set(context::HOST, HOST);
        for table in 0..count {
            set(context::table(table), TABLE_ELEMENTS);
            set(context::table(table) + 4, TABLES + TABLE_BYTES * table);
        }
        Self {
            object,
            code,
            registers: [0; 16],
            flags: [false; 4],
            conditions: VecDeque::new(),
            memory: vec![random.number() as u8; object.memory as usize],
            context: words,
            stack: vec![0; STACK_BYTES as usize],
            tables,
            calls: Vec::new(),
            limit,
            begun: vec![0; code.len() / 2],
            executed: 0,
            random,
        }
    }

    /// A number as code meets it: often small, at an end of the memory, or at an end of all numbers.
    fn number(&mut self) -> u32 {
        let near = self.random.below(9) as u32;
        match self.random.below(6) {
            0 => near,
            1 => self.object.memory.wrapping_sub(near),
            2 => near.wrapping_neg(),
            3 => 1 << (self.random.number() & 31),
            4 => self.random.below(u64::from(self.object.memory) + 1) as u32,
            _ => self.random.number() as u32,
        }
    }

    /// Was an instruction executed that begins in these bytes?
    #[must_use]
    pub fn has_executed(&self, bytes: std::ops::Range<usize>) -> bool {
        let halves = bytes.start / 2..bytes.end.div_ceil(2);
        self.begun
            .get(halves)
            .is_some_and(|begun| begun.contains(&1))
    }

    /// Calls a function. At most so many instructions are executed.
    ///
    /// # Errors
    ///
    /// See [`Breach`].
    pub fn call(&mut self, function: u32, instructions: u32) -> Result<Ending, Breach> {
        for register in 0..13 {
            self.registers[register] = self.number();
        }
        let shared = self.object.shared[function as usize];
        self.registers[9] = MEMORY;
        self.registers[10] = self.random.below(200) as u32;
        self.registers[SP] = STACK + STACK_BYTES - shared;
        for word in 0..shared / 4 {
            let value = self.number();
            let at = (self.registers[SP] + 4 * word - STACK) as usize;
            self.stack[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        self.registers[LR] = END | 1;
        self.registers[PC] = CODE + entry(function) + 4;
        self.begin_call(END, shared);
        for _ in 0..instructions {
            let at = self.registers[PC].wrapping_sub(CODE);
            match self.step() {
                Ok(None) => {}
                Ok(Some(ending)) => return Ok(ending),
                Err(what) => return Err(Breach { at, what }),
            }
        }
        Ok(Ending::Stopped)
    }

    fn kept(&self) -> [u32; 6] {
        KEPT.map(|register| self.registers[register])
    }

    fn begin_call(&mut self, to: u32, shared: u32) {
        self.calls.push(Call {
            to,
            sp: self.registers[SP],
            kept: self.kept(),
            shared,
            saved: None,
        });
    }

    /// Bytes that the function which begins at an address shares with its caller.
    fn shared_at(&self, address: u32) -> Step<u32> {
        let at = address.wrapping_sub(CODE);
        let count = self.object.shared.len() as u32;
        if at < entry(count) {
            return if at % 8 == 4 {
                Ok(self.object.shared[at as usize / 8])
            } else {
                refuse("a call into the entries")
            };
        }
        let index = (0..count).find(|index| {
            let place = entry(*index) as usize + 4;
            let halves = [self.half(place), self.half(place + 2)];
            far(halves[0], halves[1]).wrapping_add(place as u32 + 4) == at
        });
        match index {
            Some(index) => Ok(self.object.shared[index as usize]),
            None => refuse("a call of what is no function"),
        }
    }

    fn half(&self, at: usize) -> u16 {
        let pair = self.code.get(at..at + 2);
        pair.map_or(0, |pair| u16::from_le_bytes([pair[0], pair[1]]))
    }

    /// One instruction.
    fn step(&mut self) -> Step<Option<Ending>> {
        let pc = self.registers[PC];
        if let Some(helper) = pc.checked_sub(HELPER).filter(|bytes| bytes / 4 < 200) {
            return self.helper(helper / 4);
        }
        if pc == HOST {
            return self.host();
        }
        if pc == END {
            return Ok(Some(Ending::Returned));
        }
        let at = pc.wrapping_sub(CODE) as usize;
        if at >= self.code.len() {
            return refuse("the program counter is outside of the object");
        }
        let first = self.half(at);
        let long = first >> 11 >= 0x1d;
        let seen = [(at / 2, 1), (at / 2 + 1, 2)];
        for (half, is) in seen.into_iter().take(1 + usize::from(long)) {
            match self.begun.get_mut(half) {
                Some(known) if *known == 0 || *known == is => *known = is,
                _ => return refuse("a jump into the middle of an instruction"),
            }
        }
        let second = self.half(at + 2);
        self.registers[PC] = pc + if long { 4 } else { 2 };
        let condition = self.conditions.pop_front();
        if condition.is_some_and(|condition| !self.holds(condition)) {
            return Ok(None);
        }
        let before = self.registers[SP];
        let quiet = condition.is_some();
        if long {
            self.long(pc, first, second)?;
        } else {
            self.short(pc, first, quiet)?;
        }
        self.executed += 1;
        if self.registers[9] != MEMORY {
            return refuse("r9 is changed");
        }
        let sp = self.registers[SP];
        if sp != before
            && (!sp.is_multiple_of(4) || sp < self.limit - SLACK || sp > STACK + STACK_BYTES)
        {
            return refuse("the stack is left");
        }
        Ok(None)
    }

    fn holds(&self, condition: u8) -> bool {
        let [n, z, c, v] = self.flags;
        let is = match condition >> 1 {
            0 => z,
            1 => c,
            2 => n,
            3 => v,
            4 => c && !z,
            5 => n == v,
            6 => n == v && !z,
            _ => return true,
        };
        is == (condition & 1 == 0)
    }

    /// Registers that a call does not keep hold anything afterwards.
    fn scramble(&mut self, from: usize) {
        for register in (from..4).chain([12]) {
            self.registers[register] = self.number();
        }
        self.flags = [0; 4].map(|_: u8| self.random.one_in(2));
    }

    fn back(&mut self) -> Step<()> {
        let lr = self.registers[LR];
        if lr & 1 == 0 {
            return refuse("a return to another kind of code");
        }
        self.registers[PC] = lr & !1;
        self.registers[LR] = self.number();
        Ok(())
    }

    /// The function that is a jump to the device's software returns by itself.
    fn host(&mut self) -> Step<Option<Ending>> {
        let function = self.registers[12];
        if function >= self.object.imported {
            return refuse("a function is called that is not imported");
        }
        let call = self.calls.pop().ok_or("no call")?;
        if self.registers[LR] & !1 != call.to || self.registers[SP] != call.sp {
            return refuse("the device returns elsewhere");
        }
        // Results in place of the arguments.
        for word in 0..call.shared / 4 {
            let value = self.number();
            let at = (call.sp + 4 * word - STACK) as usize;
            self.stack[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        self.scramble(0);
        self.back()?;
        Ok(None)
    }

    fn helper(&mut self, number: u32) -> Step<Option<Ending>> {
        let is = |helper: Helper| number == helper as u32;
        if (Helper::TrapUnreachable as u32..Helper::TrapConversion as u32).contains(&number) {
            return Ok(Some(Ending::Trapped));
        }
        if number >= Helper::COUNT as u32 || is(Helper::TrapConversion) {
            return refuse("a helper that there is not");
        }
        let with_fifth = [
            Helper::MemoryInit,
            Helper::TableCopy,
            Helper::TableInit,
            Helper::TableFill,
        ];
        let at = [
            (Helper::MemoryGrow, 1),
            (Helper::MemoryCopy, 3),
            (Helper::MemoryFill, 3),
            (Helper::DataDrop, 1),
            (Helper::ElemDrop, 1),
            (Helper::TableGrow, 3),
        ];
        let in_register = at.iter().find(|(helper, _)| is(*helper));
        let context = if with_fifth.iter().any(|helper| is(*helper)) {
            Some(self.read(self.registers[SP], 4)?)
        } else {
            in_register.map(|(_, register)| self.registers[*register])
        };
        if context.is_some_and(|context| context != MEMORY) {
            return refuse("a helper gets another context");
        }
        if is(Helper::Pause) {
            self.registers[10] = self.random.below(200) as u32;
            self.scramble(4);
        } else if is(Helper::MemoryGrow) {
            self.scramble(0);
            self.registers[1] = MEMORY;
        } else {
            self.scramble(0);
            if self.random.one_in(2) {
                self.registers[0] = 0;
            }
        }
        self.back()?;
        Ok(None)
    }

    /// May this part of the stack be touched?
    fn in_stack(&self, address: u32, bytes: u32) -> Step<usize> {
        let call = self.calls.last().ok_or("no call")?;
        let sp = self.registers[SP];
        let own_end = call.saved.map_or(sp, |(low, _)| low);
        let own = address >= sp && address + bytes <= own_end;
        let shared = address >= call.sp && address + bytes <= call.sp + call.shared;
        if !own && !shared {
            return refuse("a part of the stack that is not the function's");
        }
        Ok((address - STACK) as usize)
    }

    fn read(&mut self, address: u32, bytes: u32) -> Step<u32> {
        let end = u64::from(address) + u64::from(bytes);
        let part: Vec<u8> = if address >= MEMORY && end <= u64::from(MEMORY + self.object.memory) {
            let at = (address - MEMORY) as usize;
            self.memory[at..at + bytes as usize].to_vec()
        } else if address < MEMORY && address >= MEMORY - 4 * self.context.len() as u32 {
            if bytes != 4 || !address.is_multiple_of(4) {
                return refuse("a part of a word of the context");
            }
            return Ok(self.context[(MEMORY - address) as usize / 4 - 1]);
        } else if (STACK..STACK + STACK_BYTES).contains(&address) {
            let at = self.in_stack(address, bytes)?;
            self.stack[at..at + bytes as usize].to_vec()
        } else if (HELPERS..HELPERS + 4 * Helper::COUNT as u32).contains(&address) {
            return Ok(HELPER + (address - HELPERS) + 1);
        } else if address >= TABLES && address < TABLES + TABLE_BYTES * self.tables.len() as u32 {
            let table = &self.tables[((address - TABLES) / TABLE_BYTES) as usize];
            let word = (address - TABLES) % TABLE_BYTES;
            return match table.get(word as usize / 4) {
                Some(value) if bytes == 4 && word.is_multiple_of(4) => Ok(*value),
                _ => refuse("behind the end of a table"),
            };
        } else if (CODE..CODE + entry(self.object.shared.len() as u32)).contains(&address)
            && bytes == 4
            && address.is_multiple_of(8)
        {
            let at = (address - CODE) as usize;
            self.code[at..at + 4].to_vec()
        } else {
            return Err(format!("a read of {address:#x}"));
        };
        let mut word = [0; 4];
        word[..part.len()].copy_from_slice(&part);
        Ok(u32::from_le_bytes(word))
    }

    fn write(&mut self, address: u32, bytes: u32, value: u32) -> Step<()> {
        let end = u64::from(address) + u64::from(bytes);
        let value = value.to_le_bytes();
        let part = &value[..bytes as usize];
        if address >= MEMORY && end <= u64::from(MEMORY + self.object.memory) {
            let at = (address - MEMORY) as usize;
            self.memory[at..at + part.len()].copy_from_slice(part);
            return Ok(());
        }
        if (STACK..STACK + STACK_BYTES).contains(&address) {
            let at = self.in_stack(address, bytes)?;
            self.stack[at..at + part.len()].copy_from_slice(part);
            return Ok(());
        }
        let tables = self.tables.len() as u32;
        let globals = MEMORY - context::global(tables, self.object.global_words, 0)
            ..MEMORY - context::global(tables, 0, 0);
        if bytes == 4 && address.is_multiple_of(4) && globals.contains(&address) {
            self.context[(MEMORY - address) as usize / 4 - 1] = u32::from_le_bytes(value);
            return Ok(());
        }
        Err(format!("a write to {address:#x}"))
    }

    fn push(&mut self, registers: u32) -> Step<()> {
        let count = registers.count_ones();
        let low = self.registers[SP] - 4 * count;
        let call = self.calls.last_mut().ok_or("no call")?;
        if call.saved.is_some() || low + 4 * count != call.sp {
            return refuse("registers are saved in another place");
        }
        call.saved = Some((low, low + 4 * count));
        let mut at = (low - STACK) as usize;
        for register in (0..16).filter(|register| registers >> register & 1 != 0) {
            let value = self.registers[register].to_le_bytes();
            self.stack[at..at + 4].copy_from_slice(&value);
            at += 4;
        }
        self.registers[SP] = low;
        Ok(())
    }

    /// The end of a call, or of its frame.
    fn pop(&mut self, registers: u32) -> Step<()> {
        let count = registers.count_ones();
        let low = self.registers[SP];
        let mut at = (low - STACK) as usize;
        for register in (0..16).filter(|register| registers >> register & 1 != 0) {
            let word = self.stack.get(at..at + 4).ok_or("the stack is left")?;
            self.registers[register] = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            at += 4;
        }
        self.registers[SP] = low + 4 * count;
        let kept = self.kept();
        let call = self.calls.last_mut().ok_or("no call")?;
        let to = self.registers[if registers >> PC & 1 != 0 { PC } else { LR }];
        if to != call.to | 1 || self.registers[SP] != call.sp || kept != call.kept {
            return refuse("a return elsewhere, or registers that are not given back");
        }
        call.saved = None;
        if registers >> PC & 1 != 0 {
            self.registers[PC] = to & !1;
            self.calls.pop();
        }
        Ok(())
    }

    fn call_to(&mut self, pc: u32, length: u32, to: u32) -> Step<()> {
        self.registers[LR] = (pc + length) | 1;
        self.registers[PC] = to;
        // Places that call helpers are no functions.
        let at = to.wrapping_sub(CODE) as usize;
        if [self.half(at), self.half(at + 2)] == [0xf859, 0xcc08] {
            return Ok(());
        }
        let shared = self.shared_at(to)?;
        let frame = self.calls.last().ok_or("no call")?;
        let room = frame.saved.map_or(0, |(low, _)| low) - self.registers[SP];
        if shared > room {
            return refuse("a call without room for what is passed");
        }
        self.begin_call(pc + length, shared);
        Ok(())
    }

    fn branch_to(&mut self, to: u32) -> Step<()> {
        let call = self.calls.last().ok_or("no call")?;
        if call.saved.is_none() && to.wrapping_sub(CODE) < self.code.len() as u32 {
            let is_entry =
                self.registers[PC].wrapping_sub(CODE) <= entry(self.object.shared.len() as u32);
            if !is_entry {
                // A call in the place of a return.
                let shared = self.shared_at(to)?;
                if shared > call.shared {
                    return refuse("a call with more than there is room for");
                }
            }
        }
        self.registers[PC] = to;
        Ok(())
    }

    fn set_nz(&mut self, value: u32) {
        self.flags[N] = value >> 31 != 0;
        self.flags[Z] = value == 0;
    }

    /// `a + b + carry`, and the flags if `set`.
    fn add(&mut self, a: u32, b: u32, carry: bool, set: bool) -> u32 {
        let wide = u64::from(a) + u64::from(b) + u64::from(carry);
        let signed = i64::from(a as i32) + i64::from(b as i32) + i64::from(carry);
        let value = wide as u32;
        if set {
            self.set_nz(value);
            self.flags[C] = wide >> 32 != 0;
            self.flags[V] = signed != i64::from(value as i32);
        }
        value
    }

    fn subtract(&mut self, a: u32, b: u32, set: bool) -> u32 {
        self.add(a, !b, true, set)
    }

    fn set(&mut self, register: usize, value: u32) -> Step<()> {
        if register == PC || register == SP {
            return refuse("a computed pc or sp");
        }
        self.registers[register] = value;
        Ok(())
    }

    fn get(&self, register: usize, pc: u32) -> u32 {
        if register == PC {
            pc + 4
        } else {
            self.registers[register]
        }
    }

    /// A value shifted as the numbers of an instruction say.
    fn shifted(value: u32, kind: u16, amount: u32) -> u32 {
        match (kind, amount) {
            (0, _) => value.checked_shl(amount).unwrap_or(0),
            (1, 0) => 0,
            (1, _) => value.checked_shr(amount).unwrap_or(0),
            (2, 0) => ((value as i32) >> 31) as u32,
            (2, _) => ((value as i32) >> amount.min(31)) as u32,
            _ => value.rotate_right(amount & 31),
        }
    }

    fn short(&mut self, pc: u32, code: u16, quiet: bool) -> Step<()> {
        let reg = |at: u16| usize::from(code >> at & 7);
        let r = self.registers;
        let set = !quiet;
        match code >> 10 {
            // lsl, lsr, asr: the carry is not looked at by anything that follows them.
            0x00..=0x05 => {
                let kind = code >> 11;
                let value = Self::shifted(r[reg(3)], kind, u32::from(code >> 6 & 31));
                if set {
                    self.set_nz(value);
                }
                self.set(reg(0), value)
            }
            0x06 | 0x07 => {
                let other = if code & 0x400 == 0 {
                    r[reg(6)]
                } else {
                    u32::from(code >> 6 & 7)
                };
                let value = if code & 0x200 == 0 {
                    self.add(r[reg(3)], other, false, set)
                } else {
                    self.subtract(r[reg(3)], other, set)
                };
                self.set(reg(0), value)
            }
            0x08..=0x0f => {
                let byte = u32::from(code & 0xff);
                let to = reg(8);
                match code >> 11 {
                    4 => {
                        if set {
                            self.set_nz(byte);
                        }
                        self.set(to, byte)
                    }
                    5 => {
                        self.subtract(r[to], byte, true);
                        Ok(())
                    }
                    6 => {
                        let value = self.add(r[to], byte, false, set);
                        self.set(to, value)
                    }
                    _ => {
                        let value = self.subtract(r[to], byte, set);
                        self.set(to, value)
                    }
                }
            }
            0x10 => {
                let (a, b) = (r[reg(0)], r[reg(3)]);
                let carry = self.flags[C];
                let value = match code >> 6 & 15 {
                    0 => a & b,
                    1 => a ^ b,
                    5 => self.add(a, b, carry, set),
                    6 => self.add(a, !b, carry, set),
                    10 => {
                        self.subtract(a, b, true);
                        return Ok(());
                    }
                    12 => a | b,
                    _ => return refuse("an operation that is not modelled"),
                };
                if set && matches!(code >> 6 & 15, 0 | 1 | 12) {
                    self.set_nz(value);
                }
                self.set(reg(0), value)
            }
            0x11 => {
                let to = reg(0) | usize::from(code >> 4 & 8);
                let from = usize::from(code >> 3 & 15);
                let value = self.get(from, pc);
                match code >> 8 & 3 {
                    0 => self.set(to, r[to].wrapping_add(value)),
                    1 => {
                        self.subtract(r[to], value, true);
                        Ok(())
                    }
                    2 => self.set(to, value),
                    _ if code & 7 != 0 || value & 1 == 0 => {
                        refuse("a jump to another kind of code")
                    }
                    _ if code & 0x80 != 0 => self.call_to(pc, 2, value & !1),
                    _ => self.branch_to(value & !1),
                }
            }
            0x24..=0x27 => {
                let address = r[SP] + 4 * u32::from(code & 0xff);
                if code & 0x800 == 0 {
                    return self.write(address, 4, r[reg(8)]);
                }
                let value = self.read(address, 4)?;
                self.set(reg(8), value)
            }
            0x2c..=0x2f => self.miscellaneous(code),
            0x34..=0x37 if code >> 8 & 15 < 14 => {
                if self.holds((code >> 8 & 15) as u8) {
                    let distance = i32::from(code as i8) * 2 + 4;
                    return self.branch_to(pc.wrapping_add_signed(distance));
                }
                Ok(())
            }
            0x38 | 0x39 => {
                let distance = i32::from((code << 5) as i16 >> 4) + 4;
                self.branch_to(pc.wrapping_add_signed(distance))
            }
            _ => refuse("an instruction that is not modelled"),
        }
    }

    fn miscellaneous(&mut self, code: u16) -> Step<()> {
        let reg = |at: u16| usize::from(code >> at & 7);
        match code >> 8 {
            0xb0 => {
                let bytes = 4 * u32::from(code & 0x7f);
                let sp = self.registers[SP];
                self.registers[SP] = if code & 0x80 == 0 {
                    sp.wrapping_add(bytes)
                } else {
                    sp.wrapping_sub(bytes)
                };
                Ok(())
            }
            0xb2 if code & 0xc0 == 0 => self.set(reg(0), self.registers[reg(3)] as i16 as u32),
            0xb2 if code & 0xc0 == 0x40 => self.set(reg(0), self.registers[reg(3)] as i8 as u32),
            0xb5 => self.push(u32::from(code & 0xff) | 1 << LR),
            0xbd => self.pop(u32::from(code & 0xff) | 1 << PC),
            0xbf if code & 15 != 0 => {
                let first = (code >> 4 & 15) as u8;
                let mask = code & 15;
                self.conditions.push_back(first);
                for bit in (0..4).rev() {
                    if mask & ((1 << bit) - 1) == 0 {
                        break;
                    }
                    let low = (mask >> bit & 1) as u8;
                    self.conditions.push_back(first & !1 | low);
                }
                Ok(())
            }
            _ => refuse("an instruction that is not modelled"),
        }
    }

    fn long(&mut self, pc: u32, a: u16, b: u16) -> Step<()> {
        let r = self.registers;
        let (n, d) = (usize::from(a & 15), usize::from(b >> 8 & 15));
        let (t, m) = (usize::from(b >> 12), usize::from(b & 15));
        match a >> 9 {
            0x74 => return self.multiple(pc, a, b),
            0x75 => {
                let amount = u32::from(b >> 10 & 0x1c | b >> 6 & 3);
                let other = Self::shifted(r[m], b >> 4 & 3, amount);
                return self.processing(a, d, n, other);
            }
            0x78..=0x7b if b & 0x8000 != 0 => return self.branch(pc, a, b),
            0x78 | 0x7a => {
                let bits = u32::from((a & 0x400) << 1 | b >> 4 & 0x700 | b & 0xff);
                let byte = bits & 0xff;
                let value = match bits >> 8 {
                    0 => byte,
                    1 => byte << 16 | byte,
                    2 => byte << 24 | byte << 8,
                    3 => byte << 24 | byte << 16 | byte << 8 | byte,
                    _ => (0x80 | bits & 0x7f).rotate_right(bits >> 7),
                };
                return self.processing(a, d, n, value);
            }
            0x79 | 0x7b => {
                let bits = u32::from((a & 0x400) << 1 | b >> 4 & 0x700 | b & 0xff);
                let half = u32::from(a & 15) << 12 | bits;
                let value = match a & 0x1f0 {
                    0x000 => self.get(n, pc).wrapping_add(bits),
                    0x0a0 => self.get(n, pc).wrapping_sub(bits),
                    0x040 => half,
                    0x0c0 => half << 16 | r[d] & 0xffff,
                    _ => return refuse("an instruction that is not modelled"),
                };
                if d == SP && n == SP {
                    self.registers[SP] = value;
                    return Ok(());
                }
                return self.set(d, value);
            }
            0x7c => return self.access(a, b),
            _ => {}
        }
        let value = match (a & 0xfff0, b >> 4 & 15) {
            (0xfa00 | 0xfa40, 8..) if n == 15 && a & 0x40 == 0 => r[m] as i16 as u32,
            (0xfa00 | 0xfa40, 8..) if n == 15 => r[m] as i8 as u32,
            (0xfa00 | 0xfa20 | 0xfa40, 0) => {
                let amount = r[m] & 0xff;
                let kind = a >> 5 & 3;
                if amount == 0 {
                    r[n]
                } else {
                    Self::shifted(r[n], kind, amount)
                }
            }
            (0xfa60, 0) => r[n].rotate_right(r[m] & 31),
            (0xfab0, 8) => r[m].leading_zeros(),
            (0xfa90, 10) => r[m].reverse_bits(),
            (0xfb00, 0) if t == 15 => r[n].wrapping_mul(r[m]),
            (0xfb00, 0) => r[t].wrapping_add(r[n].wrapping_mul(r[m])),
            (0xfb00, 1) => r[t].wrapping_sub(r[n].wrapping_mul(r[m])),
            (0xfba0, 0) => {
                let wide = u64::from(r[n]) * u64::from(r[m]);
                self.set(t, wide as u32)?;
                (wide >> 32) as u32
            }
            (0xfb90, 15) => match r[m] {
                0 => 0,
                by => (r[n] as i32).wrapping_div(by as i32) as u32,
            },
            (0xfbb0, 15) => r[n].checked_div(r[m]).unwrap_or(0),
            _ => return refuse("an instruction that is not modelled"),
        };
        self.set(d, value)
    }

    /// Data processing with an operand that is made.
    fn processing(&mut self, a: u16, d: usize, n: usize, other: u32) -> Step<()> {
        let set = a & 0x10 != 0;
        let carry = self.flags[C];
        let from = self.registers[n];
        let operation = a >> 5 & 15;
        let value = match operation {
            0 => from & other,
            1 => from & !other,
            2 if n == PC => other,
            2 => from | other,
            3 if n == PC => !other,
            3 => from | !other,
            4 => from ^ other,
            8 => self.add(from, other, false, set),
            10 => self.add(from, other, carry, set),
            11 => self.add(from, !other, carry, set),
            13 => self.subtract(from, other, set),
            14 => self.subtract(other, from, set),
            _ => return refuse("an operation that is not modelled"),
        };
        if set && operation < 8 {
            self.set_nz(value);
        }
        if d == PC && set {
            return Ok(());
        }
        self.set(d, value)
    }

    fn branch(&mut self, pc: u32, a: u16, b: u16) -> Step<()> {
        if b & 0x1000 == 0 {
            if b & 0x4000 != 0 || a >> 6 & 15 >= 14 {
                return refuse("an instruction that is not modelled");
            }
            if !self.holds((a >> 6 & 15) as u8) {
                return Ok(());
            }
            let offset = u32::from(a >> 10 & 1) << 20
                | u32::from(b >> 11 & 1) << 19
                | u32::from(b >> 13 & 1) << 18
                | u32::from(a & 0x3f) << 12
                | u32::from(b & 0x7ff) << 1;
            let offset = (offset << 11) as i32 >> 11;
            return self.branch_to(pc.wrapping_add(4).wrapping_add_signed(offset));
        }
        let to = pc.wrapping_add(4).wrapping_add(far(a, b));
        if b & 0x4000 != 0 {
            return self.call_to(pc, 4, to);
        }
        self.branch_to(to)
    }

    /// Loads and stores of several registers, and tables of branches.
    fn multiple(&mut self, pc: u32, a: u16, b: u16) -> Step<()> {
        match a {
            0xe92d => self.push(u32::from(b)),
            0xe8bd => self.pop(u32::from(b)),
            0xe8df if b & 0xfff0 == 0xf010 => {
                let index = self.registers[usize::from(b & 15)];
                let at = u64::from(pc - CODE) + 4 + 2 * u64::from(index);
                if at + 2 > self.code.len() as u64 {
                    return refuse("a table of branches that goes out of the object");
                }
                let at = at as usize;
                // What is read as data is never executed.
                match self.begun.get_mut(at / 2) {
                    Some(known) if *known == 0 || *known == 3 => *known = 3,
                    _ => return refuse("code as a table of branches"),
                }
                let distance = 2 * u32::from(self.half(at));
                self.branch_to(pc + 4 + distance)
            }
            _ => refuse("an instruction that is not modelled"),
        }
    }

    fn access(&mut self, a: u16, b: u16) -> Step<()> {
        let (n, t, m) = (
            usize::from(a & 15),
            usize::from(b >> 12),
            usize::from(b & 15),
        );
        if (a, b) == (0xf85d, 0xeb04) {
            return self.pop(1 << LR);
        }
        if n == PC {
            return refuse("an access beside the program counter");
        }
        let base = self.registers[n];
        let address = if a & 0x80 != 0 {
            base.wrapping_add(u32::from(b & 0xfff))
        } else if b & 0xf00 == 0xc00 {
            base.wrapping_sub(u32::from(b & 0xff))
        } else if b & 0xfc0 == 0 {
            base.wrapping_add(self.registers[m] << (b >> 4 & 3))
        } else {
            return refuse("an access that is not modelled");
        };
        let bytes = 1 << (a >> 5 & 3);
        let signed = a & 0x100 != 0;
        if bytes == 8 {
            return refuse("an access that is not modelled");
        }
        if a & 0x10 == 0 {
            return self.write(address, bytes, self.registers[t]);
        }
        let value = self.read(address, bytes)?;
        if t == PC {
            // Helpers and the device's software, from the words that name them.
            let named = (HELPERS..HELPERS + 4 * Helper::COUNT as u32).contains(&address)
                || address == MEMORY - context::HOST;
            if !named {
                return refuse("a computed pc or sp");
            }
            self.registers[PC] = value & !1;
            return Ok(());
        }
        let value = match (signed, bytes) {
            (true, 1) => value as i8 as u32,
            (true, 2) => value as i16 as u32,
            _ => value,
        };
        self.set(t, value)
    }
}

/// The distance of a branch of 25 bits.
fn far(a: u16, b: u16) -> u32 {
    let sign = u32::from(a >> 10 & 1);
    let i1 = u32::from(b >> 13 & 1) ^ sign ^ 1;
    let i2 = u32::from(b >> 11 & 1) ^ sign ^ 1;
    let offset =
        sign << 24 | i1 << 23 | i2 << 22 | u32::from(a & 0x3ff) << 12 | u32::from(b & 0x7ff) << 1;
    ((offset << 7) as i32 >> 7) as u32
}
