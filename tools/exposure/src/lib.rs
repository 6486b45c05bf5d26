//! Compiles what a manufacturer exposes.
//!
//! ```text
//!   <board>.dtsi     addresses, interrupts, labels ─┐
//!   exposure.dts     what is exposed, and how ──────┤ dtc ─► checks ─► kernel: table, filter
//!   <board>.svd      registers and their effects ───┤                  guests: label constants
//!   layout.ld        where processes are ───────────┘                  tools:  JSON
//! ```
//!
//! Everything wrong with a configuration is found in one run; every problem names
//! file, line and remedy ([`Problem`]). The properties are explained in
//! `docs/oem.md`.

#![forbid(unsafe_code)]

mod address;
mod aliases;
mod board;
mod bus;
mod chosen;
mod classes;
pub mod cli;
mod danger;
mod device_classes;
mod devicetree;
mod exposures;
mod header;
mod interrupts;
mod keys;
mod labels;
mod layout;
mod lines;
mod model;
mod nesting;
mod printed;
mod problem;
mod references;
mod registers;
mod report;
mod rust;
mod svd;
mod svd_derived;
mod svd_element;
mod svd_file;
mod syscalls;
mod text;
mod unpanicked;

use std::collections::BTreeMap;
use std::path::Path;

use board::Board;
use devicetree::Node;
use report::Report;

pub use header::header;
pub use labels::labels;
pub use model::{
    Configuration, Device, Driver, Exposure, Interrupt, Key, Limits, Named, Process, Raised,
    Register, RegisterWrite,
};
pub use printed::Printed;
pub use problem::{Diagnostic, Place, Problem};
pub use rust::kernel_table;
pub use svd_file::Placed;

/// Returns where the peripherals of an SVD file are.
///
/// # Errors
///
/// Why it cannot be read.
pub fn peripherals(svd: &Path) -> Result<Vec<Placed>, String> {
    svd_file::File::open(svd)?.placed()
}

/// Compile the configuration at `source` for the memory map at `layout`.
///
/// # Errors
///
/// Everything that is wrong, by file and line.
pub fn compile(source: &Path, layout: &Path) -> Result<Configuration, Vec<Diagnostic>> {
    compile_printed(&Printed::of(source)?, source, layout)
}

/// The same of what dtc has printed of `source`.
///
/// # Errors
///
/// Everything that is wrong, by file and line.
pub fn compile_printed(
    printed: &Printed,
    source: &Path,
    layout: &Path,
) -> Result<Configuration, Vec<Diagnostic>> {
    let root = printed.root(source)?;
    let mut report = Report::default();
    let regions = layout::regions(layout, &mut report);
    let board = Board::of(&root, &regions, &mut report);
    let listed = match only(&root, exposures::COMPATIBLE, &mut report) {
        Some(node) => Some(exposures::check(node, &board, source, &mut report)),
        None => {
            report.add(&root.place, Problem::NoExposureNode);
            None
        }
    };
    let devices = listed.as_ref().map_or(&[][..], |l| &l.devices);
    let processes = match only(&root, syscalls::COMPATIBLE, &mut report) {
        Some(node) => {
            let flash: BTreeMap<_, _> = regions
                .iter()
                .filter(|region| region.name.ends_with("_FLASH"))
                // Where the kernel is, and what the device keeps: no process is there.
                .filter(|region| {
                    !["KERNEL_FLASH", "STORE_FLASH", "CODE_FLASH"].contains(&region.name.as_str())
                })
                .filter_map(|region| {
                    let start = u32::try_from(region.range.base).ok()?;
                    Some((region.name.clone(), start))
                })
                .collect();
            syscalls::check(node, devices, &flash, &mut report)
        }
        None => {
            report.add(&root.place, Problem::NoFilterNode);
            Vec::new()
        }
    };
    let mut found = report.found;
    found.sort_by(|a, b| a.place.cmp(&b.place));
    match listed {
        Some(listed) if found.is_empty() => Ok(Configuration {
            exposures: listed.exposures,
            devices: listed.devices,
            limits: listed.limits,
            keys: listed.keys,
            refuses_unsigned: listed.refuses_unsigned,
            operators: listed.operators,
            closes_reading: listed.closes_reading,
            processes,
        }),
        _ => Err(found),
    }
}

/// The first node with this `compatible`; a second one is a problem.
fn only<'a>(root: &'a Node, compatible: &str, report: &mut Report) -> Option<&'a Node> {
    let all = root.all();
    let mut nodes = all.into_iter().filter(|n| n.is_compatible(compatible));
    let first = nodes.next();
    for other in nodes {
        report.add(&other.place, Problem::TwoNodes(compatible.to_owned()));
    }
    first
}

/// The configuration as JSON, for `berth` and offline checks.
///
/// # Errors
///
/// Those of the JSON writer.
pub fn json(configuration: &Configuration) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(configuration).map(|text| text + "\n")
}
