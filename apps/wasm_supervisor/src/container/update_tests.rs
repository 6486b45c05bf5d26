//! Live updates: what passes over, what comes back, and power that goes in the middle.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use berth_flash::{Cut, Simulated};
use berth_protocol::{Fault, Happening, ImageHash, Parameters, State, Update};

use super::belongings::Change;
use super::storage::{Belongings, ImageStore, Meta, saved_key};
use super::{Containers, Name, Refused, Shared};
use crate::container::images::Commit;
use crate::fake::Fake;

/// Longer than any test lets it last by accident.
const TRIAL_MS: u32 = 5_000;

/// A container that claims `labels`, says `version` and what it finds saved, then sleeps again and
/// again; its `_pause` saves `version`.
fn program(version: u8, labels: &[&str], after: &str) -> Vec<u8> {
    let imports: String = labels
        .iter()
        .map(|label| format!("(import \"mmio:{label}\" \"claim\" (func (result i32)))\n"))
        .collect();
    let text = format!(
        r#"(module {imports}
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
          (import "berth" "state_load" (func $load (param i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "v{version} had ?")
          (data (i32.const 32) "{version}")
          (func (export "_pause") (drop (call $save (i32.const 32) (i32.const 1))))
          (func (export "_start")
            (drop (call $load (i32.const 7) (i32.const 1)))
            (call $log (i32.const 2) (i32.const 0) (i32.const 8))
            (call $sleep (i64.const 1000000))
            {after}
            (loop $again (call $sleep (i64.const 1000000)) (br $again))))"#
    );
    wat::parse_str(text).unwrap()
}

struct Bench {
    fake: Fake,
    containers: Containers<Fake>,
}

impl Bench {
    /// A device without flash, or with.
    fn new(flash: bool) -> Self {
        let fake = Fake::default();
        if flash {
            fake.0.flash.replace(Some(Simulated::new(127)));
        }
        Self::on(fake)
    }

    fn on(fake: Fake) -> Self {
        let containers = Containers::new(Shared::new(fake.clone()).into());
        Self { fake, containers }
    }

    /// What the next run of the supervisor finds; the power is on again.
    fn restart(self) -> Self {
        let fake = self.fake.clone();
        drop(self.containers);
        *fake.0.holders.borrow_mut() = Default::default();
        if let Some(flash) = fake.0.flash.borrow_mut().as_mut() {
            flash.power_on();
        }
        Self::on(fake)
    }

    fn upload(&mut self, image: &[u8]) -> bool {
        let name = Name::new("it").unwrap();
        let meta = Meta::new(name, Parameters::default(), Belongings::default());
        let images = self.containers.images_mut();
        let length = image.len() as u32;
        let begun = images.begin(length, ImageHash::of(image), meta.bytes());
        begun.and_then(|_| images.write(0, image)).is_ok()
    }

    /// Store the first version and start it.
    fn start(&mut self, image: &[u8]) {
        let (name, hash) = (Name::new("it").unwrap(), ImageHash::of(image));
        let parameters = Parameters::default();
        assert!(self.upload(image));
        self.containers
            .store_uploaded(name, hash, (parameters, Belongings::default()), false)
            .unwrap();
        self.containers.start(0).unwrap();
        self.run(1);
    }

    fn update(&mut self, image: &[u8]) -> Result<Update, Refused> {
        let (hash, parameters) = (ImageHash::of(image), Parameters::default());
        if !self.upload(image) {
            return Err(Refused::NoRoom);
        }
        let answer = self.containers.update_uploaded(
            0,
            hash,
            (parameters, Belongings::default()),
            TRIAL_MS,
            Commit::default(),
        );
        if answer.is_err() {
            self.containers.forget_refused();
        }
        answer
    }

    /// Let so many milliseconds pass.
    fn run(&mut self, ms: u64) {
        let end = self.fake.0.now_us.get() + ms * 1000;
        loop {
            while self.containers.run_one() {}
            let next = self.containers.next_wake().unwrap_or(end).min(end);
            if next >= end {
                break;
            }
            self.fake.0.now_us.set(next);
        }
        self.fake.0.now_us.set(end);
        while self.containers.run_one() {}
    }

    fn said(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.containers.shared.with_log(0, |log| {
            let mut from = 0;
            while let Some(line) = log.line(from) {
                lines.push(line.text.to_string());
                from = line.sequence + 1;
            }
        });
        lines
    }

    fn state(&self) -> State {
        self.containers.get(0).unwrap().state()
    }

    fn is(&self, image: &[u8]) -> bool {
        self.containers.image(0) == image
            && self.containers.get(0).unwrap().hash() == ImageHash::of(image)
    }

    fn events(&self) -> Vec<Update> {
        let mut events = Vec::new();
        let mut from = 0;
        while let Some((sequence, record)) = self.containers.events().first_from(from) {
            if let Happening::Updated(update) = record.what {
                events.push(update);
            }
            from = sequence + 1;
        }
        events
    }
}

const ON_TRIAL: Update = Update::Trial {
    left_ms: TRIAL_MS,
    stopped_first: false,
};
const KEPT: Update = Update::Kept {
    stopped_first: false,
};

fn rolled_back(fault: Fault) -> Update {
    Update::RolledBack { fault: Some(fault) }
}

#[test]
fn claims_and_saved_state_pass_over_and_the_new_image_stays_after_its_trial() {
    for flash in [false, true] {
        let mut bench = Bench::new(flash);
        let first = program(1, &["fpgaio", "timer0"], "");
        let second = program(2, &["timer0", "uart1", "fpgaio"], "");
        bench.start(&first);
        let claims = bench.fake.0.claims.get();
        assert_eq!(bench.update(&second), Ok(ON_TRIAL));
        // The two that both have were never free; only the third was claimed.
        assert_eq!(bench.fake.0.claims.get(), claims + 1);
        assert_eq!(*bench.fake.0.holders.borrow(), [Some(1); 3]);
        assert_eq!(bench.state(), State::Running);
        bench.run(10);
        assert_eq!(bench.said(), ["v1 had ?", "v2 had 1"]);
        assert!(matches!(
            bench.containers.update_status(0),
            Update::Trial { left_ms: 4990, .. }
        ));
        bench.run(u64::from(TRIAL_MS));
        assert_eq!(bench.containers.update_status(0), KEPT);
        assert_eq!(bench.events(), [KEPT]);
        assert!(bench.is(&second));
        // Back to the first: what only the second has is free again.
        assert_eq!(bench.update(&first), Ok(ON_TRIAL));
        assert_eq!(
            *bench.fake.0.holders.borrow(),
            [Some(1), Some(1), None],
            "uart1 is given back"
        );
        bench.run(u64::from(TRIAL_MS));
        assert_eq!(bench.said().last().unwrap(), "v1 had 2");
        if flash {
            let bench = bench.restart();
            assert!(bench.is(&first));
            assert_eq!(bench.containers.update_status(0), Update::None);
        }
    }
}

#[test]
fn a_fault_in_the_trial_brings_the_old_image_back_with_its_state() {
    for flash in [false, true] {
        let mut bench = Bench::new(flash);
        let first = program(1, &["fpgaio"], "");
        // It saves something of its own first.
        let second = program(
            2,
            &["fpgaio", "uart1"],
            "(drop (call $save (i32.const 32) (i32.const 1))) unreachable",
        );
        bench.start(&first);
        assert_eq!(bench.update(&second), Ok(ON_TRIAL));
        bench.run(1500);
        let outcome = rolled_back(Fault::Unreachable);
        assert_eq!(bench.containers.update_status(0), outcome);
        assert_eq!(bench.events(), [outcome]);
        assert_eq!(bench.state(), State::Running);
        assert!(bench.is(&first));
        let said = bench.said();
        assert_eq!(
            (said[0].as_str(), said[1].as_str()),
            ("v1 had ?", "v2 had 1")
        );
        assert_eq!(said.last().unwrap(), "v1 had 1");
        assert_eq!(*bench.fake.0.holders.borrow(), [Some(1), None, None]);
        // A later fault has nothing to do with it, and another update is possible.
        let third = program(3, &["fpgaio"], "");
        assert_eq!(bench.update(&third), Ok(ON_TRIAL));
        bench.run(6000);
        assert_eq!(bench.containers.update_status(0), KEPT);
    }
}

#[test]
fn what_cannot_be_linked_or_started_leaves_the_old_one_running() {
    for flash in [false, true] {
        let mut bench = Bench::new(flash);
        let first = program(1, &["fpgaio"], "");
        bench.start(&first);
        let free = bench.containers.images().flash().map(ImageStore::space);
        let unknown = program(2, &["uart1", "nothing"], "");
        assert_eq!(bench.update(&unknown), Err(Refused::Missing(1)));
        // Held by another process of the firmware.
        bench.fake.0.holders.borrow_mut()[1] = Some(99);
        let busy = program(2, &["uart1", "timer0"], "");
        let refused = Refused::Busy {
            claim: 1,
            holder: None,
        };
        assert_eq!(bench.update(&busy), Err(refused));
        assert_eq!(
            *bench.fake.0.holders.borrow(),
            [Some(1), Some(99), None],
            "claims of the attempt are given back, the old ones kept"
        );
        let traps = wat::parse_str(
            r#"(module (import "mmio:uart1" "claim" (func (result i32)))
              (func $s unreachable) (start $s) (func (export "_start")))"#,
        )
        .unwrap();
        let outcome = rolled_back(Fault::Unreachable);
        assert_eq!(bench.update(&traps), Ok(outcome));
        assert_eq!(bench.containers.update_status(0), outcome);
        assert_eq!(*bench.fake.0.holders.borrow(), [Some(1), Some(99), None]);
        bench.run(3000);
        assert_eq!(bench.said(), ["v1 had ?"], "it was never started again");
        assert!(bench.is(&first));
        assert_eq!(
            bench.containers.images().flash().map(ImageStore::space),
            free
        );
    }
}

