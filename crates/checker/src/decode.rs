//! Instructions of the processor, decoded strictly: what the compiler does not make is none.
//!
//! Source: ARMv7-M Architecture Reference Manual, A5 (encoding) and A7 (instructions). Written from there and not
//! from the compiler's encoder.

pub(crate) const MEMORY: u8 = 9;
pub(crate) const FUEL: u8 = 10;
pub(crate) const IP: u8 = 12;
pub(crate) const SP: u8 = 13;
pub(crate) const LR: u8 = 14;

/// Registers that code computes in: all but those of the memory, the fuel, the stack and the program.
const GENERAL: u16 = 0x59ff;
/// Of these the ones that a function gives back as it got them: r4 to r8 and r11.
pub(crate) const KEPT: u16 = 0x09f0;

/// Conditions, as they are encoded.
pub(crate) mod condition {
    pub(crate) const EQ: u8 = 0;
    pub(crate) const NE: u8 = 1;
    pub(crate) const HS: u8 = 2;
    pub(crate) const LO: u8 = 3;
    pub(crate) const MI: u8 = 4;
    pub(crate) const HI: u8 = 8;
    pub(crate) const ALWAYS: u8 = 14;
}

/// What is added to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// So many bytes.
    Distance(i32),
    /// A register, shifted to the left by so many bits.
    Index(u8, u8),
}

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    /// Something of general registers, to a general register.
    Computed(u8),
    /// Something of general registers to ip and lr.
    ComputedTwo,
    /// `to = a + b`.
    Sum { to: u8, a: u8, b: u8 },
    /// `to = a - b`, and the flags.
    Difference { to: u8, a: u8, b: u8 },
    /// `to = from + value`, and the flags or not.
    Plus {
        to: u8,
        from: u8,
        value: u32,
        flags: bool,
    },
    /// `to = from`.
    Moved { to: u8, from: u8 },
    /// `to = value`.
    Constant { to: u8, value: u32 },
    /// The upper half of a register is set.
    Upper { to: u8, half: u32 },
    /// A register is compared with a number.
    Against { a: u8, value: u32 },
    /// Two registers are compared.
    Compared { a: u8, b: u8 },
    /// `bytes` bytes are loaded to, or stored from, `register`.
    Access {
        load: bool,
        bytes: u32,
        register: u8,
        base: u8,
        at: At,
    },
    /// Fuel is charged for as many bytes or elements as a register says.
    Bulk,
    /// These and lr are pushed.
    Push(u16),
    /// These are popped, and what was lr to pc.
    Return(u16),
    /// These are popped, and lr.
    Leave(u16),
    /// sp moves so many bytes.
    Stack(i32),
    /// A branch over a distance from itself.
    Branch { condition: u8, distance: i32 },
    /// A call over a distance from itself.
    Call(i32),
    /// A call to where lr points.
    CallLr,
    /// A jump to where ip points.
    JumpIp,
    /// The next one or two only under a condition.
    If(u8),
    /// A jump over as many halfwords as the table behind it says at the place that is in the register.
    TableJump(u8),
}

/// Does code compute in this register?
pub(crate) const fn is_general(register: u8) -> bool {
    GENERAL >> register & 1 != 0
}

/// A register of four bits.
const fn four(bits: u16) -> u8 {
    (bits & 15) as u8
}

/// Conditions of comparisons.
const fn is_condition(bits: u8) -> bool {
    matches!(bits, 0..=3 | 8..=13)
}

const fn computed(to: u8, from: &[u8]) -> Option<Is> {
    let mut index = 0;
    while index < from.len() {
        if !is_general(from[index]) {
            return None;
        }
        index += 1;
    }
    if is_general(to) {
        Some(Is::Computed(to))
    } else {
        None
    }
}

/// A sum, one part of which may be the memory's address.
fn sum(to: u8, a: u8, b: u8) -> Option<Is> {
    let is = |register| is_general(register) || register == MEMORY;
    let both = a == MEMORY && b == MEMORY;
    (is_general(to) && is(a) && is(b) && !both).then_some(Is::Sum { to, a, b })
}

