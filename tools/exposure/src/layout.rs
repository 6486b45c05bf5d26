//! Where processes and the kernel are, from the memory map `layout.ld`.

use std::fs;
use std::path::Path;

use crate::address::Range;
use crate::problem::{Place, Problem};
use crate::report::Report;
use crate::text::number;

/// One region of the memory map.
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) range: Range,
}

/// All regions of the memory map: lines of the form `NAME (flags) : ORIGIN = number, LENGTH = number`, where numbers may end
/// in K or M. Another line with an origin is a problem: a region that is not understood would protect nothing.
pub(crate) fn regions(path: &Path, report: &mut Report) -> Vec<Region> {
    let place = |line| Place {
        file: path.to_owned(),
        line,
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            report.add(&place(1), Problem::Layout(error.to_string()));
            return Vec::new();
        }
    };
    let text = without_comments(&text);
    let mut regions = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        match region(line) {
            Some(region) => regions.push(region),
            None if has_origin(line) => {
                report.add(&place(number), Problem::LayoutLine(line.trim().to_owned()));
            }
            None => {}
        }
    }
    regions
}

/// Whether it says where something begins, and does not only ask (`ORIGIN(RAM)`).
fn has_origin(line: &str) -> bool {
    let words = line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '(');
    let mut words = words.filter(|word| !word.is_empty());
    line.contains(':') && words.any(|word| ["ORIGIN", "org", "o"].contains(&word))
}

/// The text with its comments as spaces, lines where they were.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        let (comment, after) = comment.split_once("*/").unwrap_or((comment, ""));
        plain.extend(comment.chars().filter(|c| *c == '\n'));
        plain.push(' ');
        rest = after;
    }
    plain + rest
}

fn region(line: &str) -> Option<Region> {
    let (head, values) = line.split_once(':')?;
    let name = head.split_whitespace().next()?;
    let (origin, length) = values.split_once(',')?;
    let value = |text: &str, named: &str| {
        let (name, value) = text.split_once('=')?;
        (name.trim() == named).then(|| scaled(value.trim()))?
    };
    let (base, length) = (value(origin, "ORIGIN")?, value(length, "LENGTH")?);
    Some(Region {
        name: name.to_owned(),
        range: Range { base, length },
    })
}

/// A number of the linker's, which may be given in KiB or MiB.
fn scaled(text: &str) -> Option<u64> {
    let scales = [
        ("K", 1 << 10),
        ("k", 1 << 10),
        ("M", 1 << 20),
        ("m", 1 << 20),
    ];
    let scale = scales
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)));
    let (digits, scale) = scale.unwrap_or((text, 1));
    number(digits.trim())?.checked_mul(scale)
}
