//! The kernel's table as Rust source, which the board's crate includes.
//!
//! The text holds no `unsafe`: it calls the board's own `block(address, length)`,
//! in a module where `wasm_host`'s types and those of `berth_exposure`'s `filter` and `rest` are in scope.

use std::fmt::Write;

use berth_exposure::AccessClass;

use crate::device_classes::{self, Class};
use crate::model::{Configuration, Device, Exposure, Interrupt, Key, Register, RegisterWrite};

/// The table of `configuration`.
#[must_use]
pub fn kernel_table(configuration: &Configuration) -> String {
    // Writing to a string does not fail.
    let mut out = String::from("// Made from exposure.dts; changes are lost.\n\n");
    let exposures = &configuration.exposures;
    let _ = writeln!(
        out,
        "pub(crate) const COUNT: usize = {};\n",
        exposures.len()
    );
    for (index, exposure) in exposures.iter().enumerate() {
        let _ = writeln!(
            out,
            "static BLOCK_{index}: Block = block({:#x}, {:#x});",
            exposure.base, exposure.length
        );
    }
    let _ = writeln!(out, "\npub(crate) static EXPOSURES: [Exposure; COUNT] = [");
    for (index, exposure) in exposures.iter().enumerate() {
        write_exposure(&mut out, index, exposure, &configuration.keys);
    }
    let _ = writeln!(out, "];\n");
    let _ = writeln!(
        out,
        "/// Address and length of what is mapped, in order.\npub(crate) static MAPPED: &[(usize, usize)] = &["
    );
    for (base, length) in mapped(exposures) {
        let _ = writeln!(out, "    ({base:#x}, {length:#x}),");
    }
    let _ = writeln!(out, "];\n");
    // What the board's own drivers must not use.
    let _ = writeln!(out, "pub(crate) const REACHED: &[(u64, u64)] = &[");
    for (base, length) in exposures.iter().flat_map(reached) {
        let _ = writeln!(out, "    ({base:#x}, {length:#x}),");
    }
    let _ = writeln!(out, "];\n");
    let _ = writeln!(out, "pub(crate) static PROCESSES: &[ProcessRule] = &[");
    for process in &configuration.processes {
        let _ = writeln!(
            out,
            "    // {}\n    ProcessRule {{\n        flash_start: {:#x},\n        drivers: &[",
            process.region, process.flash_start
        );
        for driver in &process.drivers {
            let _ = writeln!(
                out,
                "            DriverRule {{ driver: {:#x}, commands: {:#x}, indexed: {:#x}, indices: {:#x} }},",
                driver.driver, driver.commands, driver.indexed, driver.indices
            );
        }
        let _ = writeln!(out, "        ],\n    }},");
    }
    let _ = writeln!(out, "];\n");
    write_interrupts(&mut out, configuration);
    for class in device_classes::CLASSES.iter().filter(|c| c.drives != 0) {
        write_rests(&mut out, class, &configuration.devices);
    }
    if !configuration.keys.is_empty() || !configuration.operators.is_empty() {
        write_keys(&mut out, configuration);
    }
    out
}

/// The safe states of a class's devices.
fn write_rests(out: &mut String, class: &Class, devices: &[Device]) {
    let rests: Vec<_> = devices
        .iter()
        .filter(|device| device.driver == class.driver)
        .filter_map(|device| Some((device.index, class.rest(device.safe_state.as_deref()?)?)))
        .collect();
    let _ = writeln!(
        out,
        "\npub(crate) const {}_RESTS: &[Rest; {}] = &[",
        class.name.to_uppercase(),
        rests.len()
    );
    for (index, commands) in rests {
        let _ = writeln!(
            out,
            "    Rest {{ index: {index}, drives: {:#x}, commands: &{commands:?} }},",
            class.drives
        );
    }
    let _ = writeln!(out, "];");
}

/// The keys, for a board whose kernel looks at signatures; others have none.
fn write_keys(out: &mut String, configuration: &Configuration) {
    let all = [
        ("KEYS", &configuration.keys),
        ("OPERATORS", &configuration.operators),
    ];
    for (table, keys) in all {
        let _ = writeln!(
            out,
            "\npub(crate) static {table}: [Key; {}] = [",
            keys.len()
        );
        for key in keys {
            let Key {
                name, id, public, ..
            } = key;
            let _ = writeln!(
                out,
                "    // {name}\n    Key::new({id:#04x?}, &{public:#04x?}),"
            );
        }
        let _ = writeln!(out, "];");
    }
    let _ = writeln!(
        out,
        "\npub(crate) const REFUSES_UNSIGNED: bool = {};\npub(crate) const CLOSES_READING: bool = {};",
        configuration.refuses_unsigned, configuration.closes_reading
    );
    let revokers = set_of(&configuration.keys, |key| key.revokes);
    let _ = writeln!(out, "pub(crate) const REVOKERS: u32 = {revokers:#x};");
}

/// The keys that may sign for an exposure, one bit each.
fn key_set(exposure: &Exposure, keys: &[Key]) -> u32 {
    set_of(keys, |key| exposure.keys.contains(&key.name))
}

/// Those of the keys that are meant, one bit each.
fn set_of(keys: &[Key], is_meant: impl Fn(&Key) -> bool) -> u32 {
    let meant = (0..32_u32).zip(keys).filter(|(_, key)| is_meant(key));
    meant.fold(0, |set, (number, _)| set | 1 << number)
}

