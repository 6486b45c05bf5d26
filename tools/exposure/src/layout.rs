//! Where processes are in flash, from the memory map `layout.ld`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::problem::{Place, Problem};
use crate::report::Report;
use crate::text::number;

/// First addresses of the regions whose names end in `_FLASH`. Only lines of the
/// form `NAME (flags) : ORIGIN = number, LENGTH = number` count.
pub(crate) fn flash_regions(path: &Path, report: &mut Report) -> BTreeMap<String, u32> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let place = Place {
                file: path.to_owned(),
                line: 1,
            };
            report.add(&place, Problem::Layout(error.to_string()));
            return BTreeMap::new();
        }
    };
    text.lines().filter_map(region).collect()
}

fn region(line: &str) -> Option<(String, u32)> {
    let (head, values) = line.split_once(':')?;
    let name = head.split_whitespace().next()?;
    let (_, origin) = values.split(',').next()?.split_once('=')?;
    let origin = u32::try_from(number(origin.trim())?).ok()?;
    name.ends_with("_FLASH").then(|| (name.to_owned(), origin))
}
