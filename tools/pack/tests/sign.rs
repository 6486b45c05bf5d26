//! Keys and signatures: as `docs/package.md` says, as openssl says, and no bit otherwise.

#![allow(clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use berth_pack::keys::{KeyError, Public, Secret};
use berth_pack::sign::{SignError, Signer, is_of, sign};
use berth_pack::{Options, pack};
use berth_signature::{NewClaims, SECTION_MAX, find, message};
use sha2::{Digest, Sha256};

/// PKCS#8 of the key whose 32 bytes are 7, as openssl writes it.
const SEVENS: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n-----END PRIVATE KEY-----\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }

    fn sevens(&self) -> Secret {
        Secret::read(&self.file("sevens.pem", SEVENS)).unwrap()
    }
}

fn module() -> Vec<u8> {
    wat::parse_str(
        r#"(module (import "mmio:fpgaio" "claim" (func (result i32)))
             (import "mmio:uart1" "claim" (func (result i32)))
             (import "mmio:fpgaio" "claim" (func (result i32)))
             (func (export "_start")))"#,
    )
    .unwrap()
}

fn package() -> Vec<u8> {
    let options = Options {
        name: "lamp".to_owned(),
        ..Options::default()
    };
    pack(&module(), &options).unwrap().image
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the guide has in the row of this name.
fn vector(guide: &str, row: &str) -> String {
    let line = guide
        .lines()
        .find(|line| line.starts_with(&format!("| {row} | ")));
    let cell = line
        .unwrap_or_else(|| panic!("no row {row}"))
        .split('`')
        .nth(1);
    cell.unwrap().to_owned()
}

/// openssl, if it is there: nothing of this repository needs it.
fn openssl(words: &[&str]) -> Option<Output> {
    Command::new("openssl").args(words).output().ok()
}

#[test]
fn the_guides_vectors_are_what_is_written_and_openssl_agrees() {
    let folder = Folder::new();
    let secret = folder.sevens();
    let public = secret.public();
    let claims = NewClaims {
        key: public.id(),
        counter: 3,
        name: "lamp",
        labels: &["fpgaio", "dualtimer"],
    };
    let mut buffer = [0; SECTION_MAX];
    let length = claims.section(&mut buffer).unwrap();
    let mut file = [b"\0asm\x01\0\0\0", &buffer[..length]].concat();
    let hash: [u8; 32] = Sha256::digest(&file).into();
    let signature = secret.sign(&message(&hash));
    file.extend(signature);
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/package.md");
    let guide = fs::read_to_string(guide).unwrap();
    for (row, is) in [
        ("public key", hexadecimal(&public.bytes())),
        ("key id", public.to_string()),
        (
            "section up to the signature",
            hexadecimal(&buffer[..length]),
        ),
        ("SHA-256 of module and section so far", hexadecimal(&hash)),
        ("signature", hexadecimal(&signature)),
    ] {
        assert_eq!(vector(&guide, row), is, "{row}");
    }
    assert!(
        guide.contains(&format!("The whole file has {} bytes.", file.len())),
        "{}",
        file.len()
    );
    assert!(is_of(&file, &find(&file).unwrap().unwrap(), &public));
    let (key, message) = (folder.path("sevens.pem"), folder.file("m", message(&hash)));
    if let Some(made) = openssl(&[
        "pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", &message,
    ]) {
        assert_eq!(
            hexadecimal(&made.stdout),
            hexadecimal(&signature),
            "{made:?}"
        );
    }
}

#[test]
fn keys_are_read_as_they_are_written_and_by_openssl() {
    let folder = Folder::new();
    let secret = Secret::generate().unwrap();
    let public = secret.public();
    let (plain, locked) = (folder.path("plain.pem"), folder.path("locked.pem"));
    secret.write_new(plain.as_ref(), None).unwrap();
    secret.write_new(locked.as_ref(), Some("hush")).unwrap();
    assert_eq!(Secret::read(&plain).unwrap().public(), public);
    for word in [&plain, &locked, &folder.path("plain.pub")] {
        assert_eq!(Public::read(word).unwrap(), public);
    }
    // A key is never replaced.
    let again = secret.write_new(plain.as_ref(), None);
    assert!(matches!(again, Err(KeyError::Written { .. })), "{again:?}");
    let text = fs::read_to_string(&locked).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let alone = Folder::new();
    let alone = alone.file("locked.pem", text);
    assert!(matches!(Public::read(&alone), Err(KeyError::Unasked(_))));
    let not_a_key = folder.file("x.pem", "hello");
    assert!(matches!(Secret::read(&not_a_key), Err(KeyError::NoKey(_))));
    assert!(matches!(
        Secret::read(&folder.path("no.pem")),
        Err(KeyError::Read { .. })
    ));
    for words in [
        &["pkey", "-in", &plain, "-pubout"][..],
        &["pkey", "-in", &locked, "-passin", "pass:hush", "-pubout"],
        &[
            "pkey",
            "-pubin",
            "-in",
            &folder.path("plain.pub"),
            "-pubout",
        ],
    ] {
        if let Some(shown) = openssl(words) {
            assert_eq!(
                String::from_utf8_lossy(&shown.stdout),
                public.pem().unwrap(),
                "{shown:?}"
            );
        }
    }
}

#[test]
fn no_bit_of_a_signed_package_can_be_another() {
    let signer = Signer::Key(Folder::new().sevens());
    let Signer::Key(secret) = &signer else {
        unreachable!()
    };
    let public = secret.public();
    let signed = sign(&package(), 5, None, &signer).unwrap();
    let found = find(&signed).unwrap().unwrap();
    assert_eq!((found.claims.name, found.claims.counter), ("lamp", 5));
    assert!(found.claims.labels.iter().eq(["fpgaio", "uart1"]));
    assert!(is_of(&signed, &found, &public));
    for bit in 0..8 * signed.len() {
        let mut changed = signed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let is_valid =
            matches!(find(&changed), Ok(Some(found)) if is_of(&changed, &found, &public));
        assert!(!is_valid, "bit {bit}");
    }
    for length in 0..signed.len() {
        assert!(
            !matches!(find(&signed[..length]), Ok(Some(_))),
            "{length} bytes"
        );
    }
}

#[test]
fn what_cannot_be_signed_is_said() {
    let signer = Signer::Key(Folder::new().sevens());
    let refused =
        |image: &[u8], labels: Option<&[String]>| sign(image, 1, labels, &signer).unwrap_err();
    let package = package();
    let signed = sign(&package, 1, None, &signer).unwrap();
    assert!(matches!(refused(&signed, None), SignError::AlreadySigned));
    assert!(matches!(refused(&module(), None), SignError::NoPackage));
    assert!(matches!(refused(b"hello", None), SignError::Malformed(_)));
    let many = vec!["a".to_owned(); 9];
    assert!(matches!(
        refused(&package, Some(&many)),
        SignError::TooManyLabels(9)
    ));
    let blank = ["a b".to_owned()];
    assert!(matches!(refused(&package, Some(&blank)), SignError::Label(label) if label == "a b"));
    let public = Secret::generate().unwrap().public();
    let by = |command: &str| {
        let command = command.to_owned();
        sign(&package, 1, None, &Signer::Command { command, public })
            .unwrap_err()
            .to_string()
    };
    assert_eq!(by("cat"), "the signer `cat` gave 44 bytes instead of 64");
    assert_eq!(by("exit 3"), "the signer `exit 3` failed (exit status: 3)");
    assert!(
        by("head -c 64 /dev/zero").contains("is no signature of key"),
        "{}",
        by("head -c 64 /dev/zero")
    );
}

#[test]
fn a_command_signs_as_a_key_does() {
    let folder = Folder::new();
    let secret = folder.sevens();
    let public = secret.public();
    let package = package();
    let signed = sign(&package, 9, None, &Signer::Key(secret)).unwrap();
    // Signatures of Ed25519 are the same each time, so a command may have it at hand.
    let at = signed.len() - 64;
    let command = format!("cat {}", folder.file("signature", &signed[at..]));
    let by_command = sign(&package, 9, None, &Signer::Command { command, public }).unwrap();
    assert_eq!(by_command, signed);
}
