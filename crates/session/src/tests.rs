use super::*;
use proptest::prelude::*;

const CHALLENGE: Challenge = Challenge {
    epoch: 3,
    number: 7,
};

fn keys() -> Keys {
    let transcript = transcript(&[1; 32], CHALLENGE, &[2; 8], &[3; 32]);
    Keys::derive(&[4; 32], &transcript).unwrap()
}

#[test]
fn hkdf_and_hmac_are_those_of_their_standards() {
    // RFC 5869, A.1.
    let salt: [u8; 13] = core::array::from_fn(|at| at as u8);
    let info: [u8; 10] = core::array::from_fn(|at| 0xf0 + at as u8);
    let mut okm = [0; 42];
    Hkdf::<Sha256>::new(Some(&salt), &[0x0b; 22])
        .expand(&info, &mut okm)
        .unwrap();
    assert_eq!(okm[..8], [0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a]);
    assert_eq!(
        okm[34..],
        [0x34, 0x00, 0x72, 0x08, 0xd5, 0xb8, 0x87, 0x18, 0x58, 0x65][2..]
    );
    // RFC 4231, test 1, of which a tag is the first half.
    let mut mac = Hmac::<Sha256>::new_from_slice(&[0x0b; 20]).unwrap();
    mac.update(b"Hi There");
    let whole = mac.finalize().into_bytes();
    assert_eq!(whole[..4], [0xb0, 0x34, 0x4c, 0x61]);
}

#[test]
fn each_part_of_a_transcript_counts() {
    let plain = transcript(&[1; 32], CHALLENGE, &[2; 8], &[3; 32]);
    let other = Challenge {
        epoch: 4,
        ..CHALLENGE
    };
    let next = Challenge {
        number: 8,
        ..CHALLENGE
    };
    for changed in [
        transcript(&[9; 32], CHALLENGE, &[2; 8], &[3; 32]),
        transcript(&[1; 32], other, &[2; 8], &[3; 32]),
        transcript(&[1; 32], next, &[2; 8], &[3; 32]),
        transcript(&[1; 32], CHALLENGE, &[9; 8], &[3; 32]),
        transcript(&[1; 32], CHALLENGE, &[2; 8], &[9; 32]),
        provision(CHALLENGE, &[2; 8], &[1; 32]),
    ] {
        assert_ne!(changed, plain);
    }
}

#[test]
fn zeros_are_no_agreement() {
    assert!(Keys::derive(&[0; 32], &[1; 32]).is_none());
}

#[test]
fn a_tag_is_of_one_way_one_counter_and_one_message() {
    let keys = keys();
    let tag = keys.tag(Way::ToDevice, 1, b"stop lamp");
    assert!(keys.is_tag(Way::ToDevice, 1, b"stop lamp", &tag));
    assert!(!keys.is_tag(Way::ToOperator, 1, b"stop lamp", &tag));
    assert!(!keys.is_tag(Way::ToDevice, 2, b"stop lamp", &tag));
    assert!(!keys.is_tag(Way::ToDevice, 1, b"stop lamq", &tag));
    assert!(!keys.is_tag(Way::ToDevice, 1, b"stop lam", &tag));
    for bit in 0..8 * TAG_BYTES {
        let mut changed = tag;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!keys.is_tag(Way::ToDevice, 1, b"stop lamp", &changed));
    }
    let kept = Keys::from_bytes(&keys.to_bytes());
    assert!(kept.is_tag(Way::ToDevice, 1, b"stop lamp", &tag));
}

proptest! {
    #[test]
    fn a_seal_survives_the_line(session: u32, counter: u32, tag: [u8; TAG_BYTES]) {
        let seal = Seal { session, counter, tag };
        prop_assert_eq!(Seal::from_bytes(&seal.to_bytes()), Some(seal));
        prop_assert_eq!(Seal::from_bytes(&seal.to_bytes()[1..]), None);
    }
}