#[test]
fn what_does_not_run_is_replaced_at_once() {
    for flash in [false, true] {
        let mut bench = Bench::new(flash);
        let first = program(1, &["fpgaio"], "");
        let second = program(2, &["uart1"], "");
        bench.start(&first);
        bench.containers.pause(0).unwrap();
        assert_eq!(bench.update(&second), Ok(KEPT));
        assert_eq!(bench.state(), State::Paused);
        assert_eq!(*bench.fake.0.holders.borrow(), [None; 3]);
        bench.containers.resume(0).unwrap();
        bench.run(1);
        assert_eq!(bench.said(), ["v1 had ?", "v2 had 1"]);
        bench.containers.kill(0).unwrap();
        assert_eq!(bench.update(&first), Ok(KEPT));
        assert_eq!(bench.state(), State::Stopped);
        assert!(bench.is(&first));
        if flash {
            assert!(bench.restart().is(&first));
        }
    }
}

#[test]
fn a_trial_takes_what_the_operator_does_meanwhile() {
    for flash in [false, true] {
        let mut bench = Bench::new(flash);
        let images: Vec<_> = (0..3).map(|n| program(n, &["fpgaio"], "")).collect();
        bench.start(&images[0]);
        assert_eq!(bench.update(&images[1]), Ok(ON_TRIAL));
        assert_eq!(bench.update(&images[2]), Err(Refused::OnTrial));
        let changes = Parameters {
            share: Some(70),
            ..Parameters::default()
        };
        bench
            .containers
            .edit(0, changes, Change::default(), false)
            .unwrap();
        bench.containers.stop(0).unwrap();
        bench.run(6000);
        assert_eq!(bench.containers.update_status(0), KEPT);
        if flash {
            bench = bench.restart();
        }
        assert!(bench.is(&images[1]));
        assert_eq!(bench.containers.get(0).unwrap().parameters(), changes);
        bench.containers.start(0).unwrap();
        assert_eq!(bench.update(&images[2]), Ok(ON_TRIAL));
        bench.containers.kill(0).unwrap();
        bench.containers.remove(0).unwrap();
        bench.run(6000);
        assert!(bench.containers.get(0).is_none());
        if flash {
            bench = bench.restart();
            assert!(bench.containers.get(0).is_none());
            let space = bench.containers.images().flash().unwrap().space();
            assert_eq!(space.free, space.total);
        }
    }
}

