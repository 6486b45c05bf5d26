//! Numbers modulo the group's order *L* = 2^252 + 27742317777372353535851937790883648493.

/// *L*, its words from the lowest on.
const ORDER: [u32; 8] = [
    0x5cf5_d3ed,
    0x5812_631a,
    0xa2f7_9cd6,
    0x14de_f9de,
    0,
    0,
    0,
    0x1000_0000,
];

/// Bits of a number below *L*.
pub(crate) const BITS: usize = 253;

/// A number below *L*.
#[derive(Clone, Copy)]
pub(crate) struct Scalar([u32; 8]);

impl Scalar {
    pub(crate) const ZERO: Self = Self([0; 8]);

    /// The number of these bytes, little endian, if it is below *L*.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        less_the_order(&words).is_none().then_some(Self(words))
    }

    /// Make it twice itself and a bit more, modulo *L*.
    pub(crate) fn push(&mut self, bit: bool) {
        let mut carry = u32::from(bit);
        for word in &mut self.0 {
            (*word, carry) = (*word << 1 | carry, *word >> 31);
        }
        // Below 2 L, which has 254 bits.
        if let Some(less) = less_the_order(&self.0) {
            self.0 = less;
        }
    }

    /// A bit of it.
    pub(crate) fn bit(&self, number: usize) -> bool {
        let word = self.0.get(number / 32).copied().unwrap_or_default();
        word >> (number % 32) & 1 == 1
    }
}

/// The number less *L*; `None` if it is below.
fn less_the_order(words: &[u32; 8]) -> Option<[u32; 8]> {
    let mut out = [0; 8];
    let mut borrow = false;
    for ((out, word), order) in out.iter_mut().zip(words).zip(ORDER) {
        let (less, first) = word.overflowing_sub(order);
        let (less, second) = less.overflowing_sub(borrow.into());
        (*out, borrow) = (less, first || second);
    }
    (!borrow).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(scalar: &Scalar) -> [u8; 32] {
        let mut out = [0; 32];
        for (bytes, word) in out.as_chunks_mut().0.iter_mut().zip(scalar.0) {
            *bytes = word.to_le_bytes();
        }
        out
    }

    #[test]
    fn the_order_is_where_numbers_end() {
        let mut order = bytes(&Scalar(ORDER));
        assert!(Scalar::from_bytes(&order).is_none());
        order[0] -= 1;
        let last = Scalar::from_bytes(&order).unwrap();
        assert!(last.bit(BITS - 1) && !last.bit(BITS));
        assert!(Scalar::from_bytes(&[0xff; 32]).is_none());
    }

    proptest! {
        #[test]
        fn a_number_of_512_bits_is_reduced_as_another_implementation_does(low: [u8; 32], high: [u8; 32]) {
            let mut wide = [0; 64];
            wide[..32].copy_from_slice(&low);
            wide[32..].copy_from_slice(&high);
            let mut scalar = Scalar::ZERO;
            for byte in wide.iter().rev() {
                for bit in (0..8).rev() {
                    scalar.push(byte >> bit & 1 == 1);
                }
            }
            let theirs = curve25519_dalek::Scalar::from_bytes_mod_order_wide(&wide);
            prop_assert_eq!(bytes(&scalar), theirs.to_bytes());
            prop_assert!(Scalar::from_bytes(&theirs.to_bytes()).is_some());
        }
    }
}
