//! Names of functions and places, kept beside the package: the device reports numbers.

use std::collections::BTreeMap;
use std::path::Path;

use berth_protocol::ImageHash;
use serde::{Deserialize, Serialize};
use wasmparser::{Name, NameSectionReader};

use crate::places::{Line, Place};

/// Names of functions by their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(pub BTreeMap<u32, String>);

impl Names {
    /// Read a name section. Names are for people: a damaged section has fewer.
    pub(crate) fn read(section: NameSectionReader<'_>) -> Self {
        let mut names = BTreeMap::new();
        for part in section.into_iter().flatten() {
            if let Name::Function(map) = part {
                let readable = map.into_iter().flatten();
                names.extend(readable.map(|naming| (naming.index, naming.name.to_owned())));
            }
        }
        Self(names)
    }

    /// As they are where `added` functions more stand behind the first `before`.
    pub(crate) fn moved(self, before: u32, added: u32) -> Self {
        let all = self.0.into_iter();
        Self(
            all.map(|(index, name)| (moved(index, before, added), name))
                .collect(),
        )
    }
}

/// The number of a function where `added` functions more stand behind the first `before`.
pub(crate) const fn moved(index: u32, before: u32, added: u32) -> u32 {
    if index < before { index } else { index + added }
}

/// A function's name as its author wrote it: without what the compiler has added.
pub(crate) fn readable(name: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    // What a linker has made readable still has the compiler's hash.
    match name.rsplit_once("::h") {
        Some((front, hash))
            if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            front.to_owned()
        }
        _ => name,
    }
}

/// Crates whose functions an author has not written, and does not look for.
const NOT_THE_AUTHORS: [&str; 6] = [
    "berth_guest",
    "core",
    "alloc",
    "std",
    "compiler_builtins",
    "__rustc",
];
/// Functions without a crate that are the compiler's.
const COMPILERS: [&str; 5] = ["memcpy", "memmove", "memset", "memcmp", "bcmp"];

/// Is this function, as [`readable`] has it, one of the SDK or of the language?
pub(crate) fn is_underneath(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut crates = name
        .split(|c| !is_part(c))
        .filter_map(|path| path.split_once("::"))
        .map(|(front, _)| front)
        .filter(|front| !front.is_empty())
        .peekable();
    match crates.peek() {
        Some(_) => crates.all(|front| NOT_THE_AUTHORS.contains(&front)),
        None => COMPILERS.contains(&name),
    }
}

/// The side file: what the numbers of a package mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideFile {
    /// SHA-256 of the package, in hexadecimal.
    pub sha256: String,
    /// Names of functions by their number.
    #[serde(default)]
    pub functions: BTreeMap<u32, String>,
    /// Places, the first of which has the number 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

impl SideFile {
    /// Read one.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Returns the text of the side file `path`, which tells of the package `before`, for the package `after`, in which all has the same
    /// numbers. `None` if there is no such file, or it tells of another package.
    #[must_use]
    pub fn moved(path: &Path, before: &[u8], after: &[u8]) -> Option<String> {
        let mut side = Self::parse(&std::fs::read_to_string(path).ok()?).ok()?;
        if side.sha256 != hexadecimal(before) {
            return None;
        }
        side.sha256 = hexadecimal(after);
        Some(serde_json::to_string_pretty(&side).ok()? + "\n")
    }

    /// Says where the place of this number is: its function, and its line if that is known. `None` if there is no such place.
    #[must_use]
    pub fn place(&self, number: u32) -> Option<String> {
        let place = self.places.get(number.checked_sub(1)? as usize)?;
        if !place.lines.is_empty() {
            let lines: Vec<_> = place.lines.iter().map(Line::text).collect();
            return Some(lines.join(", in "));
        }
        Some(match self.functions.get(&place.function) {
            Some(name) => readable(name),
            None => format!("function {}", place.function),
        })
    }
}

/// Returns the SHA-256 of a package, as side files have it.
pub(crate) fn hexadecimal(package: &[u8]) -> String {
    let hash = ImageHash::of(package).0;
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Line {
    fn text(&self) -> String {
        let Self {
            function,
            file,
            line,
        } = self;
        match function {
            Some(function) => format!("{function} ({file}:{line})"),
            None => format!("{file}:{line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_compiler_has_added_to_a_name_is_left_out() {
        for (name, wanted) in [
            ("_ZN4pump4poke17h0123456789abcdefE", "pump::poke"),
            ("pump::poke::h0123456789abcdef", "pump::poke"),
            ("pump::poke::hello", "pump::poke::hello"),
            ("poke", "poke"),
            ("_RNvCs1234_4pump4poke", "pump::poke"),
        ] {
            assert_eq!(readable(name), wanted);
        }
    }

    #[test]
    fn what_is_underneath_is_told_from_what_an_author_has_written() {
        for (name, wanted) in [
            ("berth_guest::registers::Block::read32", true),
            ("<u32 as berth_guest::text::Show>::show", true),
            ("core::panicking::panic_bounds_check", true),
            ("memcpy", true),
            ("core::ptr::drop_in_place<pump::Valve>", false),
            ("<pump::Valve as core::fmt::Display>::fmt", false),
            ("lm75::Lm75<I2C>::read_temperature", false),
            ("pump::main", false),
            ("_start", false),
        ] {
            assert_eq!(is_underneath(name), wanted, "{name}");
        }
    }

    #[test]
    fn a_place_is_a_line_and_where_it_was_inlined_or_a_function() {
        let line = |function: Option<&str>, line| Line {
            function: function.map(Into::into),
            file: "src/lib.rs".to_owned(),
            line,
        };
        let side = SideFile {
            functions: BTreeMap::from([(7, "pump::main::h0123456789abcdef".to_owned())]),
            places: vec![
                Place {
                    function: 7,
                    lines: vec![line(Some("pump::poke"), 3), line(None, 20)],
                },
                Place {
                    function: 7,
                    lines: Vec::new(),
                },
                Place {
                    function: 8,
                    lines: Vec::new(),
                },
            ],
            ..SideFile::default()
        };
        let said = |number| side.place(number);
        assert_eq!(said(0), None);
        assert_eq!(
            said(1).as_deref(),
            Some("pump::poke (src/lib.rs:3), in src/lib.rs:20")
        );
        assert_eq!(said(2).as_deref(), Some("pump::main"));
        assert_eq!(said(3).as_deref(), Some("function 8"));
        assert_eq!(said(4), None);
        let text = serde_json::to_string(&side).unwrap();
        assert_eq!(SideFile::parse(&text).unwrap(), side);
    }
}
