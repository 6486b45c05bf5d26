//! The memory map of the part, read from `layout.ld`.

use crate::Error;
use std::{collections::BTreeMap, path::Path};

/// One memory region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub origin: u32,
    /// Length in bytes.
    pub length: u32,
}

/// All regions by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(BTreeMap<String, Region>);

impl Layout {
    /// Read the `MEMORY` block of the linker script at `path`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Layout`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text)
    }

    /// Read the `MEMORY` block of a linker script: one
    /// `NAME (flags) : ORIGIN = number, LENGTH = number` a line.
    ///
    /// # Errors
    /// [`Error::Layout`] for anything else in the block, overlaps and repeated names.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = without_comments(text)?;
        let start = text.find("MEMORY").ok_or(Error::Layout {
            line: 0,
            what: "no MEMORY block",
        })?;
        let mut regions = BTreeMap::new();
        let before = text.get(..start).unwrap_or_default().lines().count().max(1);
        let block = text.get(start..).unwrap_or_default();
        let mut opened = false;
        for (number, line) in (before..).zip(block.lines()) {
            let wrong = |what| Error::Layout { line: number, what };
            let line = line.trim();
            match line {
                "" | "MEMORY" => {}
                "{" | "MEMORY {" if !opened => opened = true,
                "}" if opened => return Ok(Self(regions)),
                _ if opened => {
                    let (name, region) = parse_region(line).map_err(wrong)?;
                    if regions.values().any(|other| overlap(*other, region)) {
                        return Err(wrong("overlaps another region"));
                    }
                    if regions.insert(name.to_owned(), region).is_some() {
                        return Err(wrong("name used twice"));
                    }
                }
                _ => return Err(wrong("expected {")),
            }
        }
        Err(Error::Layout {
            line: 0,
            what: "the MEMORY block does not end",
        })
    }

    /// A region by name.
    #[must_use]
    pub fn region(&self, name: &str) -> Option<Region> {
        self.0.get(name).copied()
    }

    /// All regions by name.
    pub fn regions(&self) -> impl Iterator<Item = (&str, Region)> {
        self.0.iter().map(|(name, region)| (name.as_str(), *region))
    }
}

/// Blanks for everything between `/*` and `*/`, so that line numbers stay.
fn without_comments(text: &str) -> Result<String, Error> {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        let (comment, after) = after.split_once("*/").ok_or(Error::Layout {
            line: 0,
            what: "a comment does not end",
        })?;
        clean.push_str(before);
        clean.extend(comment.chars().filter(|c| *c == '\n'));
        rest = after;
    }
    clean.push_str(rest);
    Ok(clean)
}

fn parse_region(line: &str) -> Result<(&str, Region), &'static str> {
    let (head, values) = line.split_once(':').ok_or("expected NAME (flags) : …")?;
    let name = head
        .split_whitespace()
        .next()
        .ok_or("the region has no name")?;
    let (origin, length) = values
        .split_once(',')
        .ok_or("expected ORIGIN = …, LENGTH = …")?;
    let origin = parse_value(origin, "ORIGIN")?;
    let length = parse_value(length, "LENGTH")?;
    if length == 0 || origin.checked_add(length - 1).is_none() {
        return Err("the region is empty or leaves the address space");
    }
    Ok((name, Region { origin, length }))
}

fn parse_value(text: &str, key: &str) -> Result<u32, &'static str> {
    const WRONG: &str = "expected ORIGIN = number, LENGTH = number";
    let (found, value) = text.split_once('=').ok_or(WRONG)?;
    if found.trim() != key {
        return Err(WRONG);
    }
    let value = value.trim();
    match value.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => value.parse(),
    }
    .map_err(|_| WRONG)
}

const fn overlap(a: Region, b: Region) -> bool {
    a.origin <= b.origin + (b.length - 1) && b.origin <= a.origin + (a.length - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_one_has_the_regions_the_tools_ask_for() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../layout.ld");
        let layout = Layout::read(&path).unwrap();
        for name in [
            "KERNEL_FLASH",
            "SUPERVISOR_FLASH",
            "KERNEL_RAM",
            "SUPERVISOR_RAM",
        ] {
            assert!(layout.region(name).is_some(), "{name}");
        }
        assert_eq!(layout.region("KERNEL_FLASH").unwrap().origin, 0);
    }

    #[test]
    fn regions_are_read_and_comments_are_not() {
        let layout = Layout::parse(
            "/* MEMORY { */ MEMORY\n{\n A (rx) : ORIGIN = 0x10, LENGTH = 16 /* b */\n}\n",
        )
        .unwrap();
        let regions: Vec<_> = layout.regions().collect();
        assert_eq!(
            regions,
            [(
                "A",
                Region {
                    origin: 16,
                    length: 16
                }
            )]
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let line_of = |block: &str| match Layout::parse(block) {
            Err(Error::Layout { line, .. }) => line,
            other => panic!("{block}: {other:?}"),
        };
        assert_eq!(
            line_of("MEMORY\n{\n A : ORIGIN = 0, LENGTH = 8\n B : ORIGIN = 7, LENGTH = 8\n}"),
            4
        );
        assert_eq!(
            line_of("MEMORY\n{\n A : ORIGIN = 0, LENGTH = 8\n A : ORIGIN = 8, LENGTH = 8\n}"),
            4
        );
        assert_eq!(line_of("MEMORY\n{\n A : ORIGIN = 0, LENGTH = 8K\n}"), 3);
        assert_eq!(
            line_of("MEMORY\n{\n A : ORIGIN = 0xffffffff, LENGTH = 2\n}"),
            3
        );
        assert_eq!(line_of("MEMORY\n{\n what\n}"), 3);
        assert_eq!(line_of("MEMORY\n{\n"), 0);
        assert_eq!(line_of("SECTIONS {}"), 0);
        assert_eq!(line_of("/* MEMORY"), 0);
    }
}
