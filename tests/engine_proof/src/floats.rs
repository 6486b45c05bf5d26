//! Proof that arithmetic makes no signalling NaN, and that what only moves bits changes no other.
//!
//! Source: WebAssembly core specification 4.3.3 (NaN propagation; `fabs`, `fneg`, `fcopysign` are exact). Each operation
//! is a module of one function, made here byte by byte, whose operands are given as bits: once as
//! parameters, once as constants, which the engine computes while it translates.

use alloc::vec::Vec;

use wasm_supervisor::engine::config;
use wasmi::{Instance, Module, Store, Val};

/// Fuel for one function.
const FUEL: u64 = 1_000;

const I32: u8 = 0x7f;
const I64: u8 = 0x7e;

/// What an operation makes of a NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A quiet NaN: the canonical one if all that came in were that.
    Arithmetic,
    /// As [`Arithmetic`](Kind::Arithmetic), or what came in: `ceil`, `floor` and `trunc` of wasmi 1.1.0 hand a signalling
    /// NaN on (docs/engine-faults.md).
    Rounding,
    /// The bits without the sign, with the other sign, with the sign of the second operand.
    Absolute,
    Negative,
    CopySign,
}

/// Operations: code, operands, double operands, double result.
const OPERATIONS: [(u8, u8, bool, bool, Kind); 30] = {
    use Kind::{Absolute, Arithmetic, CopySign, Negative, Rounding};
    [
        (0x8b, 1, false, false, Absolute),
        (0x8c, 1, false, false, Negative),
        (0x8d, 1, false, false, Rounding),
        (0x8e, 1, false, false, Rounding),
        (0x8f, 1, false, false, Rounding),
        (0x90, 1, false, false, Arithmetic),
        (0x91, 1, false, false, Arithmetic),
        (0x92, 2, false, false, Arithmetic),
        (0x93, 2, false, false, Arithmetic),
        (0x94, 2, false, false, Arithmetic),
        (0x95, 2, false, false, Arithmetic),
        (0x96, 2, false, false, Arithmetic),
        (0x97, 2, false, false, Arithmetic),
        (0x98, 2, false, false, CopySign),
        (0x99, 1, true, true, Absolute),
        (0x9a, 1, true, true, Negative),
        (0x9b, 1, true, true, Rounding),
        (0x9c, 1, true, true, Rounding),
        (0x9d, 1, true, true, Rounding),
        (0x9e, 1, true, true, Arithmetic),
        (0x9f, 1, true, true, Arithmetic),
        (0xa0, 2, true, true, Arithmetic),
        (0xa1, 2, true, true, Arithmetic),
        (0xa2, 2, true, true, Arithmetic),
        (0xa3, 2, true, true, Arithmetic),
        (0xa4, 2, true, true, Arithmetic),
        (0xa5, 2, true, true, Arithmetic),
        (0xa6, 2, true, true, CopySign),
        // f32.demote_f64, f64.promote_f32
        (0xb6, 1, true, false, Arithmetic),
        (0xbb, 1, false, true, Arithmetic),
    ]
};

/// How many operations there are.
pub const COUNT: usize = OPERATIONS.len();

/// Operands: NaNs of every kind, and a number.
const SINGLES: [u32; 7] = [
    0x7fc0_0000,
    0xffc0_0000,
    0x7fa0_0000,
    0xff80_0001,
    0x7fbf_ffff,
    0xffc1_2345,
    0x3f80_0000,
];
const DOUBLES: [u64; 7] = [
    0x7ff8_0000_0000_0000,
    0xfff8_0000_0000_0000,
    0x7ff4_0000_0000_0000,
    0xfff0_0000_0000_0001,
    0x7ff7_ffff_ffff_ffff,
    0xfff8_1234_5678_9abc,
    0x3ff0_0000_0000_0000,
];

/// Where the bits of a number stand.
struct Format {
    sign: u64,
    infinity: u64,
    quiet: u64,
}

const fn format(double: bool) -> Format {
    if double {
        Format {
            sign: 1 << 63,
            infinity: 0x7ff << 52,
            quiet: 1 << 51,
        }
    } else {
        Format {
            sign: 1 << 31,
            infinity: 0xff << 23,
            quiet: 1 << 22,
        }
    }
}

impl Format {
    const fn is_nan(&self, bits: u64) -> bool {
        bits & !self.sign > self.infinity
    }

    const fn is_canonical(&self, bits: u64) -> bool {
        bits & !self.sign == self.infinity | self.quiet
    }
}

