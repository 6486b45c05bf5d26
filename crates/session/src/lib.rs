//! Sessions of operators on a line that everybody hears: what is signed, what is agreed on, how messages are sealed.
//!
//! ```text
//!   operator                                                   device
//!   Ed25519 key ──────────── public half in exposure.dts ────► kernel
//!   public half ◄──────────── provisioned once ──────────────  X25519 secret, in the store
//!
//!            ◄── public half, challenge (epoch, number) ──────  never the same twice
//!   one-time X25519 key
//!   signs transcript = SHA-256(device, challenge, operator, one-time key)
//!            ── operator, challenge, one-time key, signature ─►  signature right?
//!   keys = HKDF(X25519, transcript)                             keys = HKDF(X25519, transcript)
//!            ◄──────────────────────── sealed: it is open ────
//!            ── sealed request: session, counter, tag ────────►  counter higher than the last?
//!            ◄── sealed answer: tag over the same counter ────
//! ```
//!
//! A device may have no source of random numbers: all that is new in a session on its side is the challenge, which need not be secret and only never comes
//! twice. What an eavesdropper lacks are the two secrets. Whoever offers a key of his own in the device's place gets a signature that is of his key, so the
//! device does not take it. The transcript goes into the keys, so both have seen the same.
//!
//! A tag is the first [`TAG_BYTES`] of HMAC-SHA-256 over the counter and the message, with another key in each direction: nothing that the device has said is a request, and no
//! answer is that of another request.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Bytes of a key of X25519, public or secret, and of what two agree on.
pub const KEY_BYTES: usize = 32;

/// Bytes of the id of an operator's key: the first of the SHA-256 of its public half.
pub const OPERATOR_BYTES: usize = 8;

/// Bytes of a SHA-256.
pub const HASH_BYTES: usize = 32;

/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;

/// Bytes behind a request that is sealed: session, counter and tag.
pub const SEAL_BYTES: usize = 4 + 4 + TAG_BYTES;

/// Counter of the answer that says that a session is open. Requests have higher ones.
pub const OPENING: u32 = 0;

/// Begin what is hashed, so that none of them is another.
const SESSION: &[u8; 16] = b"berth session v1";
const PROVISION: &[u8; 16] = b"berth secret  v1";

/// What a device wants to see signed. It asks for none twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Raised in the device's store before the first challenge of each of its runs.
    pub epoch: u32,
    /// Counts the challenges of a run.
    pub number: u32,
}

/// Returns the hash of all that a login is about.
#[must_use]
pub fn transcript(
    device: &[u8; KEY_BYTES],
    challenge: Challenge,
    operator: &[u8; OPERATOR_BYTES],
    one_time: &[u8; KEY_BYTES],
) -> [u8; HASH_BYTES] {
    hash(SESSION, challenge, operator, &[device, one_time])
}

/// Returns the hash of what an operator signs who gives a device its secret.
#[must_use]
pub fn provision(
    challenge: Challenge,
    operator: &[u8; OPERATOR_BYTES],
    secret: &[u8; KEY_BYTES],
) -> [u8; HASH_BYTES] {
    hash(PROVISION, challenge, operator, &[secret])
}

fn hash(
    about: &[u8; 16],
    challenge: Challenge,
    operator: &[u8; OPERATOR_BYTES],
    keys: &[&[u8; KEY_BYTES]],
) -> [u8; HASH_BYTES] {
    let mut hasher = Sha256::new();
    hasher.update(about);
    hasher.update(challenge.epoch.to_le_bytes());
    hasher.update(challenge.number.to_le_bytes());
    hasher.update(operator);
    for key in keys {
        hasher.update(key);
    }
    hasher.finalize().into()
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A request.
    ToDevice,
    /// An answer.
    ToOperator,
}

/// The keys of a session.
#[derive(Clone)]
pub struct Keys {
    to_device: [u8; KEY_BYTES],
    to_operator: [u8; KEY_BYTES],
}

impl Keys {
    /// Derives the keys from what was agreed on. `None` if that are zeros, on which everybody agrees with a key of small order.
    #[must_use]
    pub fn derive(agreed: &[u8; KEY_BYTES], transcript: &[u8; HASH_BYTES]) -> Option<Self> {
        if *agreed == [0; KEY_BYTES] {
            return None;
        }
        let hkdf = Hkdf::<Sha256>::new(Some(transcript), agreed);
        let mut both = [0; 2 * KEY_BYTES];
        hkdf.expand(SESSION, &mut both).ok()?;
        let (to_device, to_operator) = both.split_at(KEY_BYTES);
        Some(Self {
            to_device: to_device.try_into().ok()?,
            to_operator: to_operator.try_into().ok()?,
        })
    }

    /// Returns them as bytes, for who keeps a session.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 2 * KEY_BYTES] {
        let mut both = [0; 2 * KEY_BYTES];
        let (to_device, to_operator) = both.split_at_mut(KEY_BYTES);
        to_device.copy_from_slice(&self.to_device);
        to_operator.copy_from_slice(&self.to_operator);
        both
    }

    /// Returns those that were kept.
    #[must_use]
    pub fn from_bytes(both: &[u8; 2 * KEY_BYTES]) -> Self {
        let (mut to_device, mut to_operator) = ([0; KEY_BYTES], [0; KEY_BYTES]);
        to_device.copy_from_slice(&both[..KEY_BYTES]);
        to_operator.copy_from_slice(&both[KEY_BYTES..]);
        Self {
            to_device,
            to_operator,
        }
    }

    fn mac(&self, way: Way, counter: u32, message: &[u8]) -> Option<Hmac<Sha256>> {
        let key = match way {
            Way::ToDevice => &self.to_device,
            Way::ToOperator => &self.to_operator,
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(&counter.to_le_bytes());
        mac.update(message);
        Some(mac)
    }

    /// Returns the tag of a message.
    #[must_use]
    pub fn tag(&self, way: Way, counter: u32, message: &[u8]) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        if let Some(mac) = self.mac(way, counter, message) {
            tag.copy_from_slice(&mac.finalize().into_bytes()[..TAG_BYTES]);
        }
        tag
    }

    /// Is this the tag of a message? It takes as long whether it is or not.
    #[must_use]
    pub fn is_tag(&self, way: Way, counter: u32, message: &[u8], tag: &[u8; TAG_BYTES]) -> bool {
        self.mac(way, counter, message)
            .is_some_and(|mac| mac.verify_truncated_left(tag).is_ok())
    }
}

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keys")
    }
}

/// What stands behind a sealed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Number of the session: that of its challenge.
    pub session: u32,
    /// Counts the requests of a session, from 1 on.
    pub counter: u32,
    /// Of the counter and the request.
    pub tag: [u8; TAG_BYTES],
}

impl Seal {
    /// Returns it as it stands on the line.
    #[must_use]
    pub fn to_bytes(self) -> [u8; SEAL_BYTES] {
        let mut bytes = [0; SEAL_BYTES];
        bytes[..4].copy_from_slice(&self.session.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.counter.to_le_bytes());
        bytes[8..].copy_from_slice(&self.tag);
        bytes
    }

    /// Returns the one that these bytes are; `None` if they are not as many.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SEAL_BYTES] = bytes.try_into().ok()?;
        let (session, rest) = bytes.split_first_chunk()?;
        let (counter, tag) = rest.split_first_chunk()?;
        Some(Self {
            session: u32::from_le_bytes(*session),
            counter: u32::from_le_bytes(*counter),
            tag: tag.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests;
