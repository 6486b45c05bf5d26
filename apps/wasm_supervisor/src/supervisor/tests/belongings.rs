//! Configuration and named values, through the protocol and through the imports of a container.

use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, println};

use berth_flash::{Cut, Simulated};
use berth_protocol::configuration::CONFIGURATION_MAX;
use berth_protocol::{
    CHUNK_MAX, Chosen, DRAFT_PART_MAX, DeviceError, Fault, ImageHash, Op, Parameters, Reply, State,
    VALUES_DEFAULT, VALUES_MAX,
};

use super::Bench;
use crate::fake::Fake;
use crate::supervisor::Supervisor;

/// What bodies need. `$tell` logs what a call has found at 200: the text, or its result as a letter of the alphabet (`z` for
/// -1) in brackets.
fn program(data: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "berth" "config_get" (func $config (param i32 i32 i32 i32) (result i32)))
          (import "berth" "config_changes" (func $changes (result i32)))
          (import "berth" "value_get" (func $get (param i32 i32 i32 i32) (result i32)))
          (import "berth" "value_set" (func $set (param i32 i32 i32 i32) (result i32)))
          (import "berth" "value_remove" (func $remove (param i32 i32) (result i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 1024 (pagesize 1))
          (data (i32.const 0) "{data}")
          (func $tell (param $length i32)
            (if (i32.lt_s (local.get $length) (i32.const 0))
              (then (i32.store8 (i32.const 200) (i32.const 45)) (local.set $length (i32.const 1))))
            (call $log (i32.const 2) (i32.const 200) (local.get $length)))
          (func (export "_start") {body}))"#
    );
    wat::parse_str(text).unwrap()
}

/// Tells the setting `period` at its start and whenever the configuration has changed.
fn follower() -> Vec<u8> {
    program(
        "period",
        r"(local $seen i32) (local $now i32) (local.set $seen (i32.const -1))
          (loop $again
            (local.set $now (call $changes))
            (if (i32.ne (local.get $now) (local.get $seen))
              (then
                (local.set $seen (local.get $now))
                (call $tell (call $config (i32.const 0) (i32.const 6) (i32.const 200) (i32.const 99)))))
            (call $sleep (i64.const 10000))
            (br $again))",
    )
}

/// Counts its starts in the value `n`, tells the count, and what came of setting it if that was not done.
const COUNTS: &str = r"
  (i32.store8 (i32.const 199) (i32.const 48))
  (drop (call $get (i32.const 0) (i32.const 1) (i32.const 199) (i32.const 1)))
  (i32.store8 (i32.const 199) (i32.add (i32.load8_u (i32.const 199)) (i32.const 1)))
  (call $log (i32.const 2) (i32.const 199) (i32.const 1))
  (call $exit (call $set (i32.const 0) (i32.const 1) (i32.const 199) (i32.const 1)))";

fn counter() -> Vec<u8> {
    program("n", COUNTS)
}

/// What `Kept` tells: the whole configuration, how many values, their bytes, the limit, what was chosen of that.
type Kept = (String, u16, u32, u32, Option<u32>);

impl Bench {
    /// Send changes of a configuration, in parts.
    fn draft(&mut self, draft: u32, changes: &str, values: Option<u32>) -> Chosen {
        for (number, bytes) in changes.as_bytes().chunks(DRAFT_PART_MAX).enumerate() {
            let offset = (number * DRAFT_PART_MAX) as u16;
            self.ok(Op::Draft {
                draft,
                offset,
                bytes,
            });
        }
        let length = changes.len() as u16;
        Chosen {
            draft,
            length,
            values,
        }
    }

    fn announce(
        &mut self,
        name: &str,
        image: &[u8],
        (parameters, chosen): (Parameters, Chosen),
        trial_ms: Option<u32>,
    ) -> Result<bool, String> {
        let begin = Op::Announce {
            upload: 0,
            name,
            length: image.len() as u32,
            hash: ImageHash::of(image),
            parameters,
            trial_ms,
            chosen,
        };
        let offset = self.ask(begin, |result| match result {
            Ok(Reply::Upload { offset }) => Ok(Some(offset as usize)),
            Ok(Reply::Unchanged) => Ok(None),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        })?;
        let Some(mut offset) = offset else {
            return Ok(false);
        };
        for bytes in image[offset..].chunks(CHUNK_MAX) {
            self.ask(
                Op::UploadChunk {
                    upload: 0,
                    offset: offset as u32,
                    bytes,
                },
                |result| result.map(|_| ()).map_err(|error| error.to_string()),
            )?;
            offset += bytes.len();
        }
        Ok(true)
    }

