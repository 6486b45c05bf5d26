//! Compiled modules compute on the emulated board what they compute in another engine.
//!
//! `BERTH_MODULES` is the number of modules, `BERTH_SEED` the first of them.

use berth_compiler_tests::batch::Batch;
use berth_compiler_tests::instance::{Unlike, instance};
use berth_compiler_tests::judge::{BATCH, Case, STACK, compare, in_the_interpreter};
use berth_compiler_tests::smith;
use berth_engine_tests::generate;
use berth_engine_tests::outcome::{Ending, Value};
use berth_engine_tests::proofs::proofs;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Proofs that want more memory than the board has for one module.
const LARGE: &[&str] = &["wasm-v2/memory_grow.wast:36"];

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
    let tally = compare(cases, in_the_interpreter);
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
    let tally = compare(cases, in_the_interpreter);
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
                    (None, Some(Ending::Returned(_))) => {
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
