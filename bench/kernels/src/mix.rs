//! What programs are made of: a map, sorting, fractions as text, numbers of 128 bits, methods that are found when they are called.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt::Write;
use core::hint::black_box;

use crate::{Kernel, Sum};

/// 64 words in a map and sorted, eight fractions as text, 16 products and quotients of 128 bits, 96 calls through trait objects.
pub const MIX: Kernel = Kernel {
    name: "mix",
    what: "A map and a sort of 64 words, eight fractions as text, 16 products and quotients of 128 bits, 96 calls through trait objects; compiled",
    run: mix,
    result: 0x49d6_6111,
};

/// Something with an extent.
trait Shape {
    fn extent(&self) -> u32;
}

struct Square(u32);
struct Bar(u32, u32);

impl Shape for Square {
    fn extent(&self) -> u32 {
        self.0 * self.0
    }
}

impl Shape for Bar {
    fn extent(&self) -> u32 {
        self.0 * self.1
    }
}

/// The next of some numbers that look random.
fn next(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state >> 8
}

#[inline(never)]
fn mix() -> u32 {
    let mut sum = Sum::NEW;
    let mut state = black_box(1u32);

    let mut map = BTreeMap::new();
    for at in 0..64 {
        map.insert(next(&mut state), at);
    }
    map.iter().for_each(|(key, at)| sum.add(key ^ at));

    let mut words: Vec<u32> = (0..64).map(|_| next(&mut state)).collect();
    words.sort_unstable();
    words.iter().for_each(|word| sum.add(*word));

    for _ in 0..8 {
        let fraction = f64::from(next(&mut state)) / 1_000.0;
        if write!(sum, "{fraction:.2} {fraction:e}").is_err() {
            return 0;
        }
    }

    let mut wide = u128::from(next(&mut state)) | 1;
    for _ in 0..16 {
        wide =
            wide.wrapping_mul(0x1234_5678_9abc_def1_0fed_cba9) / u128::from(next(&mut state) | 1);
        sum.add(wide as u32);
        wide |= 1 << 64;
    }

    let shapes: Vec<Box<dyn Shape>> = (0..32)
        .map(|at| -> Box<dyn Shape> {
            match next(&mut state) & 0xff {
                side if at % 2 == 0 => Box::new(Square(side)),
                side => Box::new(Bar(side, at)),
            }
        })
        .collect();
    for _ in 0..3 {
        shapes.iter().for_each(|shape| sum.add(shape.extent()));
    }
    sum.0
}