/// Check one operation, with every operand that is a NaN or stands beside one.
///
/// # Errors
///
/// What it did wrong.
pub fn check(index: usize) -> Result<(), &'static str> {
    let Some(&(code, operands, double, double_result, kind)) = OPERATIONS.get(index) else {
        return Err("there is no such operation");
    };
    let all: Vec<u64> = if double {
        DOUBLES.to_vec()
    } else {
        SINGLES.map(u64::from).to_vec()
    };
    let (from, to) = (format(double), format(double_result));
    for &first in &all {
        for &second in all.iter().take(if operands == 2 { all.len() } else { 1 }) {
            let given = if operands == 2 {
                &[first, second][..]
            } else {
                &[first]
            };
            if !given.iter().any(|bits| from.is_nan(*bits)) {
                continue;
            }
            for constant in [false, true] {
                let result = run(code, given, double, double_result, constant)?;
                let fits = match kind {
                    Kind::Absolute => result == first & !from.sign,
                    Kind::Negative => result == first ^ from.sign,
                    Kind::CopySign => result == first & !from.sign | second & from.sign,
                    Kind::Rounding if result == first => true,
                    Kind::Arithmetic | Kind::Rounding => {
                        let canonical = given
                            .iter()
                            .all(|bits| !from.is_nan(*bits) || from.is_canonical(*bits));
                        to.is_nan(result)
                            && result & to.quiet != 0
                            && (!canonical || to.is_canonical(result))
                    }
                };
                if !fits {
                    return Err(if constant {
                        "a NaN came out wrong of a constant"
                    } else {
                        "a NaN came out wrong"
                    });
                }
            }
        }
    }
    Ok(())
}

/// Returns what the operation makes of these bits.
fn run(
    code: u8,
    given: &[u64],
    double: bool,
    double_result: bool,
    constant: bool,
) -> Result<u64, &'static str> {
    let image = module(code, given, double, double_result, constant);
    let engine = config::engine();
    let mut store = Store::new(&engine, ());
    store.set_fuel(FUEL).map_err(|_| "fuel is off")?;
    let module = Module::new(&engine, &image).map_err(|_| "an operation does not compile")?;
    let instance =
        Instance::new(&mut store, &module, &[]).map_err(|_| "an operation does not link")?;
    let function = instance
        .get_func(&store, "f")
        .ok_or("there is no function")?;
    let inputs: Vec<Val> = given
        .iter()
        .map(|bits| {
            if double {
                Val::I64(*bits as i64)
            } else {
                Val::I32(*bits as i32)
            }
        })
        .collect();
    let inputs = if constant { &[][..] } else { &inputs };
    let mut outputs = [Val::I32(0)];
    function
        .call(&mut store, inputs, &mut outputs)
        .map_err(|_| "an operation trapped")?;
    match outputs {
        [Val::I32(bits)] => Ok(u64::from(bits as u32)),
        [Val::I64(bits)] => Ok(bits as u64),
        _ => Err("a result of another type"),
    }
}

/// A module whose function `f` takes bits, carries out one operation, and returns bits.
fn module(code: u8, given: &[u64], double: bool, double_result: bool, constant: bool) -> Vec<u8> {
    let value = |double: bool| if double { I64 } else { I32 };
    let parameters = if constant { 0 } else { given.len() };
    let mut body = Vec::from([0]);
    for (index, bits) in given.iter().enumerate() {
        if constant {
            body.push(if double { 0x44 } else { 0x43 });
            let bytes = bits.to_le_bytes();
            body.extend_from_slice(bytes.get(..if double { 8 } else { 4 }).unwrap_or_default());
        } else {
            // local.get, and its bits as a number
            body.extend([0x20, index as u8, if double { 0xbf } else { 0xbe }]);
        }
    }
    body.extend([code, if double_result { 0xbd } else { 0xbc }, 0x0b]);
    let mut types = Vec::from([1, 0x60, parameters as u8]);
    types.extend(core::iter::repeat_n(value(double), parameters));
    types.extend([1, value(double_result)]);
    let mut bodies = Vec::from([1, body.len() as u8]);
    bodies.extend(body);
    let mut image = b"\0asm\x01\0\0\0".to_vec();
    for (id, contents) in [
        (1, types),
        (3, Vec::from([1, 0])),
        (7, Vec::from([1, 1, b'f', 0, 0])),
        (10, bodies),
    ] {
        // All are shorter than 128 bytes.
        image.extend([id, contents.len() as u8]);
        image.extend(contents);
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_makes_a_signalling_nan() {
        for (index, operation) in OPERATIONS.iter().enumerate() {
            assert_eq!(check(index), Ok(()), "{operation:?}");
        }
        assert!(check(COUNT).is_err());
    }
}
