//! Whether an image in flash is signed by one of the manufacturer's keys, found out in short passes.
//!
//! ```text
//!   image ─► sections one by one ─► "berth-sig": key id ─► one of the keys ─► SHA-256 ─► Ed25519 ─► proven
//!            berth-signature                                                   berth-ed25519
//! ```
//!
//! The kernel does it for a process that it does not trust (`wasm_host`'s command 26), and the simulator in the same way. Nothing of the image
//! is kept between two passes but where something stands: whoever calls [`Prover::pass`] sees to it that the bytes stay as they are, and begins anew if they
//! did not.

#![no_std]
#![forbid(unsafe_code)]

mod operators;

pub use operators::OperatorKeys;

use berth_ed25519::{Hash, KEY_BYTES, Pass, PublicKey, Verification};
pub use berth_exposure::proof::{Prover, Proving, Refused};
use berth_signature::{KEY_ID_BYTES, KeyId, SIGNATURE_BYTES, Search, Step, message};

/// A key of the manufacturer's.
pub struct Key {
    id: KeyId,
    public: PublicKey,
}

impl Key {
    /// The key with this id: the first bytes of the SHA-256 of `encoded`. For a table that is made when a kernel is built, from keys that were found to be some.
    ///
    /// # Panics
    /// If `encoded` is no public key: in a constant, an error of the build.
    #[must_use]
    pub const fn new(id: [u8; KEY_ID_BYTES], encoded: &[u8; KEY_BYTES]) -> Self {
        match PublicKey::new(encoded) {
            Ok(public) => Self {
                id: KeyId(id),
                public,
            },
            Err(_) => panic!("no public key of Ed25519"),
        }
    }
}

/// Where it stands.
#[derive(Clone, Copy)]
enum Stage {
    /// Sections are passed over.
    Search,
    /// The bytes that are signed are hashed.
    Hash,
    /// They are hashed.
    Hashed,
    Verify,
    Over(Proving),
}

/// The proof of one image, on its way, by one of these keys. A pass takes some [`PASS_COST`](berth_ed25519::PASS_COST) instructions.
pub struct KeyProver<'k> {
    keys: &'k [Key],
    stage: Stage,
    search: Search,
    hash: Hash,
    verification: Verification<'k>,
    /// What the signature says, once it was found.
    key: u32,
    counter: u32,
    /// Bytes of the labels, in front of the signature.
    labels: usize,
}

impl<'k> KeyProver<'k> {
    /// Nothing is known of any image.
    #[must_use]
    pub const fn new(keys: &'k [Key]) -> Self {
        Self {
            keys,
            stage: Stage::Search,
            search: Search::new(),
            hash: Hash::new(0),
            verification: Verification::new(),
            key: 0,
            counter: 0,
            labels: 0,
        }
    }

    /// Look at the next section.
    fn search(&mut self, image: &[u8]) -> Proving {
        match self.search.step(image) {
            Ok(Step::Further) => Proving::GoesOn,
            Ok(Step::Unsigned) => Proving::Refused(Refused::Unsigned),
            Err(_) => Proving::Refused(Refused::Malformed),
            Ok(Step::Signed(signed)) => {
                let id = signed.claims.key;
                let Some((number, _)) = (0..).zip(self.keys).find(|(_, key)| key.id == id) else {
                    return Proving::Refused(Refused::UnknownKey);
                };
                self.key = number;
                self.counter = signed.claims.counter;
                self.labels = signed.claims.labels.length();
                self.hash = Hash::new(signed.covered);
                self.stage = Stage::Hash;
                Proving::GoesOn
            }
        }
    }

    /// What was hashed is what has to be signed.
    fn verify(&mut self, image: &[u8]) -> Proving {
        let message = message(&self.hash.bytes());
        let Some((key, signature)) = (self.keys.get(self.key as usize)).zip(image.last_chunk())
        else {
            return Proving::Refused(Refused::BadSignature);
        };
        self.verification.begin(&key.public, &message, signature);
        self.stage = Stage::Verify;
        Proving::GoesOn
    }
}

impl Prover for KeyProver<'_> {
    fn begin(&mut self) {
        self.search = Search::new();
        self.stage = Stage::Search;
    }

    fn pass(&mut self, image: &[u8]) -> Proving {
        let come = match self.stage {
            Stage::Search => self.search(image),
            Stage::Hash => {
                if self.hash.pass(image) {
                    self.stage = Stage::Hashed;
                }
                Proving::GoesOn
            }
            Stage::Hashed => self.verify(image),
            Stage::Verify => match self.verification.pass() {
                Pass::GoesOn => Proving::GoesOn,
                Pass::Invalid => Proving::Refused(Refused::BadSignature),
                Pass::Valid => Proving::Proven {
                    key: self.key,
                    counter: self.counter,
                },
            },
            Stage::Over(come) => return come,
        };
        if come != Proving::GoesOn {
            self.stage = Stage::Over(come);
        }
        come
    }

    fn label<'a>(&self, image: &'a [u8], number: usize) -> Option<&'a str> {
        // Each is well formed, and they end in front of the signature: that was looked at when it was found.
        let end = image.len().checked_sub(SIGNATURE_BYTES)?;
        let mut rest = image.get(end.checked_sub(self.labels)?..end)?;
        for _ in 0..number {
            let (length, behind) = rest.split_first()?;
            rest = behind.get(usize::from(*length)..)?;
        }
        let (length, behind) = rest.split_first()?;
        core::str::from_utf8(behind.get(..usize::from(*length))?).ok()
    }
}

/// Returns what an image is, after all passes.
#[must_use]
pub fn prove(keys: &[Key], image: &[u8]) -> Proving {
    let mut prover = KeyProver::new(keys);
    loop {
        match prover.pass(image) {
            Proving::GoesOn => {}
            come => return come,
        }
    }
}