    pub(super) fn place(
        &mut self,
        name: &str,
        image: &[u8],
        chosen: Chosen,
        trial_ms: Option<u32>,
    ) -> Result<bool, String> {
        let parameters = Parameters {
            writes: Some(1_000),
            ..Parameters::default()
        };
        if !self.announce(name, image, (parameters, chosen), trial_ms)? {
            return Ok(false);
        }
        self.ask(Op::UploadCommit { upload: 0 }, |result| {
            result.map(|_| true).map_err(|error| error.to_string())
        })
    }

    pub(super) fn change(
        &mut self,
        name: &str,
        changes: &str,
        values: Option<u32>,
    ) -> Result<(), String> {
        let chosen = self.draft(9, changes, values);
        self.change_as(name, Parameters::default(), chosen)
    }

    fn change_as(
        &mut self,
        name: &str,
        parameters: Parameters,
        chosen: Chosen,
    ) -> Result<(), String> {
        let op = Op::Change {
            name,
            parameters,
            restart: false,
            chosen,
        };
        self.ask(op, |result| {
            result.map(|_| ()).map_err(|error| error.to_string())
        })
    }

    fn kept(&mut self, name: &str) -> Kept {
        let mut all = Vec::new();
        loop {
            let offset = all.len() as u16;
            let (left, rest) = self.ask(Op::Kept { name, offset }, |result| {
                let Ok(Reply::Kept(kept)) = result else {
                    panic!("{result:?}");
                };
                all.extend_from_slice(kept.part);
                let rest = (kept.values, kept.values_bytes);
                (kept.left, (rest, kept.values_limit, kept.values_chosen))
            });
            if left == 0 {
                let ((count, bytes), limit, chosen) = rest;
                let text = String::from_utf8(all).unwrap().replace('\0', ";");
                return (text, count, bytes, limit, chosen);
            }
        }
    }

    fn configuration(&mut self, name: &str) -> String {
        self.kept(name).0
    }

    /// Live for so many milliseconds.
    fn live_ms(&mut self, ms: u64) {
        let until_us = self.fake.0.now_us.get() + ms * 1_000;
        self.live(until_us);
    }

    /// Start a container and let it come to its end. Returns what it has logged last, and its code.
    fn once(&mut self, name: &str) -> (String, i32) {
        self.ok(Op::Start { name });
        self.live_ms(20);
        let State::Exited { code } = self.state(name) else {
            panic!("{:?}", self.state(name));
        };
        (self.logs(name).pop().unwrap(), code)
    }
}

#[test]
fn a_configuration_is_set_read_changed_live_and_gone_with_its_container() {
    let mut bench = Bench::with_flash(Simulated::new(32));
    let chosen = bench.draft(1, "period=500\0address=0x48\0", None);
    assert_eq!(bench.place("f", &follower(), chosen, None), Ok(true));
    assert_eq!(bench.configuration("f"), "address=0x48;period=500;");
    // The same once more changes nothing, and what is not the same is no such container.
    let again = bench.draft(1, "address=0x48\0period=500\0", None);
    assert_eq!(bench.place("f", &follower(), again, None), Ok(false));
    let other = bench.draft(2, "address=0x49\0period=500\0", None);
    let taken = "the name is taken by another container".to_string();
    assert_eq!(bench.place("f", &follower(), other, None), Err(taken));

    bench.ok(Op::Start { name: "f" });
    bench.live_ms(30);
    assert_eq!(bench.logs("f"), ["500"]);
    // A parameter that is changed is no change of it.
    bench.ok(Op::Edit {
        name: "f",
        parameters: Parameters {
            share: Some(20),
            ..Parameters::default()
        },
        restart: false,
    });
    bench.change("f", "period=20\0", None).unwrap();
    bench.live_ms(30);
    assert_eq!(bench.logs("f"), ["500", "20"]);
    bench.change("f", "period\0", None).unwrap();
    bench.live_ms(30);
    assert_eq!(bench.logs("f"), ["500", "20", "-"]);
    assert_eq!(bench.configuration("f"), "address=0x48;");
    bench.change("f", "period=\0none\0", None).unwrap();

    // It outlives a restart of the supervisor, and another image.
    let mut bench = bench.restarted();
    assert_eq!(bench.configuration("f"), "address=0x48;period=;");
    let chosen = bench.draft(3, "period=7\0", Some(100));
    assert_eq!(bench.place("f", &counter(), chosen, Some(0)), Ok(true));
    assert_eq!(bench.configuration("f"), "address=0x48;period=7;");
    let mut bench = bench.restarted();
    assert_eq!(
        bench.kept("f"),
        ("address=0x48;period=7;".into(), 0, 0, 100, Some(100))
    );
    bench.ok(Op::Remove { name: "f" });
    assert_eq!(
        bench.place("f", &counter(), Chosen::default(), None),
        Ok(true)
    );
    let mut bench = bench.restarted();
    assert_eq!(bench.kept("f"), (String::new(), 0, 0, VALUES_DEFAULT, None));
}

