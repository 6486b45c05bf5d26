//! Conversions of floating-point numbers that the compiler's own library does not do as WebAssembly wants.
//!
//! The target computes in software. What its library makes of a signalling NaN when it extends a number is a signalling
//! NaN; by the WebAssembly specification (4.3.3, NaN propagation) the result of `f64.promote_f32` is a quiet one.
//! The engine calls the function that the ABI names, and this file is that function: the
//! library's is weak, as the ABI wants it. `engine_proof` checks all operations on the board.

#![allow(unsafe_code)]

/// Bits of the fraction of an `f32` and of an `f64`.
const FRACTION: (u32, u32) = (23, 52);
/// What the exponent of an `f64` is larger by.
const BIAS: u32 = 1023 - 127;

/// Returns the bits of the `f64` with the value of the `f32` with these bits; a NaN becomes quiet.
#[must_use]
pub const fn promote(bits: u32) -> u64 {
    let (from, to) = FRACTION;
    let sign = ((bits >> 31) as u64) << 63;
    let fraction = bits & ((1 << from) - 1);
    let (exponent, fraction) = match (bits >> from) & 0xff {
        0 if fraction == 0 => (0, 0),
        0 => {
            // The first bit that is set becomes the one that is not written.
            let shift = fraction.leading_zeros() - (31 - from);
            (BIAS + 1 - shift, (fraction << shift) & ((1 << from) - 1))
        }
        0xff if fraction == 0 => (0x7ff, 0),
        0xff => (0x7ff, fraction | 1 << (from - 1)),
        exponent => (exponent + BIAS, fraction),
    };
    sign | (exponent as u64) << to | (fraction as u64) << (to - from)
}

/// The run-time ABI's conversion of an `f32` to an `f64`.
#[cfg(target_os = "none")]
mod abi {
    // SAFETY: the ABI gives this name to exactly this function (Run-time ABI for the Arm Architecture, 4.1.2): a single in
    // a core register, a double in two, which is how numbers of 32 and 64 bits are passed.
    #[unsafe(no_mangle)]
    extern "C" fn __aeabi_f2d(bits: u32) -> u64 {
        super::promote(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_keeps_its_value_and_every_nan_becomes_quiet() {
        // All exponents and signs, fractions at their edges and between.
        let fractions =
            (0..23).flat_map(|bit| [1u32 << bit, (1 << bit) - 1, 0x7f_ffff ^ (1 << bit)]);
        let fractions: std::vec::Vec<u32> =
            fractions.chain([0x12_3456, 0x55_5555, 0x7f_ffff]).collect();
        for high in 0..0x200u32 {
            for fraction in &fractions {
                let bits = high << 23 | fraction;
                let number = f32::from_bits(bits);
                let promoted = promote(bits);
                if number.is_nan() {
                    let payload = u64::from(fraction | 1 << 22) << 29;
                    let sign = u64::from(bits >> 31) << 63;
                    assert_eq!(promoted, sign | 0x7ff << 52 | payload, "{bits:#x}");
                } else {
                    assert_eq!(promoted, f64::from(number).to_bits(), "{bits:#x}");
                }
            }
        }
    }
}
