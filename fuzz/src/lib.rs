//! What must hold whatever comes in from outside, as one function for each border.
//!
//! ```text
//!   libfuzzer/ (coverage, nightly) ──┐
//!   tests/ (seeds, mutations) ───────┼─► Target::body ──► the product's code, and what must hold of it
//!                      corpus ───────┘        ▲
//!                        └────────────── Target::seeds, dictionaries/
//! ```
//!
//! A body takes any bytes and panics if something does not hold. [`TARGETS`] has them all; `fuzz/README.md` says how they
//! are run.

// Only tests and fuzzers use it, and they end where something does not hold.
#![allow(clippy::unwrap_used)]

pub mod bytes;
pub mod checker;
pub mod compiler;
pub mod devicetree;
pub mod editor;
pub mod frame;
pub mod modules;
pub mod mutate;
pub mod package;
pub mod requests;
pub mod store;
pub mod svd;
pub mod tbf;

/// A border, and what must hold at it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of the fuzzer, its corpus and its dictionary.
    pub name: &'static str,
    /// Panics if something does not hold.
    pub body: fn(&[u8]),
    /// What mutations begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that are worth trying, in libFuzzer's form.
    pub dictionary: &'static str,
}

macro_rules! target {
    ($module:ident) => {
        Target {
            name: stringify!($module),
            body: $module::body,
            seeds: $module::seeds,
            dictionary: include_str!(concat!("../dictionaries/", stringify!($module), ".txt")),
        }
    };
}

/// All borders.
pub const TARGETS: [Target; 11] = [
    target!(frame),
    target!(requests),
    target!(modules),
    target!(package),
    target!(tbf),
    target!(devicetree),
    target!(svd),
    target!(editor),
    target!(store),
    target!(checker),
    target!(compiler),
];

/// Returns the target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Writes the seeds of a target into the folder that `FUZZ_SEEDS` names, where a fuzzer finds them.
///
/// # Panics
///
/// If there is no such target, or they cannot be written.
pub fn begin(name: &str) {
    let Some(folder) = std::env::var_os("FUZZ_SEEDS").map(std::path::PathBuf::from) else {
        return;
    };
    let target = target(name).unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    for (number, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number:03}")), seed).unwrap();
    }
}