#[test]
fn a_configuration_that_cannot_be_is_refused_and_nothing_has_changed() {
    let mut bench = Bench::with_flash(Simulated::new(32));
    let chosen = bench.draft(1, "a=1\0", None);
    assert_eq!(bench.place("f", &follower(), chosen, None), Ok(true));
    let long = format!("b={}\0", "x".repeat(CONFIGURATION_MAX - 6));
    let words = "names as containers have, values of characters that can be shown";
    for (changes, why) in [
        ("b=1\0b=2\0", "a name is changed twice"),
        ("b c=1\0", words),
        ("=1\0", words),
        ("b=\n\0", words),
        ("b=1", words),
        (long.as_str(), "at most 512 bytes"),
    ] {
        let refused = Err(format!("parameter out of range: configuration: {why}"));
        assert_eq!(bench.change("f", changes, None), refused, "{changes:?}");
        // An upload learns it before anything is sent.
        let chosen = bench.draft(1, changes, None);
        let other = program("", "");
        if changes != long {
            assert_eq!(bench.place("g", &other, chosen, None).map(|_| ()), refused);
        }
    }
    let limit = bench.change("f", "", Some(VALUES_MAX + 1)).unwrap_err();
    assert_eq!(limit, "parameter out of range: values: at most 16384 bytes");
    assert_eq!(bench.configuration("f"), "a=1;");
    // As long as it may be, in several parts; and all of it changed at once.
    let whole = format!("b={}\0", "x".repeat(CONFIGURATION_MAX - 3));
    bench.change("f", &format!("a\0{whole}"), None).unwrap();
    assert_eq!(bench.configuration("f"), whole.replace('\0', ";"));
    let parts: String = (0..39).map(|n| format!("n{n:02}=value{n:03}\0")).collect();
    bench.change("f", &format!("b\0{parts}"), None).unwrap();
    assert_eq!(bench.configuration("f"), parts.replace('\0', ";"));
    // A draft that is not there, another's, or not whole.
    let chosen = bench.draft(5, "a=1\0", None);
    bench.draft(6, "a=2\0", None);
    for missing in [
        chosen,
        Chosen {
            draft: 6,
            length: 3,
            values: None,
        },
    ] {
        let refused = bench.change_as("f", Parameters::default(), missing);
        assert_eq!(
            refused,
            Err("the changes of the configuration did not arrive".into())
        );
    }
    let gap = Op::Draft {
        draft: 6,
        offset: 5,
        bytes: b"x",
    };
    bench.ask(gap, |result| assert_eq!(result, Err(DeviceError::NoDraft)));
    // At the commit, too: it is sent again, and the upload goes on.
    let image = counter();
    let chosen = bench.draft(7, "a=7\0", None);
    let parameters = Parameters::default();
    let begun = bench.announce("g", &image, (parameters, chosen), None);
    assert_eq!(begun, Ok(true));
    bench.draft(8, "a=8\0", None);
    let commit = Op::UploadCommit { upload: 0 };
    bench.ask(commit, |result| {
        assert_eq!(result, Err(DeviceError::NoDraft))
    });
    bench.draft(7, "a=7\0", None);
    bench.ok(commit);
    assert_eq!(bench.configuration("g"), "a=7;");
}