/// Decodes the instruction at the front of these two halfwords. Returns how many bytes it has, too.
pub(crate) fn decode(first: u16, second: u16) -> Option<(Is, u32)> {
    if first >> 11 >= 0b11101 {
        return Some((long(first, second)?, 4));
    }
    Some((short(first)?, 2))
}

fn short(code: u16) -> Option<Is> {
    let three = |at: u32| (code >> at & 7) as u8;
    let eight = u32::from(code & 0xff);
    let plus = |to, from, value| Is::Plus {
        to,
        from,
        value,
        flags: true,
    };
    Some(match code >> 9 {
        // lsl, lsr, asr
        0x00..=0x0b if code >> 6 & 31 != 0 => Is::Computed(three(0)),
        0x0c => return sum(three(0), three(3), three(6)),
        0x0d => Is::Computed(three(0)),
        0x0e => plus(three(0), three(3), u32::from(three(6))),
        0x0f => plus(three(0), three(3), u32::from(three(6)).wrapping_neg()),
        0x10..=0x13 => Is::Constant {
            to: three(8),
            value: eight,
        },
        0x14..=0x17 => Is::Against {
            a: three(8),
            value: eight,
        },
        0x18..=0x1b => plus(three(8), three(8), eight),
        0x1c..=0x1f => plus(three(8), three(8), eight.wrapping_neg()),
        0x20 | 0x21 => match code >> 6 & 15 {
            // and, eor, adc, sbc, orr
            0 | 1 | 5 | 6 | 12 => Is::Computed(three(0)),
            10 => Is::Compared {
                a: three(0),
                b: three(3),
            },
            _ => return None,
        },
        0x22 | 0x23 => {
            let (low, high) = (three(0) | (code >> 4 & 8) as u8, four(code >> 3));
            match code >> 8 & 3 {
                0 => return sum(low, low, high),
                1 if (is_general(low) || low == SP) && is_general(high) => {
                    Is::Compared { a: low, b: high }
                }
                2 if [low, high]
                    .iter()
                    .all(|one| is_general(*one) || *one == MEMORY) =>
                {
                    Is::Moved {
                        to: low,
                        from: high,
                    }
                }
                _ if code == 0x4780 | u16::from(LR) << 3 => Is::CallLr,
                _ if code == 0x4700 | u16::from(IP) << 3 => Is::JumpIp,
                _ => return None,
            }
        }
        0x48..=0x4f => Is::Access {
            load: code & 0x800 != 0,
            bytes: 4,
            register: three(8),
            base: SP,
            at: At::Distance(4 * eight as i32),
        },
        0x58 if code & 0x100 == 0 => {
            let bytes = 4 * (code & 0x7f) as i32;
            Is::Stack(if code & 0x80 == 0 { bytes } else { -bytes })
        }
        // sxth, sxtb
        0x59 if matches!(code >> 6 & 7, 0 | 1) => Is::Computed(three(0)),
        0x5a if code & 0x10f == 0x100 => Is::Push(code & 0xf0),
        0x5e if code & 0x10f == 0x100 => Is::Return(code & 0xf0),
        0x5f if code & 0x100 != 0 && is_condition(four(code >> 4)) => {
            let otherwise = if code >> 4 & 1 == 0 { 12 } else { 4 };
            match code & 15 {
                8 => Is::If(1),
                last if last == otherwise => Is::If(2),
                _ => return None,
            }
        }
        0x68..=0x6f if is_condition(four(code >> 8)) => Is::Branch {
            condition: four(code >> 8),
            distance: i32::from(eight as i8) * 2 + 4,
        },
        0x70..=0x73 => Is::Branch {
            condition: condition::ALWAYS,
            distance: i32::from((code << 5) as i16 >> 4) + 4,
        },
        _ => return None,
    })
}

