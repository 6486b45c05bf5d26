//! Compiled modules compute on the emulated board what they compute in wasmtime.
//!
//! `BERTH_MODULES` is their number, `BERTH_SEED` the first of them.

use berth_compiler_tests::judge::{Case, MEMORY_BYTES, compare};
use berth_compiler_tests::smith;
use berth_engine_soak::Reference;
use berth_engine_tests::generate;
use berth_engine_tests::outcome::Outcome;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn seeds() -> std::ops::Range<u64> {
    let first = number("BERTH_SEED", 1);
    first..first + number("BERTH_MODULES", 1_000)
}

/// Slices of one unit, and of some.
fn slice(seed: u64) -> u32 {
    [1, 30, 300, 1_000_000][seed as usize % 4]
}

fn elsewhere(reference: &Reference, case: &Case) -> Result<Outcome, String> {
    let calls = reference.call(&case.image, &case.calls, MEMORY_BYTES);
    calls.map_err(|error| format!("{error:?}"))
}

#[test]
fn generated_modules_compute_on_the_board_what_they_do_in_wasmtime() {
    let reference = Reference::new().unwrap();
    let cases = seeds().map(|seed| Case {
        name: format!("seed {seed}"),
        image: generate::module(seed),
        calls: generate::calls(seed)
            .into_iter()
            .map(|call| ("run".to_owned(), call))
            .collect(),
        slice: slice(seed),
    });
    let tally = compare(cases, |case| elsewhere(&reference, case));
    assert!(tally.same > 10 * (tally.limited + tally.refused));
}

#[test]
fn modules_of_wasm_smith_compute_on_the_board_what_they_do_in_wasmtime() {
    let reference = Reference::new().unwrap();
    let cases = seeds().filter_map(|seed| {
        let image = smith::module(seed).filter(|image| reference.takes(image))?;
        Some(Case {
            name: format!("smith {seed}"),
            calls: smith::calls(&image, seed),
            image,
            slice: slice(seed),
        })
    });
    let tally = compare(cases, |case| elsewhere(&reference, case));
    assert!(tally.same > tally.limited + tally.refused);
}
