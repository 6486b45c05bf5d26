//! `make bench`: measure on the emulated board, for people and in
//! `target/bench/results.json`.
//!
//! With names of groups as arguments only those are measured, and the page
//! `docs/measurements.md` is left as it is, or with `--page` changed where it tells of them.
//!
//! Exit code 1 if a figure is beyond what it must be within. What moved by more than 2 % against the page as it was
//! is told, too.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use anyhow::{Result, ensure};
use berth_bench::groups::ALL;
use berth_bench::report;
use berth_e2e::{root, target};

fn main() -> Result<ExitCode> {
    let words = std::env::args().skip(1);
    let (options, wanted): (Vec<String>, Vec<String>) = words.partition(|word| word == "--page");
    let known = |name: &String| ALL.iter().any(|(group, _)| group == name);
    let names: Vec<_> = ALL.iter().map(|(name, _)| *name).collect();
    ensure!(
        wanted.iter().all(known),
        "there are these groups: {}",
        names.join(", ")
    );
    let groups = ALL
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name))
        .map(|(_, measure)| measure())
        .collect::<Result<Vec<_>>>()?;
    print!("{}", report::tables(&groups));
    report::write_json(&target().join("bench/results.json"), &groups)?;
    let page = root().join("docs/measurements.md");
    for line in report::moved(&std::fs::read_to_string(&page)?, &groups) {
        eprintln!("moved: {line}");
    }
    if wanted.is_empty() || !options.is_empty() {
        report::write_page(&page, &groups, !wanted.is_empty())?;
    }
    let missed = report::missed(&groups);
    for name in &missed {
        eprintln!("missed: {name}");
    }
    Ok(ExitCode::from(u8::from(!missed.is_empty())))
}