/// The power goes at every flash operation of an update, from its first byte to the end of
/// its trial. Before the end it is the old image that comes back, with its state; after, the new.
#[test]
fn power_may_go_at_any_moment_of_an_update() {
    let first = program(1, &["fpgaio"], "");
    let second = program(
        2,
        &["fpgaio"],
        "(drop (call $save (i32.const 32) (i32.const 1)))",
    );
    let (mut cuts, mut old, mut new) = (0, 0, 0);
    for seed in [0, u64::MAX, 77] {
        for after in 0.. {
            let mut bench = Bench::new(true);
            bench.start(&first);
            bench.containers.pause(0).unwrap();
            bench.containers.resume(0).unwrap();
            bench.run(1);
            let flash = bench
                .containers
                .images_mut()
                .flash_mut()
                .unwrap()
                .flash_mut();
            flash.cut(Cut { after, seed });
            let answer = bench.update(&second);
            bench.run(u64::from(TRIAL_MS) - 1);
            let before_end = bench.containers.images().flash().unwrap().flash().is_off();
            bench.run(1);
            let off = bench.containers.images().flash().unwrap().flash().is_off();
            let kept = bench.containers.update_status(0) == KEPT;
            let bench = bench.restart();
            cuts += u64::from(off);
            if bench.is(&second) {
                new += 1;
                assert!(answer.is_ok() && !before_end, "{after}: on trial and kept");
            } else {
                old += 1;
                assert!(bench.is(&first), "{after}: neither");
                assert!(!kept, "{after}: acknowledged and lost");
                let saved = bench
                    .containers
                    .shared
                    .with_saved(0, |saved| saved.bytes().to_vec());
                assert_eq!(saved, b"1", "{after}: the old image's state");
            }
            let mut bench = bench;
            let space = bench.containers.images().flash().unwrap().space();
            assert!(
                space.free + 3 * 4096 >= space.total,
                "{after}: nothing else is left"
            );
            bench.containers.start(0).unwrap();
            bench.run(1);
            if !off {
                break;
            }
        }
    }
    println!("live update: {cuts} power cuts, {old} times the old image, {new} times the new one");
    assert!(cuts > 300 && old > 250 && new > 10);
}