/// Another operator between the announcement and the commit takes away neither the draft nor the upload.
#[test]
fn who_errs_takes_no_draft_from_another() {
    let mut bench = Bench::with_flash(Simulated::new(32));
    bench
        .place("f", &follower(), Chosen::default(), None)
        .unwrap();
    let chosen = bench.draft(7, "a=7\0", None);
    let begun = bench.announce("g", &counter(), (Parameters::default(), chosen), None);
    assert_eq!(begun, Ok(true));
    let missing = Err("the changes of the configuration did not arrive".into());
    // One that is not there, one that is not whole, and parameters that cannot be.
    let others = |draft, length| Chosen {
        draft,
        length,
        values: None,
    };
    for other in [others(8, 4), others(7, 3)] {
        let refused = bench.change_as("f", Parameters::default(), other);
        assert_eq!(refused, missing);
    }
    let share = Parameters {
        share: Some(0),
        ..Parameters::default()
    };
    assert!(bench.change_as("f", share, others(8, 4)).is_err());
    let too_much = Chosen {
        values: Some(VALUES_MAX + 1),
        ..others(8, 4)
    };
    let refused = bench.change_as("f", Parameters::default(), too_much);
    assert!(refused.unwrap_err().contains("16384"));
    bench.ok(Op::UploadCommit { upload: 0 });
    assert_eq!(bench.configuration("g"), "a=7;");

    // A commit of another's upload is none, whatever has become of the draft of the one that is under way.
    let chosen = bench.draft(9, "a=9\0", None);
    let begun = bench.announce("h", &counter(), (Parameters::default(), chosen), None);
    assert_eq!(begun, Ok(true));
    bench.draft(10, "a=10\0", None);
    for op in [Op::UploadCommit { upload: 1 }, Op::RunCommit { upload: 1 }] {
        bench.ask(op, |result| assert_eq!(result, Err(DeviceError::NoUpload)));
    }
    bench.draft(9, "a=9\0", None);
    bench.ask(Op::UploadCommit { upload: 1 }, |result| {
        assert_eq!(result, Err(DeviceError::NoUpload))
    });
    bench.ok(Op::UploadCommit { upload: 0 });
    assert_eq!(bench.configuration("h"), "a=9;");
}

#[test]
fn an_image_on_trial_has_the_new_configuration_and_the_old_one_comes_back_with_its_own() {
    let mut bench = Bench::with_flash(Simulated::new(32));
    let chosen = bench.draft(1, "period=1\0", None);
    bench.place("f", &follower(), chosen, None).unwrap();
    bench.ok(Op::Start { name: "f" });
    bench.live_ms(20);
    // It tells its setting, tries to keep a value, and faults.
    let faulty = |last: &str| {
        program(
            "period",
            &format!(
                r"(call $tell (call $config (i32.const 0) (i32.const 6) (i32.const 200) (i32.const 99)))
                  (call $tell (call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)))
                  (call $sleep (i64.const 20000)) {last}"
            ),
        )
    };
    let chosen = bench.draft(2, "period=2\0", None);
    bench
        .place("f", &faulty("unreachable"), chosen, Some(1_000))
        .unwrap();
    assert_eq!(bench.configuration("f"), "period=2;");
    bench.live_ms(60);
    assert_eq!(bench.configuration("f"), "period=1;");
    let logs = bench.logs("f");
    assert_eq!(logs[..3], ["1", "2", "-"]);
    assert_eq!(logs.last().unwrap(), "1");
    // Nothing was written in the trial.
    assert_eq!(bench.kept("f").1, 0);
    // The power goes in the trial: the old one.
    let chosen = bench.draft(2, "period=2\0", None);
    bench.place("f", &faulty(""), chosen, Some(1_000)).unwrap();
    bench.live_ms(5);
    let mut bench = bench.restarted();
    bench.polls(4);
    assert_eq!(bench.configuration("f"), "period=1;");
    // One that lasts is kept, with its configuration.
    bench.ok(Op::Start { name: "f" });
    let chosen = bench.draft(2, "period=2\0", None);
    let stays = faulty("(loop $l (call $sleep (i64.const 1000000)) (br $l))");
    bench.place("f", &stays, chosen, Some(100)).unwrap();
    bench.live_ms(200);
    let mut bench = bench.restarted();
    assert_eq!(bench.configuration("f"), "period=2;");
}

