//! A machine of 14 registers for numbers of the field, and its programs: formulas for points of the curve, one operation after the other.
//!
//! Each operation takes a known time at most. So who must not take long stops between any two, and the place in a program is all that has to be
//! kept.
//!
//! Points are in extended coordinates (*X : Y : Z : T*), *x = X / Z*, *y = Y / Z*, *x y = T / Z*. The formulas are those of Hisil, Wong, Carter and Dawson for twisted Edwards curves with
//! *a* = -1; they are complete: right for every two points of the curve.

use crate::field::Element;

/// Registers.
pub(crate) const X: u8 = 0;
pub(crate) const Y: u8 = 1;
pub(crate) const Z: u8 = 2;
pub(crate) const T: u8 = 3;
/// The point that is added, see [`Addend`].
pub(crate) const SUM: u8 = 4;
pub(crate) const DIFFERENCE: u8 = 5;
pub(crate) const PRODUCT: u8 = 6;
const A: u8 = 7;
const B: u8 = 8;
const C: u8 = 9;
const E: u8 = 10;
const F: u8 = 11;
const G: u8 = 12;
const H: u8 = 13;
const COUNT: usize = 14;

/// Where [`ROOT`] takes its number from, and [`AFFINE`] its *Z*.
pub(crate) const POWER_OF: u8 = PRODUCT;
/// Where the first leaves its result.
pub(crate) const POWER: u8 = F;
/// Where [`AFFINE`] leaves *x* and *y*.
pub(crate) const AFFINE_X: u8 = G;
pub(crate) const AFFINE_Y: u8 = H;

/// Where *X*, *Y* and *Z* of a point are kept while others are computed in its place: in the registers of the addend.
const KEPT: [(u8, u8); 3] = [(SUM, X), (DIFFERENCE, Y), (PRODUCT, Z)];

/// One operation. The first register gets the result.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    /// The sum of two registers.
    Add(u8, u8, u8),
    /// The difference of two registers.
    Subtract(u8, u8, u8),
    /// The product of two registers.
    Multiply(u8, u8, u8),
    /// The square of a register, the square of that, and so on: so many times.
    Square(u8, u8, u8),
    /// A register times 121666, (486662 + 2) / 4 of the curve in Montgomery's form.
    Scale(u8, u8),
}

use Operation::{Add, Multiply, Scale, Square, Subtract};

/// The point becomes twice the point.
pub(crate) static DOUBLE: [Operation; 14] = [
    Square(A, X, 1),
    Square(B, Y, 1),
    Square(C, Z, 1),
    Add(C, C, C),
    Add(E, X, Y),
    Square(E, E, 1),
    Add(H, A, B),
    Subtract(E, E, H),
    Subtract(G, B, A),
    // With F and H, and so all of the result, negative: it is the same point.
    Subtract(F, C, G),
    Multiply(X, E, F),
    Multiply(Y, G, H),
    Multiply(Z, F, G),
    Multiply(T, E, H),
];

/// The addend is added to the point.
pub(crate) static ADD: [Operation; 14] = [
    Subtract(A, Y, X),
    Multiply(A, A, DIFFERENCE),
    Add(B, Y, X),
    Multiply(B, B, SUM),
    Multiply(C, T, PRODUCT),
    Add(G, Z, Z),
    Subtract(E, B, A),
    Subtract(F, G, C),
    Add(G, G, C),
    Add(H, B, A),
    Multiply(X, E, F),
    Multiply(Y, G, H),
    Multiply(Z, F, G),
    Multiply(T, E, H),
];

/// Which registers the ladder has its points in: (*X : Z*) of both in the first four, in this order.
pub(crate) mod ladder {
    /// The coordinate of the point whose multiples they are, which is their difference.
    pub(crate) const POINT: u8 = 5;
}

/// A step of Montgomery's ladder (RFC 7748, section 5): both points, of which the second is the first and the ladder's point, become the double of one and
/// their sum. Which one is doubled is what the bit says whose number the step has.
pub(crate) static LADDER: [[Operation; 18]; 2] = [rung((X, Y), (Z, T)), rung((Z, T), (X, Y))];

const fn rung((x2, z2): (u8, u8), (x3, z3): (u8, u8)) -> [Operation; 18] {
    [
        Add(A, x2, z2),
        Subtract(B, x2, z2),
        Add(C, x3, z3),
        Subtract(F, x3, z3),
        Multiply(F, F, A),
        Multiply(C, C, B),
        Add(x3, F, C),
        Square(x3, x3, 1),
        Subtract(z3, F, C),
        Square(z3, z3, 1),
        Multiply(z3, z3, ladder::POINT),
        Square(A, A, 1),
        Square(B, B, 1),
        Multiply(x2, A, B),
        Subtract(E, A, B),
        Scale(G, E),
        Add(G, G, B),
        Multiply(z2, E, G),
    ]
}

/// The coordinates *x* and *y* of the point that was [kept](Machine::keep). The inverse of *Z* is its power *p* - 2.
pub(crate) static AFFINE: [Operation; 24] = power([
    Square(A, C, 5),
    Multiply(POWER, A, B),
    Multiply(AFFINE_X, SUM, POWER),
    Multiply(AFFINE_Y, DIFFERENCE, POWER),
]);

