//! Memory, global variables and elements of tables.
//!
//! Every access of the memory is behind a check of its own address, exactly: `address <= bytes - (offset + size)`. If
//! the address is a local variable that was checked as far before and not set since, that counts, up to where paths
//! meet or code can be paused: so much the checker can follow.

use crate::encode::{Access, Alu, Cond, IP, LR, MEMORY, Reg, Shift};
use crate::entry::{self, Helper, context};
use crate::function::Generator;
use crate::instruction::{Instruction, code};
use crate::operands::{Operand, Place};
use crate::typing::accessed;
use crate::words::Word;

/// Local variables with which the memory was accessed: their number, and up to how many bytes from there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked([(u16, u32); 2]);

impl Checked {
    pub(crate) const NONE: Self = Self([(u16::MAX, 0); 2]);
}

/// An address: a register, and a second one or so many bytes further.
#[derive(Clone, Copy, Debug)]
enum Address {
    Sum(Reg, Reg),
    At(Reg, i32),
}

impl Generator<'_, '_> {
    /// A local variable gets another value.
    pub(crate) fn forget_checked(&mut self, local: u32) {
        for known in &mut self.checked.0 {
            if u32::from(known.0) == local {
                *known = (u16::MAX, 0);
            }
        }
    }

    /// Paths meet here.
    pub(crate) const fn forget_all_checked(&mut self) {
        self.checked = Checked::NONE;
    }

    /// Is this address checked as far?
    fn is_checked(&self, address: &Operand, extent: u32) -> bool {
        let Place::Local(index) = address.place else {
            return false;
        };
        let mut known = self.checked.0.iter();
        known.any(|(local, bytes)| *local == index && extent <= *bytes)
    }

    fn remember(&mut self, address: &Operand, extent: u32) {
        let followed = match self.word(address, 0) {
            Word::Frame(word) => word < entry::CHECKED_WORDS && extent <= entry::CHECKED_EXTENT,
            _ => true,
        };
        if let (Place::Local(index), true) = (address.place, followed) {
            let known = &mut self.checked.0;
            if known[0].0 != index {
                known[1] = known[0];
            }
            known[0] = (index, extent);
        }
    }

    /// Checks an address in a register, and tells where to access. Uses ip and lr.
    fn address(
        &mut self,
        operand: &Operand,
        reg: Reg,
        offset: u32,
        size: u32,
        halves: bool,
    ) -> Address {
        let extent = u64::from(offset) + u64::from(size);
        match (u32::try_from(extent), self.memory_bytes) {
            (Ok(extent), _) if self.is_checked(operand, extent) => {}
            (Ok(extent), Some(bytes)) if extent <= bytes => {
                self.code.compare_immediate(reg, bytes - extent, IP);
                self.trap(Cond::Hi, Helper::TrapMemory);
                self.remember(operand, extent);
            }
            (Ok(extent), None) => {
                let bytes = -(context::MEMORY_BYTES as i32);
                self.code.access_at(Access::Ldr, IP, MEMORY, bytes);
                self.code
                    .alu_immediate(Alu::Sub, true, (IP, IP), extent, LR);
                self.trap(Cond::Lo, Helper::TrapMemory);
                self.code.compare(reg, IP);
                self.trap(Cond::Hi, Helper::TrapMemory);
                self.remember(operand, extent);
            }
            _ => self.trap(Cond::Always, Helper::TrapMemory),
        }
        if offset == 0 && !halves {
            return Address::Sum(MEMORY, reg);
        }
        if offset <= 4095 - 4 {
            self.code.alu(Alu::Add, false, IP, MEMORY, reg);
            return Address::At(IP, offset as i32);
        }
        self.code.constant(IP, offset);
        self.code.alu(Alu::Add, false, IP, IP, MEMORY);
        if halves {
            self.code.alu(Alu::Add, false, IP, IP, reg);
            return Address::At(IP, 0);
        }
        Address::Sum(IP, reg)
    }

    /// The address of a constant that lies inside the memory however small it is.
    fn constant_address(&mut self, operand: &Operand, offset: u32, size: u32) -> Option<Address> {
        let Place::Constant(base) = operand.place else {
            return None;
        };
        let address = u64::from(base as u32) + u64::from(offset);
        if address + u64::from(size) > u64::from(self.memory_least) {
            return None;
        }
        if address <= 4095 - 4 {
            return Some(Address::At(MEMORY, address as i32));
        }
        self.code.constant(IP, address as u32);
        self.code.alu(Alu::Add, false, IP, IP, MEMORY);
        Some(Address::At(IP, 0))
    }

    fn touch(&mut self, access: Access, reg: Reg, address: Address, further: i32) {
        match address {
            Address::Sum(base, index) => self.code.access(access, reg, base, index, 0),
            Address::At(base, offset) => {
                self.code.access_at(access, reg, base, offset + further);
            }
        }
    }

