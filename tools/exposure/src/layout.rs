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

/// All regions of the memory map: lines of the form `NAME (flags) : ORIGIN = number, LENGTH = number`. What
/// looks like a region and cannot be read is a mistake: it would keep nobody out.
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
    let mut regions = Vec::new();
    for (number, line) in (1..).zip(without_comments(&text).lines()) {
        // `ORIGIN(NAME)` and `LENGTH(NAME)` elsewhere in a script are no regions.
        let words: String = line.split_whitespace().collect();
        let starts = ["ORIGIN=", "org=", "o="].iter().any(|key| {
            let (_, values) = words.split_once(':').unwrap_or_default();
            values.starts_with(key)
        });
        if starts {
            regions.extend(report.take(&place(number), region(line).ok_or(Problem::Region)));
        }
    }
    regions
}

/// The text without what stands between `/*` and `*/`; lines stay lines.
fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        kept.push_str(before);
        let (comment, behind) = after.split_once("*/").unwrap_or((after, ""));
        kept.extend(comment.chars().filter(|c| *c == '\n'));
        rest = behind;
    }
    kept + rest
}

fn region(line: &str) -> Option<Region> {
    let (head, values) = line.split_once(':')?;
    let name = head.split(['(', ' ', '\t']).find(|word| !word.is_empty())?;
    let (origin, length) = values.split_once(',')?;
    let value = |text: &str| size(text.split_once('=')?.1.trim());
    let (base, length) = (value(origin)?, value(length)?);
    Some(Region {
        name: name.to_owned(),
        range: Range { base, length },
    })
}

/// A number as linker scripts have it: `K` and `M` behind it multiply.
fn size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, scale) = match lower.as_bytes().last()? {
        b'k' => (lower.trim_end_matches('k'), 1 << 10),
        b'm' => (lower.trim_end_matches('m'), 1 << 20),
        _ => (lower.as_str(), 1_u64),
    };
    number(digits.trim())?.checked_mul(scale)
}
