//! What containers can claim, with its registers where the manufacturer's list is at hand.

use super::print_json;
use crate::{
    Exposure, Holder,
    manufacturer::{Bits, Listed, Manufacturer},
    table::{plain, print_table, right_align},
};
use serde_json::json;
use std::io::{self, Write};

/// `exposures`.
pub(crate) fn exposures(
    out: &mut impl Write,
    exposures: &[Exposure],
    list: Option<&Manufacturer>,
    as_json: bool,
) -> io::Result<()> {
    match list {
        _ if as_json => document(out, exposures, list),
        None => blocks(out, exposures),
        Some(list) => registers(out, exposures, list),
    }
}

fn document(
    out: &mut impl Write,
    exposures: &[Exposure],
    list: Option<&Manufacturer>,
) -> io::Result<()> {
    let mut items = Vec::new();
    for exposure in exposures {
        let mut item = serde_json::to_value(exposure).map_err(io::Error::other)?;
        if let (Some(list), Some(object)) = (list, item.as_object_mut()) {
            let details = list.document(&exposure.label).cloned();
            object.insert("details".into(), details.into());
        }
        items.push(item);
    }
    print_json(out, &json!({ "exposures": items, "status_code": 0 }))
}

/// As the device tells it.
fn blocks(out: &mut impl Write, exposures: &[Exposure]) -> io::Result<()> {
    let mut table = plain(&["LABEL", "ACCESS", "BYTES", "REGISTERS", "HELD BY"]);
    for e in exposures {
        let registers = match e.registers {
            0 => "all".to_owned(),
            count => count.to_string(),
        };
        table.add_row([
            e.label.to_string(),
            e.access.to_owned(),
            e.length.to_string(),
            registers,
            holder(e),
        ]);
    }
    right_align(&mut table, 2..4);
    print_table(out, &table)
}

/// With what the manufacturer says of each: a line for each register.
fn registers(out: &mut impl Write, exposures: &[Exposure], list: &Manufacturer) -> io::Result<()> {
    let mut table = plain(&[
        "LABEL",
        "ACCESS",
        "REGISTER",
        "OFFSET",
        "BITS",
        "READ",
        "WRITE",
        "INTERRUPTS",
        "HELD BY",
    ]);
    for e in exposures {
        let listed = list.listed(&e.label);
        let interrupts = listed.map_or_else(|| "?".to_owned(), Listed::interrupts_text);
        let rows = listed.map_or_else(|| vec![unknown()], rows);
        for (number, row) in rows.into_iter().enumerate() {
            let first = number == 0;
            let once = |text: &str| {
                if first {
                    text.to_owned()
                } else {
                    String::new()
                }
            };
            let [name, offset, size, read, write] = row;
            table.add_row([
                once(&e.label),
                once(e.access),
                name,
                offset,
                size,
                read,
                write,
                once(&interrupts),
                once(&holder(e)),
            ]);
        }
    }
    right_align(&mut table, 3..7);
    print_table(out, &table)
}

/// The label is not in the list.
fn unknown() -> [String; 5] {
    ["?"; 5].map(str::to_owned)
}

/// Name, offset, size and bits of each register that is exposed.
fn rows(listed: &Listed) -> Vec<[String; 5]> {
    let Some(registers) = &listed.registers else {
        // The whole block, with the names that are known.
        if listed.map.is_empty() {
            return vec![["(all)", "-", "-", "all", "all"].map(str::to_owned)];
        }
        return listed
            .map
            .iter()
            .map(|named| {
                let all = || "all".to_owned();
                let Bits { name, offset, size } = named;
                [name.clone(), hex(*offset), size.to_string(), all(), all()]
            })
            .collect();
    };
    registers
        .iter()
        .map(|register| {
            let Bits { name, offset, size } = &register.place;
            [
                name.clone(),
                hex(*offset),
                size.to_string(),
                mask(register.read),
                mask(register.write),
            ]
        })
        .collect()
}

fn hex(offset: u32) -> String {
    format!("{offset:#05x}")
}

fn mask(bits: u32) -> String {
    match bits {
        0 => "-".to_owned(),
        u32::MAX => "all".to_owned(),
        bits => format!("{bits:#x}"),
    }
}

fn holder(exposure: &Exposure) -> String {
    match &exposure.holder {
        Holder::Free => "-".to_owned(),
        Holder::Container(name) => name.to_string(),
        Holder::Firmware => "(firmware)".to_owned(),
    }
}
