//! What instructions take and give that have always the same kinds.

use crate::instruction::code;
use crate::kind::Kind;

/// The kind that a load gives or a store takes, and the logarithm of how many bytes it accesses.
pub(crate) const fn accessed(code: u16) -> (Kind, u32) {
    match code {
        0x28 | 0x36 => (Kind::I32, 2),
        0x29 | 0x37 => (Kind::I64, 3),
        0x2a | 0x38 => (Kind::F32, 2),
        0x2b | 0x39 => (Kind::F64, 3),
        0x2c | 0x2d | 0x3a => (Kind::I32, 0),
        0x2e | 0x2f | 0x3b => (Kind::I32, 1),
        0x30 | 0x31 | 0x3c => (Kind::I64, 0),
        0x32 | 0x33 | 0x3d => (Kind::I64, 1),
        _ => (Kind::I64, 2),
    }
}

/// What constants and numeric instructions take and give; `None` of all others.
pub(crate) const fn signature(code: u16) -> Option<(&'static [Kind], Kind)> {
    use Kind::{F32, F64, I32, I64};
    Some(match code {
        code::I32_CONST => (&[], I32),
        code::I64_CONST => (&[], I64),
        code::F32_CONST => (&[], F32),
        code::F64_CONST => (&[], F64),
        0x45 | 0x67..=0x69 | 0xc0 | 0xc1 => (&[I32], I32),
        0x46..=0x4f | 0x6a..=0x78 => (&[I32, I32], I32),
        0x50 | 0xa7 => (&[I64], I32),
        0x51..=0x5a => (&[I64, I64], I32),
        0x5b..=0x60 => (&[F32, F32], I32),
        0x61..=0x66 => (&[F64, F64], I32),
        0x79..=0x7b | 0xc2..=0xc4 => (&[I64], I64),
        0x7c..=0x8a => (&[I64, I64], I64),
        0x8b..=0x91 => (&[F32], F32),
        0x92..=0x98 => (&[F32, F32], F32),
        0x99..=0x9f => (&[F64], F64),
        0xa0..=0xa6 => (&[F64, F64], F64),
        0xa8 | 0xa9 | 0xbc | 0xfc00 | 0xfc01 => (&[F32], I32),
        0xaa | 0xab | 0xfc02 | 0xfc03 => (&[F64], I32),
        0xac | 0xad => (&[I32], I64),
        0xae | 0xaf | 0xfc04 | 0xfc05 => (&[F32], I64),
        0xb0 | 0xb1 | 0xbd | 0xfc06 | 0xfc07 => (&[F64], I64),
        0xb2 | 0xb3 | 0xbe => (&[I32], F32),
        0xb4 | 0xb5 => (&[I64], F32),
        0xb6 => (&[F64], F32),
        0xb7 | 0xb8 => (&[I32], F64),
        0xb9 | 0xba | 0xbf => (&[I64], F64),
        0xbb => (&[F32], F64),
        _ => return None,
    })
}
