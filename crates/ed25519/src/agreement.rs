//! What two keys agree on, X25519 (RFC 7748), pass after pass.
//!
//! The ladder makes the same operations for every bit of the secret; which registers they are made in is what a bit chooses.

use crate::field::Element;
use crate::machine::{
    AFFINE, AFFINE_X, LADDER, Machine, Operation, POWER_OF, SUM, T, X, Y, Z, cost as field, ladder,
};
use crate::{KEY_BYTES, PASS_COST};

/// What begins a pass.
const BEGINNING: u32 = 300;

/// The base point, encoded: what a secret agrees on with it is its public key.
pub const BASE_POINT: [u8; KEY_BYTES] = {
    let mut bytes = [0; KEY_BYTES];
    bytes[0] = 9;
    bytes
};

/// Where it stands.
#[derive(Clone, Copy)]
enum Stage {
    /// The step of the ladder for this bit of the secret.
    Ladder(u8),
    /// The quotient of both coordinates.
    Affine,
    Over,
}

/// An agreement on its way.
pub struct Agreement {
    secret: [u8; KEY_BYTES],
    machine: Machine,
    stage: Stage,
}

impl Default for Agreement {
    fn default() -> Self {
        Self::new()
    }
}

impl Agreement {
    /// One that has nothing to agree on: on zeros.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            secret: [0; KEY_BYTES],
            machine: Machine::new(),
            stage: Stage::Over,
        }
    }

    /// Begin to find out what a secret agrees on with a public key.
    pub fn begin(&mut self, secret: &[u8; KEY_BYTES], public: &[u8; KEY_BYTES]) {
        self.secret = *secret;
        self.secret[0] &= 0xf8;
        self.secret[31] = self.secret[31] & 0x7f | 0x40;
        self.machine.begin();
        // The neutral point and the other's: (1 : 0) and (u : 1).
        let other = Element::from_bytes(public);
        self.machine.set(X, Element::ONE);
        self.machine.set(Y, Element::ZERO);
        self.machine.set(Z, other);
        self.machine.set(T, Element::ONE);
        self.machine.set(ladder::POINT, other);
        self.stage = Stage::Ladder(254);
    }

    /// Work on it for [`PASS_COST`] instructions at most. Returns whether there is more to do.
    pub fn pass(&mut self) -> bool {
        let mut left = PASS_COST - BEGINNING;
        loop {
            let (Some(program), before) = (self.program(), self.stage) else {
                return false;
            };
            // One is made whatever it costs: each is shorter than a pass.
            left = left.saturating_sub(self.machine.next_cost(program));
            if !self.machine.step(program) {
                self.stage = self.after(before);
            }
            let next = self
                .program()
                .map_or(0, |program| self.machine.next_cost(program));
            if left < next.max(field::END) {
                return true;
            }
        }
    }

    fn program(&self) -> Option<&'static [Operation]> {
        match self.stage {
            Stage::Ladder(bit) => {
                let is_set = self.secret[usize::from(bit / 8)] >> (bit % 8) & 1;
                Some(&LADDER[usize::from(is_set)])
            }
            Stage::Affine => Some(&AFFINE),
            Stage::Over => None,
        }
    }

    /// What comes after the end of a stage's program.
    fn after(&mut self, stage: Stage) -> Stage {
        match stage {
            Stage::Ladder(0) => {
                self.machine.set(SUM, *self.machine.get(X));
                self.machine.set(POWER_OF, *self.machine.get(Y));
                Stage::Affine
            }
            Stage::Ladder(bit) => Stage::Ladder(bit - 1),
            Stage::Affine | Stage::Over => Stage::Over,
        }
    }

    /// Returns what they have agreed on, when there is no more to do, and forgets the secret. Zeros are no agreement: the other key is of small order.
    pub fn take(&mut self) -> [u8; KEY_BYTES] {
        let agreed = match self.stage {
            Stage::Over => self.machine.get(AFFINE_X).to_bytes(),
            _ => [0; KEY_BYTES],
        };
        *self = Self::new();
        agreed
    }
}

/// Returns what a secret agrees on with a public key: all passes of an [`Agreement`] in one call, for who may take the time.
#[must_use]
pub fn agree(secret: &[u8; KEY_BYTES], public: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
    let mut agreement = Agreement::new();
    agreement.begin(secret, public);
    while agreement.pass() {}
    agreement.take()
}
