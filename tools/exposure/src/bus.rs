//! Which addresses of the processor the registers of a node have.
//!
//! Devicetree Specification 2.3.6 (`reg`) and 2.3.8 (`ranges`): a node's registers are addresses
//! of the bus above it, and each bus says in `ranges` where it appears on the bus above; a bus
//! without `ranges` does not appear there at all.

use crate::address::Range;
use crate::devicetree::{Node, Property};
use crate::problem::Problem;
use crate::report::Report;

/// Registers of a node in the processor's addresses.
pub(crate) struct Place<'a> {
    pub(crate) node: &'a Node,
    pub(crate) range: Range,
    /// Which entry of its `reg` it is, from 0.
    pub(crate) entry: usize,
    /// What the buses above let through of the registers.
    pub(crate) reach: Reach,
}

/// How the processor reaches the registers of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of them, in one piece.
    Whole,
    /// A part of them, or in pieces.
    Part,
    /// All of them, at several addresses.
    Several,
}

/// What a bus lets through.
enum Ranges {
    /// Everything, at the same addresses.
    All,
    /// Windows: addresses below the bus, first address above it.
    Windows(Vec<(Range, u64)>),
}

/// The registers of every node that the processor can reach.
pub(crate) fn places<'a>(root: &'a Node, report: &mut Report) -> Vec<Place<'a>> {
    let mut places = Vec::new();
    collect(root, &mut Vec::new(), &mut places, report);
    places
}

/// Cells of an address and of a length below a node; the defaults are the specification's.
fn widths(bus: &Node) -> (usize, usize) {
    let width = |name, default| bus.cell(name).unwrap_or(default) as usize;
    (width("#address-cells", 2), width("#size-cells", 1))
}

fn collect<'a>(
    bus: &'a Node,
    above: &mut Vec<Ranges>,
    places: &mut Vec<Place<'a>>,
    report: &mut Report,
) {
    let (address, size) = widths(bus);
    for child in &bus.children {
        let reg = child.property("reg").filter(|_| size > 0);
        let ranges = reg.map_or_else(Vec::new, |reg| read(child, reg, address, size, report));
        for (entry, range) in ranges.into_iter().enumerate() {
            let reached = above.iter().rev().fold(vec![range], through);
            let whole = reached.iter().all(|r| r.length == range.length);
            let reach = match reached.len() {
                _ if !whole => Reach::Part,
                1 => Reach::Whole,
                _ => Reach::Several,
            };
            places.extend(reached.into_iter().map(|range| Place {
                node: child,
                range,
                entry,
                reach,
            }));
        }
    }
    for child in &bus.children {
        let Some(property) = child.property("ranges") else {
            continue;
        };
        let ranges = if property.values.is_empty() {
            Ranges::All
        } else {
            let (below, length) = widths(child);
            match windows(property, below, address, length) {
                Some(windows) => Ranges::Windows(windows),
                // Addresses of more than 64 bits are no numbers: what is on the bus has no place, and its
                // windows are the bus's.
                None if below > CELLS_MAX
                    && let Some(windows) = wide_windows(property, below, address, length) =>
                {
                    let reached = windows
                        .into_iter()
                        .flat_map(|range| above.iter().rev().fold(vec![range], through));
                    places.extend(reached.map(|range| Place {
                        node: child,
                        range,
                        entry: 0,
                        reach: Reach::Part,
                    }));
                    continue;
                }
                None => {
                    let path = child.path.clone();
                    let name = "ranges";
                    report.add(&property.place, Problem::Addresses { path, name });
                    continue;
                }
            }
        };
        above.push(ranges);
        collect(child, above, places, report);
        above.pop();
    }
}

/// The entries of `reg`.
fn read(
    node: &Node,
    reg: &Property,
    address: usize,
    size: usize,
    report: &mut Report,
) -> Vec<Range> {
    let cells = reg.cells().unwrap_or_default();
    let entries = cells.chunks_exact((address + size).max(1));
    let sound = !cells.is_empty() && entries.remainder().is_empty();
    let ranges: Option<Vec<_>> = entries
        .map(|entry| {
            let (base, length) = entry.split_at_checked(address)?;
            Some(Range {
                base: join(base)?,
                length: join(length)?,
            })
        })
        .collect();
    match ranges.filter(|_| sound) {
        Some(ranges) => ranges,
        None => {
            let path = node.path.clone();
            report.add(&reg.place, Problem::Addresses { path, name: "reg" });
            Vec::new()
        }
    }
}

/// The entries of `ranges`: address below, address above, length.
fn windows(
    property: &Property,
    below: usize,
    above: usize,
    length: usize,
) -> Option<Vec<(Range, u64)>> {
    let cells = property.cells()?;
    let entries = cells.chunks_exact((below + above + length).max(1));
    if !entries.remainder().is_empty() {
        return None;
    }
    entries
        .map(|entry| {
            let (base, rest) = entry.split_at_checked(below)?;
            let (target, length) = rest.split_at_checked(above)?;
            let base = join(base)?;
            let length = join(length)?;
            Some((Range { base, length }, join(target)?))
        })
        .collect()
}

/// Where a bus of wide addresses appears: the second and third part of each entry of `ranges`.
fn wide_windows(
    property: &Property,
    below: usize,
    above: usize,
    length: usize,
) -> Option<Vec<Range>> {
    let cells = property.cells()?;
    let entries = cells.chunks_exact(below.checked_add(above)?.checked_add(length)?);
    if !entries.remainder().is_empty() {
        return None;
    }
    let window = |entry: &[u32]| {
        let (base, length) = entry.get(below..)?.split_at_checked(above)?;
        Some(Range {
            base: join(base)?,
            length: join(length)?,
        })
    };
    entries.map(window).collect()
}

/// Most cells of a number.
const CELLS_MAX: usize = 2;

/// A number of at most two cells.
fn join(cells: &[u32]) -> Option<u64> {
    match *cells {
        [low] => Some(low.into()),
        [high, low] => Some(u64::from(high) << 32 | u64::from(low)),
        _ => None,
    }
}

fn through(ranges: Vec<Range>, bus: &Ranges) -> Vec<Range> {
    let Ranges::Windows(windows) = bus else {
        return ranges;
    };
    let reached = ranges.iter().flat_map(|range| {
        windows.iter().filter_map(|(window, target)| {
            // An empty block is somewhere, too: it is refused for its length.
            let part = match range.length {
                0 => Some(*range).filter(|range| range.lies_in(*window)),
                _ => range.common(*window),
            }?;
            Some(Range {
                base: target.saturating_add(part.base - window.base),
                length: part.length,
            })
        })
    });
    reached.collect()
}
