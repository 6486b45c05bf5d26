//! What the numbers of a fault mean: the function or the line where it was, and the register of the last call.
//!
//! A device reports numbers. What they mean was known where the package was made, and where the board was described:
//!
//! ```text
//!   pack, berth build, run, upload ──► names of this package, by its SHA-256, in this user's cache
//!   the manufacturer's exposures.json ──► registers by label and offset (--list; of the reference board it is known)
//!   a fault: place 12 of 1a2b3c4d, (.., 0x8) of fpgaio ──► pump::poke (src/lib.rs:23), fpgaio.BUTTON
//! ```

use crate::{Error, FaultRecord, LogLine, advice::advice, device::hexadecimal};
use berth_pack::{SideFile, printable, write_whole};
use berth_protocol::{ImageHash, Place};
use berth_sim::{Block, Board, misaligned};
use etcetera::{BaseStrategy, base_strategy::Xdg};
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Packages whose names are kept; older ones go.
const KEPT_MAX: usize = 64;

/// The board that is known without its manufacturer's list.
const REFERENCE: &str = "mps2-an386";

/// Where names are kept; `None`: this user has no folder for it.
fn folder() -> Option<PathBuf> {
    Some(Xdg::new().ok()?.cache_dir().join("berth").join("names"))
}

/// Keep what the numbers of a package mean. If there is no place for it, faults have numbers only.
pub(crate) fn keep(side: &SideFile) {
    if let Some(folder) = folder() {
        let _ = keep_in(&folder, side);
    }
}

fn keep_in(folder: &Path, side: &SideFile) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{}.json", side.sha256));
    write_whole(&path, serde_json::to_string(side)?)?;
    let mut kept: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    kept.sort();
    for (_, path) in kept.iter().rev().skip(KEPT_MAX) {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Keep what stands beside a package that was made before (`driver.names.json`), if it is this `image`'s.
pub(crate) fn keep_beside(package: &Path, image: &[u8]) {
    let text = fs::read_to_string(package.with_extension("names.json"));
    if let Some(side) = text.ok().and_then(|text| SideFile::parse(&text).ok())
        && side.sha256 == hexadecimal(&ImageHash::of(image).0)
    {
        keep(&side);
    }
}

/// What is known here of packages and of the board.
#[derive(Default)]
pub(crate) struct Meaning {
    /// Names that were named.
    own: Option<SideFile>,
    folder: Option<PathBuf>,
    board: Option<Board>,
}

impl Meaning {
    /// What is known of packages, and of the board of this name. `names`: a package's names; `list`: the manufacturer's list
    /// of exposures.
    ///
    /// # Errors
    /// If one of the files cannot be read, or is none.
    pub(crate) fn of(
        board: &str,
        names: Option<&Path>,
        list: Option<&Path>,
    ) -> Result<Self, Error> {
        let own = names.map(|path| {
            SideFile::parse(&read(path)?).map_err(|error| wrong(path, "names of a package", &error))
        });
        let list = list.map(|path| {
            Board::parse(&read(path)?).map_err(|error| wrong(path, "exposures", &error.0))
        });
        Ok(Self {
            own: own.transpose()?,
            folder: folder(),
            board: match list.transpose()? {
                Some(board) => Some(board),
                None => (board == REFERENCE).then(Board::reference),
            },
        })
    }

    /// The same for a board that is at hand.
    pub(crate) fn of_board(board: Board) -> Self {
        Self {
            own: None,
            folder: folder(),
            board: Some(board),
        }
    }

    /// Say what the numbers of a fault mean, as far as that is known.
    pub(crate) fn add_to(&self, fault: &mut FaultRecord) {
        if let Some(place) = &mut fault.place {
            place.text = self.place(place.as_told());
        }
        if let Some(call) = &mut fault.last_call
            && let Some(block) = &call.block
        {
            let [_, offset] = call.arguments;
            call.register = self.register(block, offset);
            let access = call.name.strip_prefix("mmio.");
            let access = access.map(|function| Access {
                function,
                label: Some(block),
                offset,
            });
            if let Some(why) = self.why(fault.fault, access) {
                fault.why = Some(why);
            }
        }
    }

    /// Why that was a fault, or what to do about it, if it is known.
    fn why(&self, fault: &str, access: Option<Access<'_>>) -> Option<String> {
        if fault != "bad-register" {
            return advice(fault).map(str::to_owned);
        }
        let Access {
            function,
            label,
            offset,
        } = access?;
        let block = label.and_then(|label| self.block(label));
        let why = block.and_then(|block| block.why_refused(function, offset));
        why.map(|why| printable(&why))
            .or_else(|| misaligned(function, offset))
    }

    /// The same of a line that a device has written about a fault.
    pub(crate) fn add_to_line(&self, line: &mut LogLine) {
        let text: &str = &line.text;
        if line.level != "error" || !text.starts_with("faulted: ") {
            return;
        }
        let place = Place::in_line(text).and_then(|place| self.place(place));
        let access = access_in(text);
        let register = access.and_then(|access| {
            let label = access.label?;
            let name = self.register(label, access.offset)?;
            Some(format!("{label}.{name}"))
        });
        let word = text.split(' ').nth(1).unwrap_or_default();
        let words: Vec<String> = [
            place.map(|place| format!("in {place}")),
            register.map(|register| format!("register {register}")),
            self.why(word, access),
        ]
        .into_iter()
        .flatten()
        .collect();
        line.meaning = (!words.is_empty()).then(|| words.join("; "));
    }

    /// Where a place is; `None` if nobody has kept that.
    fn place(&self, place: Place) -> Option<String> {
        let image = format!("{:08x}", place.image);
        let own = self.own.as_ref();
        let said = match own.filter(|own| own.sha256.starts_with(&image)) {
            Some(own) => own.place(place.number),
            None => self.kept(&image)?.place(place.number),
        };
        Some(printable(&said?))
    }

    /// The names of the package whose hash begins so.
    fn kept(&self, image: &str) -> Option<SideFile> {
        let folder = self.folder.as_ref()?;
        let path = fs::read_dir(folder).ok()?.flatten().find(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with(image)
        })?;
        SideFile::parse(&fs::read_to_string(path.path()).ok()?).ok()
    }

    fn block(&self, label: &str) -> Option<&Block> {
        let mut blocks = self.board.as_ref()?.exposures.iter();
        blocks.find(|block| block.label == label)
    }

    /// The name of a register.
    fn register(&self, label: &str, offset: u32) -> Option<String> {
        let block = self.block(label)?;
        let place = block.map.iter().find(|place| place.offset == offset)?;
        Some(printable(&place.name))
    }
}