/// Parameters and configuration change together: at whatever instant the power goes, both are old or both are new.
#[test]
fn an_edit_of_both_happens_whole_or_not_at_all_whenever_the_power_goes() {
    let (mut cuts, mut after) = (0, 0);
    loop {
        let mut bench = Bench::with_flash(Simulated::new(16));
        let chosen = bench.draft(1, "a=1\0b=1\0", None);
        bench.place("f", &counter(), chosen, None).unwrap();
        let chosen = bench.draft(2, "a=2\0b\0c=2\0", Some(200));
        let seed = [0, u64::MAX, after + 1][after as usize % 3];
        let cut = |bench: &mut Bench| {
            if let Some(flash) = &mut *bench.fake.0.flash.borrow_mut() {
                flash.cut(Cut { after, seed });
            }
        };
        // The supervisor has the flash while it lives.
        let mut bench = bench.with_power_that_goes(cut);
        bench.draft(2, "a=2\0b\0c=2\0", Some(200));
        let changed = bench.change_as(
            "f",
            Parameters {
                share: Some(7),
                ..Parameters::default()
            },
            chosen,
        );
        let mut bench = bench.restarted();
        let share = bench.ask(Op::Inspect { name: "f" }, |result| match result {
            Ok(Reply::Inspection(found)) => found.parameters.share,
            other => panic!("{other:?}"),
        });
        let kept = bench.kept("f");
        match share {
            None => assert_eq!((&*kept.0, kept.4), ("a=1;b=1;", None), "{after}"),
            Some(_) => assert_eq!((&*kept.0, kept.4), ("a=2;c=2;", Some(200)), "{after}"),
        }
        if changed.is_ok() {
            assert!(share.is_some(), "{after}: acknowledged and lost");
            break;
        }
        // And it can be changed now, without anything left behind.
        bench.change("f", "a=3\0", None).unwrap();
        cuts += 1;
        after += 1;
    }
    println!("{cuts} cuts");
    assert!(cuts > 20, "{cuts}");
}

impl Bench {
    /// The same device, whose flash is changed while no supervisor has it.
    fn with_power_that_goes(self, change: impl FnOnce(&mut Self)) -> Self {
        let Self { fake, next_id, .. } = self;
        drop(self.supervisor);
        let mut bench = Self {
            supervisor: Supervisor::new(Fake::default()),
            fake: fake.clone(),
            next_id,
            text: String::new(),
        };
        change(&mut bench);
        bench.supervisor = Supervisor::new(fake);
        bench
    }
}

#[test]
fn a_value_is_kept_over_ends_restarts_and_updates_and_goes_with_its_container() {
    let mut bench = Bench::with_flash(Simulated::new(32));
    bench
        .place("c", &counter(), Chosen::default(), None)
        .unwrap();
    assert_eq!(bench.once("c"), ("1".into(), 0));
    assert_eq!(bench.once("c"), ("2".into(), 0));
    assert_eq!(bench.kept("c"), (String::new(), 1, 5, VALUES_DEFAULT, None));
    let mut bench = bench.restarted();
    assert_eq!(bench.once("c"), ("3".into(), 0));
    // After a restart there is one write, and another in its time. Another image.
    bench.live_ms(90_000);
    let more = program("n", &format!("{COUNTS} (drop (i32.const 1))"));
    bench.place("c", &more, Chosen::default(), Some(0)).unwrap();
    assert_eq!(bench.once("c"), ("4".into(), 0));
    // Nobody else sees it, neither beside it nor after it.
    bench
        .place("d", &counter(), Chosen::default(), None)
        .unwrap();
    assert_eq!(bench.once("d"), ("1".into(), 0));
    bench.ok(Op::Remove { name: "c" });
    bench
        .place("c", &counter(), Chosen::default(), None)
        .unwrap();
    assert_eq!(bench.kept("c").1, 0);
    assert_eq!(bench.once("c"), ("1".into(), 0));
    assert_eq!(bench.once("d"), ("2".into(), 0));
}