fn long(a: u16, b: u16) -> Option<Is> {
    let (n, d, t, m) = (four(a), four(b >> 8), four(b >> 12), four(b));
    match a >> 9 {
        0x75 => return shifted(a, b),
        0x78..=0x7b if b & 0x8000 != 0 => return branch(a, b),
        0x78 | 0x7a => return immediate(a, b),
        0x79 | 0x7b => return plain(a, b),
        0x7c => return access(a, b),
        _ => {}
    }
    match (a & 0xfff0, b & 0xf0f0) {
        // Shifts by a register.
        (0xfa00 | 0xfa20 | 0xfa40 | 0xfa60, 0xf000) => computed(d, &[n, m]),
        // sxth, sxtb
        (0xfa00 | 0xfa40, 0xf080) if n == 15 => computed(d, &[m]),
        // clz, rbit
        (0xfab0, 0xf080) | (0xfa90, 0xf0a0) if n == m => computed(d, &[m]),
        (0xfb00, 0xf000) => computed(d, &[n, m]),
        // sdiv, udiv
        (0xfb90 | 0xfbb0, 0xf0f0) => computed(d, &[n, m]),
        // mla, mls
        (0xfb00, _) if b & 0xe0 == 0 => computed(d, &[n, m, t]),
        (0xfba0, _) if b & 0xf0 == 0 && t == IP && d == LR => {
            computed(d, &[n, m]).map(|_| Is::ComputedTwo)
        }
        (0xe920, _) if n == SP => {
            let registers = b & !(1 << 14);
            let is = b >> 14 == 1 && registers & !KEPT == 0 && registers >> 8 != 0;
            is.then_some(Is::Push(registers))
        }
        (0xe8b0, _) if n == SP => {
            let registers = b & 0x3fff;
            match b >> 14 {
                _ if registers & !KEPT != 0 || registers == 0 => None,
                1 => Some(Is::Leave(registers)),
                2 if registers >> 8 != 0 => Some(Is::Return(registers)),
                _ => None,
            }
        }
        (0xe8d0, 0xf010) if n == 15 && d == 0 && is_general(m) => Some(Is::TableJump(m)),
        _ => None,
    }
}

/// Data processing with a register that may be shifted.
fn shifted(a: u16, b: u16) -> Option<Is> {
    let (n, d, m) = (four(a), four(b >> 8), four(b));
    let (operation, flags) = (a >> 5 & 15, a & 0x10 != 0);
    let amount = b >> 10 & 0x1c | b >> 6 & 3;
    if b & 0x8000 != 0 {
        return None;
    }
    if (a, b & 0xfff0) == (0xebaa, 0x0a90) {
        return is_general(m).then_some(Is::Bulk);
    }
    if amount != 0 {
        // orr, mov
        let from = if n == 15 { m } else { n };
        let is = operation == 2 && !flags;
        return if is { computed(d, &[from, m]) } else { None };
    }
    if b & 0x30 != 0 {
        return None;
    }
    match operation {
        8 if !flags => sum(d, n, m),
        13 if flags => computed(d, &[n, m]).map(|_| Is::Difference { to: d, a: n, b: m }),
        // orr, add, sbc
        2 | 8 | 11 if flags => computed(d, &[n, m]),
        // and, orr, eor, adc, sbc, sub, rsb
        0 | 2 | 4 | 10 | 11 | 13 | 14 if !flags => computed(d, &[n, m]),
        _ => None,
    }
}

/// Twelve bits of a constant.
const fn twelve(a: u16, b: u16) -> u32 {
    ((a & 0x400) << 1 | b >> 4 & 0x700 | b & 0xff) as u32
}

