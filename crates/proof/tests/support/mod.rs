//! Images that are signed with keys of tests, whose secrets are their numbers.

use berth_proof::Key;
use berth_signature::{KeyId, NewClaims, SECTION_MAX, message};
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

pub(crate) fn signing(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub(crate) fn id(key: &SigningKey) -> KeyId {
    KeyId::of_hash(&Sha256::digest(key.verifying_key().as_bytes()).into())
}

pub(crate) fn keys<const N: usize>(numbers: [u8; N]) -> [Key; N] {
    numbers.map(|number| {
        let key = signing(number);
        Key::new(id(&key).0, key.verifying_key().as_bytes())
    })
}

/// A module with a section of so many bytes.
pub(crate) fn module(bytes: usize) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    let contents: Vec<u8> = [4]
        .into_iter()
        .chain(*b"some")
        .chain((0..bytes).map(|n| n as u8))
        .collect();
    module.extend([0, contents.len() as u8 | 0x80, (contents.len() >> 7) as u8]);
    module.extend(contents);
    module
}

pub(crate) fn signed_with(
    key: &SigningKey,
    id: KeyId,
    mut module: Vec<u8>,
    counter: u32,
    labels: &[&str],
) -> Vec<u8> {
    let claims = NewClaims {
        key: id,
        counter,
        name: "lamp",
        labels,
    };
    let mut section = [0; SECTION_MAX];
    let length = claims.section(&mut section).unwrap();
    module.extend(&section[..length]);
    let signature = key.sign(&message(&Sha256::digest(&module).into()));
    module.extend(signature.to_bytes());
    module
}

pub(crate) fn signed(number: u8, module: Vec<u8>, counter: u32, labels: &[&str]) -> Vec<u8> {
    let key = signing(number);
    signed_with(&key, id(&key), module, counter, labels)
}