#[test]
fn values_are_bounded_and_their_writes_are_said_to_be_possible_later() {
    let mut bench = Bench::with_flash(Simulated::new(32));
    bench
        .place("c", &counter(), Chosen::default(), None)
        .unwrap();
    // Two writes a day.
    let op = Op::Edit {
        name: "c",
        parameters: Parameters {
            writes: Some(2),
            ..Parameters::default()
        },
        restart: false,
    };
    bench.ok(op);
    assert_eq!(bench.once("c").1, 0);
    assert_eq!(bench.once("c").1, 0);
    let (text, code) = bench.once("c");
    // In half a day, less the time that has passed.
    assert_eq!(text, "3");
    assert!((-43_200_000..-43_190_000).contains(&code), "{code}");
    let erases = bench.store_erases();
    let (text, code) = bench.once("c");
    assert!(text == "3" && code < 0, "{text} {code}");
    assert_eq!(
        bench.store_erases(),
        erases,
        "what was refused wrote something"
    );
    bench.live_ms(43_200_000);
    assert_eq!(bench.once("c"), ("3".into(), 0));

    // The same value is no write: after ten, one that counts.
    let same = program(
        "nx",
        r"(local $i i32) (loop $l
            (if (call $set (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 1)) (then unreachable))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10))))",
    );
    bench.place("s", &same, Chosen::default(), None).unwrap();
    let writes = Op::Edit {
        name: "s",
        parameters: Parameters {
            writes: Some(1),
            ..Parameters::default()
        },
        restart: false,
    };
    bench.ok(writes);
    bench.ok(Op::Start { name: "s" });
    bench.live_ms(20);
    assert_eq!(bench.state("s"), State::Exited { code: 0 });

    // The quota: 10 bytes are a value of six with a name of one.
    let sets = |name: usize, length: usize| {
        program(
            "nmbad n",
            &format!(
                "(call $exit (call $set (i32.const {name}) (i32.const 1) (i32.const 300) (i32.const {length})))"
            ),
        )
    };
    let mut code_of = |name, length| {
        let image = sets(name, length);
        if bench.supervisor.service.containers.find("q").is_some() {
            bench
                .place("q", &image, Chosen::default(), Some(0))
                .unwrap();
        } else {
            let chosen = bench.draft(4, "", Some(10));
            bench.place("q", &image, chosen, None).unwrap();
        }
        bench.ok(Op::Start { name: "q" });
        bench.live_ms(20);
        let State::Exited { code } = bench.state("q") else {
            panic!("{:?}", bench.state("q"));
        };
        code
    };
    assert_eq!(code_of(0, 7), 7);
    assert_eq!(code_of(0, 6), 0);
    assert_eq!(code_of(1, 0), 7);
    assert_eq!(code_of(0, 2), 0);
    assert_eq!(code_of(1, 0), 0);
    assert_eq!(code_of(5, 0), 6, "no name");
    assert_eq!(bench.kept("q"), (String::new(), 2, 10, 10, Some(10)));
    // Less than it has: what it has stays, and may become less.
    bench.change("q", "", Some(5)).unwrap();
    let removes = program(
        "n",
        "(call $exit (call $remove (i32.const 0) (i32.const 1)))",
    );
    bench
        .place("q", &removes, Chosen::default(), Some(0))
        .unwrap();
    assert_eq!(bench.kept("q").2, 10);
    bench.ok(Op::Start { name: "q" });
    bench.live_ms(20);
    assert_eq!(bench.state("q"), State::Exited { code: 0 });
    assert_eq!(bench.kept("q"), (String::new(), 1, 4, 5, Some(5)));
}

/// Where the store has no page left, a setting is refused with that, a value with its number, and both are what they were.
#[test]
fn a_full_store_refuses_settings_and_values_and_keeps_those_it_has() {
    let mut bench = Bench::with_flash(Simulated::new(16));
    let chosen = bench.draft(1, "a=1\0", None);
    bench.place("c", &counter(), chosen, None).unwrap();
    assert_eq!(bench.once("c"), ("1".into(), 0));
    // An image of a page each, until there is no more.
    let why = (0..16).find_map(|number| {
        let image = program("", &format!("(drop (i32.const {number}))"));
        let name = format!("more{number}");
        bench.place(&name, &image, Chosen::default(), None).err()
    });
    let why = why.unwrap();
    assert!(why.contains("the store is full"), "{why}");
    let refused = bench.change("c", "a=2\0", None).unwrap_err();
    assert!(refused.contains("the store is full"), "{refused}");
    assert_eq!(bench.once("c"), ("2".into(), 9));
    assert_eq!(bench.once("c"), ("2".into(), 9));
    let mut bench = bench.restarted();
    assert_eq!(bench.configuration("c"), "a=1;");
    bench.ok(Op::Remove { name: "more0" });
    bench.change("c", "a=2\0", None).unwrap();
    assert_eq!(bench.configuration("c"), "a=2;");
    bench.ok(Op::Remove { name: "more1" });
    assert_eq!(bench.once("c"), ("2".into(), 0));
}

