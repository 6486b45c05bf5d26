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

/// All regions of the memory map. Only lines of the form
/// `NAME (flags) : ORIGIN = number, LENGTH = number` count.
pub(crate) fn regions(path: &Path, report: &mut Report) -> Vec<Region> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let place = Place {
                file: path.to_owned(),
                line: 1,
            };
            report.add(&place, Problem::Layout(error.to_string()));
            return Vec::new();
        }
    };
    text.lines().filter_map(region).collect()
}

fn region(line: &str) -> Option<Region> {
    let (head, values) = line.split_once(':')?;
    let name = head.split_whitespace().next()?;
    let (origin, length) = values.split_once(',')?;
    let value = |text: &str| number(text.split_once('=')?.1.trim());
    let (base, length) = (value(origin)?, value(length)?);
    Some(Region {
        name: name.to_owned(),
        range: Range { base, length },
    })
}
