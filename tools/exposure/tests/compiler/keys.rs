//! Keys that sign packages: their node, and who names them.

use berth_exposure_compiler::kernel_table;

use crate::support::{HEAD, TAIL, exposures, refused, run};

/// The public key of RFC 8032, section 7.1, test 1.
const FIRST: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
/// And of test 2.
const SECOND: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

/// `keys` in line 3 and an exposure with `more` in line 4.
fn with(keys: &str, more: &str) -> Result<berth_exposure_compiler::Configuration, Vec<String>> {
    exposures(&format!(
        "keys {{ {keys} }};\na {{ register-block = <&plain>; access = \"mediated\"; {more} }};"
    ))
}

fn key(name: &str, public: &str) -> String {
    format!("{name}: {name} {{ public = [{public}]; }};")
}

#[test]
fn keys_and_who_names_them_are_in_the_kernels_table() {
    let keys = key("first", FIRST)
        + &format!("second: second {{ public = [{SECOND}]; labels = \"plain\"; }};");
    let found = with(&keys, "keys = <&second>;").unwrap();
    assert_eq!(found.exposures[0].keys, ["second"]);
    assert_eq!(found.keys[1].labels, ["plain"]);
    assert!(!found.refuses_unsigned);
    let table = kernel_table(&found);
    assert!(table.contains(".keys(0x2)"), "{table}");
    assert!(table.contains("static KEYS: [Key; 2]"), "{table}");
    assert!(table.contains("REFUSES_UNSIGNED: bool = false"), "{table}");
    let json = berth_exposure_compiler::json(&found).unwrap();
    assert!(
        json.contains("\"id\": \"21fe31dfa154a261\"") && json.contains(FIRST),
        "{json}"
    );
    assert!(table.contains("REVOKERS: u32 = 0x0"), "{table}");
    let revokes = keys.replace("labels =", "revokes; labels =");
    let found = with(&revokes, "keys = <&second>;").unwrap();
    assert!(found.keys[1].revokes && !found.keys[0].revokes);
    assert!(kernel_table(&found).contains("REVOKERS: u32 = 0x2"));
    let both = with(&keys, "keys = <&first &second>;").unwrap();
    assert!(kernel_table(&both).contains(".keys(0x3)"));
    // Any label.
    let any = format!("first: first {{ public = [{FIRST}]; labels = \"*\"; }};");
    assert!(
        with(&any, "keys = <&first>;").unwrap().keys[0]
            .labels
            .is_empty()
    );
}

#[test]
fn without_keys_nothing_of_them_is_in_the_table() {
    let found = with("", "").unwrap();
    let table = kernel_table(&found);
    assert!(
        !table.contains("KEYS") && !table.contains(".keys("),
        "{table}"
    );
    let json = berth_exposure_compiler::json(&found).unwrap();
    assert!(
        !json.contains("keys") && !json.contains("unsigned"),
        "{json}"
    );
}

#[test]
fn a_key_is_32_bytes_of_a_public_key() {
    refused(
        with(
            "a { }; b { public = \"d75a\"; }; c { public = [d7 5a]; };",
            "",
        ),
        &[
            "exposure.dts:3: public is missing; remedy: add public = [<32 bytes in hexadecimal>]",
            "exposure.dts:3: public has a value of the wrong form; remedy: write public = [<32 bytes in hexadecimal>]",
            "exposure.dts:3: the public key of c has 2 bytes; remedy: write the 32 bytes that `berth keys show` prints",
        ],
    );
    let one = format!("01{}", "00".repeat(31));
    let two = format!("02{}", "00".repeat(31));
    let large = "ff".repeat(32);
    refused(
        with(&(key("a", &one) + &key("b", &two) + &key("c", &large)), ""),
        &[
            "exposure.dts:3: the 32 bytes of a are no public key of Ed25519: the point is of small order, and anybody could sign for it; remedy: write the 32 bytes that `berth keys show` prints",
            "exposure.dts:3: the 32 bytes of b are no public key of Ed25519: no point of the curve has this coordinate; remedy: write the 32 bytes that `berth keys show` prints",
            "exposure.dts:3: the 32 bytes of c are no public key of Ed25519: they encode no coordinate, or one in a way that is not canonical; remedy: write the 32 bytes that `berth keys show` prints",
        ],
    );
}

#[test]
fn a_key_is_listed_once_and_has_no_other_properties() {
    refused(
        with(&(key("a", FIRST) + "\n" + &key("b", FIRST)), ""),
        &["exposure.dts:4: b is the same key as the one in line 3; remedy: remove one"],
    );
    let other = format!("a {{ public = [{FIRST}]; owner = \"me\"; }};");
    refused(
        with(&other, ""),
        &[
            "exposure.dts:3: unknown property owner; remedy: remove it or use one of: public, labels, role, revokes",
        ],
    );
    refused(
        exposures("keys { all; };"),
        &["exposure.dts:3: unknown property all; remedy: remove it or use one of: "],
    );
}