/// The power (*p* - 5) / 8, of which square roots are made.
pub(crate) static ROOT: [Operation; 22] = power([Square(A, C, 2), Multiply(POWER, A, POWER_OF)]);

/// Powers whose exponents begin with 250 ones: C is then the power 2^250 - 1, and B the power 11.
const ONES: [Operation; 20] = [
    Square(B, POWER_OF, 1),
    Square(C, B, 2),
    // 9, 11, 31 = 2^5 - 1.
    Multiply(C, POWER_OF, C),
    Multiply(B, B, C),
    Square(E, B, 1),
    Multiply(C, C, E),
    // 2^10 - 1.
    Square(E, C, 5),
    Multiply(C, E, C),
    // 2^20 - 1.
    Square(E, C, 10),
    Multiply(E, E, C),
    // 2^40 - 1.
    Square(G, E, 20),
    Multiply(E, G, E),
    // 2^50 - 1.
    Square(E, E, 10),
    Multiply(C, E, C),
    // 2^100 - 1.
    Square(E, C, 50),
    Multiply(E, E, C),
    // 2^200 - 1.
    Square(G, E, 100),
    Multiply(E, G, E),
    // 2^250 - 1.
    Square(E, E, 50),
    Multiply(C, E, C),
];

/// Such a power, and what comes after.
const fn power<const END: usize, const ALL: usize>(end: [Operation; END]) -> [Operation; ALL] {
    let mut all = [ONES[0]; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < ONES.len() {
            ONES[at]
        } else {
            end[at - ONES.len()]
        };
        at += 1;
    }
    all
}

/// Instructions of a Cortex-M4 that operations take at most, with all around them.
pub(crate) mod cost {
    pub(crate) const SUM: u32 = 450;
    pub(crate) const PRODUCT: u32 = 900;
    pub(crate) const SQUARE: u32 = 750;
    /// The end of a program, with what is copied for the next one.
    pub(crate) const END: u32 = 600;
}

/// A point as it is added most easily: *y + x*, *y - x*, *2 d x y*.
#[derive(Clone, Copy)]
pub(crate) struct Addend {
    pub(crate) sum: Element,
    pub(crate) difference: Element,
    pub(crate) product: Element,
}

/// The neutral point.
const NEUTRAL: [Element; 4] = [Element::ZERO, Element::ONE, Element::ONE, Element::ZERO];

/// The registers, and the place in a program.
pub(crate) struct Machine {
    registers: [Element; COUNT],
    /// The next operation.
    next: u8,
    /// How many squares of it have been made.
    squares: u8,
}

impl Machine {
    /// With the neutral point.
    pub(crate) const fn new() -> Self {
        let mut registers = [Element::ZERO; COUNT];
        registers[Y as usize] = Element::ONE;
        registers[Z as usize] = Element::ONE;
        Self {
            registers,
            next: 0,
            squares: 0,
        }
    }

    /// Begin with the neutral point, whatever was there.
    pub(crate) fn begin(&mut self) {
        for (register, value) in [X, Y, Z, T].into_iter().zip(NEUTRAL) {
            self.set(register, value);
        }
        (self.next, self.squares) = (0, 0);
    }

    pub(crate) const fn get(&self, register: u8) -> &Element {
        &self.registers[register as usize]
    }

    pub(crate) const fn set(&mut self, register: u8, value: Element) {
        self.registers[register as usize] = value;
    }

    /// Keep the point for [`AFFINE`].
    pub(crate) const fn keep(&mut self) {
        let mut at = 0;
        while at < KEPT.len() {
            let (to, from) = KEPT[at];
            self.set(to, *self.get(from));
            at += 1;
        }
    }

    /// Have [`ADD`] add this point.
    pub(crate) const fn set_addend(&mut self, addend: &Addend) {
        self.set(SUM, addend.sum);
        self.set(DIFFERENCE, addend.difference);
        self.set(PRODUCT, addend.product);
    }

    /// What the next operation of a program costs at most; of several squares one, and the end of the program.
    pub(crate) fn next_cost(&self, program: &[Operation]) -> u32 {
        match program.get(usize::from(self.next)) {
            Some(Add(..) | Subtract(..) | Scale(..)) => cost::SUM,
            Some(Multiply(..)) => cost::PRODUCT,
            Some(Square(..)) => cost::SQUARE,
            None => cost::END,
        }
    }

    /// Make the next operation of a program, of several squares one. Returns whether there was one; if not, the next program begins at its beginning.
    pub(crate) const fn step(&mut self, program: &[Operation]) -> bool {
        if self.next as usize >= program.len() {
            self.next = 0;
            return false;
        }
        let (to, value) = match program[self.next as usize] {
            Add(to, a, b) => (to, self.get(a).plus(self.get(b))),
            Subtract(to, a, b) => (to, self.get(a).minus(self.get(b))),
            Multiply(to, a, b) => (to, self.get(a).times(self.get(b))),
            Scale(to, from) => (to, self.get(from).scaled()),
            Square(to, from, times) => {
                let from = if self.squares == 0 { from } else { to };
                self.squares = (self.squares + 1) % times;
                (to, self.get(from).square())
            }
        };
        self.set(to, value);
        if self.squares == 0 {
            self.next += 1;
        }
        true
    }

    /// Carry out all of a program at once.
    pub(crate) const fn run(&mut self, program: &[Operation]) {
        while self.step(program) {}
    }
}
