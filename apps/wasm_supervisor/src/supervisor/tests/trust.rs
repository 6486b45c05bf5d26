//! Signed packages, through the protocol: what a device with keys takes, and what it runs.

use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, println};

use berth_flash::Simulated;
use berth_pack::keys::Secret;
use berth_pack::sign::{Signer, sign};
use berth_pack::{Options, pack};
use berth_protocol::{CHUNK_MAX, ImageHash, Op, Parameters, Reply, State, Trust};

use super::Bench;
use crate::container::counters::PACKAGES_MAX;

mod revoked;

/// The key whose bytes are these.
fn secret(seed: u8) -> Secret {
    Secret::from_bytes(&[seed; 32])
}

/// A package that runs until it is ended, and holds `label` if that is one.
fn package(name: &str, label: &str, seed: u32) -> Vec<u8> {
    let claim = match label {
        "" => String::new(),
        label => format!(r#"(import "mmio:{label}" "claim" (func $claim (result i32)))"#),
    };
    let take = if label.is_empty() {
        ""
    } else {
        "(drop (call $claim))"
    };
    let module = format!(
        r#"(module {claim} (import "berth" "sleep_us" (func $sleep (param i64)))
          (func (export "_start") {take} (loop $l (call $sleep (i64.const {seed})) (br $l))))"#
    );
    let options = Options {
        name: name.to_owned(),
        ..Options::default()
    };
    let module = wat::parse_str(module).unwrap();
    pack(&module, &options).unwrap().image
}

fn signed(package: &[u8], counter: u32, key: u8) -> Vec<u8> {
    sign(package, counter, None, &Signer::Key(secret(key))).unwrap()
}

impl Bench {
    /// A device whose key 7 may sign for `fpgaio`, and key 8 for `uart1`.
    fn with_keys(refuses_unsigned: bool) -> Self {
        Self::with_keys_on(Simulated::new(32), refuses_unsigned)
    }

    /// The same with what is in this flash.
    fn with_keys_on(flash: Simulated, refuses_unsigned: bool) -> Self {
        let bench = Self::with_flash(flash);
        {
            let mut keys = bench.fake.0.keys.borrow_mut();
            assert!(keys.add(&secret(7).public().bytes(), &["fpgaio"]));
            assert!(keys.add(&secret(8).public().bytes(), &["uart1"]));
            keys.refuses_unsigned = refuses_unsigned;
        }
        bench
    }

    /// Send an image as a container's or, with a trial, in its place. Returns the word of a refusal.
    fn send_image(
        &mut self,
        name: &str,
        image: &[u8],
        trial_ms: Option<u32>,
        commit: Op<'_>,
    ) -> Result<(), String> {
        let (length, hash) = (image.len() as u32, ImageHash::of(image));
        let parameters = Parameters::default();
        let begin = match trial_ms {
            None => Op::UploadBegin {
                upload: 0,
                name,
                length,
                hash,
                parameters,
            },
            Some(trial_ms) => Op::UpdateBegin {
                upload: 0,
                name,
                length,
                hash,
                parameters,
                trial_ms,
            },
        };
        let unchanged = self.ask(begin, |result| match result {
            Ok(reply) => Ok(reply == Reply::Unchanged),
            Err(error) => Err(error.word().to_string()),
        })?;
        if unchanged {
            return Ok(());
        }
        for (number, bytes) in image.chunks(CHUNK_MAX).enumerate() {
            let offset = (number * CHUNK_MAX) as u32;
            self.word(Op::UploadChunk {
                upload: 0,
                offset,
                bytes,
            })?;
        }
        self.word(commit)
    }

    fn send_new(&mut self, name: &str, image: &[u8]) -> Result<(), String> {
        self.send_image(name, image, None, Op::UploadCommit { upload: 0 })
    }

    fn send_update(&mut self, name: &str, image: &[u8]) -> Result<(), String> {
        self.send_image(name, image, Some(50), Op::UploadCommit { upload: 0 })
    }

    fn word(&mut self, op: Op<'_>) -> Result<(), String> {
        self.ask(op, |result| match result {
            Ok(_) => Ok(()),
            Err(error) => Err(error.word().to_string()),
        })
    }

    fn start(&mut self, name: &str) -> Result<(), String> {
        self.word(Op::Start { name })
    }

    fn trust(&mut self) -> Trust {
        self.ask(Op::Trust, |result| match result {
            Ok(Reply::Trust(trust)) => trust,
            other => panic!("{other:?}"),
        })
    }

