//! What two keys agree on, against RFC 7748 and another implementation.

use berth_ed25519::{Agreement, BASE_POINT, agree};
use curve25519_dalek::MontgomeryPoint;
use proptest::prelude::*;

fn bytes(hex: &str) -> [u8; 32] {
    let digits = |at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    core::array::from_fn(digits)
}

#[test]
fn the_vectors_of_rfc_7748_are_agreed_on() {
    // Section 5.2.
    for (secret, public, agreed) in [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ] {
        assert_eq!(agree(&bytes(secret), &bytes(public)), bytes(agreed));
    }
    // A thousand times, each with what came of the time before.
    let (mut secret, mut public) = (BASE_POINT, BASE_POINT);
    for _ in 0..1_000 {
        (secret, public) = (agree(&secret, &public), secret);
    }
    assert_eq!(
        secret,
        bytes("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")
    );
    // Section 6.1.
    let alice = bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    let secret = bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    let public = bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    let shared = bytes("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(agree(&secret, &BASE_POINT), public);
    assert_eq!(agree(&secret, &alice), shared);
}

#[test]
fn a_key_of_small_order_agrees_on_zeros() {
    let one = core::array::from_fn(|at| u8::from(at == 0));
    for public in [[0; 32], one] {
        assert_eq!(agree(&[7; 32], &public), [0; 32]);
    }
    // p, and p + 1, which are zero and one in another encoding.
    for low in [0xed, 0xee] {
        let mut public = [0xff; 32];
        (public[0], public[31]) = (low, 0x7f);
        assert_eq!(agree(&[7; 32], &public), [0; 32]);
    }
}

#[test]
fn what_is_not_over_has_agreed_on_nothing() {
    let mut agreement = Agreement::new();
    assert_eq!(agreement.take(), [0; 32]);
    agreement.begin(&[1; 32], &BASE_POINT);
    assert!(agreement.pass());
    assert_eq!(agreement.take(), [0; 32]);
    assert!(!agreement.pass());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn of_anything_both_agree_on_the_same(secret: [u8; 32], public: [u8; 32]) {
        let theirs = MontgomeryPoint(public).mul_clamped(secret).to_bytes();
        prop_assert_eq!(agree(&secret, &public), theirs);
    }
}

#[test]
fn an_agreement_takes_as_many_passes_whatever_the_secret_is() {
    let passes = [[0; 32], [0xff; 32], [0x55; 32]].map(|secret| {
        let mut agreement = Agreement::new();
        agreement.begin(&secret, &BASE_POINT);
        let mut passes = 1;
        while agreement.pass() {
            passes += 1;
        }
        passes
    });
    assert!(passes[0] <= 1_400, "{passes:?}");
    assert_eq!(passes, [passes[0]; 3]);
}
