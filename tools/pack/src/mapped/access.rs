//! Loads and stores as accesses of a register: how wide, which way, and what becomes of the value.

use berth_exposure::Width;
use wasm_encoder::{Instruction, ValType};
use wasmparser::{MemArg, Operator};

use super::value::Value;

/// Between the number of an instruction and the 32 bits that a register has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Word,
    /// As 64 bits, the upper ones zero or left out.
    Long,
    Float,
    /// The sign is copied upwards.
    Signed,
    LongSigned,
}

/// A load or a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    store: bool,
    /// Bytes.
    pub(crate) bytes: u32,
    pub(crate) offset: u32,
    form: Form,
}

impl Access {
    /// Returns what an instruction accesses. `None` if it is neither a load nor a store.
    pub(crate) fn of(operator: &Operator<'_>) -> Option<Self> {
        use Operator as O;
        let of = |store, bytes, form, memarg: &MemArg| {
            Some(Self {
                store,
                bytes,
                // Memories of 64 bits are refused.
                offset: memarg.offset as u32,
                form,
            })
        };
        match operator {
            O::I32Load { memarg } => of(false, 4, Form::Word, memarg),
            O::I32Load16U { memarg } => of(false, 2, Form::Word, memarg),
            O::I32Load8U { memarg } => of(false, 1, Form::Word, memarg),
            O::I32Load16S { memarg } => of(false, 2, Form::Signed, memarg),
            O::I32Load8S { memarg } => of(false, 1, Form::Signed, memarg),
            O::I64Load { memarg } => of(false, 8, Form::Long, memarg),
            O::I64Load32U { memarg } => of(false, 4, Form::Long, memarg),
            O::I64Load16U { memarg } => of(false, 2, Form::Long, memarg),
            O::I64Load8U { memarg } => of(false, 1, Form::Long, memarg),
            O::I64Load32S { memarg } => of(false, 4, Form::LongSigned, memarg),
            O::I64Load16S { memarg } => of(false, 2, Form::LongSigned, memarg),
            O::I64Load8S { memarg } => of(false, 1, Form::LongSigned, memarg),
            O::F32Load { memarg } => of(false, 4, Form::Float, memarg),
            O::F64Load { memarg } => of(false, 8, Form::Float, memarg),
            O::I32Store { memarg } => of(true, 4, Form::Word, memarg),
            O::I32Store16 { memarg } => of(true, 2, Form::Word, memarg),
            O::I32Store8 { memarg } => of(true, 1, Form::Word, memarg),
            O::I64Store { memarg } => of(true, 8, Form::Long, memarg),
            O::I64Store32 { memarg } => of(true, 4, Form::Long, memarg),
            O::I64Store16 { memarg } => of(true, 2, Form::Long, memarg),
            O::I64Store8 { memarg } => of(true, 1, Form::Long, memarg),
            O::F32Store { memarg } => of(true, 4, Form::Float, memarg),
            O::F64Store { memarg } => of(true, 8, Form::Float, memarg),
            _ => None,
        }
    }

    pub(crate) const fn is_store(&self) -> bool {
        self.store
    }

    /// Returns the width of the access; `None` where no register has so many bits.
    pub(crate) const fn width(&self) -> Option<Width> {
        Width::of_bytes(self.bytes)
    }

    /// What a load gives, where memory holds addresses or does not.
    pub(crate) const fn loaded(&self, memory: bool) -> Value {
        match (self.form, self.bytes) {
            (Form::Word, 1) => Value::between(0, 0xff),
            (Form::Word, 2) => Value::between(0, 0xffff),
            (_, 1 | 2) => Value::ANY,
            _ => Value::made_of(memory),
        }
    }

    /// The type of the value that is loaded or stored.
    pub(crate) const fn value_type(&self) -> ValType {
        match (self.form, self.bytes) {
            (Form::Word | Form::Signed, _) => ValType::I32,
            (Form::Long | Form::LongSigned, _) => ValType::I64,
            (Form::Float, 8) => ValType::F64,
            (Form::Float, _) => ValType::F32,
        }
    }

    /// What turns 32 bits of a register into what a load gives, or what is stored into 32 bits.
    pub(crate) const fn conversion(&self) -> Conversion {
        match (self.form, self.store, self.bytes) {
            (Form::Word, ..) => [None, None],
            (Form::Float, true, _) => [Some(Instruction::I32ReinterpretF32), None],
            (Form::Float, false, _) => [Some(Instruction::F32ReinterpretI32), None],
            (_, true, _) => [Some(Instruction::I32WrapI64), None],
            (Form::Long, ..) => [Some(Instruction::I64ExtendI32U), None],
            (Form::Signed, _, 1) => [Some(Instruction::I32Extend8S), None],
            (Form::Signed, ..) => [Some(Instruction::I32Extend16S), None],
            (Form::LongSigned, _, 1) => [
                Some(Instruction::I64ExtendI32U),
                Some(Instruction::I64Extend8S),
            ],
            (Form::LongSigned, _, 2) => [
                Some(Instruction::I64ExtendI32U),
                Some(Instruction::I64Extend16S),
            ],
            (Form::LongSigned, ..) => [Some(Instruction::I64ExtendI32S), None],
        }
    }
}

/// At most two instructions.
pub(crate) type Conversion = [Option<Instruction<'static>>; 2];
