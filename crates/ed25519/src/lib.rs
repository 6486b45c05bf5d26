//! Ed25519 verification, and X25519, in short passes, for a kernel.
//!
//! ```text
//!   signature ─► S < L ─► SHA-512 of R, A, message ─► k mod L ─► R' = [S]B - [k]A ─► R' not of small order ─► R' encoded = R
//!                         ROUNDS of a pass            bits       double, add: one after the other             inversion
//! ```
//!
//! A kernel answers for how long it keeps others waiting, so [`Verification`] does a bounded amount of work in each call of
//! [`pass`](Verification::pass), some [`PASS_COST`] instructions of a Cortex-M4, and goes on in the next. All of it works on what is public: it takes as long as the bits of the
//! signature say, and keeps no secret. [`Agreement`] does the same for what two keys agree on, X25519 of RFC 7748. It has a secret, and makes the same operations for each of its bits.
//!
//! # What is valid
//!
//! RFC 8032 leaves some cases to who verifies; here they are the strict ones:
//!
//! * *S* is below the group's order *L*.
//! * *A*, the public key, and *R* are encoded canonically: the coordinate is below *p*, and there is no negative zero.
//! * Neither *A* nor *R* is of small order.
//! * The equation holds as it stands, without the cofactor: *R = \[S\]B - \[k\]A*, with *k* reduced.
//!
//! So of all encodings of a signature one is valid, and no key is a signer of everything. An *A* that is not of small order, but has a part that
//! is, is a key: of who has its secret, as far as that goes. This is what `verify_strict` of `ed25519-dalek` says as well, and tests compare the two.
//!
//! # What is in the kernel
//!
//! The numbers of a key that verification needs ([`PublicKey`]) are computed when the kernel is built ([`PublicKey::new`] is a constant function), so nothing
//! of decompression is in it. The arithmetic of the field is `fiat-crypto`'s, which a proof assistant wrote; points, scalars and the one block of SHA-512 are of
//! this crate. A message is so short that *R*, *A* and it are one block ([`MESSAGE_MAX`]): who signs more signs its hash, and here is
//! SHA-256 in passes as well ([`struct@Hash`]; the function of a block that `sha2` has takes some 4,000 instructions).

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod agreement;
mod constants;
mod field;
mod key;
mod machine;
mod scalar;
mod sha256;
mod sha512;
mod verification;

pub use agreement::{Agreement, BASE_POINT, agree};
pub use key::{Flaw, PublicKey};
pub use sha256::Hash;
pub use verification::{Pass, Verification};

/// Length of an encoded public key in bytes.
pub const KEY_BYTES: usize = 32;

/// Length of a signature in bytes.
pub const SIGNATURE_BYTES: usize = 64;

/// Longest message in bytes.
pub const MESSAGE_MAX: usize = sha512::CONTENT_MAX - KEY_BYTES - SIGNATURE_BYTES / 2;

/// Most instructions of a Cortex-M4 that a pass takes, about.
pub const PASS_COST: u32 = 3_000;

/// Returns whether a signature of a message is of this key: all passes of a [`Verification`] in one call, for who may take the time.
#[must_use]
pub fn verify(key: &PublicKey, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
    let mut verification = Verification::new();
    verification.begin(key, message, signature);
    loop {
        match verification.pass() {
            Pass::GoesOn => {}
            Pass::Valid => return true,
            Pass::Invalid => return false,
        }
    }
}
