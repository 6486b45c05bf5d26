//! Modules on the board and elsewhere, compared.

use berth_engine_tests::outcome::{Outcome, Value};
use berth_engine_tests::product::{self, Running};

use crate::batch::{Batch, Run, hash};
use crate::instance::{Unlike, instance};

/// Bytes of a stack, so that most modules do not meet its end.
pub const STACK: u32 = 24 << 10;
/// Bytes that a memory can grow to there.
pub const MEMORY_BYTES: usize = 6 << 20;
/// Modules of a batch.
pub const BATCH: usize = 250;

/// A module's calls and what they come to elsewhere.
pub struct Case {
    /// What it is called if it fails.
    pub name: String,
    /// The module.
    pub image: Vec<u8>,
    /// Exported functions and their arguments.
    pub calls: Vec<(String, Vec<Value>)>,
    /// Fuel of a slice.
    pub slice: u32,
}

/// What came of many cases.
#[derive(Default, Debug)]
pub struct Tally {
    /// Modules that compute the same.
    pub same: u32,
    /// Those that met the end of a stack or of patience on either side.
    pub limited: u32,
    /// Those that are not run.
    pub refused: u32,
    /// Pauses of all.
    pub pauses: u32,
    /// The longest stretch of code that is not paused, in halfwords.
    pub longest: u32,
}

/// Runs cases on the board and compares each with what `elsewhere` says of it.
///
/// # Panics
///
/// If one computes something else, or the board tells of a fault.
#[must_use]
pub fn compare(
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
            Err(why @ (Unlike::Refused(_) | Unlike::Segments(_))) => {
                println!("{}: {why:?}", case.name);
                tally.refused += 1;
            }
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

/// Returns what a case comes to in the interpreter.
///
/// # Errors
///
/// What the interpreter says if it does not take the module.
pub fn in_the_interpreter(case: &Case) -> Result<Outcome, String> {
    let running = Running::with_memory(&case.image, 1_000_000_000, MEMORY_BYTES);
    let mut running = running.map_err(|refused| format!("{refused:?}"))?;
    let calls = case.calls.iter();
    let endings = calls.map(|(name, call)| running.call(name, call));
    let endings = endings.collect::<Result<_, _>>()?;
    Ok(running.outcome(endings))
}

fn judge(
    case: &Case,
    starts: bool,
    run: &Run,
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
