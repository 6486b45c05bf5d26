//! Generated modules compute what they compute in wasmtime.
//!
//! `BERTH_MODULES` is their number, `BERTH_SEED` the first of them.

use berth_admission::Module as Admitted;
use berth_engine_soak::Reference;
use berth_engine_tests::{generate, product};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Tries every second seed, so that two of these share a machine of two cores.
fn every_second(half: u64) {
    let reference = Reference::new().unwrap();
    let first = number("BERTH_SEED", 1);
    let (mut same, mut limited) = (0, 0);
    for index in 0..number("BERTH_MODULES", 1_000) / 2 {
        let seed = first + 2 * index + half;
        let image = generate::module(seed);
        let calls = generate::calls(seed);
        Admitted::scan(&image).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        let want = reference.run(&image, &calls).unwrap();
        let is = product::run(&image, &calls, 20 + seed % 300)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        if is.met_a_limit() || want.met_a_limit() {
            limited += 1;
            continue;
        }
        assert!(is == want, "seed {seed}: {}", is.difference(&want));
        same += 1;
    }
    println!("{same} modules are the same, {limited} met a limit");
    assert!(limited * 20 < same);
}

#[test]
fn even_seeds_compute_what_they_do_in_wasmtime() {
    every_second(0);
}

#[test]
fn odd_seeds_compute_what_they_do_in_wasmtime() {
    every_second(1);
}