impl Bench {
    fn store_erases(&mut self) -> u32 {
        self.ask(Op::Status, |result| match result {
            Ok(Reply::Status(status)) => status.store.unwrap().wear_max,
            other => panic!("{other:?}"),
        })
    }
}

/// The power goes in each step of the flash while a value is replaced: the old one or the new one, and what was acknowledged.
#[test]
fn a_value_is_the_old_or_the_new_one_whenever_the_power_goes() {
    let (mut after, mut cuts) = (0, 0);
    loop {
        let mut bench = Bench::with_flash(Simulated::new(16));
        bench
            .place("c", &counter(), Chosen::default(), None)
            .unwrap();
        assert_eq!(bench.once("c"), ("1".into(), 0));
        let seed = [0, u64::MAX, after + 1][after as usize % 3];
        let mut bench = bench.with_power_that_goes(|bench| {
            if let Some(flash) = &mut *bench.fake.0.flash.borrow_mut() {
                flash.cut(Cut { after, seed });
            }
        });
        bench.ok(Op::Start { name: "c" });
        bench.live_ms(20);
        let done = bench.state("c") == State::Exited { code: 0 };
        let mut bench = bench.restarted();
        let (text, code) = bench.once("c");
        assert_eq!(code, 0);
        match &*text {
            "2" => assert!(!done, "{after}: acknowledged and lost"),
            text => assert_eq!(text, "3", "{after}"),
        }
        if done {
            break;
        }
        cuts += 1;
        after += 1;
    }
    println!("{cuts} cuts");
    assert!(cuts > 10, "{cuts}");
}

/// The power goes in each step of the flash while a container is deleted that has all there is: it is there with all of it,
/// or what comes into its slot finds nothing.
#[test]
fn what_is_deleted_leaves_nothing_behind_whenever_the_power_goes() {
    let mut after = 0;
    loop {
        let mut bench = Bench::with_flash(Simulated::new(16));
        let chosen = bench.draft(1, "a=1\0", None);
        bench.place("c", &counter(), chosen, None).unwrap();
        assert_eq!(bench.once("c"), ("1".into(), 0));
        let mut bench = bench.with_power_that_goes(|bench| {
            if let Some(flash) = &mut *bench.fake.0.flash.borrow_mut() {
                flash.cut(Cut { after, seed: after });
            }
        });
        let removed = bench.ask(Op::Remove { name: "c" }, |result| result.is_ok());
        let mut bench = bench.restarted();
        // The first thing it does is to take away what nobody has.
        bench.polls(4);
        if bench.supervisor.service.containers.find("c").is_some() {
            assert!(!removed, "{after}: acknowledged and there");
            assert_eq!(bench.configuration("c"), "a=1;");
            assert_eq!(bench.once("c"), ("2".into(), 0));
            bench.ok(Op::Remove { name: "c" });
        }
        bench
            .place("c", &counter(), Chosen::default(), None)
            .unwrap();
        assert_eq!(bench.kept("c").0, "", "{after}");
        assert_eq!(bench.once("c"), ("1".into(), 0), "{after}");
        if removed && after > 10 {
            break;
        }
        after += 1;
    }
}

#[test]
fn a_wasi_program_finds_its_configuration_as_its_environment() {
    let environment = wat::parse_str(
        r#"(module
          (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
          (import "berth" "log" (func $log (param i32 i32 i32)))
          (import "berth" "exit" (func $exit (param i32)))
          (memory (export "memory") 256 (pagesize 1))
          (func (export "_start")
            (if (call $sizes (i32.const 0) (i32.const 4)) (then unreachable))
            (if (call $get (i32.const 16) (i32.const 64)) (then unreachable))
            ;; The last of them, without its end.
            (call $log (i32.const 2) (i32.load (i32.const 20))
              (i32.sub (i32.sub (i32.add (i32.const 64) (i32.load (i32.const 4))) (i32.load (i32.const 20)))
                (i32.const 1)))
            (call $exit (i32.load (i32.const 0)))))"#,
    )
    .unwrap();
    let mut bench = Bench::with_flash(Simulated::new(32));
    let chosen = bench.draft(1, "PERIOD=500\0ADDRESS=0x48\0", None);
    bench.place("w", &environment, chosen, None).unwrap();
    assert_eq!(bench.once("w"), ("PERIOD=500".into(), 2));
}

