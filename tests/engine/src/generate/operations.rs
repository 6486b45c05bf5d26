//! Instructions that take operands of one type, and what they leave.

use wasm_encoder::Instruction::{self, *};

use super::Type::{self, F32, F64, I32, I64};

/// An instruction that replaces operands of a type by one value.
pub(super) type Operation = (Instruction<'static>, Type);

/// Instructions of two operands of type `of`. The least and the greatest of two floats are not among
/// them: the old engine beside which the tests run has the sign of a zero wrong.
pub(super) fn binary(of: Type) -> &'static [Operation] {
    match of {
        I32 => &[
            (I32Add, I32),
            (I32Add, I32),
            (I32Sub, I32),
            (I32Sub, I32),
            (I32Mul, I32),
            (I32DivS, I32),
            (I32DivU, I32),
            (I32RemS, I32),
            (I32RemU, I32),
            (I32And, I32),
            (I32Or, I32),
            (I32Xor, I32),
            (I32Shl, I32),
            (I32ShrS, I32),
            (I32ShrU, I32),
            (I32Rotl, I32),
            (I32Rotr, I32),
        ],
        I64 => &[
            (I64Add, I64),
            (I64Add, I64),
            (I64Sub, I64),
            (I64Mul, I64),
            (I64DivS, I64),
            (I64DivU, I64),
            (I64RemS, I64),
            (I64RemU, I64),
            (I64And, I64),
            (I64Or, I64),
            (I64Xor, I64),
            (I64Shl, I64),
            (I64ShrS, I64),
            (I64ShrU, I64),
            (I64Rotl, I64),
            (I64Rotr, I64),
        ],
        F32 => &[(F32Add, F32), (F32Sub, F32), (F32Mul, F32), (F32Div, F32)],
        F64 => &[(F64Add, F64), (F64Sub, F64), (F64Mul, F64), (F64Div, F64)],
    }
}

/// Comparisons of two operands of type `of`.
pub(super) fn compare(of: Type) -> &'static [Operation] {
    match of {
        I32 => &[
            (I32Eq, I32),
            (I32Eq, I32),
            (I32Ne, I32),
            (I32Ne, I32),
            (I32LtS, I32),
            (I32LtU, I32),
            (I32GtS, I32),
            (I32GtU, I32),
            (I32LeS, I32),
            (I32LeU, I32),
            (I32GeS, I32),
            (I32GeU, I32),
            // What the engine joins with a branch as if it were a comparison.
            (I32And, I32),
            (I32Or, I32),
            (I32Xor, I32),
        ],
        I64 => &[
            (I64Eq, I32),
            (I64Eq, I32),
            (I64Ne, I32),
            (I64Ne, I32),
            (I64LtS, I32),
            (I64LtU, I32),
            (I64GtS, I32),
            (I64GtU, I32),
            (I64LeS, I32),
            (I64LeU, I32),
            (I64GeS, I32),
            (I64GeU, I32),
        ],
        F32 => &[
            (F32Eq, I32),
            (F32Ne, I32),
            (F32Lt, I32),
            (F32Gt, I32),
            (F32Le, I32),
            (F32Ge, I32),
        ],
        F64 => &[
            (F64Eq, I32),
            (F64Ne, I32),
            (F64Lt, I32),
            (F64Gt, I32),
            (F64Le, I32),
            (F64Ge, I32),
        ],
    }
}

/// Instructions of one operand of type `of`. The bits of a float are not looked at: those of a
/// result that is not a number differ between engines that are both right.
pub(super) fn unary(of: Type) -> &'static [Operation] {
    match of {
        I32 => &[
            (I32Eqz, I32),
            (I32Eqz, I32),
            (I32Eqz, I32),
            (I32Clz, I32),
            (I32Ctz, I32),
            (I32Popcnt, I32),
            (I32Extend8S, I32),
            (I32Extend16S, I32),
            (I64ExtendI32S, I64),
            (I64ExtendI32U, I64),
            (I64ExtendI32U, I64),
            (F32ConvertI32S, F32),
            (F32ConvertI32U, F32),
            (F64ConvertI32S, F64),
            (F64ConvertI32U, F64),
            (F32ReinterpretI32, F32),
        ],
        I64 => &[
            (I64Eqz, I32),
            (I64Eqz, I32),
            (I64Clz, I64),
            (I64Ctz, I64),
            (I64Popcnt, I64),
            (I64Extend8S, I64),
            (I64Extend16S, I64),
            (I64Extend32S, I64),
            (I32WrapI64, I32),
            (I32WrapI64, I32),
            (F32ConvertI64S, F32),
            (F32ConvertI64U, F32),
            (F64ConvertI64S, F64),
            (F64ConvertI64U, F64),
            (F64ReinterpretI64, F64),
        ],
        F32 => &[
            (F32Abs, F32),
            (F32Neg, F32),
            (F32Neg, F32),
            (F32Ceil, F32),
            (F32Floor, F32),
            (F32Trunc, F32),
            (F32Nearest, F32),
            (F32Sqrt, F32),
            (F64PromoteF32, F64),
            (I32TruncF32S, I32),
            (I32TruncF32U, I32),
            (I64TruncF32S, I64),
            (I64TruncF32U, I64),
            (I32TruncSatF32S, I32),
            (I32TruncSatF32U, I32),
            (I64TruncSatF32S, I64),
            (I64TruncSatF32U, I64),
        ],
        F64 => &[
            (F64Abs, F64),
            (F64Neg, F64),
            (F64Neg, F64),
            (F64Ceil, F64),
            (F64Floor, F64),
            (F64Trunc, F64),
            (F64Nearest, F64),
            (F64Sqrt, F64),
            (F32DemoteF64, F32),
            (I32TruncF64S, I32),
            (I32TruncF64U, I32),
            (I64TruncF64S, I64),
            (I64TruncF64U, I64),
            (I32TruncSatF64S, I32),
            (I32TruncSatF64U, I32),
            (I64TruncSatF64S, I64),
            (I64TruncSatF64U, I64),
        ],
    }
}
