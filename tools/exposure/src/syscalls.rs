//! The node that lists what processes may call.
//!
//! A process is known by the flash region its image stands in, not by its name:
//! whatever is installed in the supervisor's place is held to the supervisor's list.

use std::collections::{BTreeMap, BTreeSet};

use crate::device_classes;
use crate::devicetree::Node;
use crate::exposures::DANGEROUS;
use crate::model::{Device, Driver, Process};
use crate::problem::Problem;
use crate::report::{Report, list, range};
use crate::text;

/// The node's `compatible`.
pub(crate) const COMPATIBLE: &str = "berth,syscall-filter";

/// Largest command number and index: sets are 64 bits.
const LAST: u64 = 63;
/// The driver through which a process sees others, and its first command that does something to them.
const PROCESS_INFORMATION: u32 = 0x1_0002;
const FIRST_THAT_CHANGES: u32 = 6;
/// Every command.
const ALL: u64 = u64::MAX;

/// Check the node's children. `regions`: first address of the memory map's regions.
pub(crate) fn check(
    node: &Node,
    devices: &[Device],
    regions: &BTreeMap<String, u32>,
    report: &mut Report,
) -> Vec<Process> {
    report.known(node, &["compatible"]);
    let mut processes: Vec<Process> = Vec::new();
    let mut seen = Vec::new();
    for child in &node.children {
        report.known(child, &["process", "exposures"]);
        const FORM: &str = "process = \"<region of the memory map>\"";
        let Some(property) = child.property("process") else {
            let name = "process".to_owned();
            report.add(&child.place, Problem::Missing { name, form: FORM });
            continue;
        };
        let Some(region) = report.string(child, "process", FORM) else {
            continue;
        };
        let Some(flash_start) = regions.get(region) else {
            let problem = Problem::NoRegion {
                name: region.to_owned(),
                known: list(regions.keys()),
            };
            report.add(&property.place, problem);
            continue;
        };
        if !first_time(region, property.place.line, &mut seen) {
            let line = line_of(region, &seen);
            let what = region.to_owned();
            report.add(&property.place, Problem::ListedTwice { what, line });
            continue;
        }
        let mut drivers = Vec::new();
        if child.has("exposures") {
            drivers = exposed(devices);
        }
        listed(child, &mut drivers, report);
        processes.push(Process {
            region: region.to_owned(),
            flash_start: *flash_start,
            drivers,
        });
    }
    processes
}

fn first_time(what: &str, line: u32, seen: &mut Vec<(String, u32)>) -> bool {
    let new = seen.iter().all(|(other, _)| other != what);
    if new {
        seen.push((what.to_owned(), line));
    }
    new
}

fn line_of(what: &str, seen: &[(String, u32)]) -> u32 {
    let found = seen.iter().find(|(other, _)| other == what);
    found.map_or(0, |(_, line)| *line)
}

/// What comes with the exposures: `wasm_host` first, it is called most, and the
/// exposed devices by index.
fn exposed(devices: &[Device]) -> Vec<Driver> {
    let mut drivers = vec![Driver {
        // Twenty bits.
        driver: berth_exposure::DRIVER_NUM as u32,
        commands: ALL,
        indexed: 0,
        indices: 0,
    }];
    for device in devices {
        let Some(class) = device_classes::of_driver(device.driver) else {
            continue;
        };
        // At most 63, as checked. A driver that is told no index has none to compare.
        let indices = if class.indexed == 0 {
            0
        } else {
            1 << device.index
        };
        let (commands, indexed) = class.commands(device.safe_state.is_some());
        match drivers.iter_mut().find(|d| d.driver == device.driver) {
            Some(driver) => {
                driver.commands |= commands;
                driver.indexed |= indexed;
                driver.indices |= indices;
            }
            None => drivers.push(Driver {
                driver: device.driver,
                commands,
                indexed,
                indices,
            }),
        }
    }
    drivers
}

/// The drivers that the process's node lists by number.
fn listed(process: &Node, drivers: &mut Vec<Driver>, report: &mut Report) {
    let mut seen = Vec::new();
    for driver in drivers.iter() {
        seen.push((format!("driver {:#x}", driver.driver), process.place.line));
    }
    let mut mergeable: BTreeSet<u32> = drivers
        .iter()
        .map(|driver| driver.driver)
        .filter(|number| device_classes::of_driver(*number).is_some())
        .collect();
    for child in &process.children {
        report.known(
            child,
            &["driver", "commands", "indexed", "indices", "dangerous"],
        );
        for (name, form) in [
            ("driver", "driver = <number>"),
            ("commands", "commands = \"<first>-<last>\", ..."),
        ] {
            if !child.has(name) {
                let name = name.to_owned();
                report.add(&child.place, Problem::Missing { name, form });
            }
        }
        let number = report.cell(child, "driver", "driver = <number>", (0, u32::MAX));
        let commands = set(child, "commands", report);
        let indexed = set(child, "indexed", report);
        let indices = set(child, "indices", report);
        for (name, needs) in [("indexed", "indices"), ("indices", "indexed")] {
            if let Some(property) = child.property(name)
                && !child.has(needs)
            {
                report.add(&property.place, Problem::Needs { name, needs });
            }
        }
        let Some(number) = number else { continue };
        let what = format!("driver {number:#x}");
        let ends_others = number == PROCESS_INFORMATION && commands >> FIRST_THAT_CHANGES != 0;
        danger(
            child,
            &what,
            process.has("exposures") && ends_others,
            report,
        );
        // What a process needs for itself, its containers may have been given as a device as well.
        let both = drivers
            .iter_mut()
            .find(|driver| driver.driver == number && driver.indexed == 0 && indexed == 0);
        if let (Some(driver), true) = (both, mergeable.remove(&number)) {
            driver.commands |= commands;
            seen.retain(|(other, _)| *other != what);
            seen.push((what, child.place.line));
            continue;
        }
        if !first_time(&what, child.place.line, &mut seen) {
            let line = line_of(&what, &seen);
            report.add(&child.place, Problem::ListedTwice { what, line });
            continue;
        }
        drivers.push(Driver {
            driver: number,
            commands,
            indexed,
            indices,
        });
    }
}

/// What a process that executes others' code must not have, unless its manufacturer says why.
fn danger(driver: &Node, what: &str, is_dangerous: bool, report: &mut Report) {
    report.reason(driver, "dangerous", DANGEROUS);
    match (is_dangerous, driver.property("dangerous")) {
        (true, None) => {
            let problem = Problem::Dangerous {
                label: what.to_owned(),
                reason: format!(
                    "control of other processes by its commands from {FIRST_THAT_CHANGES} on"
                ),
            };
            report.add(&driver.place, problem);
        }
        (false, Some(property)) => {
            report.add(&property.place, Problem::NotDangerous(what.to_owned()));
        }
        _ => {}
    }
}

/// A set of numbers from 0 to 63, from `"0-3", "5"`.
fn set(node: &Node, name: &'static str, report: &mut Report) -> u64 {
    const FORM: &str = "\"<first>-<last>\" or \"<number>\"";
    let mut set = 0;
    for (place, text) in report.strings(node, name, FORM) {
        let entry = text::range(text).ok_or_else(|| Problem::Entry {
            name,
            text: text.to_owned(),
            form: FORM,
        });
        let Some((first, last)) = report.take(&place, entry) else {
            continue;
        };
        let in_range = range(name, last, 0, LAST);
        if report.take(&place, in_range).is_some() {
            set |= (u64::MAX << first) & (u64::MAX >> (LAST - last));
        }
    }
    set
}
