//! The keys of a board in memory, and what its kernel has proven: for tests, and for boards on the desk.

use std::string::{String, ToString};
use std::vec::Vec;

use berth_ed25519::{PublicKey, verify};
use berth_protocol::ImageHash;
use berth_signature::{KeyId, PUBLIC_BYTES, find, message};

use crate::platform::{Distrust, Policy, Proven};

/// Stands for every label among those of a key.
pub const EVERY: &str = "*";

/// A key, and the labels for which it may sign.
struct Key {
    id: KeyId,
    public: PublicKey,
    labels: Vec<String>,
    revokes: bool,
}

/// What the manufacturer says of keys, and what was proven since.
#[derive(Default)]
pub struct Keys {
    keys: Vec<Key>,
    /// What is not signed does not run.
    pub refuses_unsigned: bool,
    /// What was proven, and the labels for which it is signed.
    proven: Vec<(Proven, Vec<String>)>,
    /// How often a signature was verified.
    pub verified: u32,
}

impl Keys {
    /// Add a key; `false` if these bytes are none.
    pub fn add(&mut self, public: &[u8; PUBLIC_BYTES], labels: &[&str]) -> bool {
        let Ok(key) = PublicKey::new(public) else {
            return false;
        };
        self.keys.push(Key {
            id: KeyId::of_hash(&ImageHash::of(public).0),
            public: key,
            labels: labels.iter().map(ToString::to_string).collect(),
            revokes: false,
        });
        true
    }

    /// The key that was added last may sign lists of what is revoked.
    pub fn let_revoke(&mut self) {
        if let Some(key) = self.keys.last_mut() {
            key.revokes = true;
        }
    }

    /// What a supervisor is told of it.
    pub fn policy(&self) -> Policy {
        Policy {
            keys: self.keys.len() as u8,
            refuses_unsigned: self.refuses_unsigned,
            revokers: (0..).zip(&self.keys).fold(0, |set, (number, key)| {
                set | u32::from(key.revokes) << number
            }),
        }
    }

    /// Verify the signature of an image. Returns the number of its key.
    ///
    /// # Errors
    ///
    /// Why it is not as it should be.
    pub fn prove(&mut self, image: &[u8]) -> Result<u32, Distrust> {
        self.end(Proven::of(image));
        self.verified += 1;
        let signed = match find(image) {
            Ok(Some(signed)) => signed,
            Ok(None) => return Err(Distrust::Unsigned),
            Err(_) => return Err(Distrust::Malformed),
        };
        let claims = signed.claims;
        let found = (0..).zip(&self.keys).find(|(_, key)| key.id == claims.key);
        let (number, key) = found.ok_or(Distrust::UnknownKey)?;
        let may = |label: &str| key.labels.iter().any(|own| own == label || own == EVERY);
        if !claims
            .labels
            .iter()
            .all(|label| may(label) || !self.is_kept(label))
        {
            return Err(Distrust::Label);
        }
        let hash = ImageHash::of(&image[..signed.covered]).0;
        if !verify(&key.public, &message(&hash), signed.signature) {
            return Err(Distrust::Changed);
        }
        let labels = claims.labels.iter().filter(|label| may(label));
        let labels = labels.map(ToString::to_string).collect();
        self.proven.push((Proven::of(image), labels));
        Ok(number)
    }

    /// A proof is not needed any more.
    pub fn end(&mut self, bytes: Proven) {
        self.proven.retain(|(proven, _)| *proven != bytes);
    }

    /// Does a label need a key? Those do for which one may sign by name.
    fn is_kept(&self, label: &str) -> bool {
        let mut named = self.keys.iter().flat_map(|key| &key.labels);
        named.any(|own| own == label)
    }

    /// May a label be claimed now?
    pub fn allows(&self, label: &str) -> bool {
        let mut proven = self.proven.iter().flat_map(|(_, labels)| labels);
        !self.is_kept(label) || proven.any(|own| own == label)
    }
}
