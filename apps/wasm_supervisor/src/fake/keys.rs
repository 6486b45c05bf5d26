//! The keys of a board in memory, and what its kernel has proven: for tests, and for boards on the desk.

use std::string::{String, ToString};
use std::vec::Vec;

use berth_ed25519::{PublicKey, agree, verify};
use berth_protocol::ImageHash;
use berth_signature::{KeyId, PUBLIC_BYTES, find, message};

use berth_exposure::operator;

use crate::platform::{
    AGREEMENT_BYTES, Distrust, Examined, LOGIN_BYTES, OperatorPolicy, Policy, Proven, SECRET_BYTES,
};

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
    /// Keys of operators.
    operators: Vec<Key>,
    /// Reading, too, is for them alone.
    pub closes_reading: bool,
    /// What is looked at for operators, and how many passes it takes yet.
    examined: Option<(Examining, u8)>,
}

/// What is looked at.
enum Examining {
    Login([u8; LOGIN_BYTES]),
    Agreement([u8; AGREEMENT_BYTES]),
}

/// Passes of a login or an agreement.
const PASSES: u8 = 3;

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

    /// Add a key of an operator's; `false` if these bytes are none.
    pub fn add_operator(&mut self, public: &[u8; PUBLIC_BYTES]) -> bool {
        let is_key = self.add(public, &[]);
        if is_key && let Some(key) = self.keys.pop() {
            self.operators.push(key);
        }
        is_key
    }

    /// What a supervisor is told of operators.
    pub fn operator_policy(&self) -> OperatorPolicy {
        OperatorPolicy {
            keys: self.operators.len() as u8,
            closes_reading: self.closes_reading,
        }
    }

    /// Look at a login for a pass.
    pub fn examine_login(&mut self, begins: Option<&[u8; LOGIN_BYTES]>) -> Examined {
        if let Some(login) = begins {
            self.examined = Some((Examining::Login(*login), PASSES));
        }
        match self.examine() {
            Some(Examining::Login(login)) if self.is_operators(&login) => Examined::Done,
            Some(_) => Examined::Refused,
            None => Examined::GoesOn,
        }
    }

    /// Agree for a pass.
    pub fn examine_agreement(
        &mut self,
        begins: Option<&[u8; AGREEMENT_BYTES]>,
        agreed: &mut [u8; SECRET_BYTES],
    ) -> Examined {
        if let Some(keys) = begins {
            self.examined = Some((Examining::Agreement(*keys), PASSES));
        }
        match self.examine() {
            Some(Examining::Agreement(keys)) => {
                let (Some(secret), Some(public)) = (keys.first_chunk(), keys.last_chunk()) else {
                    return Examined::Refused;
                };
                *agreed = agree(secret, public);
                Examined::Done
            }
            Some(Examining::Login(_)) => Examined::Refused,
            None => Examined::GoesOn,
        }
    }

    /// What is looked at, after its last pass.
    fn examine(&mut self) -> Option<Examining> {
        let (_, left) = self.examined.as_mut()?;
        *left = left.saturating_sub(1);
        let (what, _) = self.examined.take_if(|(_, left)| *left == 0)?;
        Some(what)
    }

    fn is_operators(&self, login: &[u8; LOGIN_BYTES]) -> bool {
        let (id, rest) = login.split_at(operator::ID_BYTES);
        let (Some(hash), Some(signature)) = (rest.first_chunk(), rest.last_chunk()) else {
            return false;
        };
        let key = self.operators.iter().find(|key| key.id.0 == *id);
        key.is_some_and(|key| verify(&key.public, &operator::message(hash), signature))
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