/// Address and length of the blocks that are mapped, in order.
fn mapped(exposures: &[Exposure]) -> Vec<(u32, u32)> {
    let mapped = |exposure: &&Exposure| exposure.access == AccessClass::Mapped;
    let mut blocks: Vec<_> = exposures
        .iter()
        .filter(mapped)
        .map(|exposure| (exposure.base, exposure.length))
        .collect();
    blocks.sort_unstable();
    blocks
}

/// The places that accesses to an exposure arrive at: of a block whose registers are exposed one by one, these. What else reaches them
/// (aliases, parts of others) counts whole.
fn reached(exposure: &Exposure) -> Vec<(u64, u64)> {
    let own = (exposure.base.into(), exposure.length.into());
    let mut places = Vec::new();
    for place in &exposure.reached {
        match &exposure.registers {
            Some(registers) if *place == own => {
                let exposed = registers.iter().map(|r| (r.offset, r.size));
                let safe = exposure.safe_state.iter().map(|w| (w.offset, w.size));
                let clears = exposure.interrupts.iter().filter_map(|i| i.clear.as_ref());
                let clears = clears.map(|write| (write.offset, write.size));
                let each = exposed.chain(safe).chain(clears);
                places.extend(each.map(|(at, bits)| (own.0 + u64::from(at), u64::from(bits / 8))));
            }
            _ => places.push(*place),
        }
    }
    places.sort_unstable();
    places.dedup();
    places
}

fn write_exposure(out: &mut String, index: usize, exposure: &Exposure, keys: &[Key]) {
    let _ = write!(
        out,
        "    Exposure::new({:?}, &BLOCK_{index}, {:#x}, ",
        exposure.label, exposure.length
    );
    match &exposure.registers {
        None => {
            let _ = writeln!(out, "Registers::Whole(Widths::BITS32))");
        }
        Some(registers) => {
            let _ = writeln!(out, "Registers::List(&[");
            for register in registers {
                let _ = writeln!(
                    out,
                    "        // {}\n        {},",
                    register.name,
                    new(register)
                );
            }
            let _ = writeln!(out, "    ]))");
        }
    }
    if exposure.access == AccessClass::Mapped {
        let _ = writeln!(out, "        .access(AccessClass::Mapped)");
    }
    if !exposure.safe_state.is_empty() {
        let _ = writeln!(out, "        .safe_state(&[");
        for write in &exposure.safe_state {
            let _ = writeln!(
                out,
                "            // {}\n            SafeWrite::new({:#x}, {:#x}, {:#x}){},",
                write.register,
                write.offset,
                write.value,
                write.mask,
                width("width", write.size)
            );
        }
        let _ = writeln!(out, "        ])");
    }
    if !exposure.keys.is_empty() {
        let _ = writeln!(out, "        .keys({:#x})", key_set(exposure, keys));
    }
    let _ = writeln!(out, "    ,");
}

fn new(register: &Register) -> String {
    format!(
        "Register::new({:#x}, {:#x}, {:#x}){}{}",
        register.offset,
        register.read,
        register.write,
        width("size", register.size),
        if register.zero_rest {
            ".zero_rest()"
        } else {
            ""
        }
    )
}

/// A call that sets the width, where it is not 32 bits.
fn width(method: &str, size: u32) -> String {
    match size {
        32 => String::new(),
        _ => format!(".{method}(Width::Bits{size})"),
    }
}

fn write_interrupts(out: &mut String, configuration: &Configuration) {
    let limits = &configuration.limits;
    let _ = writeln!(
        out,
        "pub(crate) const LIMITS: Limits = Limits {{ handlers: {}, captures: {}, accesses_per_pass: {}, share_percent: {} }};\n",
        limits.handlers, limits.captures, limits.accesses_per_pass, limits.share_percent
    );
    let _ = writeln!(
        out,
        "pub(crate) const ERASES: Budget = Budget {{ burst: {}, period_s: {}, per_second: {} }};\n",
        limits.erase_burst,
        limits.erase_hours * 3600,
        limits.erases_per_second
    );
    let _ = writeln!(
        out,
        "pub(crate) const PROGRAMS: usize = {};\n",
        limits.programs
    );
    let _ = writeln!(
        out,
        "pub(crate) const CONVEYORS: usize = {};\n",
        limits.conveyors
    );
    let _ = writeln!(out, "pub(crate) const INTERRUPTS: &[Interrupt] = &[");
    for (index, exposure) in configuration.exposures.iter().enumerate() {
        for interrupt in &exposure.interrupts {
            let clear = interrupt.clear.as_ref().map_or("None".to_owned(), |write| {
                format!("Some({})", clear(write, interrupt))
            });
            let _ = writeln!(
                out,
                "    Interrupt {{ exposure: {index}, line: {}, captures_max: {}, clear: {clear} }},",
                interrupt.line, interrupt.captures_max
            );
        }
    }
    let _ = writeln!(out, "];");
}

fn clear(write: &RegisterWrite, interrupt: &Interrupt) -> String {
    let raised = interrupt
        .raised
        .as_ref()
        .map_or("None".to_owned(), |raised| {
            format!("Some(&({:#x}, {:#x}))", raised.offset, raised.mask)
        });
    format!(
        "Clear {{ offset: {:#x}, bytes: {}, value: {:#x}, before_capture: {}, raised: {raised} }}",
        write.offset,
        write.size / 8,
        write.value,
        interrupt.clear_before_capture
    )
}
