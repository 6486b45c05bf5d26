//! Code that makes values: constants, locals, globals, what is computed of them, and conditions of
//! the forms that engines treat specially.

use wasm_encoder::Instruction;

use super::Body;
use crate::generate::operations::{Operation, binary, compare, unary};
use crate::generate::{GLOBALS, Type, Type::F32, Type::F64, Type::I32, Type::I64, Typed};

impl Body<'_> {
    pub(super) fn local_of(&mut self, kind: Type) -> Option<u32> {
        let of_kind: Vec<usize> = (0..self.locals.len())
            .filter(|&local| self.locals[local] == kind)
            .collect();
        (!of_kind.is_empty()).then(|| self.random.pick(&of_kind) as u32)
    }

    /// Pushes a value without popping any.
    pub(super) fn push(&mut self, kind: Type) {
        match self.random.below(10) {
            0..=6 => match self.local_of(kind) {
                Some(local) => self.emit(&Instruction::LocalGet(local)),
                None => self.constant(kind),
            },
            7 => {
                let global = GLOBALS.iter().position(|&(of, _)| of == kind);
                match global {
                    Some(first) => {
                        let constant = first + 1;
                        let pick = if self.one_in(2) { first } else { constant };
                        self.emit(&Instruction::GlobalGet(pick as u32));
                    }
                    None => self.constant(kind),
                }
            }
            _ => self.constant(kind),
        }
        self.stack.push(kind);
    }

    pub(super) fn constant(&mut self, kind: Type) {
        let special = [0, 0, 1, -1, 2, 7, 31, 32, 33, 63, 64, 255, 65_535, 65_536];
        let whole = match self.random.below(12) {
            0..=9 => self.random.pick(&special),
            10 => i64::from(self.random.number() as i32),
            _ => self.random.number() as i64,
        };
        let extreme = self.one_in(12);
        let instruction = match kind {
            I32 if extreme => Instruction::I32Const(i32::MIN),
            I32 => Instruction::I32Const(whole as i32),
            I64 if extreme => Instruction::I64Const(i64::MIN),
            I64 => Instruction::I64Const(whole),
            F32 => {
                let special = [
                    0.0,
                    -0.0,
                    1.0,
                    0.5,
                    -1.5,
                    3e9,
                    f32::INFINITY,
                    f32::NAN,
                    1e-40,
                ];
                let pick = self.random.pick(&special);
                Instruction::F32Const(pick.into())
            }
            F64 => {
                let special = [
                    0.0,
                    -0.0,
                    1.0,
                    0.5,
                    -1.5,
                    1e19,
                    f64::INFINITY,
                    f64::NAN,
                    5e-324,
                ];
                let pick = self.random.pick(&special);
                Instruction::F64Const(pick.into())
            }
        };
        self.emit(&instruction);
    }

    /// Makes sure that these types are on top.
    pub(super) fn need(&mut self, types: &[Type]) {
        if self.operands().ends_with(types) && !self.one_in(4) {
            return;
        }
        // As many as match from the left are used.
        let most = (0..types.len())
            .rev()
            .find(|&many| self.operands().ends_with(&types[..many]))
            .unwrap_or(0);
        let from = if self.one_in(3) { 0 } else { most };
        for &kind in &types[from..] {
            self.value(kind);
        }
    }

    /// Pushes a value, perhaps a computed one.
    pub(super) fn value(&mut self, kind: Type) {
        match self.random.below(4) {
            0 => {
                self.push(kind);
                self.push(kind);
                let operations: Vec<_> = binary(kind)
                    .iter()
                    .filter(|(operation, _)| !may_trap(operation))
                    .collect();
                let pick = self.random.below(operations.len() as u64) as usize;
                self.emit(&operations[pick].0);
                self.stack.pop();
            }
            1 => {
                self.push(kind);
                if let Some(local) = self.local_of(kind) {
                    self.emit(&Instruction::LocalTee(local));
                }
            }
            _ => self.push(kind),
        }
    }

    /// Pushes a condition of one of the forms that engines treat specially.
    pub(super) fn condition(&mut self) {
        match self.random.below(8) {
            0 => self.value(I32),
            1 => {
                self.value(I32);
                self.emit(&Instruction::I32Eqz);
            }
            2 => {
                self.value(I64);
                self.stack.pop();
                self.emit(&Instruction::I64Eqz);
                self.stack.push(I32);
            }
            _ => {
                let kind = match self.random.below(6) {
                    0..=2 => I32,
                    3 => I64,
                    4 => F32,
                    _ => F64,
                };
                self.value(kind);
                self.value(kind);
                self.pick(compare(kind), 2);
            }
        }
        match self.random.below(6) {
            0 => self.emit(&Instruction::I32Eqz),
            1 => {
                if let Some(local) = self.local_of(I32) {
                    self.emit(&Instruction::LocalTee(local));
                }
            }
            2 => {
                self.emit(&Instruction::I32Const(0));
                self.emit(&Instruction::I32Ne);
            }
            _ => {}
        }
    }

    /// Emits one of these, which pop `operands` and push a result.
    pub(super) fn pick(&mut self, operations: &[Operation], operands: usize) {
        let (instruction, result) =
            operations[self.random.below(operations.len() as u64) as usize].clone();
        self.emit(&instruction);
        self.stack.truncate(self.stack.len() - operands);
        self.stack.push(result);
    }

    pub(super) fn operate(&mut self, operations: fn(Type) -> &'static [Operation]) {
        let kind = match self.operands() {
            [.., first, second] if first == second => *first,
            [.., one] => {
                let kind = *one;
                self.push(kind);
                kind
            }
            [] => {
                let kind = self.random.value_type();
                self.push(kind);
                self.push(kind);
                kind
            }
        };
        let mut all = operations(kind);
        // Divisions end most runs, so there are few.
        let mut safe = Vec::new();
        if !self.one_in(8) {
            safe.extend(
                all.iter()
                    .filter(|(operation, _)| !may_trap(operation))
                    .cloned(),
            );
            all = &[];
        }
        let all = if all.is_empty() { &safe } else { all };
        self.pick(all, 2);
    }

    pub(super) fn operate_on_one(&mut self) {
        let Some(&kind) = self.operands().last() else {
            let kind = self.random.value_type();
            return self.push(kind);
        };
        let all: Vec<_> = if self.one_in(8) {
            unary(kind).to_vec()
        } else {
            let safe = |operation: &Instruction<'_>| !may_trap(operation);
            unary(kind)
                .iter()
                .filter(|(operation, _)| safe(operation))
                .cloned()
                .collect()
        };
        self.pick(&all, 1);
    }

    pub(super) fn set_local(&mut self) {
        let Some(&kind) = self.operands().last() else {
            return;
        };
        let Some(local) = self.local_of(kind) else {
            return;
        };
        if self.one_in(2) {
            self.emit(&Instruction::LocalTee(local));
        } else {
            self.emit(&Instruction::LocalSet(local));
            self.stack.pop();
        }
    }

    pub(super) fn drop_one(&mut self) {
        if !self.operands().is_empty() {
            self.emit(&Instruction::Drop);
            self.stack.pop();
        }
    }

    pub(super) fn select(&mut self) {
        let kind = match self.operands() {
            [.., first, second] if first == second => *first,
            [.., one] => {
                let kind = *one;
                self.value(kind);
                kind
            }
            [] => {
                let kind = self.random.value_type();
                self.value(kind);
                self.value(kind);
                kind
            }
        };
        self.condition();
        self.stack.truncate(self.stack.len() - 3);
        if self.one_in(4) {
            self.emit(&Instruction::TypedSelect(kind.encoded()));
        } else {
            self.emit(&Instruction::Select);
        }
        self.stack.push(kind);
    }

    pub(super) fn global(&mut self) {
        let global = self.random.below(GLOBALS.len() as u64) as usize;
        self.emit(&Instruction::GlobalGet(global as u32));
        self.stack.push(GLOBALS[global].0);
    }

    pub(super) fn set_global(&mut self) {
        let Some(&kind) = self.operands().last() else {
            return;
        };
        let Some(global) = GLOBALS.iter().position(|&of| of == (kind, true)) else {
            return;
        };
        self.emit(&Instruction::GlobalSet(global as u32));
        self.stack.pop();
    }
}

/// Can it end a run?
fn may_trap(operation: &Instruction<'_>) -> bool {
    use Instruction as I;
    matches!(
        operation,
        I::I32DivS
            | I::I32DivU
            | I::I32RemS
            | I::I32RemU
            | I::I64DivS
            | I::I64DivU
            | I::I64RemS
            | I::I64RemU
            | I::I32TruncF32S
            | I::I32TruncF32U
            | I::I64TruncF32S
            | I::I64TruncF32U
            | I::I32TruncF64S
            | I::I32TruncF64U
            | I::I64TruncF64S
            | I::I64TruncF64U
    )
}
