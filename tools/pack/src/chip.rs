//! The windows of a chip: where the peripherals of its SVD file are that a board exposes.
//!
//! The board's exposures say which peripheral a label is, the chip's file says where that one is. So a module that was
//! compiled for the chip's addresses needs no `--map`.

use std::path::Path;

use berth_exposure_compiler::{Placed, peripherals};

use crate::check::Board;
use crate::mapped::windows::{MAPPED_BYTES, Window};

/// Why there are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChipError {
    /// The file cannot be read.
    #[error("{0}")]
    File(String),
    /// None of its peripherals is known to be exposed.
    #[error(
        "none of its peripherals ({peripherals}) is exposed by this name ({exposed}): say with --map ADDRESS=LABEL where which block is"
    )]
    Nothing {
        /// Their names.
        peripherals: String,
        /// What is exposed, as the board calls it.
        exposed: String,
    },
}

/// Returns a window for each block of the board that the SVD file at `svd` knows, in the order of their addresses.
///
/// A block is the peripheral that the board names (`exposure --json` does), otherwise the one that is called as its label is, in upper or
/// lower case. Its window is as long as the file says, and never reaches into the next.
///
/// # Errors
///
/// If the file cannot be read, or knows none of the blocks.
pub fn windows(svd: &Path, board: &Board) -> Result<Vec<Window>, ChipError> {
    let placed = peripherals(svd).map_err(ChipError::File)?;
    let mut windows = Vec::new();
    for (label, peripheral, length) in board.blocks() {
        let name = peripheral.unwrap_or(label);
        let found = placed.iter().find(|p| p.name.eq_ignore_ascii_case(name));
        let start = found.and_then(|found| u32::try_from(found.base).ok());
        if let (Some(found), Some(start)) = (found, start) {
            windows.push(Window {
                start,
                length: bytes(found).max(length),
                label: label.to_owned(),
            });
        }
    }
    if windows.is_empty() {
        let names = placed.iter().map(|placed| placed.name.as_str());
        let exposed = board.blocks().map(|(label, name, _)| name.unwrap_or(label));
        return Err(ChipError::Nothing {
            peripherals: some(names),
            exposed: some(exposed),
        });
    }
    windows.sort_by_key(|window| window.start);
    let starts: Vec<u32> = windows.iter().map(|window| window.start).collect();
    for (window, next) in windows.iter_mut().zip(starts.iter().skip(1)) {
        window.length = window.length.min(next - window.start);
    }
    // Two labels of one peripheral: the first is taken.
    windows.retain(|window| window.length > 0);
    Ok(windows)
}

fn bytes(placed: &Placed) -> u32 {
    match placed.length {
        0 => MAPPED_BYTES,
        length => u32::try_from(length).unwrap_or(u32::MAX),
    }
}

/// Some of a list of names, for a message.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const TOLD: usize = 8;
    let all: Vec<_> = names.collect();
    let told = all
        .iter()
        .take(TOLD)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    let more = if all.len() > TOLD { ", ..." } else { "" };
    crate::printable(&format!("{told}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVD: &str = r#"<device><peripherals>
      <peripheral><name>LEDS</name><baseAddress>0x40028000</baseAddress>
        <addressBlock><offset>0</offset><size>0x100</size></addressBlock></peripheral>
      <peripheral><name>UART%s</name><dim>2</dim><dimIncrement>0x20</dimIncrement>
        <baseAddress>0x40004000</baseAddress>
        <addressBlock><offset>0</offset><size>0x1000</size></addressBlock></peripheral>
      <peripheral derivedFrom="LEDS"><name>MORE</name><baseAddress>0x40029000</baseAddress></peripheral>
    </peripherals></device>"#;

    fn of(json: &str) -> Result<Vec<Window>, ChipError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chip.svd");
        std::fs::write(&path, SVD).unwrap();
        windows(&path, &Board::from_json(json).unwrap())
    }

    fn window(start: u32, length: u32, label: &str) -> Window {
        let label = label.to_owned();
        Window {
            start,
            length,
            label,
        }
    }

    #[test]
    fn a_block_is_the_peripheral_that_the_board_names_or_the_one_called_so() {
        let found = of(r#"{"exposures": [
            {"label": "fpgaio", "length": 24, "peripheral": "LEDS"}, {"label": "uart1", "length": 32},
            {"label": "uart0", "length": 32}, {"label": "more", "length": 4}, {"label": "elsewhere", "length": 4}
        ]}"#);
        let expected = vec![
            window(0x4000_4000, 0x20, "uart0"),
            window(0x4000_4020, 0x1000, "uart1"),
            window(0x4002_8000, 0x100, "fpgaio"),
            window(0x4002_9000, 0x100, "more"),
        ];
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn a_board_with_nothing_of_the_chip_is_told_both_names() {
        let none = of(r#"{"exposures": [{"label": "fpgaio", "length": 24}]}"#).unwrap_err();
        let told = none.to_string();
        for part in ["LEDS, UART0, UART1, MORE", "(fpgaio)", "--map"] {
            assert!(told.contains(part), "{told}");
        }
    }
}
