//! Functions of floating-point numbers that the compiler's own library does not do as WebAssembly wants, or for more than
//! they are worth.
//!
//! The target computes in software. What its library makes of a signalling NaN when it extends a number is a signalling
//! NaN; by the WebAssembly specification (4.3.3, NaN propagation) the result of `f64.promote_f32` is a quiet one.
//! The engine calls the function that the ABI names, and this file is that function: the
//! library's is weak, as the ABI wants it.
//!
//! The engine rounds with the remainder of a division by 2 (`f32.nearest`, `f64.nearest`, when a number is half-way).
//! The library's divides with tables of multiplications, in 4,000 bytes for numbers that are far apart; the one here
//! takes a step a bit, of which rounding needs 53 at most. `engine_proof` checks all operations on the board.

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

/// Returns the bits of what is left of the number with the bits `number` when it is divided by the one with the bits
/// `by` towards zero, with the sign of `number`: C's `fmod`. A NaN, an infinite number and a division by 0 give a quiet
/// NaN.
#[must_use]
pub const fn remainder(number: u64, by: u64) -> u64 {
    const SIGN: u64 = 1 << 63;
    const INFINITE: u64 = 0x7ff << FRACTION.1;
    let sign = number & SIGN;
    let (number, by) = (number & !SIGN, by & !SIGN);
    if number >= INFINITE || by > INFINITE || by == 0 {
        return INFINITE | 1 << (FRACTION.1 - 1);
    }
    if number < by {
        return sign | number;
    }
    let ((mut exponent, mut rest), (least, divisor)) = (parts(number), parts(by));
    loop {
        if rest >= divisor {
            rest -= divisor;
        }
        if exponent == least {
            break;
        }
        rest <<= 1;
        exponent -= 1;
    }
    if rest == 0 {
        return sign;
    }
    let shift = rest.leading_zeros() - (63 - FRACTION.1);
    let (exponent, rest) = (exponent - shift as i32, rest << shift);
    if exponent > 0 {
        sign | (exponent as u64) << FRACTION.1 | rest & ((1 << FRACTION.1) - 1)
    } else {
        sign | rest >> (1 - exponent)
    }
}

/// Returns the exponent of the positive, finite number with these bits, and its fraction with the first bit that is set
/// where a fraction has the one that is not written.
const fn parts(bits: u64) -> (i32, u64) {
    let fraction = bits & ((1 << FRACTION.1) - 1);
    match (bits >> FRACTION.1) as i32 {
        0 => {
            let shift = fraction.leading_zeros() - (63 - FRACTION.1);
            (1 - shift as i32, fraction << shift)
        }
        exponent => (exponent, fraction | 1 << FRACTION.1),
    }
}

/// The same of two `f32`: what is left of two of them is one, so nothing is rounded on the way.
#[must_use]
pub fn remainder_short(number: u32, by: u32) -> u32 {
    (f64::from_bits(remainder(promote(number), promote(by))) as f32).to_bits()
}

/// What the engine and the compiler call by these names.
#[cfg(target_os = "none")]
mod abi {
    // SAFETY: the ABI gives this name to exactly this function (Run-time ABI for the Arm Architecture, 4.1.2): a single in
    // a core register, a double in two, which is how numbers of 32 and 64 bits are passed.
    #[unsafe(no_mangle)]
    extern "C" fn __aeabi_f2d(bits: u32) -> u64 {
        super::promote(bits)
    }

    // SAFETY: C gives this name to exactly this function (C11, 7.12.10.1), and without a unit for floating point a double
    // is passed as an integer of 64 bits is (Procedure Call Standard for the Arm Architecture, 6.5).
    #[unsafe(no_mangle)]
    extern "C" fn fmod(number: u64, by: u64) -> u64 {
        super::remainder(number, by)
    }

    // SAFETY: as `fmod`; a float is passed as an integer of 32 bits is.
    #[unsafe(no_mangle)]
    extern "C" fn fmodf(number: u32, by: u32) -> u32 {
        super::remainder_short(number, by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers at the edges of their kind, and such as are between.
    fn numbers() -> std::vec::Vec<u64> {
        let exponents = [
            0u64, 1, 2, 52, 53, 1000, 1022, 1023, 1024, 1025, 1074, 1076, 2000, 2045, 2046, 2047,
        ];
        let fractions = [
            0,
            1,
            2,
            3,
            0x8_0000_0000_0000,
            0x5_5555_5555_5555,
            0xf_ffff_ffff_ffff,
        ];
        let mut numbers = std::vec::Vec::new();
        for sign in [0, 1u64 << 63] {
            for exponent in exponents {
                for fraction in fractions {
                    numbers.push(sign | exponent << 52 | fraction);
                }
            }
        }
        // As good as random ones, of all magnitudes and near each other.
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..300 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            numbers.push(seed);
            numbers.push(seed & 0x800f_ffff_ffff_ffff | (1000 + seed % 60) << 52);
        }
        numbers
    }

    #[test]
    fn what_a_division_leaves_is_what_this_computer_says() {
        let numbers = numbers();
        for &number in &numbers {
            for &by in &numbers {
                let left = f64::from_bits(number) % f64::from_bits(by);
                let ours = remainder(number, by);
                if left.is_nan() {
                    assert_eq!(
                        ours << 1 >> 52,
                        0xfff,
                        "{number:#x} % {by:#x} is a quiet NaN"
                    );
                } else {
                    assert_eq!(ours, left.to_bits(), "{number:#x} % {by:#x}");
                }
                let (number, by) = ((number >> 32) as u32, (by >> 32) as u32);
                let left = f32::from_bits(number) % f32::from_bits(by);
                let ours = remainder_short(number, by);
                if left.is_nan() {
                    assert!(f32::from_bits(ours).is_nan(), "{number:#x} % {by:#x}");
                } else {
                    assert_eq!(ours, left.to_bits(), "{number:#x} % {by:#x}");
                }
            }
        }
    }

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