    fn has(&mut self, name: &str) -> bool {
        self.supervisor.service.containers.find(name).is_some()
    }

    /// The next run of the device, with one bit of an image in flash changed.
    fn with_bit_changed(self, image: &[u8], bit: usize) -> Self {
        let Self {
            fake,
            next_id,
            text,
            supervisor,
        } = self;
        drop(supervisor);
        {
            let mut flash = fake.0.flash.borrow_mut();
            let bytes = flash.as_mut().unwrap().bytes_mut();
            let at = bytes.windows(image.len()).position(|some| some == image);
            bytes[at.expect("it is there") + bit / 8] ^= 1 << (bit % 8);
        }
        let supervisor = super::Supervisor::new(fake.clone());
        Self {
            fake,
            supervisor,
            next_id,
            text,
        }
    }
}

fn refused(word: &str) -> Result<(), String> {
    Err(word.to_string())
}

#[test]
fn without_keys_anything_goes_signed_or_not() {
    let mut bench = Bench::with_flash(Simulated::new(32));
    let plain = package("lamp", "fpgaio", 1000);
    let mut broken = signed(&plain, 1, 7);
    *broken.last_mut().unwrap() ^= 1;
    for (name, image) in [("a", &plain), ("b", &signed(&plain, 5, 7)), ("c", &broken)] {
        assert_eq!(bench.send_new(name, image), Ok(()), "{name}");
        assert_eq!(bench.start(name), Ok(()), "{name}");
        bench.ok(Op::Kill { name });
    }
    assert_eq!(
        bench.trust(),
        Trust {
            keys: 0,
            refuses_unsigned: false,
            packages: 0,
            packages_max: PACKAGES_MAX as u16
        }
    );
    assert_eq!(bench.fake.0.keys.borrow().verified, 0);
}

#[test]
fn each_thing_that_is_wrong_has_its_word() {
    let plain = package("lamp", "fpgaio", 1000);
    let other = package("lamp", "uart1", 1000);
    let free = package("idle", "", 1000);
    for refuses_unsigned in [true, false] {
        let mut bench = Bench::with_keys(refuses_unsigned);
        let unsigned = if refuses_unsigned {
            refused("unsigned")
        } else {
            Ok(())
        };
        assert_eq!(bench.send_new("free", &free), unsigned);
        assert_eq!(bench.send_new("plain", &plain), unsigned);
        if !refuses_unsigned {
            assert_eq!(bench.start("free"), Ok(()));
            assert_eq!(bench.start("plain"), refused("key-needed"));
            assert_eq!(bench.state("plain"), State::Stored);
        }
        assert_eq!(
            bench.send_new("x", &signed(&plain, 1, 9)),
            refused("unknown-key")
        );
        assert_eq!(
            bench.send_new("x", &signed(&other, 1, 7)),
            refused("not-for-label")
        );
        let mut changed = signed(&plain, 1, 7);
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(bench.send_new("x", &changed), refused("changed"));
        let more = [&signed(&plain, 1, 7)[..], b"\0\x02\x01x"].concat();
        assert_eq!(bench.send_new("x", &more), refused("bad-signature"));
        assert!(!bench.has("x"));
        assert_eq!(bench.trust().packages, 0);
        // Signed, but not for the block that it wants.
        let labels: &[String] = &[];
        let none = sign(&plain, 1, Some(labels), &Signer::Key(secret(7))).unwrap();
        assert_eq!(bench.send_new("none", &none), Ok(()));
        assert_eq!(bench.start("none"), refused("key-needed"));
        assert_eq!(bench.send_new("good", &signed(&plain, 1, 7)), Ok(()));
        assert_eq!(bench.start("good"), Ok(()));
        bench.ok(Op::Kill { name: "good" });
        // A proof is over with the run.
        assert_eq!(bench.start("none"), refused("key-needed"));
    }
}

