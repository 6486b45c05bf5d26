//! Native processes that measure on the board and print `key = value`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use berth_e2e::Flash;
use berth_emulator::{Board, Icount, Sleep};

use crate::figure::{Figure, Key};

/// An instruction takes 2^6 = 64 ns, more than a tick of any counter on the board
/// (40 ns): a difference of ticks says exactly how many instructions there were.
pub const ICOUNT: Icount = Icount {
    shift: 6,
    sleep: Sleep::Jump,
};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ends the output of a process that measured, and of one that could not.
const DONE: &str = "bench: done";
const FAILED: &str = "bench: failed";

/// Boot the kernel with the process `name` alone, counting instructions, and return what it
/// measured for `keys`.
///
/// # Errors
/// If it fails, or says nothing about a key.
pub fn measure(name: &str, keys: &[Key]) -> Result<Vec<Figure>> {
    figures(name, keys, &values(name)?)
}

/// The same, and return all that it measured.
///
/// # Errors
/// If it fails.
pub fn values(name: &str) -> Result<BTreeMap<String, f64>> {
    let flash = Flash::without_supervisor()?;
    flash.install(name)?;
    let board = Board::new(flash.path()).icount(ICOUNT);
    all(name, board, PATIENCE)
}

/// The same for what is no matter of time and takes long: without counting, `patience` at most.
///
/// # Errors
/// As [`measure`].
pub fn measure_long(name: &str, keys: &[Key], patience: Duration) -> Result<Vec<Figure>> {
    let flash = Flash::without_supervisor()?;
    flash.install(name)?;
    read(name, keys, Board::new(flash.path()), patience)
}

/// Start this board, on which the process `name` measures, and return what it says for `keys`.
///
/// # Errors
/// As [`measure`].
pub fn read(name: &str, keys: &[Key], board: Board, patience: Duration) -> Result<Vec<Figure>> {
    figures(name, keys, &all(name, board, patience)?)
}

/// What the process `name` has said for `keys`.
fn figures(name: &str, keys: &[Key], values: &BTreeMap<String, f64>) -> Result<Vec<Figure>> {
    keys.iter()
        .map(|&key| {
            let value = values.get(key.name).copied();
            let value = value.with_context(|| format!("{name} did not print {}", key.name))?;
            Ok(Figure { key, value })
        })
        .collect()
}

/// The same, and return all that it says.
///
/// # Errors
/// If it fails.
pub fn all(name: &str, board: Board, patience: Duration) -> Result<BTreeMap<String, f64>> {
    let board = board.limit(patience * 2).start()?;
    let said = board.console.wait_for(DONE, patience);
    let text = board.console.text();
    if text.contains(FAILED) {
        bail!("{name} could not measure: {text}");
    }
    said.with_context(|| format!("{name} did not finish: {text}"))?;
    let values = parse(&text).into_iter();
    Ok(values.map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The lines `key = value`.
fn parse(text: &str) -> BTreeMap<&str, f64> {
    text.lines()
        .filter_map(|line| {
            let (key, value) = line.trim().split_once(" = ")?;
            Some((key, value.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_with_numbers_count() {
        let text = "Berth kernel\r\na.b = 12.5\r\nc = many\r\n d = 3\r\nbench: done\r\n";
        let values = parse(text);
        assert_eq!(values.len(), 2);
        assert_eq!((values["a.b"], values["d"]), (12.5, 3.0));
    }
}
