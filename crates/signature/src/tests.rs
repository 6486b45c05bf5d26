use std::vec::Vec;

use super::*;

const KEY: KeyId = KeyId([1, 2, 3, 4, 5, 6, 7, 8]);

/// The module `sections`, and behind it a section with these claims and a row of sevens for a signature.
fn signed(sections: &[u8], claims: &NewClaims<'_>) -> Vec<u8> {
    let mut buffer = [0; SECTION_MAX];
    let length = claims.section(&mut buffer).unwrap();
    [b"\0asm\x01\0\0\0", sections, &buffer[..length], &[7; 64]].concat()
}

fn claims<'a>(name: &'a str, labels: &'a [&'a str]) -> NewClaims<'a> {
    NewClaims {
        key: KEY,
        counter: 0x0102_0304,
        name,
        labels,
    }
}

#[test]
fn the_bytes_of_a_section_stay_what_they_are() {
    // A package of today is read by the devices of the next fifteen years.
    let image = signed(b"", &claims("lamp", &["fpgaio", "dualtimer"]));
    let expected = b"\0\x6e\x09berth-sig\x01\x01\x02\x03\x04\x05\x06\x07\x08\x04\x03\x02\x01\x04lamp\x02\x06fpgaio\x09dualtimer";
    assert_eq!(&image[8..image.len() - 64], expected);
    assert_eq!(usize::from(expected[1]), expected.len() - 2 + 64);
    assert_eq!(&message(&[9; 32])[..13], b"berth-sig v1\x09");
    assert_eq!(std::format!("{KEY}"), "0102030405060708");
    assert_eq!(KeyId::of_hash(&[3; 32]), KeyId([3; 8]));
}

#[test]
fn what_is_written_is_read() {
    let long = "x".repeat(NAME_MAX);
    let most = [long.as_str(); LABELS_MAX];
    for (name, labels) in [("a", &[][..]), ("lamp", &["fpgaio"]), (&long, &most)] {
        let image = signed(b"\0\x02\x01x\x01\x01\0", &claims(name, labels));
        let found = find(&image).unwrap().unwrap();
        assert_eq!((found.claims.name, found.claims.key), (name, KEY));
        assert_eq!(found.claims.counter, 0x0102_0304);
        assert_eq!(found.claims.labels.iter().collect::<Vec<_>>(), labels);
        assert_eq!(found.claims.labels.contains("fpgaio"), labels == ["fpgaio"]);
        assert_eq!(
            (found.signature, found.covered),
            (&[7; 64], image.len() - 64)
        );
    }
    let mut buffer = [0; SECTION_MAX];
    let largest = claims(&long, &most).section(&mut buffer).unwrap();
    assert_eq!(largest + SIGNATURE_BYTES, SECTION_MAX);
    assert_eq!(
        claims(&long, &most).section(&mut buffer[..largest - 1]),
        None
    );
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let mut buffer = [0; 2 * SECTION_MAX];
    let long = "x".repeat(NAME_MAX + 1);
    for (name, labels) in [
        ("", &["a"][..]),
        ("a b", &[]),
        ("ä", &[]),
        (&long, &[]),
        ("a", &[""]),
        ("a", &["a\n"]),
        ("a", &[&long]),
        ("a", &["a"; LABELS_MAX + 1]),
    ] {
        assert_eq!(
            claims(name, labels).section(&mut buffer),
            None,
            "{name} {labels:?}"
        );
    }
}

#[test]
fn a_file_is_read_in_one_way() {
    let one = signed(b"", &claims("lamp", &[]));
    assert_eq!(find(b"\0asm\x01\0\0\0"), Ok(None));
    assert_eq!(find(b"\0asm\x01\0\0\0\0\x02\x01x"), Ok(None));
    for no_module in [
        &b""[..],
        b"\0asm",
        b"\0asm\x0d\0\x01\0",
        b"hello, world",
        &one[1..],
    ] {
        assert_eq!(find(no_module), Err(Malformed::Module));
    }
    // A second one, or anything, behind it.
    for behind in [&one[8..], b"\0\x02\x01x", b"\0"] {
        assert_eq!(find(&[&one, behind].concat()), Err(Malformed::NotLast));
    }
    // Within another section it is that section's.
    let length = one.len() - 8 + 2;
    let mut within = b"\0asm\x01\0\0\0\0".to_vec();
    within.extend([length as u8 | 0x80, (length >> 7) as u8, 1, b'x']);
    within.extend(&one[8..]);
    assert_eq!(find(&within), Ok(None));
    // Lengths that end beyond the file, or never.
    for sections in [
        &b"\0\x05ab"[..],
        b"\0",
        b"\x01\x80\x80\x80\x80\x80\x01",
        b"\x01\xff\xff\xff\xff\xff",
    ] {
        assert_eq!(
            find(&[b"\0asm\x01\0\0\0", sections].concat()),
            Err(Malformed::Module)
        );
    }
}

#[test]
fn a_section_that_is_cut_or_of_another_format_is_refused() {
    let image = signed(b"", &claims("lamp", &["fpgaio"]));
    let contents = &image[8 + 2 + 10..];
    assert!(Claims::decode(contents).is_ok());
    assert_eq!(Claims::decode(&[]), Err(Malformed::Format));
    assert_eq!(
        Claims::decode(&[&[2], &contents[1..]].concat()),
        Err(Malformed::Format)
    );
    for length in 1..contents.len() {
        assert_eq!(Claims::decode(&contents[..length]), Err(Malformed::Claims));
    }
    assert_eq!(
        Claims::decode(&[contents, b"\0"].concat()),
        Err(Malformed::Claims)
    );
}

#[test]
fn no_bytes_make_reading_panic_or_go_on_for_ever() {
    let image = signed(b"\0\x02\x01x\x01\x01\0", &claims("lamp", &["fpgaio", "b"]));
    for at in 0..image.len() {
        for value in 0..=255 {
            let mut changed = image.clone();
            changed[at] = value;
            let mut search = Search::new();
            let steps =
                (0..=changed.len()).find(|_| !matches!(search.step(&changed), Ok(Step::Further)));
            assert!(steps.is_some(), "byte {at} is {value}");
            let _ = find(&changed[..at]);
        }
    }
}