/// As long as it has to be: what a container claims rests on the proof that was made for it.
#[test]
fn containers_of_one_image_and_live_updates_keep_what_they_hold() {
    let mut bench = Bench::with_keys(true);
    let first = signed(&package("lamp", "fpgaio", 1000), 1, 7);
    let second = signed(&package("lamp", "fpgaio", 2000), 2, 7);
    assert_eq!(bench.send_new("a", &first), Ok(()));
    assert_eq!(bench.send_new("b", &first), Ok(()));
    assert_eq!(bench.start("a"), Ok(()));
    assert_eq!(bench.start("b"), refused("label-busy"));
    assert!(
        bench.fake.0.keys.borrow().allows("fpgaio"),
        "the proof of a is there"
    );
    bench.ok(Op::Edit {
        name: "a",
        parameters: Parameters {
            share: Some(3),
            ..Parameters::default()
        },
        restart: true,
    });
    assert!(bench.fake.0.keys.borrow().allows("fpgaio"));
    assert_eq!(bench.send_update("a", &second), Ok(()));
    bench.live(bench.fake.0.now_us.get() + 100_000);
    assert_eq!(bench.state("a"), State::Running);
    assert!(bench.fake.0.keys.borrow().allows("fpgaio"));
    bench.ok(Op::Kill { name: "a" });
    assert!(!bench.fake.0.keys.borrow().allows("fpgaio"));
}

#[test]
fn no_changed_bit_is_taken_and_none_in_flash_runs() {
    let image = signed(&package("lamp", "fpgaio", 1000), 1, 7);
    let mut bench = Bench::with_keys(true);
    for bit in 0..8 * image.len() {
        let mut changed = image.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let answer = bench.send_new("x", &changed);
        assert!(answer.is_err() && !bench.has("x"), "bit {bit}");
    }
    // Another device: its flash has this image once.
    let mut bench = Bench::with_keys(true);
    assert_eq!(bench.send_new("x", &image), Ok(()));
    let mut words = std::collections::BTreeMap::new();
    for bit in 0..8 * image.len() {
        bench = bench.with_bit_changed(&image, bit);
        let answer = bench.start("x");
        *words.entry(answer.clone().unwrap_err()).or_insert(0) += 1;
        assert_eq!(bench.state("x"), State::Stored, "bit {bit}");
        let mut changed = image.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        bench = bench.with_bit_changed(&changed, bit);
    }
    println!("{words:?}");
    assert_eq!(bench.start("x"), Ok(()));
}

#[test]
fn what_starts_with_the_device_and_is_not_trusted_any_more_is_told() {
    let image = signed(&package("lamp", "fpgaio", 1000), 1, 7);
    let mut bench = Bench::with_keys(true);
    assert_eq!(bench.send_new("x", &image), Ok(()));
    bench.ok(Op::Edit {
        name: "x",
        parameters: Parameters {
            boot: Some(true),
            ..Parameters::default()
        },
        restart: false,
    });
    let mut bench = bench.with_bit_changed(&image, 8 * image.len() - 1);
    bench.live(100_000);
    assert_ne!(bench.state("x"), State::Running);
    let events = bench.type_text("events\r");
    assert!(events.contains("untrusted"), "{events}");
}

#[test]
fn a_counter_outlives_its_container_and_the_power() {
    let lamp = |counter| signed(&package("lamp", "fpgaio", 1000 + counter), counter, 7);
    let mut bench = Bench::with_keys(false);
    assert_eq!(bench.send_new("a", &lamp(5)), Ok(()));
    assert_eq!(bench.send_new("b", &lamp(4)), refused("older"));
    assert_eq!(bench.send_new("b", &lamp(5)), Ok(()), "the same version");
    // Another key's, and another name's, count by themselves.
    let other = |name, label, key| signed(&package(name, label, 1000), 1, key);
    assert_eq!(bench.send_new("c", &other("lamp", "uart1", 8)), Ok(()));
    assert_eq!(bench.send_new("d", &other("lump", "fpgaio", 7)), Ok(()));
    assert_eq!(bench.trust().packages, 3);
    for name in ["a", "b", "c", "d"] {
        bench.ok(Op::Remove { name });
    }
    let mut bench = bench.restarted();
    assert_eq!(bench.trust().packages, 3);
    assert_eq!(bench.send_new("a", &lamp(4)), refused("older"));
    let downgrade = Op::Commit {
        upload: 0,
        starts: false,
        downgrade: true,
    };
    assert_eq!(bench.send_image("a", &lamp(4), None, downgrade), Ok(()));
    assert_eq!(bench.start("a"), Ok(()));
    // Once: the counter stays what it was.
    assert_eq!(bench.send_new("b", &lamp(3)), refused("older"));
    assert_eq!(bench.send_update("a", &lamp(3)), refused("older"));
    assert_eq!(bench.send_update("a", &lamp(6)), Ok(()));
    bench.live(bench.fake.0.now_us.get() + 100_000);
    assert_eq!(bench.send_new("b", &lamp(5)), refused("older"));
}