/// Data processing with a constant of eight bits that is repeated or rotated.
fn immediate(a: u16, b: u16) -> Option<Is> {
    let (n, d) = (four(a), four(b >> 8));
    let bits = twelve(a, b);
    let byte = bits & 0xff;
    let value = match bits >> 8 {
        0 => byte,
        1..=3 if byte == 0 => return None,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte * 0x0101_0101,
        _ => (0x80 | bits & 0x7f).rotate_right(bits >> 7),
    };
    let flags = a & 0x10 != 0;
    let general = is_general(n) && is_general(d);
    let plus = |value| Is::Plus {
        to: d,
        from: n,
        value,
        flags,
    };
    match a >> 5 & 15 {
        8 if d == 15 && flags && is_general(n) && value != 0 => Some(Is::Against {
            a: n,
            value: value.wrapping_neg(),
        }),
        13 if d == 15 && flags && is_general(n) => Some(Is::Against { a: n, value }),
        2 if n == 15 && !flags && is_general(d) => Some(Is::Constant { to: d, value }),
        3 if n == 15 && !flags && is_general(d) => Some(Is::Constant {
            to: d,
            value: !value,
        }),
        8 if general => Some(plus(value)),
        13 if general || (n, d, flags) == (FUEL, FUEL, true) => Some(plus(value.wrapping_neg())),
        // and, bic, orr, orn, eor, adc, sbc, rsb
        0..=4 | 10 | 11 | 14 if general && !flags => Some(Is::Computed(d)),
        _ => None,
    }
}

/// Constants of twelve and sixteen bits.
fn plain(a: u16, b: u16) -> Option<Is> {
    let (n, d) = (four(a), four(b >> 8));
    let value = twelve(a, b);
    let half = u32::from(a & 15) << 12 | value;
    let add = match a & 0xfbf0 {
        0xf240 if is_general(d) => {
            return Some(Is::Constant { to: d, value: half });
        }
        0xf2c0 if is_general(d) => return Some(Is::Upper { to: d, half }),
        0xf200 => value,
        0xf2a0 => value.wrapping_neg(),
        _ => return None,
    };
    if (n, d) == (SP, SP) {
        return Some(Is::Stack(add as i32));
    }
    let from = is_general(n) || n == SP || n == MEMORY;
    (from && is_general(d)).then_some(Is::Plus {
        to: d,
        from: n,
        value: add,
        flags: false,
    })
}

fn branch(a: u16, b: u16) -> Option<Is> {
    let sign = i32::from((a << 5) as i16 >> 15);
    let (j1, j2) = (i32::from(b >> 13 & 1), i32::from(b >> 11 & 1));
    let last = i32::from(b & 0x7ff) << 1;
    if b & 0x1000 == 0 {
        let bits = four(a >> 6);
        if b & 0x4000 != 0 || !is_condition(bits) && bits != condition::MI {
            return None;
        }
        let distance = sign << 20 | j2 << 19 | j1 << 18 | i32::from(a & 0x3f) << 12 | last;
        return Some(Is::Branch {
            condition: bits,
            distance: distance + 4,
        });
    }
    let (i1, i2) = (!(j1 ^ sign) & 1, !(j2 ^ sign) & 1);
    let distance = (sign << 24 | i1 << 23 | i2 << 22 | i32::from(a & 0x3ff) << 12 | last) + 4;
    Some(if b & 0x4000 == 0 {
        Is::Branch {
            condition: condition::ALWAYS,
            distance,
        }
    } else {
        Is::Call(distance)
    })
}

/// Loads and stores of 32 bits.
fn access(a: u16, b: u16) -> Option<Is> {
    let (base, register) = (four(a), four(b >> 12));
    let (load, bytes) = match a & 0xff70 {
        0xf800 => (false, 1),
        0xf810 | 0xf910 => (true, 1),
        0xf820 => (false, 2),
        0xf830 | 0xf930 => (true, 2),
        0xf840 => (false, 4),
        0xf850 => (true, 4),
        _ => return None,
    };
    if (a, b) == (0xf85d, 0xeb04) {
        return Some(Is::Leave(0));
    }
    let at = if a & 0x80 != 0 {
        At::Distance(i32::from(b & 0xfff))
    } else if b & 0xf00 == 0xc00 && b & 0xff != 0 {
        At::Distance(-i32::from(b & 0xff))
    } else if b & 0xfc0 == 0 && is_general(four(b)) {
        At::Index(four(b), (b >> 4 & 3) as u8)
    } else {
        return None;
    };
    let to = is_general(register) || (!load && register == MEMORY && base == SP);
    let from = is_general(base) || base == MEMORY || base == SP;
    (to && from).then_some(Is::Access {
        load,
        bytes,
        register,
        base,
        at,
    })
}
