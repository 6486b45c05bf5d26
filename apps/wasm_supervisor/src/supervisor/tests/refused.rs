//! A refused change has changed nothing: every operation with two steps, in every state in which it may be asked for.

use std::format;
use std::string::String;
use std::vec::Vec;

use berth_flash::Simulated;
use berth_protocol::{CHUNK_MAX, ImageHash, Op, Parameters, Reply, State};

use super::{BLINK, Bench};

/// Needs what no board has.
const MISSING: &str =
    r#"(module (import "mmio:nothing" "claim" (func (result i32))) (func (export "_start")))"#;
/// Needs what another container has.
const BUSY: &str =
    r#"(module (import "mmio:timer0" "claim" (func (result i32))) (func (export "_start")))"#;
/// Runs, and differs from the one that is there.
const GOOD: &str = r#"(module (func (export "_start") (loop $again (br $again))))"#;
/// Fails while it is loaded.
const FAULTS: &str = r#"(module (func $f (unreachable)) (start $f) (func (export "_start")))"#;
/// Holds `timer0` for good.
const HOLDER: &str = r#"(module
  (import "mmio:timer0" "claim" (func $claim (result i32)))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (func (export "_start") (drop (call $claim))
    (loop $again (call $sleep (i64.const 1000000)) (br $again))))"#;

/// The states in which a container is found.
const STATES: [&str; 5] = ["stored", "stopped", "running", "paused", "exited"];

/// A bench with the container `own` in this state.
fn bench(state: &str, flash: bool) -> Bench {
    let mut bench = if flash {
        Bench::with_flash(Simulated::new(32))
    } else {
        Bench::new()
    };
    bench.install("holder", HOLDER);
    bench.ok(Op::Start { name: "holder" });
    let exits = r#"(module (func (export "_start")))"#;
    bench.install("own", if state == "exited" { exits } else { BLINK });
    if state != "stored" {
        bench.ok(Op::Start { name: "own" });
        bench.polls(4);
    }
    match state {
        "stopped" => bench.ok(Op::Stop { name: "own" }),
        "paused" => bench.ok(Op::Pause { name: "own" }),
        _ => {}
    }
    bench
}

/// All that an operator can see of the container `own` that does not change by itself, and who holds what.
fn seen(bench: &mut Bench) -> String {
    let state = bench.state("own");
    let image = (0..)
        .map_while(|cursor| {
            bench.ask(Op::Images { cursor }, |result| match result.unwrap() {
                Reply::Image { item, .. } => Some(format!("{item:?}")),
                _ => None,
            })
        })
        .find(|item| item.contains("\"own\""))
        .unwrap();
    let mut bytes = Vec::new();
    loop {
        let offset = bytes.len() as u32;
        let op = Op::ReadImage {
            name: "own",
            offset,
        };
        let part = bench.ask(op, |result| match result.unwrap() {
            Reply::ImagePart { bytes } => bytes.to_vec(),
            other => panic!("{other:?}"),
        });
        if part.is_empty() {
            break;
        }
        bytes.extend(part);
    }
    let holders = *bench.fake.0.holders.borrow();
    format!("{state:?} {image} {:?} {holders:?}", ImageHash::of(&bytes))
}

/// Replace the image of `own`, and have it run if it does not. Whether the device did.
fn run(bench: &mut Bench, wat: &str, parameters: Parameters) -> Result<(), String> {
    let image = wat::parse_str(wat).unwrap();
    let begin = Op::UpdateBegin {
        upload: 7,
        name: "own",
        length: image.len() as u32,
        hash: ImageHash::of(&image),
        parameters,
        trial_ms: 100,
    };
    bench.ask(begin, |result| result.map(drop).map_err(|e| format!("{e}")))?;
    for (number, bytes) in image.chunks(CHUNK_MAX).enumerate() {
        bench.ok(Op::UploadChunk {
            upload: 7,
            offset: (number * CHUNK_MAX) as u32,
            bytes,
        });
    }
    bench.ask(Op::RunCommit { upload: 7 }, |result| match result {
        Ok(Reply::Update(berth_protocol::Update::RolledBack { .. })) => Err("rolled back".into()),
        Ok(Reply::Update(_)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
}

#[test]
fn a_run_that_is_refused_has_changed_nothing() {
    let bad = Parameters {
        share: Some(0),
        ..Parameters::default()
    };
    let none = Parameters::default();
    for flash in [true, false] {
        for state in STATES {
            let mut bench = bench(state, flash);
            let before = seen(&mut bench);
            for (wat, parameters) in [
                (MISSING, none),
                (BUSY, none),
                ("(module)", none),
                (GOOD, bad),
            ] {
                let refused = run(&mut bench, wat, parameters);
                assert!(refused.is_err(), "{state}: {wat}");
                assert_eq!(seen(&mut bench), before, "{state}: {wat}");
            }
            // What it can do it still can, and the next one that is good is taken.
            match state {
                "paused" => {
                    assert!(run(&mut bench, GOOD, none).is_err());
                    assert_eq!(seen(&mut bench), before);
                    bench.ok(Op::Resume { name: "own" });
                }
                _ => {
                    assert_eq!(run(&mut bench, GOOD, none), Ok(()), "{state}");
                    assert_eq!(bench.state("own"), State::Running, "{state}");
                    assert_ne!(seen(&mut bench), before);
                }
            }
        }
    }
}

#[test]
fn a_run_whose_own_code_fails_leaves_it_to_be_looked_at() {
    for state in ["stored", "stopped", "exited"] {
        let mut bench = bench(state, true);
        assert!(run(&mut bench, FAULTS, Parameters::default()).is_err());
        assert!(
            matches!(bench.state("own"), State::Faulted { .. }),
            "{state}"
        );
        let mut bench = bench.restarted();
        let faults = wat::parse_str(FAULTS).unwrap();
        assert!(seen(&mut bench).contains(&format!("{:?}", ImageHash::of(&faults))));
    }
}

#[test]
fn an_edit_that_is_refused_has_changed_nothing() {
    for flash in [true, false] {
        for state in STATES {
            let mut bench = bench(state, flash);
            let before = seen(&mut bench);
            let zero = Parameters {
                share: Some(0),
                ..Parameters::default()
            };
            let tiny = Parameters {
                limit: Some(1),
                ..Parameters::default()
            };
            let little = Parameters {
                memory: Some(8),
                ..Parameters::default()
            };
            for parameters in [zero, tiny, little] {
                for restart in [true, false] {
                    let edit = Op::Edit {
                        name: "own",
                        parameters,
                        restart,
                    };
                    if bench.ask(edit, |result| result.is_err()) {
                        assert_eq!(
                            seen(&mut bench),
                            before,
                            "{state}: {parameters:?} {restart}"
                        );
                    } else {
                        // Taken for the next start. The next round begins with another one.
                        assert!(!restart || state != "running", "{parameters:?}");
                        bench = self::bench(state, flash);
                    }
                }
            }
        }
    }
}
