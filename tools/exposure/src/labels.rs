//! Constants for container authors, as Rust source: labels, register offsets and numbers of interrupts.

use std::fmt::Write;

use crate::model::{Configuration, Exposure, Interrupt};

/// One module for each label: `LABEL`, the offset and masks of each register, and, in a module `interrupts`, the number of
/// each interrupt, which `irq!`'s `register` takes.
///
/// Labels and register names are made into Rust names: other characters than letters,
/// digits and `_` become `_`.
#[must_use]
pub fn labels(configuration: &Configuration) -> String {
    let mut out = String::from(
        "// Labels and registers of one board, for containers. Made from exposure.dts.\n",
    );
    for exposure in &configuration.exposures {
        write_module(&mut out, exposure);
    }
    out
}

fn write_module(out: &mut String, exposure: &Exposure) {
    let label = &exposure.label;
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "\n/// `{label}`: {} bytes.\npub mod {} {{\n    /// The label to import.\n    pub const LABEL: &str = {label:?};",
        exposure.length,
        name(label)
    );
    match &exposure.registers {
        Some(registers) => {
            for register in registers {
                let rights = format!(
                    ", readable {:#x}, writable {:#x}",
                    register.read, register.write
                );
                write_offset(out, &register.name, register.offset, register.size, &rights);
            }
        }
        None => {
            for register in &exposure.map {
                write_offset(out, &register.name, register.offset, register.size, "");
            }
        }
    }
    if !exposure.interrupts.is_empty() {
        write_interrupts(out, &exposure.interrupts);
    }
    out.push_str("}\n");
}

fn write_interrupts(out: &mut String, interrupts: &[Interrupt]) {
    out.push_str("    /// Numbers of the interrupts.\n    pub mod interrupts {\n");
    for (number, interrupt) in interrupts.iter().enumerate() {
        let constant = name(&interrupt.name).to_uppercase();
        let _ = writeln!(
            out,
            "        /// `{}`; at most {} captures.\n        pub const {constant}: u8 = {number};",
            interrupt.name, interrupt.captures_max
        );
    }
    out.push_str("    }\n");
}

fn write_offset(out: &mut String, register: &str, offset: u32, size: u32, rights: &str) {
    let constant = name(register).to_uppercase();
    let _ = writeln!(
        out,
        "    /// Offset of {register}: {size} bits{rights}.\n    pub const {constant}: u32 = {offset:#x};"
    );
}

fn name(text: &str) -> String {
    let word: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    match word.chars().next() {
        Some(first) if !first.is_ascii_digit() => word,
        _ => format!("_{word}"),
    }
}
