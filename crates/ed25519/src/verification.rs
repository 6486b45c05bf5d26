//! The verification of one signature, pass after pass.

use crate::field::Element;
use crate::key::{BASE, PublicKey};
use crate::machine::{ADD, AFFINE, AFFINE_X, AFFINE_Y, DOUBLE, Machine, X, cost as field};
use crate::scalar::{BITS, Scalar};
use crate::sha512::OneBlock;
use crate::{KEY_BYTES, PASS_COST, SIGNATURE_BYTES};

/// What a pass has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// There is more to do.
    GoesOn,
    /// The signature is of this key and this message.
    Valid,
    /// It is not.
    Invalid,
}

/// Instructions of a Cortex-M4 that steps take at most, with all around them; of the field's operations see [`field`].
mod cost {
    /// A round of SHA-512.
    pub(super) const ROUND: u32 = 250;
    /// A bit of the hash, modulo the order.
    pub(super) const BIT: u32 = 150;
    /// What begins a pass or a stage.
    pub(super) const BEGINNING: u32 = 300;
    /// The comparison, with the encoding.
    pub(super) const COMPARISON: u32 = 900;
}

/// Where it stands.
#[derive(Clone, Copy)]
enum Stage {
    /// Rounds of the hash.
    Hash,
    /// So many bits of the hash are to be taken yet.
    Reduce(u16),
    /// The point is doubled, for this bit of both numbers.
    Double(u8),
    /// What this bit of both numbers says is added.
    Add(u8),
    /// The point is doubled so many times yet, to see whether it is of small order.
    Order(u8),
    /// The coordinates of the point.
    Affine,
    Compare,
    Over(bool),
}

/// The verification of a signature, on its way.
pub struct Verification<'k> {
    key: &'k PublicKey,
    /// *R*, as it is encoded.
    point: [u8; KEY_BYTES],
    /// *S*.
    first: Scalar,
    /// *k*.
    second: Scalar,
    hash: OneBlock,
    machine: Machine,
    stage: Stage,
}

impl<'k> Verification<'k> {
    /// Begin to verify a signature of a message. `None`: the message is longer than [`MESSAGE_MAX`](crate::MESSAGE_MAX), or *S* is not below the order; so
    /// the signature is not valid.
    #[must_use]
    pub fn new(
        key: &'k PublicKey,
        message: &[u8],
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Option<Self> {
        let (point, rest) = signature.split_first_chunk()?;
        let first = Scalar::from_bytes(rest.first_chunk()?)?;
        Some(Self {
            key,
            point: *point,
            first,
            second: Scalar::ZERO,
            hash: OneBlock::new(&[point, &key.encoded, message])?,
            machine: Machine::new(),
            stage: Stage::Hash,
        })
    }

    /// Work on it for [`PASS_COST`] instructions at most.
    pub fn pass(&mut self) -> Pass {
        let mut left = PASS_COST - cost::BEGINNING;
        loop {
            if let Stage::Over(valid) = self.stage {
                return if valid { Pass::Valid } else { Pass::Invalid };
            }
            // One is made whatever it costs: each is shorter than a pass.
            left = left.saturating_sub(self.next_cost());
            self.step();
            if left < self.next_cost() {
                return Pass::GoesOn;
            }
        }
    }

    /// What the next step costs at most.
    fn next_cost(&self) -> u32 {
        match self.stage {
            Stage::Hash => cost::ROUND,
            Stage::Reduce(_) => cost::BIT,
            Stage::Order(0) => field::END,
            Stage::Double(_) | Stage::Order(_) => self.machine.next_cost(&DOUBLE),
            Stage::Add(_) => self.machine.next_cost(&ADD),
            Stage::Affine => self.machine.next_cost(&AFFINE),
            Stage::Compare => cost::COMPARISON,
            Stage::Over(_) => 0,
        }
    }

    fn step(&mut self) {
        match self.stage {
            Stage::Hash => {
                if self.hash.round() {
                    self.stage = Stage::Reduce(512);
                }
            }
            Stage::Reduce(0) => self.stage = Stage::Double(BITS as u8 - 1),
            Stage::Reduce(left) => {
                self.second.push(self.hash.bit(left - 1));
                self.stage = Stage::Reduce(left - 1);
            }
            Stage::Double(bit) => {
                if !self.machine.step(&DOUBLE) {
                    self.begin_add(bit);
                }
            }
            Stage::Add(bit) => {
                if !self.machine.step(&ADD) {
                    self.next_bit(bit);
                }
            }
            Stage::Order(0) => self.end_order(),
            Stage::Order(left) => {
                if !self.machine.step(&DOUBLE) {
                    self.stage = Stage::Order(left - 1);
                }
            }
            Stage::Affine => {
                if !self.machine.step(&AFFINE) {
                    self.stage = Stage::Compare;
                }
            }
            Stage::Compare => self.stage = Stage::Over(self.is_the_point()),
            Stage::Over(_) => {}
        }
    }

    /// What is added after the point was doubled.
    fn begin_add(&mut self, bit: u8) {
        let place = usize::from(bit);
        let addend = match (self.first.bit(place), self.second.bit(place)) {
            (false, false) => return self.next_bit(bit),
            (true, false) => &BASE,
            (false, true) => &self.key.negative,
            (true, true) => &self.key.base_and_negative,
        };
        self.machine.set_addend(addend);
        self.stage = Stage::Add(bit);
    }

    fn next_bit(&mut self, bit: u8) {
        if let Some(next) = bit.checked_sub(1) {
            self.stage = Stage::Double(next);
            return;
        }
        self.machine.keep();
        self.stage = Stage::Order(3);
    }

    /// The point, eight times, is the neutral one if it is of small order.
    fn end_order(&mut self) {
        self.stage = if self.machine.get(X).is(&Element::ZERO) {
            Stage::Over(false)
        } else {
            Stage::Affine
        };
    }

    /// Returns whether the point is encoded as *R* is.
    fn is_the_point(&self) -> bool {
        let mut encoded = self.machine.get(AFFINE_Y).to_bytes();
        encoded[31] |= u8::from(self.machine.get(AFFINE_X).is_odd()) << 7;
        encoded == self.point
    }
}
