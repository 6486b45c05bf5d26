//! Lists of what must not run any more.

use std::println;
use std::string::String;
use std::vec::Vec;

use berth_flash::Simulated;
use berth_pack::sign::{Signer, sign_list};
use berth_protocol::{DRAFT_PART_MAX, ImageHash, Op, Reply, State};
use berth_signature::revocation::Revoked;
use berth_store::Store;

use super::{Bench, package, refused, secret, signed};

/// The key that may revoke, and nothing else.
const ROOT: u8 = 9;

/// A list that key `key` has signed.
fn list(entries: &[Revoked<'_>], counter: u32, key: u8) -> Vec<u8> {
    sign_list(entries, counter, &Signer::Key(secret(key))).unwrap()
}

impl Bench {
    /// As [`with_keys`](Self::with_keys), and [`ROOT`] may revoke.
    fn with_root(refuses_unsigned: bool) -> Self {
        let bench = Self::with_keys(refuses_unsigned);
        {
            let mut keys = bench.fake.0.keys.borrow_mut();
            assert!(keys.add(&secret(ROOT).public().bytes(), &[]));
            keys.let_revoke();
        }
        bench
    }

    /// Send a list. Returns the word of a refusal.
    fn revoke(&mut self, list: &[u8]) -> Result<(), String> {
        for (number, bytes) in list.chunks(DRAFT_PART_MAX).enumerate() {
            let offset = (number * DRAFT_PART_MAX) as u16;
            self.word(Op::Draft {
                draft: 5,
                offset,
                bytes,
            })?;
        }
        self.word(Op::Revoke {
            draft: 5,
            length: list.len() as u16,
        })
    }

    /// Counter of the list that is kept, its entries, and whether it is valid.
    fn revocations(&mut self) -> (Option<u32>, u16, bool) {
        self.ask(Op::Revocations, |result| match result {
            Ok(Reply::Revocations {
                counter,
                entries,
                is_valid,
            }) => (counter, entries, is_valid),
            other => panic!("{other:?}"),
        })
    }
}

/// The power went in an upload, and the firmware was renewed: where the upload was there are lists now.
#[test]
fn an_upload_that_an_older_supervisor_left_is_no_list_and_is_removed() {
    let mut older = Store::<Simulated, 32, 69>::mount(Simulated::new(32)).expect("empty");
    let image = package("lamp", "", 3000);
    let hash = ImageHash::of(&image);
    older.begin(image.len() as u32, &hash.0, &[]).unwrap();
    older.write(0, &image[..image.len() - 1]).unwrap();
    let mut bench = Bench::with_keys_on(older.into_flash(), false);
    assert_eq!(bench.revocations(), (None, 0, true));
    assert_eq!(bench.send_new("a", &image), Ok(()));
    assert_eq!(bench.start("a"), Ok(()));
}

#[test]
fn what_is_revoked_ends_and_is_not_taken_nor_started() {
    let lamp = |counter| signed(&package("lamp", "", 1000 + counter), counter, 7);
    let (old, new) = (lamp(3), lamp(4));
    let other = signed(&package("other", "uart1", 1000), 1, 8);
    let plain = package("plain", "", 1000);
    let hash = ImageHash::of(&plain).0;
    let (first, second) = (secret(7).public().id(), secret(8).public().id());
    let version = Revoked::Package {
        key: first,
        counter: 3,
        name: "lamp",
    };
    let cases = [
        (version, &old, "revoked"),
        (Revoked::Image(&hash), &plain, "revoked"),
        (Revoked::Key(second), &other, "key-revoked"),
    ];
    for (entry, image, word) in cases {
        let mut bench = Bench::with_root(false);
        for (name, image) in [
            ("old", &old),
            ("other", &other),
            ("plain", &plain),
            ("new", &new),
        ] {
            assert_eq!(bench.send_new(name, image), Ok(()), "{name}");
            assert_eq!(bench.start(name), Ok(()), "{name}");
        }
        assert_eq!(bench.revoke(&list(&[entry], 1, ROOT)), Ok(()));
        assert_eq!(bench.revocations(), (Some(1), 1, true));
        for (name, own) in [
            ("old", &old),
            ("other", &other),
            ("plain", &plain),
            ("new", &new),
        ] {
            let is_covered = own == image;
            let state = if is_covered {
                State::Stopped
            } else {
                State::Running
            };
            assert_eq!(bench.state(name), state, "{name} with {entry:?}");
            if is_covered {
                assert_eq!(bench.start(name), refused(word));
                assert_eq!(bench.send_new("again", own), refused(word));
                assert!(!bench.has("again"));
            }
        }
        let events = bench.type_text("events\r");
        assert!(events.contains("untrusted"), "{events}");
        // It is there after a reset, too.
        let mut bench = bench.restarted();
        assert_eq!(bench.revocations(), (Some(1), 1, true));
        assert_eq!(bench.send_new("again", image), refused(word));
        // A newer list takes its place.
        assert_eq!(bench.revoke(&list(&[], 2, ROOT)), Ok(()));
        let downgrade = Op::Commit {
            upload: 0,
            starts: false,
            downgrade: true,
        };
        assert_eq!(bench.send_image("again", image, None, downgrade), Ok(()));
        assert_eq!(bench.start("again"), Ok(()));
    }
}

#[test]
fn only_a_key_that_may_revoke_does_and_no_bit_of_its_list_can_be_another() {
    let entries = [Revoked::Key(secret(7).public().id())];
    let mut bench = Bench::with_root(true);
    assert_eq!(bench.revoke(&list(&entries, 1, 8)), refused("not-revoker"));
    assert_eq!(bench.revoke(&list(&entries, 1, 6)), refused("unknown-key"));
    let good = list(&entries, 1, ROOT);
    for bit in 0..8 * good.len() {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(bench.revoke(&changed).is_err(), "bit {bit}");
    }
    for length in 0..good.len() {
        assert!(bench.revoke(&good[..length]).is_err(), "{length} bytes");
    }
    // A package is no list, whoever has signed it.
    assert_eq!(
        bench.revoke(&signed(&package("berth-revoked", "", 1), 1, ROOT)),
        refused("bad-signature")
    );
    assert_eq!(bench.revocations(), (None, 0, true));
    assert_eq!(bench.revoke(&good), Ok(()));
    // And a list is no package.
    assert!(bench.send_new("x", &good).is_err());
    // Without keys there is nobody who may.
    let mut bench = Bench::with_flash(berth_flash::Simulated::new(32));
    assert_eq!(bench.revoke(&good), refused("unknown-key"));
}

#[test]
fn an_older_list_is_refused_after_resets_as_well() {
    let lamp = signed(&package("lamp", "", 1000), 1, 7);
    let entries = [Revoked::Key(secret(7).public().id())];
    let mut bench = Bench::with_root(true);
    assert_eq!(bench.revoke(&list(&[], 4, ROOT)), Ok(()));
    assert_eq!(bench.revoke(&list(&entries, 5, ROOT)), Ok(()));
    assert_eq!(
        bench.trust().packages,
        0,
        "no counter of a package is taken"
    );
    for _ in 0..2 {
        assert_eq!(bench.revoke(&list(&[], 4, ROOT)), refused("older"));
        assert_eq!(bench.revoke(&list(&entries, 5, ROOT)), Ok(()), "again");
        assert_eq!(bench.send_new("a", &lamp), refused("key-revoked"));
        bench = bench.restarted();
    }
}

#[test]
fn a_list_that_was_changed_in_flash_is_not_taken_for_none() {
    let lamp = signed(&package("lamp", "", 1000), 1, 7);
    let entries = [Revoked::Key(secret(8).public().id())];
    let list = list(&entries, 1, ROOT);
    for bit in (0..8 * list.len()).step_by(37) {
        let mut bench = Bench::with_root(true);
        assert_eq!(bench.send_new("a", &lamp), Ok(()));
        assert_eq!(bench.revoke(&list), Ok(()));
        let mut bench = bench.with_bit_changed(&list, bit);
        assert!(!bench.revocations().2, "bit {bit}");
        assert_eq!(bench.start("a"), refused("unproven"), "bit {bit}");
        assert_eq!(bench.revoke(&list), Ok(()));
        assert!(bench.revocations().2, "bit {bit}");
        assert_eq!(bench.start("a"), Ok(()), "bit {bit}");
    }
}

/// The power goes in every step of the flash while a list arrives: it is kept as a whole or not at all.
#[test]
fn a_list_that_was_acknowledged_outlives_any_power_cut() {
    let lamp = signed(&package("lamp", "", 1000), 1, 7);
    let entries = [Revoked::Key(secret(7).public().id())];
    let (mut cuts, mut kept) = (0, 0);
    for step in 0.. {
        let mut bench = Bench::with_root(true);
        assert_eq!(bench.revoke(&list(&[], 1, ROOT)), Ok(()));
        let mut bench = bench.before_a_cut(step);
        let done = bench.revoke(&list(&entries, 2, ROOT));
        let mut bench = bench.restarted();
        let (counter, _, is_valid) = bench.revocations();
        assert!(is_valid && counter.is_some(), "step {step}");
        let is_new = counter == Some(2);
        assert!(done.is_err() || is_new, "step {step}");
        let word = if is_new {
            refused("key-revoked")
        } else {
            Ok(())
        };
        assert_eq!(bench.send_new("a", &lamp), word, "step {step}");
        assert_eq!(bench.revoke(&list(&entries, 2, ROOT)), Ok(()));
        cuts += 1;
        kept += u32::from(is_new);
        if done.is_ok() {
            break;
        }
    }
    println!("{cuts} cuts, {kept} of them after it was kept");
    assert!(cuts > 10);
}
