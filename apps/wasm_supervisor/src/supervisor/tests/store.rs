//! What outlives a reset, whenever the power goes, through the protocol.

use std::collections::BTreeMap;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, println};

use berth_flash::{Cut, PAGE_BYTES, Simulated};
use berth_protocol::{
    CHUNK_MAX, DeviceError, ImageHash, Op, Parameters, Reply, State, StoreStatus,
};

use super::Bench;
use crate::fake::Fake;
use crate::supervisor::Supervisor;

/// Saves one byte when it is asked to pause, and says at its start what was saved.
const SAVES: &str = r#"(module
  (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
  (import "berth" "state_load" (func $load (param i32 i32) (result i32)))
  (import "berth" "log" (func $log (param i32 i32 i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (memory (export "memory") 16 (pagesize 1))
  (data (i32.const 8) "?")
  (func (export "_pause") (i32.store8 (i32.const 0) (i32.const 83))
    (drop (call $save (i32.const 0) (i32.const 1))))
  (func (export "_start")
    (drop (call $load (i32.const 8) (i32.const 1)))
    (call $log (i32.const 2) (i32.const 8) (i32.const 1))
    (loop $again (call $sleep (i64.const 1000000)) (br $again))))"#;

/// A module of `bytes` bytes, 20 to 16,000; another for every `seed`.
fn module(bytes: usize, seed: u8) -> Vec<u8> {
    let mut image = wat::parse_str(r#"(module (func (export "_start")))"#).unwrap();
    let section = bytes - image.len() - 3;
    image.extend([
        0,
        section as u8 & 0x7f | 0x80,
        (section >> 7) as u8,
        1,
        b'x',
    ]);
    let fill = |place: usize| (place as u8).wrapping_mul(31) ^ seed;
    image.extend((0..section - 2).map(fill));
    assert_eq!(image.len(), bytes);
    image
}

impl Bench {
    /// A supervisor with erased flash of so many pages.
    pub(super) fn with_flash(flash: Simulated) -> Self {
        let bench = Self::new();
        bench.fake.0.flash.replace(Some(flash));
        bench.restarted()
    }

    /// The next supervisor on the same device, with power.
    pub(super) fn restarted(self) -> Self {
        let Self { fake, next_id, .. } = self;
        // The first one goes before the second takes the flash.
        drop(self.supervisor);
        if let Some(flash) = &mut *fake.0.flash.borrow_mut() {
            flash.power_on();
        }
        fake.0.output.take();
        Self {
            supervisor: Supervisor::new(fake.clone()),
            fake,
            next_id,
            text: String::new(),
        }
    }

    /// The supervisor begins anew, and the power goes at this step of what the flash does from then on; what is torn is torn in three ways.
    pub(super) fn before_a_cut(self, step: u64) -> Self {
        let Self {
            fake, supervisor, ..
        } = self;
        drop(supervisor);
        let seed = [0, u64::MAX, step + 1][step as usize % 3];
        let cut = Cut { after: step, seed };
        fake.0.flash.borrow_mut().as_mut().unwrap().cut(cut);
        let mut bench = Bench::new();
        bench.supervisor = Supervisor::new(fake.clone());
        bench.fake = fake;
        bench
    }

    fn try_upload(&mut self, name: &str, image: &[u8], share: u8) -> Result<(), String> {
        let hash = ImageHash::of(image);
        let begin = Op::UploadBegin {
            upload: 0,
            name,
            length: image.len() as u32,
            hash,
            parameters: Parameters {
                share: Some(share),
                ..Parameters::default()
            },
        };
        let next = |result: Result<Reply<'_>, DeviceError<'_>>| match result {
            Ok(Reply::Upload { offset }) => Ok(offset as usize),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.word().to_string()),
        };
        let mut offset = self.ask(begin, next)?;
        while let Some(rest) = image.get(offset..).filter(|rest| !rest.is_empty()) {
            let bytes = &rest[..rest.len().min(CHUNK_MAX)];
            let chunk = Op::UploadChunk {
                upload: 0,
                offset: offset as u32,
                bytes,
            };
            offset = self.ask(chunk, next)?;
        }
        self.try_done(Op::UploadCommit { upload: 0 })
    }

    fn try_done(&mut self, op: Op<'_>) -> Result<(), String> {
        self.ask(op, |result| match result {
            Ok(Reply::Done) => Ok(()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.word().to_string()),
        })
    }

    /// What the device has: names, hashes, shares.
    fn images(&mut self) -> Stored {
        let mut stored = Stored::new();
        let mut cursor = Some(0);
        while let Some(here) = cursor {
            cursor = self.ask(Op::Images { cursor: here }, |result| match result {
                Ok(Reply::Image { item, next }) => {
                    assert!(item.persistent);
                    let share = item.parameters.share.unwrap();
                    stored.insert(item.name.to_string(), (item.hash.0, share));
                    next
                }
                Ok(Reply::End) => None,
                other => panic!("{other:?}"),
            });
        }
        stored
    }

    fn store_status(&mut self) -> StoreStatus {
        self.ask(Op::Status, |result| match result {
            Ok(Reply::Status(status)) => status.store.unwrap(),
            other => panic!("{other:?}"),
        })
    }
}

type Stored = BTreeMap<String, ([u8; 32], u8)>;

/// Something that an operator does and that must outlive a reset.
#[derive(Clone, Copy, Debug)]
enum Step {
    Upload(&'static str, usize, u8),
    Edit(&'static str, u8),
    Remove(&'static str),
}

impl Step {
    fn apply(self, bench: &mut Bench) -> Result<(), String> {
        match self {
            Self::Upload(name, bytes, seed) => bench.try_upload(name, &module(bytes, seed), 50),
            Self::Edit(name, share) => bench.try_done(Op::Edit {
                name,
                parameters: Parameters {
                    share: Some(share),
                    ..Parameters::default()
                },
                restart: false,
            }),
            Self::Remove(name) => bench.try_done(Op::Remove { name }),
        }
    }

    fn note(self, stored: &mut Stored) {
        match self {
            Self::Upload(name, bytes, seed) => {
                let hash = ImageHash::of(&module(bytes, seed)).0;
                stored.insert(name.to_string(), (hash, 50));
            }
            Self::Edit(name, share) => stored.get_mut(name).unwrap().1 = share,
            Self::Remove(name) => drop(stored.remove(name)),
        }
    }
}

const SCRIPT: [Step; 8] = [
    Step::Upload("a", 200, 1),
    Step::Upload("b", 300, 2),
    Step::Edit("a", 60),
    Step::Remove("b"),
    Step::Upload("b", 4300, 3),
    Step::Edit("b", 70),
    Step::Remove("a"),
    Step::Upload("a", 100, 4),
];

/// The power goes in every step of the flash, words torn, and then in the middle of what follows.
#[test]
fn what_was_acknowledged_outlives_power_that_goes_at_any_instant() {
    let mut cuts = 0;
    for after in (0..).step_by(3) {
        let mut flash = Simulated::new(16);
        let seed = [0, u64::MAX, after + 1][after as usize % 3];
        flash.cut(Cut { after, seed });
        let fake = Fake::default();
        fake.0.flash.replace(Some(flash));
        let mut bench = Bench::new();
        bench.fake = fake.clone();
        bench.supervisor = Supervisor::new(fake.clone());
        let mut stored = Stored::new();
        let mut doubtful = None;
        for step in SCRIPT {
            if step.apply(&mut bench).is_err() {
                doubtful = Some(step);
                break;
            }
            step.note(&mut stored);
        }
        let mut bench = bench.restarted();
        let found = bench.images();
        let mut other = stored.clone();
        if let Some(step) = doubtful {
            step.note(&mut other);
        }
        assert!(found == stored || found == other, "{after}: {doubtful:?}");
        // The device is as good as before.
        Step::Upload("c", 250, 9).apply(&mut bench).unwrap();
        assert_eq!(bench.restarted().images().len(), found.len() + 1);
        cuts += 1;
        if doubtful.is_none() {
            break;
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 400, "only {cuts} cuts");
}

#[test]
fn an_upload_goes_on_after_a_reset_and_an_image_is_known_again() {
    let mut bench = Bench::with_flash(Simulated::new(32));
    let image = module(9_000, 1);
    let begin = Bench::begin("a", &image);
    bench.ok(begin);
    for (number, bytes) in image.chunks(CHUNK_MAX).take(25).enumerate() {
        let offset = (number * CHUNK_MAX) as u32;
        bench.ok(Op::UploadChunk {
            upload: 0,
            offset,
            bytes,
        });
    }
    let mut bench = bench.restarted();
    assert!(bench.images().is_empty(), "half an image");
    let offset = bench.ask(begin, |result| match result {
        Ok(Reply::Upload { offset }) => offset,
        other => panic!("{other:?}"),
    });
    assert_eq!(offset as usize, PAGE_BYTES, "whole pages stay");
    bench.try_upload("a", &image, 50).unwrap();
    let mut bench = bench.restarted();
    assert_eq!(bench.images().len(), 1);
    let again = Op::UploadBegin {
        upload: 0,
        name: "a",
        length: image.len() as u32,
        hash: ImageHash::of(&image),
        parameters: Parameters {
            share: Some(50),
            ..Parameters::default()
        },
    };
    bench.ask(again, |result| assert_eq!(result, Ok(Reply::Unchanged)));
    // It runs from where it lies.
    bench.ok(Op::Start { name: "a" });
    bench.polls(3);
    assert_eq!(bench.state("a"), State::Exited { code: 0 });
}

#[test]
fn a_changed_byte_is_told_as_damage_and_nothing_stays() {
    let mut bench = Bench::with_flash(Simulated::new(16));
    let image = module(500, 1);
    for place in [0, 250, 499] {
        let mut changed = image.clone();
        changed[place] ^= 1;
        bench.ok(Bench::begin("a", &image));
        for (number, bytes) in changed.chunks(CHUNK_MAX).enumerate() {
            let offset = (number * CHUNK_MAX) as u32;
            bench.ok(Op::UploadChunk {
                upload: 0,
                offset,
                bytes,
            });
        }
        let refused = bench.try_done(Op::UploadCommit { upload: 0 });
        assert_eq!(refused, Err("hash-mismatch".into()), "byte {place}");
        assert_eq!(
            bench.try_done(Op::UploadCommit { upload: 0 }),
            Err("no-upload".into())
        );
    }
    let mut bench = bench.restarted();
    assert!(bench.images().is_empty());
}

#[test]
fn saved_state_outlives_a_reset_and_goes_with_its_container() {
    let mut bench = Bench::with_flash(Simulated::new(16));
    let saved_bytes = |bench: &mut Bench| {
        bench.ask(Op::Inspect { name: "s" }, |result| match result {
            Ok(Reply::Inspection(inspection)) => inspection.saved_bytes,
            other => panic!("{other:?}"),
        })
    };
    bench.install("s", SAVES);
    bench.ok(Op::Start { name: "s" });
    bench.polls(3);
    bench.ok(Op::Pause { name: "s" });
    let mut bench = bench.restarted();
    assert_eq!(saved_bytes(&mut bench), 1);
    assert_eq!(bench.state("s"), State::Stored);
    bench.ok(Op::Start { name: "s" });
    bench.polls(3);
    assert_eq!(bench.logs("s"), ["S"]);
    bench.ok(Op::Kill { name: "s" });
    bench.ok(Op::Remove { name: "s" });
    bench.install("s", SAVES);
    assert_eq!(saved_bytes(&mut bench), 0);
    let mut bench = bench.restarted();
    assert_eq!(saved_bytes(&mut bench), 0);
}

#[test]
fn a_full_store_is_told_and_keeps_what_it_has() {
    let mut bench = Bench::with_flash(Simulated::new(16));
    let mut count = 0;
    let refusal = loop {
        let name = format!("n{count}");
        match bench.try_upload(&name, &module(8_000, count), 50) {
            Ok(()) => count += 1,
            Err(word) => break word,
        }
    };
    assert_eq!(refusal, "store-full");
    assert!(count >= 3, "{count} of two pages in sixteen");
    let before = bench.store_status();
    assert!(before.free < 2 * PAGE_BYTES as u32 && before.total > before.free);
    let mut bench = bench.restarted();
    assert_eq!(bench.images().len(), usize::from(count));
    bench.ok(Op::Remove { name: "n0" });
    bench.try_upload("again", &module(8_000, 99), 50).unwrap();
}

#[test]
fn a_worn_page_is_told_and_the_others_serve() {
    let mut bench = Bench::with_flash(Simulated::new(16).endurance(15));
    let mut told = 0;
    // Each takes two pages and a bit of the log: many more erases than one page has.
    for round in 0..120_u8 {
        let image = module(5_000, round);
        let mut tries = 0;
        while let Err(word) = bench.try_upload("a", &image, 50) {
            assert!(
                ["store-failed", "store-full"].contains(&word.as_str()),
                "{word}"
            );
            told += 1;
            tries += 1;
            if tries > 16 {
                // Worn out as a whole.
                assert!(round > 40, "already in round {round}");
                return assert!(told > 0);
            }
        }
        if bench.try_done(Op::Remove { name: "a" }).is_err() {
            told += 1;
            break;
        }
    }
    assert!(told > 0, "no page was worn");
}

#[test]
fn without_flash_images_are_kept_in_memory() {
    let mut bench = Bench::new();
    bench.install("a", super::SPIN);
    bench.ask(Op::Images { cursor: 0 }, |result| match result {
        Ok(Reply::Image { item, .. }) => assert!(!item.persistent),
        other => panic!("{other:?}"),
    });
    bench.ask(Op::Status, |result| match result {
        Ok(Reply::Status(status)) => assert_eq!(status.store, None),
        other => panic!("{other:?}"),
    });
    assert!(
        bench
            .restarted()
            .supervisor
            .service
            .containers
            .find("a")
            .is_none()
    );
}
