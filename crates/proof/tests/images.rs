//! Signed images, and what is no proof.

mod support;

use berth_proof::{KeyProver, Prover, Proving, Refused, prove};
use berth_signature::SIGNATURE_BYTES;
use support::{id, keys, module, signed, signed_with, signing};

#[test]
fn a_signed_image_is_proven_with_key_counter_and_labels() {
    let keys = keys([1, 2]);
    for bytes in 0..200 {
        let image = signed(2, module(bytes), 77, &["lamp0", "heater"]);
        let mut prover = KeyProver::new(&keys);
        let mut passes = 0;
        let come = loop {
            match prover.pass(&image) {
                Proving::GoesOn => passes += 1,
                come => break come,
            }
        };
        assert_eq!(
            come,
            Proving::Proven {
                key: 1,
                counter: 77
            }
        );
        assert!(passes > 500, "{passes}");
        let labels: Vec<_> = (0..)
            .map_while(|number| prover.label(&image, number))
            .collect();
        assert_eq!(labels, ["lamp0", "heater"]);
        assert_eq!(prover.pass(&image), come);
    }
}

#[test]
fn every_bit_of_a_signed_image_counts() {
    let keys = keys([1, 2]);
    let image = signed(1, module(100), 3, &["lamp0"]);
    assert_eq!(prove(&keys, &image), Proving::Proven { key: 0, counter: 3 });
    let mut changed = image.clone();
    let mut seen = [0; 6];
    for bit in 0..8 * image.len() {
        changed[bit / 8] ^= 1 << (bit % 8);
        match prove(&keys, &changed) {
            Proving::Refused(reason) => seen[reason as usize] += 1,
            other => panic!("bit {bit}: {other:?}"),
        }
        changed[bit / 8] ^= 1 << (bit % 8);
    }
    let [_, unsigned, malformed, unknown, bad, _] = seen;
    assert!(unsigned > 0 && malformed > 0 && unknown == 64, "{seen:?}");
    assert!(bad >= 8 * (100 + SIGNATURE_BYTES), "{seen:?}");
}

#[test]
fn every_part_of_a_signed_image_and_more_than_it_is_refused() {
    let keys = keys([1]);
    let image = signed(1, module(40), 3, &[]);
    for end in 0..image.len() {
        assert!(
            matches!(prove(&keys, &image[..end]), Proving::Refused(_)),
            "{end}"
        );
    }
    for start in 1..image.len() {
        assert!(
            matches!(prove(&keys, &image[start..]), Proving::Refused(_)),
            "{start}"
        );
    }
    for more in [0_u8, 1, 0xff] {
        let mut image = image.clone();
        image.push(more);
        assert!(matches!(prove(&keys, &image), Proving::Refused(_)));
    }
    // A section more, which is none of the signed bytes.
    let mut longer = image;
    longer.extend([0, 2, 1, b'x']);
    assert_eq!(prove(&keys, &longer), Proving::Refused(Refused::Malformed));
}

#[test]
fn what_is_refused_says_why() {
    let keys = keys([1, 2]);
    let refused = |image: &[u8]| match prove(&keys, image) {
        Proving::Refused(reason) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&module(9)), Refused::Unsigned);
    assert_eq!(refused(b"no module"), Refused::Malformed);
    assert_eq!(refused(&[]), Refused::Malformed);
    assert_eq!(refused(&signed(3, module(9), 1, &[])), Refused::UnknownKey);
    // Signed by another than it says.
    let other = signed_with(&signing(2), id(&signing(1)), module(9), 1, &[]);
    assert_eq!(refused(&other), Refused::BadSignature);
    // Of another image.
    let mut mixed = signed(1, module(9), 1, &[]);
    let from = signed(1, module(10), 1, &[]);
    let at = mixed.len() - SIGNATURE_BYTES;
    mixed[at..].copy_from_slice(&from[from.len() - SIGNATURE_BYTES..]);
    assert_eq!(refused(&mixed), Refused::BadSignature);
    assert_eq!(
        prove(&[], &signed(1, module(9), 1, &[])),
        Proving::Refused(Refused::UnknownKey)
    );
}

/// That the bytes stay as they are is the caller's business; whatever is shown in a pass, it ends.
#[test]
fn an_image_that_changes_between_passes_ends_as_well() {
    let keys = keys([1]);
    let image = signed(1, module(60), 1, &["lamp0"]);
    for at in 0..image.len() {
        let mut prover = KeyProver::new(&keys);
        let mut shown = &image[..];
        while prover.pass(shown) == Proving::GoesOn {
            shown = if shown.len() == image.len() {
                &image[..at]
            } else {
                &image
            };
        }
        let _ = prover.label(&image[..at], 0);
    }
}
