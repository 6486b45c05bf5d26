//! What instructions of the processor are made of, as bits.
//!
//! Source: ARMv7-M Architecture Reference Manual, A5 (encoding) and A7 (instructions). The encodings named T1 to T4 are its.

/// A register of the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reg(pub(crate) u8);

pub(crate) const R0: Reg = Reg(0);
pub(crate) const R1: Reg = Reg(1);
/// Address of the linear memory.
pub(crate) const MEMORY: Reg = Reg(9);
pub(crate) const FUEL: Reg = Reg(10);
/// Scratch of one instruction.
pub(crate) const IP: Reg = Reg(12);
pub(crate) const SP: Reg = Reg(13);
/// Scratch of one instruction, between calls.
pub(crate) const LR: Reg = Reg(14);
pub(crate) const PC: Reg = Reg(15);

impl Reg {
    pub(crate) const fn low(self) -> bool {
        self.0 < 8
    }
    /// Its number, as in an encoding.
    pub(crate) const fn n(self) -> u16 {
        self.0 as u16
    }
}

/// A condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cond {
    Eq,
    Ne,
    /// Unsigned higher or same; carry set.
    Hs,
    Lo,
    Mi,
    Hi = 8,
    Ls,
    Ge,
    Lt,
    Gt,
    Le,
    Always,
}

impl Cond {
    /// The opposite; not of [`Always`](Self::Always).
    pub(crate) const fn not(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Hs => Self::Lo,
            Self::Lo => Self::Hs,
            Self::Hi => Self::Ls,
            Self::Ls => Self::Hi,
            Self::Ge => Self::Lt,
            Self::Lt => Self::Ge,
            Self::Gt => Self::Le,
            Self::Le => Self::Gt,
            Self::Mi | Self::Always => Self::Always,
        }
    }

    pub(crate) const fn of(bits: u32) -> Self {
        match bits {
            0 => Self::Eq,
            1 => Self::Ne,
            2 => Self::Hs,
            3 => Self::Lo,
            4 => Self::Mi,
            8 => Self::Hi,
            9 => Self::Ls,
            10 => Self::Ge,
            11 => Self::Lt,
            12 => Self::Gt,
            13 => Self::Le,
            _ => Self::Always,
        }
    }
}

/// Data processing with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alu {
    And = 0,
    Bic = 1,
    Orr = 2,
    Orn = 3,
    Eor = 4,
    Add = 8,
    Adc = 10,
    Sbc = 11,
    Sub = 13,
    Rsb = 14,
}

/// A shift; the numbers are those of the encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shift {
    Lsl = 0,
    Lsr = 1,
    Asr = 2,
    Ror = 3,
}

/// Loads and stores: the first halfword with a register as offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Strb = 0xf800,
    Ldrb = 0xf810,
    Strh = 0xf820,
    Ldrh = 0xf830,
    Str = 0xf840,
    Ldr = 0xf850,
    Ldrsb = 0xf910,
    Ldrsh = 0xf930,
}

/// The 12 bits for a constant of 8 bits that is repeated or rotated, if `value` is one.
pub(crate) const fn modified(value: u32) -> Option<u16> {
    let low = value & 0xff;
    if value == low {
        return Some(value as u16);
    }
    if value == low << 16 | low {
        return Some(0x100 | low as u16);
    }
    if value == low.wrapping_mul(0x0101_0101) {
        return Some(0x300 | low as u16);
    }
    let second = value >> 8 & 0xff;
    if value == second << 24 | second << 8 {
        return Some(0x200 | second as u16);
    }
    let zeros = value.leading_zeros();
    let rotation = zeros + 8;
    let byte = value.rotate_left(rotation);
    if byte < 0x100 && rotation < 32 {
        return Some((rotation << 7 | byte & 0x7f) as u16);
    }
    None
}

/// Twelve bits of a constant, spread over the two halfwords.
pub(crate) const fn spread(bits: u16) -> (u16, u16) {
    (bits >> 11 << 10, (bits >> 8 & 7) << 12 | bits & 0xff)
}

/// A branch of 32 bits over `distance` bytes from its own place + 4.
pub(crate) const fn branch(condition: Cond, distance: i32) -> (u16, u16) {
    let offset = distance >> 1;
    let sign = (offset >> 31 & 1) as u16;
    if matches!(condition, Cond::Always) {
        return far(0x9000, distance);
    }
    let (j1, j2) = ((offset >> 17 & 1) as u16, (offset >> 18 & 1) as u16);
    (
        0xf000 | sign << 10 | (condition as u16) << 6 | (offset >> 11 & 0x3f) as u16,
        0x8000 | j1 << 13 | j2 << 11 | (offset & 0x7ff) as u16,
    )
}

/// A call of what lies `distance` bytes from its own place + 4.
pub(crate) const fn call(distance: i32) -> (u16, u16) {
    far(0xd000, distance)
}

const fn far(kind: u16, distance: i32) -> (u16, u16) {
    let offset = distance >> 1;
    let sign = (offset >> 31 & 1) as u16;
    let i1 = (offset >> 22 & 1) as u16;
    let i2 = (offset >> 21 & 1) as u16;
    (
        0xf000 | sign << 10 | (offset >> 11 & 0x3ff) as u16,
        kind | (i1 ^ sign ^ 1) << 13 | (i2 ^ sign ^ 1) << 11 | (offset & 0x7ff) as u16,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_that_instructions_can_hold() {
        for (value, bits) in [
            (0xff, Some(0x0ff)),
            (0x00ab_00ab, Some(0x1ab)),
            (0xab00_ab00, Some(0x2ab)),
            (0xabab_abab, Some(0x3ab)),
            (0x8000_0000, Some(0x400)),
            (0x100, Some(0xf80)),
            (0x3fc, Some(0xf7f)),
            (0x101, None),
            (0x8000_0001, None),
            (0xffff_ffff, Some(0x3ff)),
        ] {
            assert_eq!(modified(value), bits, "{value:#x}");
        }
    }

    #[test]
    fn branches_reach_both_ways() {
        assert_eq!(call(0), (0xf000, 0xf800));
        assert_eq!(call(-4), (0xf7ff, 0xfffe));
        assert_eq!(branch(Cond::Always, 0), (0xf000, 0xb800));
        assert_eq!(branch(Cond::Eq, -4), (0xf43f, 0xaffe));
        assert_eq!(branch(Cond::Hi, 0x100), (0xf200, 0x8080));
    }
}