    /// A load.
    pub(crate) fn load(&mut self, is: &Instruction<'_>) {
        let (kind, log2) = accessed(is.code);
        let wide = kind.words() == 2;
        let operand = self.pop();
        let size = 1 << log2;
        // Registers first: to free one can take ip.
        let constant = matches!(operand.place, Place::Constant(_));
        let inside = constant && {
            let Place::Constant(base) = operand.place else {
                return;
            };
            u64::from(base as u32) + u64::from(is.index) + u64::from(size)
                <= u64::from(self.memory_least)
        };
        let reg = if inside {
            None
        } else {
            Some(self.narrow(&operand))
        };
        let signed = matches!(is.code, 0x30 | 0x32 | 0x34);
        let candidates = reg.as_slice();
        let (low, high) = if wide && (log2 == 3 || signed) {
            let (low, high) = self.result_pair(None);
            (low, Some(high))
        } else if wide {
            (self.reuse(candidates), None)
        } else {
            (self.result(candidates), None)
        };
        let halves = log2 == 3;
        let address = match reg {
            None => self.constant_address(&operand, is.index, size),
            Some(reg) => Some(self.address(&operand, reg, is.index, size, halves)),
        };
        let Some(address) = address else { return };
        let access = match is.code {
            0x2c | 0x30 => Access::Ldrsb,
            0x2d | 0x31 => Access::Ldrb,
            0x2e | 0x32 => Access::Ldrsh,
            0x2f | 0x33 => Access::Ldrh,
            _ => Access::Ldr,
        };
        self.touch(access, low, address, 0);
        let place = match high {
            Some(high) if halves => {
                self.touch(access, high, address, 4);
                Place::Pair(low, high)
            }
            Some(high) => {
                self.code.shift(Shift::Asr, high, low, 31);
                Place::Pair(low, high)
            }
            None if wide => Place::Extended(low),
            None => Place::Register(low),
        };
        self.push(wide, place);
    }

    /// A store.
    pub(crate) fn store(&mut self, is: &Instruction<'_>) {
        let (_, log2) = accessed(is.code);
        let value = self.pop();
        let operand = self.pop();
        let size = 1 << log2;
        let halves = log2 == 3;
        let address = match self.constant_address(&operand, is.index, size) {
            Some(address) => address,
            None => {
                let reg = self.narrow(&operand);
                self.address(&operand, reg, is.index, size, halves)
            }
        };
        let access = match log2 {
            0 => Access::Strb,
            1 => Access::Strh,
            _ => Access::Str,
        };
        for word in 0..if halves { 2 } else { 1 } {
            let from = self.word(&value, word);
            let reg = self.in_register(from, LR);
            self.touch(access, reg, address, 4 * word as i32);
        }
    }

    /// The place of a global: a register and how far from it.
    fn global_address(&mut self, index: u32, words: u32) -> (Reg, i32) {
        let word = self.module.global(index).map_or(0, |global| global.word);
        let tables = self.module.table_count as u32;
        let distance = context::global(tables, u32::from(word), words);
        if distance < 256 {
            return (MEMORY, -(distance as i32));
        }
        if distance > 4095 {
            self.fail("too many global variables");
            return (MEMORY, 0);
        }
        self.code.add_12(true, IP, MEMORY, distance as u16);
        (IP, 0)
    }

    /// `global.get`.
    pub(crate) fn global_get(&mut self, index: u32) {
        let words = self
            .module
            .global(index)
            .map_or(1, |global| global.kind.words());
        if words == 2 {
            let (low, high) = self.result_pair(None);
            let (base, offset) = self.global_address(index, 2);
            self.code.access_at(Access::Ldr, low, base, offset);
            self.code.access_at(Access::Ldr, high, base, offset + 4);
            return self.push(true, Place::Pair(low, high));
        }
        let reg = self.result(&[]);
        let (base, offset) = self.global_address(index, 1);
        self.code.access_at(Access::Ldr, reg, base, offset);
        self.push_register(reg);
    }

    /// `global.set`.
    pub(crate) fn global_set(&mut self, index: u32) {
        let value = self.pop();
        let words = u32::from(value.words());
        let (base, offset) = self.global_address(index, words);
        for word in 0..words {
            let from = self.word(&value, word);
            let reg = self.in_register(from, LR);
            self.code
                .access_at(Access::Str, reg, base, offset + 4 * word as i32);
        }
    }

    /// Checks an index into a table and brings the address of its elements to ip. Uses lr.
    fn elements(&mut self, table: u32, index: Reg) {
        let length = -(context::table(table) as i32);
        self.code.access_at(Access::Ldr, LR, MEMORY, length);
        self.code.compare(index, LR);
        self.trap(Cond::Hs, Helper::TrapTable);
        self.code.access_at(Access::Ldr, IP, MEMORY, length - 4);
    }

    /// `table.get`.
    pub(crate) fn table_get(&mut self, table: u32) {
        let operand = self.pop();
        let index = self.narrow(&operand);
        let reg = self.result(&[index]);
        self.elements(table, index);
        self.code.access(Access::Ldr, reg, IP, index, 2);
        self.push_register(reg);
    }

    /// `memory.size`, `table.size`.
    pub(crate) fn size(&mut self, is: &Instruction<'_>) {
        let reg = self.result(&[]);
        let distance = if is.code == code::MEMORY_SIZE {
            context::MEMORY_BYTES
        } else {
            context::table(is.index)
        };
        self.code
            .access_at(Access::Ldr, reg, MEMORY, -(distance as i32));
        if is.code == code::MEMORY_SIZE && self.module.page_log2 > 0 {
            self.code.shift(Shift::Lsr, reg, reg, 16);
        }
        self.push_register(reg);
    }

    /// `ref.func`.
    pub(crate) fn reference(&mut self, function: u32) {
        let reg = self.result(&[]);
        let code = -(context::CODE as i32);
        self.code.access_at(Access::Ldr, IP, MEMORY, code);
        let further = entry::entry(function) + 4 + 1;
        self.code
            .alu_immediate(Alu::Add, false, (reg, IP), further, LR);
        self.push_register(reg);
    }
}