#[test]
fn an_exposure_names_keys_and_nothing_else() {
    let keys = key("a", FIRST);
    refused(
        with(&keys, "keys = \"a\";"),
        &["exposure.dts:4: keys has a value of the wrong form; remedy: write keys = <&key ...>"],
    );
    refused(
        with(&keys, "keys = <&plain>;"),
        &[
            "exposure.dts:4: keys of plain names what is no key; remedy: refer to labelled nodes below keys, which are sound themselves",
        ],
    );
    refused(
        with(&keys, "keys = <&a &a>;"),
        &["exposure.dts:4: a is listed already in line 4; remedy: join both"],
    );
}

#[test]
fn what_a_key_is_limited_to_and_who_names_it_say_the_same() {
    let limited = |labels| format!("a: a {{ public = [{FIRST}]; labels = {labels}; }};");
    refused(
        with(&limited("\"regs\""), "keys = <&a>;"),
        &[
            "exposure.dts:3: a lists the label \"regs\", and no exposure of that label names the key; remedy: add keys = <&a> to the exposure, or remove the label here",
            "exposure.dts:4: plain names the key a, which is limited to other labels; remedy: add \"plain\" to the key's labels, or remove the key here",
        ],
    );
    refused(
        with(&limited("\"plain\""), ""),
        &[
            "exposure.dts:3: a lists the label \"plain\", and no exposure of that label names the key; remedy: add keys = <&a> to the exposure, or remove the label here",
        ],
    );
    refused(
        with(&limited("<1>"), "keys = <&a>;"),
        &[
            "exposure.dts:3: labels has a value of the wrong form; remedy: write labels = \"<label>\", ... or \"*\"",
            "exposure.dts:4: plain names the key a, which is limited to other labels; remedy: add \"plain\" to the key's labels, or remove the key here",
        ],
    );
}

#[test]
fn packages_without_a_signature_are_refused_where_there_is_a_key() {
    let source = |unsigned: &str, keys: &str| {
        format!("{HEAD}unsigned = {unsigned}; keys {{ {keys} }};\n{TAIL}")
    };
    let keys = key("a", FIRST);
    assert!(run(&source("\"refuse\"", &keys)).unwrap().refuses_unsigned);
    assert!(!run(&source("\"allow\"", &keys)).unwrap().refuses_unsigned);
    assert!(!run(&source("\"allow\"", "")).unwrap().refuses_unsigned);
    refused(
        run(&source("\"refuse\"", "")),
        &[
            "exposure.dts:3: unsigned = \"refuse\" has no meaning without keys; remedy: add keys or remove unsigned = \"refuse\"",
        ],
    );
    refused(
        run(&source("\"maybe\"", &keys)),
        &[
            "exposure.dts:3: unsigned = \"maybe\" is no known word; remedy: use one of: refuse, allow",
        ],
    );
}

#[test]
fn an_operators_key_is_no_packages_key() {
    let operator = format!("chief: chief {{ public = [{FIRST}]; role = \"operator\"; }};");
    let found = with(&operator, "").unwrap();
    assert!(found.keys.is_empty() && !found.closes_reading);
    assert_eq!(found.operators[0].name, "chief");
    let table = kernel_table(&found);
    assert!(table.contains("static KEYS: [Key; 0]"), "{table}");
    assert!(table.contains("static OPERATORS: [Key; 1]"), "{table}");
    // One key in both roles is listed twice.
    let both = operator.clone() + &key("author", FIRST);
    let found = with(&both, "keys = <&author>;").unwrap();
    assert_eq!((found.keys.len(), found.operators.len()), (1, 1));
    refused(
        with(&operator, "keys = <&chief>;"),
        &[
            "exposure.dts:4: keys of plain names what is no key; remedy: refer to labelled nodes below keys, which are sound themselves",
        ],
    );
    refused(
        with(
            &format!("a {{ public = [{FIRST}]; role = \"operator\"; labels = \"plain\"; }};"),
            "",
        ),
        &[
            "exposure.dts:3: labels has no meaning without role = \"author\"; remedy: add role = \"author\" or remove labels",
        ],
    );
}

#[test]
fn reading_is_closed_where_there_are_operators() {
    let source = |reading: &str, role: &str| {
        let key = format!("a {{ public = [{FIRST}]; role = \"{role}\"; }};");
        format!("{HEAD}reading = {reading}; keys {{ {key} }};\n{TAIL}")
    };
    assert!(
        run(&source("\"operators\"", "operator"))
            .unwrap()
            .closes_reading
    );
    assert!(!run(&source("\"open\"", "operator")).unwrap().closes_reading);
    refused(
        run(&source("\"operators\"", "author")),
        &[
            "exposure.dts:3: reading = \"operators\" has no meaning without keys with role = \"operator\"; remedy: add keys with role = \"operator\" or remove reading = \"operators\"",
        ],
    );
}
