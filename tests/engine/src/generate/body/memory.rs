//! Code that reads and writes memory, and code that looks at the bits of floats.

use wasm_encoder::{Instruction, MemArg};

use super::Body;
use crate::generate::Type::{F32, F64, I32, I64};
use crate::generate::Typed;

impl Body<'_> {
    /// Leaves an address on top, mostly one inside the memory.
    pub(super) fn address(&mut self) {
        self.need(&[I32]);
        if !self.one_in(40) {
            self.emit(&Instruction::I32Const(0x3fff));
            self.emit(&Instruction::I32And);
        }
        if self.one_in(3)
            && let Some(local) = self.local_of(I32)
        {
            self.emit(&Instruction::LocalTee(local));
        }
    }

    pub(super) fn memarg(&mut self) -> MemArg {
        let offset = match self.random.below(16) {
            0 => 65_535,
            1 => 65_536,
            2 => 70_000,
            3 if self.one_in(8) => 131_072,
            4 if self.one_in(40) => u64::from(u32::MAX),
            _ => self.random.below(64),
        };
        MemArg {
            offset,
            align: 0,
            memory_index: 0,
        }
    }

    pub(super) fn load(&mut self) {
        self.address();
        self.stack.pop();
        let at = self.memarg();
        let (instruction, kind) = match self.random.below(14) {
            0 | 1 => (Instruction::I32Load(at), I32),
            2 => (Instruction::I32Load8S(at), I32),
            3 => (Instruction::I32Load8U(at), I32),
            4 => (Instruction::I32Load16S(at), I32),
            5 => (Instruction::I32Load16U(at), I32),
            6 => (Instruction::I64Load(at), I64),
            7 => (Instruction::I64Load8S(at), I64),
            8 => (Instruction::I64Load16U(at), I64),
            9 => (Instruction::I64Load32S(at), I64),
            10 => (Instruction::I64Load32U(at), I64),
            11 => (Instruction::F32Load(at), F32),
            12 => (Instruction::F64Load(at), F64),
            _ => (Instruction::I64Load8U(at), I64),
        };
        self.emit(&instruction);
        self.stack.push(kind);
        // Bits that come from memory are the same everywhere.
        if self.one_in(3) {
            match kind {
                F32 => {
                    self.emit(&Instruction::I32ReinterpretF32);
                    *self.stack.last_mut().expect("an operand was just there") = I32;
                }
                F64 => {
                    self.emit(&Instruction::I64ReinterpretF64);
                    *self.stack.last_mut().expect("an operand was just there") = I64;
                }
                I32 | I64 => {}
            }
        }
    }

    pub(super) fn store(&mut self) {
        self.address();
        let kind = self.random.value_type();
        if kind == I32 && self.one_in(3) {
            // The address itself.
            let local = self.local_of(I32).unwrap_or(0);
            self.emit(&Instruction::LocalTee(local));
            self.emit(&Instruction::LocalGet(local));
            self.stack.push(I32);
        } else {
            self.value(kind);
        }
        self.canonical();
        self.stack.truncate(self.stack.len() - 2);
        let at = self.memarg();
        let instruction = match (kind, self.random.below(6)) {
            (I32, 0) => Instruction::I32Store8(at),
            (I32, 1) => Instruction::I32Store16(at),
            (I32, _) => Instruction::I32Store(at),
            (I64, 0) => Instruction::I64Store8(at),
            (I64, 1) => Instruction::I64Store16(at),
            (I64, 2) => Instruction::I64Store32(at),
            (I64, _) => Instruction::I64Store(at),
            (F32, _) => Instruction::F32Store(at),
            (F64, _) => Instruction::F64Store(at),
        };
        self.emit(&instruction);
    }

    /// Makes all that are no numbers the same one, if a float is on top.
    pub(super) fn canonical(&mut self) {
        let Some(&kind) = self.operands().last() else {
            return;
        };
        let (nan, equal) = match kind {
            F32 => (Instruction::F32Const(f32::NAN.into()), Instruction::F32Eq),
            F64 => (Instruction::F64Const(f64::NAN.into()), Instruction::F64Eq),
            I32 | I64 => return,
        };
        let Some(local) = self.local_of(kind) else {
            return;
        };
        self.emit(&Instruction::LocalTee(local));
        self.emit(&nan);
        self.emit(&Instruction::LocalGet(local));
        self.emit(&Instruction::LocalGet(local));
        self.emit(&equal);
        self.emit(&Instruction::Select);
    }

    /// Looks at the bits of a float.
    pub(super) fn observe_float(&mut self) {
        let kind = if self.one_in(2) { F32 } else { F64 };
        if self.one_in(2) {
            self.value(kind);
            self.value(kind);
            self.canonical();
            self.emit(&if kind == F32 {
                Instruction::F32Copysign
            } else {
                Instruction::F64Copysign
            });
            self.stack.pop();
            return;
        }
        self.value(kind);
        self.canonical();
        self.stack.pop();
        self.emit(&if kind == F32 {
            Instruction::I32ReinterpretF32
        } else {
            Instruction::I64ReinterpretF64
        });
        self.stack.push(if kind == F32 { I32 } else { I64 });
    }

    /// What works on many bytes at once, or on the memory's size.
    pub(super) fn whole_memory(&mut self) {
        match self.random.below(4) {
            0 => {
                self.emit(&Instruction::MemorySize(0));
                self.stack.push(I32);
            }
            1 => {
                self.value(I32);
                self.emit(&Instruction::I32Const(1));
                self.emit(&Instruction::I32And);
                self.emit(&Instruction::MemoryGrow(0));
            }
            pick => {
                for _ in 0..3 {
                    self.value(I32);
                    self.emit(&Instruction::I32Const(0xfff));
                    self.emit(&Instruction::I32And);
                }
                self.stack.truncate(self.stack.len() - 3);
                self.emit(&if pick == 2 {
                    Instruction::MemoryFill(0)
                } else {
                    Instruction::MemoryCopy {
                        src_mem: 0,
                        dst_mem: 0,
                    }
                });
            }
        }
    }
}
