//! Signatures against another implementation, and what is valid of the cases that RFC 8032 leaves open.

use berth_ed25519::{Flaw, MESSAGE_MAX, Pass, PublicKey, Verification, verify};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use proptest::prelude::*;
use sha2::{Digest, Sha512};

/// What both say of a signature; they say the same.
fn both(key: [u8; 32], message: &[u8], signature: [u8; 64]) -> bool {
    let ours = PublicKey::new(&key).is_ok_and(|key| verify(&key, message, &signature));
    let theirs = VerifyingKey::from_bytes(&key).is_ok_and(|key| {
        key.verify_strict(message, &Signature::from_bytes(&signature))
            .is_ok()
    });
    assert_eq!(ours, theirs, "{key:02x?} {message:02x?} {signature:02x?}");
    ours
}

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    assert_eq!(hex.len(), 2 * N);
    let digits = |at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    core::array::from_fn(digits)
}

fn signed(secret: u8, message: &[u8]) -> ([u8; 32], [u8; 64]) {
    let key = SigningKey::from_bytes(&[secret; 32]);
    (key.verifying_key().to_bytes(), key.sign(message).to_bytes())
}

#[test]
fn the_vectors_of_rfc_8032_are_valid() {
    // Section 7.1, tests 1 to 3.
    for (key, message, signature) in [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let message: Vec<u8> = (0..message.len() / 2)
            .map(|at| u8::from_str_radix(&message[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        assert!(both(bytes(key), &message, bytes(signature)));
    }
}

#[test]
fn every_bit_of_key_message_and_signature_counts() {
    let message: Vec<u8> = (0..44).collect();
    let (key, signature) = signed(7, &message);
    assert!(both(key, &message, signature));
    for bit in 0..8 * 32 {
        let mut key = key;
        key[bit / 8] ^= 1 << (bit % 8);
        assert!(!both(key, &message, signature), "bit {bit} of the key");
    }
    for bit in 0..8 * 64 {
        let mut signature = signature;
        signature[bit / 8] ^= 1 << (bit % 8);
        assert!(
            !both(key, &message, signature),
            "bit {bit} of the signature"
        );
    }
    for bit in 0..8 * message.len() {
        let mut message = message.clone();
        message[bit / 8] ^= 1 << (bit % 8);
        assert!(!both(key, &message, signature), "bit {bit} of the message");
    }
}

#[test]
fn every_length_of_a_message_that_fits_is_verified_and_no_longer_one() {
    let content = [0x5a; MESSAGE_MAX + 1];
    for length in 0..=MESSAGE_MAX {
        let (key, signature) = signed(length as u8, &content[..length]);
        assert!(both(key, &content[..length], signature), "{length} bytes");
    }
    let (key, signature) = signed(1, &content);
    let key = PublicKey::new(&key).unwrap();
    assert!(!verify(&key, &content, &signature));
}

/// *L*, little endian.
fn order() -> [u8; 32] {
    let mut order = (-Scalar::ONE).to_bytes();
    order[0] += 1;
    order
}

#[test]
fn a_signature_has_one_encoding() {
    let (key, signature) = signed(3, b"once");
    // S + n L, as long as it fits.
    let mut more = signature;
    for _ in 0..15 {
        let mut carry = 0;
        for (byte, order) in more[32..].iter_mut().zip(order()) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert_eq!(carry, 0);
        assert!(!both(key, b"once", more));
    }
    assert!(both(key, b"once", signature));
}

/// All encodings of points of small order: the eight, and those that are not canonical.
fn of_small_order() -> Vec<[u8; 32]> {
    let mut all: Vec<_> = EIGHT_TORSION
        .iter()
        .map(|p| p.compress().to_bytes())
        .collect();
    let coordinates =
        (0..=255).flat_map(|low| [(low, 0xff, 0x7f), (low, 0xff, 0xff), (low, 0, 0x80)]);
    for (low, middle, high) in coordinates {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (low, high);
        let point = CompressedEdwardsY(bytes).decompress();
        if point.is_some_and(|point| point.is_small_order()) && !all.contains(&bytes) {
            all.push(bytes);
        }
    }
    all
}

#[test]
fn a_key_of_small_order_is_none() {
    let all = of_small_order();
    // p - 1, p and p + 1 with each sign, and zero and one with a negative zero, beside the canonical ones.
    assert_eq!(all.len(), 14, "{all:02x?}");
    for (number, key) in all.into_iter().enumerate() {
        let expected = if number < 8 {
            Flaw::SmallOrder
        } else {
            Flaw::NotCanonical
        };
        assert_eq!(PublicKey::new(&key).err(), Some(expected), "{key:02x?}");
        // What is valid for everybody that is not strict: [S]B with k times nothing.
        for secret in 0..16_u64 {
            let scalar = Scalar::from(secret);
            let mut signature = [0; 64];
            signature[..32]
                .copy_from_slice((ED25519_BASEPOINT_POINT * scalar).compress().as_bytes());
            signature[32..].copy_from_slice(scalar.as_bytes());
            assert!(!both(key, b"anything", signature));
        }
    }
}

/// A signature with a secret number and a point *R* of choice, the rest of which is `torsion`; as it was signed: [S]B = R + [k]A but for parts of small order.
fn made(
    secret: Scalar,
    key: &EdwardsPoint,
    nonce: Scalar,
    torsion: &EdwardsPoint,
    message: &[u8],
) -> [u8; 64] {
    let point = ED25519_BASEPOINT_POINT * nonce + torsion;
    with_point(secret, key, nonce, point.compress().to_bytes(), message)
}

fn with_point(
    secret: Scalar,
    key: &EdwardsPoint,
    nonce: Scalar,
    point: [u8; 32],
    message: &[u8],
) -> [u8; 64] {
    let hash = Sha512::new()
        .chain_update(point)
        .chain_update(key.compress().as_bytes())
        .chain_update(message);
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&point);
    signature[32..].copy_from_slice((nonce + k * secret).as_bytes());
    signature
}

#[test]
fn a_part_of_small_order_is_not_forgiven() {
    let secret = Scalar::from(0x1234_5678_9abc_u64);
    let mut valid = [0; 2];
    for (own, torsion) in EIGHT_TORSION.iter().enumerate() {
        let key = ED25519_BASEPOINT_POINT * secret + torsion;
        for (of_point, point) in EIGHT_TORSION.iter().enumerate() {
            for nonce in 1..=16_u64 {
                let signature = made(secret, &key, Scalar::from(nonce), point, b"mixed");
                let is_valid = both(key.compress().to_bytes(), b"mixed", signature);
                valid[usize::from(own != 0 || of_point != 0)] += usize::from(is_valid);
                if own == 0 {
                    assert_eq!(is_valid, of_point == 0);
                }
            }
        }
    }
    assert_eq!(valid[0], 16);
    // Of a key with such a part some hold, where the parts cancel out: by the equation as it stands.
    assert!(valid[1] > 0, "{valid:?}");
}

#[test]
fn a_point_of_small_order_signs_nothing() {
    let secret = Scalar::from(99_u64);
    let key = ED25519_BASEPOINT_POINT * secret;
    for point in of_small_order() {
        let signature = with_point(secret, &key, Scalar::ZERO, point, b"nothing");
        assert!(!both(key.compress().to_bytes(), b"nothing", signature));
    }
}

#[test]
fn what_is_not_encoded_canonically_is_no_key() {
    let flaw = |bytes| PublicKey::new(&bytes).err();
    let mut seen = [0; 3];
    for low in 0xed..=0xff {
        for high in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (low, high);
            assert_eq!(flaw(key), Some(Flaw::NotCanonical));
            seen[0] += 1;
        }
    }
    for low in 0..=255_u8 {
        let mut key = [0; 32];
        (key[0], key[7]) = (low, 3);
        let theirs = CompressedEdwardsY(key).decompress();
        match flaw(key) {
            None => {
                assert!(theirs.is_some_and(|point| !point.is_small_order()));
                seen[1] += 1;
            }
            Some(flaw) => {
                assert_eq!(flaw, Flaw::NotOnCurve);
                assert!(theirs.is_none());
                seen[2] += 1;
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 30), "{seen:?}");
}

/// The constants of a kernel.
static CONSTANT: PublicKey = match PublicKey::new(&[
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
]) {
    Ok(key) => key,
    Err(_) => panic!("no key"),
};

#[test]
fn a_key_can_be_a_constant() {
    let signature = bytes(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
    assert!(verify(&CONSTANT, b"", &signature));
    assert_eq!(CONSTANT.encoded()[0], 0xd7);
}

#[test]
fn an_answer_stays_and_takes_a_bounded_number_of_passes() {
    let (key, signature) = signed(9, b"passes");
    let key = PublicKey::new(&key).unwrap();
    for (message, expected) in [(&b"passes"[..], Pass::Valid), (b"others", Pass::Invalid)] {
        let mut verification = Verification::new(&key, message, &signature).unwrap();
        let passes = std::iter::from_fn(|| Some(verification.pass()))
            .take_while(|pass| *pass == Pass::GoesOn)
            .count();
        assert!((500..4_000).contains(&passes), "{passes}");
        assert_eq!(verification.pass(), expected);
        assert_eq!(verification.pass(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_another_implementation_signed_is_valid(secret: [u8; 32], message in prop::collection::vec(any::<u8>(), 0..=MESSAGE_MAX)) {
        let key = SigningKey::from_bytes(&secret);
        prop_assert!(both(key.verifying_key().to_bytes(), &message, key.sign(&message).to_bytes()));
    }

    #[test]
    fn of_anything_both_say_the_same(key: [u8; 32], point: [u8; 32], mut scalar: [u8; 32], is_below: bool) {
        if is_below {
            scalar[31] &= 0xf;
        }
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&point);
        signature[32..].copy_from_slice(&scalar);
        both(key, b"anything", signature);
    }
}