/// Function, label and offset of the access that a line about a fault tells of, the label as far as it is told:
/// `last call mmio.read32(0, 0x8) of fpgaio`.
fn access_in(text: &str) -> Option<Access<'_>> {
    let (_, call) = text.split_once(", last call mmio.")?;
    let (function, arguments) = call.split_once('(')?;
    let (arguments, behind) = arguments.split_once(')')?;
    let (_, offset) = arguments.split_once(", 0x")?;
    Some(Access {
        function,
        label: behind.strip_prefix(" of "),
        offset: u32::from_str_radix(offset, 16).ok()?,
    })
}

/// What a container has done to a register.
#[derive(Clone, Copy)]
struct Access<'a> {
    /// Of the module `mmio`.
    function: &'a str,
    label: Option<&'a str>,
    offset: u32,
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

fn wrong(path: &Path, what: &str, why: &dyn std::fmt::Display) -> Error {
    Error::Usage(format!(
        "{} does not list {what}: {why}",
        crate::error::shown(path)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn side(first: u8) -> SideFile {
        SideFile {
            sha256: format!("{first:02x}{}", "0".repeat(62)),
            functions: BTreeMap::from([(5, "pump::poke".to_owned())]),
            places: vec![berth_pack::places::Place {
                function: 5,
                lines: Vec::new(),
            }],
        }
    }

    fn line(level: &'static str, text: &str) -> LogLine {
        LogLine {
            log: 0,
            sequence: 0,
            dropped: 0,
            time_us: 0,
            level,
            text: text.into(),
            meaning: None,
        }
    }

    #[test]
    fn names_are_kept_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        for first in 0..=u8::try_from(KEPT_MAX).unwrap() {
            keep_in(folder.path(), &side(first)).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT_MAX);
        let meaning = Meaning {
            folder: Some(folder.path().to_owned()),
            ..Meaning::default()
        };
        let place = |image| meaning.place(Place { number: 1, image });
        assert_eq!(place(0x4000_0000).as_deref(), Some("pump::poke"));
        assert_eq!(place(0x4100_0000), None);
    }

    #[test]
    fn a_line_about_a_fault_has_names_and_no_other_has() {
        let meaning = Meaning {
            own: Some(side(0xab)),
            folder: None,
            board: Some(Board::reference()),
        };
        let said = |level, text: &str| {
            let mut line = line(level, text);
            meaning.add_to_line(&mut line);
            line.meaning
        };
        let fault = "faulted: bad-register in main, at place 1 of ab000000, fuel 90, last call mmio.read32(0, 0x8) of fpgaio";
        assert_eq!(
            said("error", fault).as_deref(),
            Some("in pump::poke; register fpgaio.BUTTON; BUTTON is not exposed")
        );
        assert_eq!(said("info", fault), None);
        assert_eq!(said("error", &fault.replace("faulted", "failed")), None);
        // Where the address is known only when it runs, so is that it is misaligned.
        let misaligned = fault.replace("0x8", "0x12").replace("read32", "write16");
        assert_eq!(
            said("error", &misaligned).as_deref(),
            Some("in pump::poke; CLK1HZ is not exposed")
        );
        let misaligned = misaligned.replace("write16", "modify32");
        assert_eq!(
            said("error", &misaligned).as_deref(),
            Some("in pump::poke; misaligned: 32 bits at offset 0x12, which is no multiple of 4")
        );
        // Of another image, and of a register that has no name.
        let other = fault.replace("ab00", "ac00").replace("0x8", "0xc");
        assert_eq!(
            said("error", &other).as_deref(),
            Some("the register at 0xc is not exposed")
        );
    }
}
