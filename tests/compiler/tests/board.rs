//! Compiled modules compute on the emulated board what they compute in another engine.
//!
//! `BERTH_MODULES` is the number of modules, `BERTH_SEED` the first of them.

use berth_compiler_tests::batch::{Batch, hash};
use berth_compiler_tests::instance::{Unlike, instance};
use berth_compiler_tests::{batch, smith};
use berth_engine_tests::outcome::{Outcome, Value};
use berth_engine_tests::proofs::proofs;
use berth_engine_tests::{generate, product};

/// Bytes of a stack, so that most modules do not meet its end.
const STACK: u32 = 24 << 10;
/// Modules of a batch.
const BATCH: usize = 250;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Proofs that want more memory than the board has for one module.
const LARGE: &[&str] = &["wasm-v2/memory_grow.wast:36"];

/// A module's calls and what they come to elsewhere.
struct Case {
    name: String,
    image: Vec<u8>,
    calls: Vec<(String, Vec<Value>)>,
    slice: u32,
}

#[derive(Default, Debug)]
struct Tally {
    same: u32,
    limited: u32,
    refused: u32,
    pauses: u32,
    longest: u32,
}

/// Runs cases on the board and compares each with what `elsewhere` says of it.
fn compare(
    cases: impl Iterator<Item = Case>,
    mut elsewhere: impl FnMut(&Case) -> Result<Outcome, String>,
) -> Tally {
    let folder = tempfile::tempdir().unwrap();
    let mut tally = Tally::default();
    let (mut batch, mut waiting) = (Batch::default(), Vec::new());
    let mut cases = cases.peekable();
    while let Some(case) = cases.next() {
        match instance(&case.image, STACK) {
            Ok(instance) => {
                tally.longest = tally.longest.max(instance.report.longest);
                batch.add(&instance, &case.calls, case.slice);
                waiting.push((case, instance.start.is_some()));
            }
            Err(Unlike::Refused(_) | Unlike::Segments(_)) => tally.refused += 1,
            Err(Unlike::Invalid(what)) => {
                // The engine says the same.
                let is = product::validate(&case.image);
                assert!(is.is_err(), "{}: {what}", case.name);
                tally.refused += 1;
            }
        }
        if waiting.len() == BATCH || batch.bytes() > 6 << 20 || cases.peek().is_none() {
            let runs = batch.run(folder.path()).unwrap();
            for ((case, starts), run) in waiting.drain(..).zip(&runs) {
                judge(&case, starts, run, &mut elsewhere, &mut tally);
            }
            batch = Batch::default();
        }
    }
    println!("{tally:?}");
    tally
}

fn judge(
    case: &Case,
    starts: bool,
    run: &batch::Run,
    elsewhere: &mut impl FnMut(&Case) -> Result<Outcome, String>,
    tally: &mut Tally,
) {
    let name = &case.name;
    assert!(run.fault.is_none(), "{name}: {:?}", run.fault);
    tally.pauses += run.pauses;
    let want = match elsewhere(case) {
        Ok(want) => want,
        // Its start function traps there.
        Err(_) if starts => {
            tally.refused += 1;
            return;
        }
        Err(what) => panic!("{name}: {what}"),
    };
    let mut is = run.outcome.clone();
    if starts {
        is.endings.remove(0);
    }
    if is.met_a_limit() || want.met_a_limit() || run.outcome.met_a_limit() {
        tally.limited += 1;
        return;
    }
    if let Some((bytes, sum)) = run.memory {
        assert!(
            (bytes as usize, sum) == (want.memory.len(), hash(&want.memory)),
            "{name}: another memory, of {bytes} bytes, not {}; {:?} {:?}",
            want.memory.len(),
            is.endings,
            want.endings
        );
    }
    is.memory.clone_from(&want.memory);
    assert!(is == want, "{name}: {}", is.difference(&want));
    tally.same += 1;
}

/// Calls of `run`.
fn calls_of_run(seed: u64) -> Vec<(String, Vec<Value>)> {
    let calls = generate::calls(seed).into_iter();
    calls.map(|call| ("run".to_owned(), call)).collect()
}

/// Slices so short that code is paused at each place where it can be, or at every few, or hardly ever.
fn slice(seed: u64) -> u32 {
    [1, 100, 1_000, 1_000_000][seed as usize % 4]
}

#[test]
fn generated_modules_compute_what_they_do_in_the_interpreter() {
    let first = number("BERTH_SEED", 1);
    let seeds = first..first + number("BERTH_MODULES", 1_000);
    let cases = seeds.map(|seed| Case {
        name: format!("seed {seed}"),
        image: generate::module(seed),
        calls: calls_of_run(seed),
        slice: slice(seed),
    });
    let tally = compare(cases, |case| {
        let calls: Vec<_> = case.calls.iter().map(|(_, call)| call.clone()).collect();
        product::run(&case.image, &calls, 1_000_000_000)
    });
    assert!(tally.same > 10 * (tally.limited + tally.refused));
}

#[test]
fn modules_of_wasm_smith_compute_what_they_do_in_the_interpreter() {
    let first = number("BERTH_SEED", 1);
    let seeds = first..first + number("BERTH_MODULES", 1_000);
    let cases = seeds.filter_map(|seed| {
        let image = smith::module(seed)?;
        Some(Case {
            name: format!("seed {seed}"),
            calls: smith::calls(&image, seed),
            image,
            slice: slice(seed),
        })
    });
    let tally = compare(cases, |case| {
        let running = product::Running::with_memory(&case.image, 1_000_000_000, 6 << 20);
        let mut running = running.map_err(|refused| format!("{refused:?}"))?;
        let calls = case.calls.iter();
        let endings = calls.map(|(name, call)| running.call(name, call));
        let endings = endings.collect::<Result<_, _>>()?;
        Ok(running.outcome(endings))
    });
    assert!(tally.same > tally.limited + tally.refused);
}

#[test]
fn webassemblys_own_tests_hold_on_the_board() {
    let folder = tempfile::tempdir().unwrap();
    let (mut assertions, mut refused) = (0, Vec::new());
    let mut failed = Vec::new();
    let mut batch = Batch::default();
    let mut waiting = Vec::new();
    let mut proofs = proofs();
    proofs.retain(|proof| !LARGE.contains(&proof.place.as_str()));
    for (number, proof) in proofs.iter().enumerate() {
        match instance(&proof.image, STACK) {
            Ok(instance) => {
                let start = ("_start".to_owned(), Vec::new());
                batch.add(&instance, &[start], slice(number as u64));
                waiting.push(proof);
            }
            Err(Unlike::Invalid(_)) => {}
            Err(why) => refused.push(format!("{} {why:?}", proof.place)),
        }
        if waiting.len() == BATCH || batch.bytes() > 6 << 20 || number + 1 == proofs.len() {
            let runs = batch.run(folder.path()).unwrap();
            for (proof, run) in waiting.drain(..).zip(runs) {
                let ending = run.outcome.endings.last();
                match (&run.fault, ending) {
                    (None, Some(berth_engine_tests::outcome::Ending::Returned(_))) => {
                        assertions += proof.assertions;
                    }
                    other => failed.push(format!("{} {other:?}", proof.place)),
                }
            }
            batch = Batch::default();
        }
    }
    println!(
        "{assertions} assertions hold; {} refused: {refused:#?}",
        refused.len()
    );
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(assertions > 3_000);
}