#[test]
fn a_live_update_that_fails_leaves_the_old_one_which_is_older() {
    let mut bench = Bench::with_keys(true);
    let first = signed(&package("lamp", "fpgaio", 1000), 1, 7);
    let faulty = wat::parse_str(r#"(module (import "mmio:fpgaio" "claim" (func (result i32)))
        (import "berth" "yield" (func $yield)) (func (export "_start") (call $yield) unreachable))"#).unwrap();
    let options = Options {
        name: "lamp".to_owned(),
        ..Options::default()
    };
    let faulty = signed(&pack(&faulty, &options).unwrap().image, 2, 7);
    assert_eq!(bench.send_new("a", &first), Ok(()));
    assert_eq!(bench.start("a"), Ok(()));
    assert_eq!(bench.send_update("a", &faulty), Ok(()));
    bench.live(bench.fake.0.now_us.get() + 200_000);
    assert_eq!(bench.state("a"), State::Running);
    let mut bench = bench.restarted();
    assert_eq!(bench.start("a"), Ok(()));
}

#[test]
fn counters_have_an_end_and_it_is_told() {
    let mut bench = Bench::with_keys(false);
    for number in 0..PACKAGES_MAX {
        let image = signed(&package(&format!("p{number}"), "", 1), 1, 7);
        assert_eq!(bench.send_new("a", &image), Ok(()), "{number}");
        bench.ok(Op::Remove { name: "a" });
    }
    let more = signed(&package("more", "", 1), 1, 7);
    assert_eq!(bench.send_new("a", &more), refused("too-many-packages"));
    assert!(!bench.has("a"));
    let newer = signed(&package("p0", "", 2), 2, 7);
    assert_eq!(bench.send_new("a", &newer), Ok(()));
    assert_eq!(
        bench.send_new("b", &signed(&package("p0", "", 1), 1, 7)),
        refused("older")
    );
}

/// The power goes in every step of the flash while a newer version replaces the old one.
#[test]
fn no_power_cut_brings_an_older_version_back() {
    let lamp = |counter| signed(&package("lamp", "", 1000 + counter), counter, 7);
    let (old, new) = (lamp(1), lamp(2));
    let (mut cuts, mut before, mut after) = (0, 0, 0);
    for step in 0.. {
        let mut bench = Bench::with_keys(true);
        assert_eq!(bench.send_new("a", &old), Ok(()));
        bench.ok(Op::Remove { name: "a" });
        let mut bench = bench.before_a_cut(step);
        let done = bench.send_new("a", &new);
        let mut bench = bench.restarted();
        let has_new = bench.has("a");
        let answer = bench.send_new("b", &old);
        // Whoever was told that it is there, or finds it there, never sees the old one taken again.
        assert!(done.is_err() || has_new, "step {step}");
        if has_new {
            assert_eq!(answer, refused("older"), "step {step}");
        }
        match answer {
            Ok(()) => before += 1,
            Err(_) => after += 1,
        }
        assert_eq!(bench.send_new("c", &new), Ok(()), "step {step}");
        cuts += 1;
        if done.is_ok() {
            break;
        }
    }
    println!("{cuts} cuts, {before} before the counter was kept, {after} after");
    assert!(before > 10 && after > 1, "{before} and {after}");
}

#[test]
fn what_an_image_is_signed_for_is_told() {
    let mut bench = Bench::with_keys(false);
    assert_eq!(
        bench.send_new("a", &signed(&package("lamp", "fpgaio", 1), 3, 7)),
        Ok(())
    );
    assert_eq!(bench.send_new("b", &package("idle", "", 1)), Ok(()));
    let id = secret(7).public().id();
    for (label, is) in [(0, Some("fpgaio")), (1, None)] {
        bench.ask(Op::Signature { name: "a", label }, |result| {
            let reply = Reply::Signature {
                key: id.0,
                counter: 3,
                package: "lamp",
                label: is,
            };
            assert_eq!(result, Ok(reply));
        });
    }
    bench.ask(
        Op::Signature {
            name: "b",
            label: 0,
        },
        |result| assert_eq!(result, Ok(Reply::End)),
    );
    assert_eq!(
        bench.word(Op::Signature {
            name: "x",
            label: 0
        }),
        refused("unknown-name")
    );
    assert_eq!(
        bench.trust(),
        Trust {
            keys: 2,
            refuses_unsigned: false,
            packages: 1,
            packages_max: PACKAGES_MAX as u16
        }
    );
}
