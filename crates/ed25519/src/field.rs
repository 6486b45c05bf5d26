//! Numbers modulo 2^255 - 19.

use fiat_crypto::curve25519_32 as fiat;

/// A number modulo *p*, with bounds that every operation here takes.
#[derive(Clone, Copy)]
pub(crate) struct Element(fiat::fiat_25519_tight_field_element);

type Loose = fiat::fiat_25519_loose_field_element;

/// Room for a result, with wider bounds.
const LOOSE: Loose = fiat::fiat_25519_loose_field_element([0; 10]);

impl Element {
    /// Zero.
    pub(crate) const ZERO: Self = Self(fiat::fiat_25519_tight_field_element([0; 10]));

    /// One.
    pub(crate) const ONE: Self = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        Self::from_bytes(&bytes)
    };

    /// The number whose 255 bits these are, little endian; the last bit does not count.
    pub(crate) const fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut bytes = *bytes;
        bytes[31] &= 0x7f;
        let mut out = Self::ZERO;
        fiat::fiat_25519_from_bytes(&mut out.0, &bytes);
        out
    }

    /// The number, from 0 to *p* - 1, little endian.
    pub(crate) const fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        fiat::fiat_25519_to_bytes(&mut bytes, &self.0);
        bytes
    }

    const fn loose(&self) -> Loose {
        let mut out = LOOSE;
        fiat::fiat_25519_relax(&mut out, &self.0);
        out
    }

    const fn carry(from: &Loose) -> Self {
        let mut out = Self::ZERO;
        fiat::fiat_25519_carry(&mut out.0, from);
        out
    }

    // Once each, for the size.
    #[inline(never)]
    pub(crate) const fn plus(&self, other: &Self) -> Self {
        let mut sum = LOOSE;
        fiat::fiat_25519_add(&mut sum, &self.0, &other.0);
        Self::carry(&sum)
    }

    #[inline(never)]
    pub(crate) const fn minus(&self, other: &Self) -> Self {
        let mut difference = LOOSE;
        fiat::fiat_25519_sub(&mut difference, &self.0, &other.0);
        Self::carry(&difference)
    }

    #[inline(never)]
    pub(crate) const fn times(&self, other: &Self) -> Self {
        let mut out = Self::ZERO;
        fiat::fiat_25519_carry_mul(&mut out.0, &self.loose(), &other.loose());
        out
    }

    #[inline(never)]
    pub(crate) const fn square(&self) -> Self {
        let mut out = Self::ZERO;
        fiat::fiat_25519_carry_square(&mut out.0, &self.loose());
        out
    }

    /// Returns it times 121666.
    #[inline(never)]
    pub(crate) const fn scaled(&self) -> Self {
        let mut out = Self::ZERO;
        fiat::fiat_25519_carry_scmul_121666(&mut out.0, &self.loose());
        out
    }

    /// Returns whether both are the same number.
    pub(crate) const fn is(&self, other: &Self) -> bool {
        same(&self.to_bytes(), &other.to_bytes())
    }

    /// Returns whether the number is odd, which the encoding of a point says of one coordinate.
    pub(crate) const fn is_odd(&self) -> bool {
        self.to_bytes()[0] & 1 == 1
    }
}

/// Returns whether these bytes are the same, also in constants.
pub(crate) const fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}