/// The trial is neither lost nor over while the store does not take its end.
#[test]
fn a_store_that_fails_at_the_end_of_a_trial_ends_it_when_it_can() {
    for faults in [false, true] {
        let mut bench = Bench::new(true);
        let first = program(1, &["fpgaio"], "");
        // Long after the trial would have been over.
        let after = "(call $sleep (i64.const 60000000)) unreachable";
        let second = program(2, &["fpgaio"], if faults { after } else { "" });
        bench.start(&first);
        assert_eq!(bench.update(&second), Ok(ON_TRIAL));
        // The log is full, and no page may be erased.
        let store = bench.containers.images_mut().flash_mut().unwrap();
        let [from, to] = [8, 9].map(saved_key);
        store.put(from, &[], b"x").unwrap();
        store.flash_mut().allow_erases(0);
        while store.rename(from, to, None).is_ok() && store.rename(to, from, None).is_ok() {}
        bench.run(u64::from(TRIAL_MS) + 40_000);
        assert!(bench.is(&second) && bench.state() == State::Running);
        let status = bench.containers.update_status(0);
        assert!(matches!(status, Update::Trial { left_ms, .. } if left_ms > 0 || faults));
        // Another one has to wait.
        assert!(bench.update(&first).is_err());
        // Less and less often: an attempt may wear the flash.
        let next = bench.containers.trial.as_ref().unwrap();
        assert!(next.retry_us > 16_000_000, "{}", next.retry_us);
        if faults {
            bench.run(20_000);
            assert!(bench.is(&first) && bench.state() == State::Running);
            assert_eq!(
                bench.containers.update_status(0),
                rolled_back(Fault::Unreachable)
            );
        }
        let store = bench.containers.images_mut().flash_mut().unwrap();
        store.flash_mut().allow_erases(u32::MAX);
        if !faults {
            bench.run(600_000);
            assert_eq!(bench.containers.update_status(0), KEPT);
        }
        let expected = if faults { &first } else { &second };
        let bench = bench.restart();
        assert!(bench.is(expected));
    }
}