#[test]
fn places_outside_the_memory_end_a_container_and_so_does_asking_where_nothing_may_wait() {
    for body in [
        "(drop (call $config (i32.const 1020) (i32.const 5) (i32.const 0) (i32.const 0)))",
        "(drop (call $config (i32.const 0) (i32.const 1) (i32.const 1020) (i32.const 5)))",
        "(drop (call $get (i32.const -1) (i32.const 1) (i32.const 0) (i32.const 1)))",
        "(drop (call $set (i32.const 0) (i32.const 1) (i32.const 1020) (i32.const -1)))",
        "(drop (call $remove (i32.const 1024) (i32.const 1)))",
    ] {
        let mut bench = Bench::with_flash(Simulated::new(16));
        bench
            .place("x", &program("n", body), Chosen::default(), None)
            .unwrap();
        bench.ok(Op::Start { name: "x" });
        bench.live_ms(20);
        let fault = Fault::BadPointer;
        assert_eq!(bench.state("x"), State::Faulted { fault }, "{body}");
    }
    let in_start = wat::parse_str(
        r#"(module (import "berth" "value_remove" (func $f (param i32 i32) (result i32)))
          (memory (export "memory") 16 (pagesize 1))
          (func $s (drop (call $f (i32.const 0) (i32.const 1)))) (start $s) (func (export "_start")))"#,
    )
    .unwrap();
    let mut bench = Bench::with_flash(Simulated::new(16));
    bench
        .place("x", &in_start, Chosen::default(), None)
        .unwrap();
    assert!(bench.refused(Op::Start { name: "x" }).contains("faulted"));
    let fault = Fault::MaySuspend;
    assert_eq!(bench.state("x"), State::Faulted { fault });
}

#[test]
fn without_flash_all_of_it_is_kept_in_memory() {
    let mut bench = Bench::new();
    let chosen = bench.draft(1, "period=1\0", None);
    bench.place("f", &follower(), chosen, None).unwrap();
    bench
        .place("c", &counter(), Chosen::default(), None)
        .unwrap();
    bench.ok(Op::Start { name: "f" });
    bench.live_ms(20);
    bench.change("f", "period=2\0", None).unwrap();
    bench.live_ms(20);
    assert_eq!(bench.logs("f"), ["1", "2"]);
    assert_eq!(bench.once("c"), ("1".into(), 0));
    assert_eq!(bench.once("c"), ("2".into(), 0));
    bench.ok(Op::Remove { name: "c" });
    bench
        .place("c", &counter(), Chosen::default(), None)
        .unwrap();
    assert_eq!(bench.once("c"), ("1".into(), 0));
}

#[test]
fn the_shell_sets_and_shows_them() {
    let mut bench = Bench::with_flash(Simulated::new(32));
    bench
        .place("c", &counter(), Chosen::default(), None)
        .unwrap();
    let said = bench.type_text("edit c set period=500 values 100 share 7\r");
    assert!(said.contains("ok"), "{said}");
    let said = bench.type_text("edit c --set address=0x48 --unset none\r");
    assert!(said.contains("ok"), "{said}");
    assert_eq!(
        bench.kept("c"),
        ("address=0x48;period=500;".into(), 0, 0, 100, Some(100))
    );
    let said = bench.type_text("inspect c\r");
    for line in [
        "set address=0x48\r\n",
        "set period=500\r\n",
        "0 values, 0 of 100 bytes",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    for (wrong, why) in [
        ("edit c set period\r", "edit NAME"),
        ("edit c unset a=1\r", "edit NAME"),
        ("edit c set a=1 set a=2\r", "a name is changed twice"),
        ("edit c values 16385\r", "at most 16384 bytes"),
    ] {
        let said = bench.type_text(wrong);
        assert!(said.contains(why), "{wrong}: {said}");
    }
    assert_eq!(bench.configuration("c"), "address=0x48;period=500;");
}
