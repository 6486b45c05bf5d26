//! Public keys, and what verification needs of them.

use crate::KEY_BYTES;
use crate::field::{Element, same};
use crate::machine::{
    ADD, AFFINE, AFFINE_X, AFFINE_Y, Addend, DOUBLE, Machine, POWER, POWER_OF, ROOT, X,
};

/// What is wrong with 32 bytes that are no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The coordinate is *p* or more, or the bytes say that zero is negative.
    NotCanonical,
    /// No point of the curve has this coordinate.
    NotOnCurve,
    /// The point is of small order: signatures of everything could be made for it.
    SmallOrder,
}

/// A public key *A*, with the points that verification adds: *B*, -*A*, and their sum.
pub struct PublicKey {
    pub(crate) encoded: [u8; KEY_BYTES],
    pub(crate) negative: Addend,
    pub(crate) base_and_negative: Addend,
}

/// *d* of the curve.
const D: Element = Element::from_bytes(&[
    0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
]);

/// A square root of -1.
const I: Element = Element::from_bytes(&[
    0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f,
    0xa7, 0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b,
]);

/// The base point *B*, encoded.
const BASE_ENCODED: [u8; KEY_BYTES] = {
    let mut bytes = [0x66; KEY_BYTES];
    bytes[0] = 0x58;
    bytes
};

/// The base point *B*.
pub(crate) static BASE: Addend = match decode(&BASE_ENCODED) {
    Ok((x, y)) => addend(&x, &y),
    Err(_) => panic!("the base point is on the curve"),
};

impl PublicKey {
    /// Take a public key, as RFC 8032 encodes it. A constant function, for keys that are known when a program is built: it takes as long as half a verification.
    ///
    /// # Errors
    /// What is wrong with it: see the head of this crate.
    pub const fn new(encoded: &[u8; KEY_BYTES]) -> Result<Self, Flaw> {
        let (x, y) = match decode(encoded) {
            Ok(point) => point,
            Err(flaw) => return Err(flaw),
        };
        let negative = addend(&Element::ZERO.minus(&x), &y);
        let mut machine = Machine::new();
        machine.set_addend(&negative);
        machine.run(&ADD);
        if is_of_small_order(&mut machine) {
            return Err(Flaw::SmallOrder);
        }
        let mut machine = Machine::new();
        machine.set_addend(&BASE);
        machine.run(&ADD);
        machine.set_addend(&negative);
        machine.run(&ADD);
        machine.keep();
        machine.run(&AFFINE);
        let sum = addend(machine.get(AFFINE_X), machine.get(AFFINE_Y));
        Ok(Self {
            encoded: *encoded,
            negative,
            base_and_negative: sum,
        })
    }

    /// The key as it is encoded.
    #[must_use]
    pub const fn encoded(&self) -> &[u8; KEY_BYTES] {
        &self.encoded
    }
}

const fn is_of_small_order(machine: &mut Machine) -> bool {
    machine.run(&DOUBLE);
    machine.run(&DOUBLE);
    machine.run(&DOUBLE);
    machine.get(X).is(&Element::ZERO)
}

const fn addend(x: &Element, y: &Element) -> Addend {
    Addend {
        sum: y.plus(x),
        difference: y.minus(x),
        product: x.times(y).times(&D.plus(&D)),
    }
}

/// The coordinates *x* and *y* of a point, RFC 8032 5.1.3.
const fn decode(encoded: &[u8; KEY_BYTES]) -> Result<(Element, Element), Flaw> {
    let is_negative = encoded[31] & 0x80 != 0;
    let y = Element::from_bytes(encoded);
    let mut canonical = y.to_bytes();
    canonical[31] |= encoded[31] & 0x80;
    if !same(&canonical, encoded) {
        return Err(Flaw::NotCanonical);
    }
    // x^2 = u / v, x = u v^3 (u v^7)^((p - 5) / 8), perhaps times the root of -1.
    let y2 = y.square();
    let u = y2.minus(&Element::ONE);
    let v = y2.times(&D).plus(&Element::ONE);
    let v3 = v.square().times(&v);
    let mut machine = Machine::new();
    machine.set(POWER_OF, v3.square().times(&v).times(&u));
    machine.run(&ROOT);
    let mut x = machine.get(POWER).times(&v3).times(&u);
    let square = x.square().times(&v);
    if !square.is(&u) {
        if !square.plus(&u).is(&Element::ZERO) {
            return Err(Flaw::NotOnCurve);
        }
        x = x.times(&I);
    }
    if x.is_odd() != is_negative {
        if x.is(&Element::ZERO) {
            return Err(Flaw::NotCanonical);
        }
        x = Element::ZERO.minus(&x);
    }
    Ok((x, y))
}
