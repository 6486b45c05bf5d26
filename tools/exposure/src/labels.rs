//! A board for container authors, as Rust source: labels, registers by name, numbers of interrupts.

use std::fmt::Write;

use crate::model::{Configuration, Exposure, Interrupt, Named, NamedBits, Register};

/// One module for each label: `LABEL`; the offset and masks of each register; `registers()`, which asks for the block and gives its
/// registers by name (`berth_guest::typed::Register`), each with what may be done with it; in a module with the register's name its bits
/// by name (`berth_guest::typed::Field`); for its interrupts `Interrupts`, and, in a
/// module `interrupts`, the number of each.
///
/// Labels and register names are made into Rust names: other characters than letters,
/// digits and `_` become `_`. What uses it depends on the crate `berth-guest`.
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

/// A register that a container may use.
pub(crate) struct Usable {
    pub(crate) name: String,
    pub(crate) offset: u32,
    pub(crate) size: u32,
    /// For people: which bits may be read and written.
    pub(crate) rights: String,
    /// What `berth_guest::typed` calls what may be done with it.
    access: &'static str,
    /// Bits that have a name, and that may be read or written.
    pub(crate) fields: Vec<NamedBits>,
}

/// The bits of a register that have a name, as far as a container may use all of them. One name is of one field.
fn fields(exposure: &Exposure, offset: u32, size: u32, usable: u32) -> Vec<NamedBits> {
    let mut fields: Vec<NamedBits> = Vec::new();
    let named = exposure.map.iter();
    for named in named.filter(|named| named.offset == offset && named.size == size) {
        for field in &named.fields {
            let own = name(&field.name).to_uppercase();
            let is_known = |known: &NamedBits| known.name == own;
            if field.mask != 0 && field.mask & !usable == 0 && !fields.iter().any(is_known) {
                fields.push(NamedBits {
                    name: own,
                    mask: field.mask,
                });
            }
        }
    }
    fields
}

pub(crate) fn usable(exposure: &Exposure) -> Vec<Usable> {
    match &exposure.registers {
        Some(registers) => {
            let usable = |register: &Register| Usable {
                name: register.name.clone(),
                offset: register.offset,
                size: register.size,
                rights: format!(
                    ", readable {:#x}, writable {:#x}",
                    register.read, register.write
                ),
                access: match (register.read, register.write) {
                    (0, _) => "WriteOnly",
                    (_, 0) => "ReadOnly",
                    _ if register.zero_rest => "Whole",
                    _ => "Changed",
                },
                fields: fields(
                    exposure,
                    register.offset,
                    register.size,
                    register.read | register.write,
                ),
            };
            registers.iter().map(usable).collect()
        }
        // Whole blocks are accessed as words.
        None => {
            let is_word = |named: &&Named| {
                named.size == 32 && named.offset.is_multiple_of(4) && named.offset < exposure.length
            };
            let words = exposure.map.iter().filter(is_word);
            words
                .map(|named| Usable {
                    name: named.name.clone(),
                    offset: named.offset,
                    size: 32,
                    rights: String::new(),
                    access: "Changed",
                    fields: fields(exposure, named.offset, 32, u32::MAX),
                })
                .collect()
        }
    }
}

fn write_module(out: &mut String, exposure: &Exposure) {
    let (label, length) = (&exposure.label, exposure.length);
    let registers = usable(exposure);
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "\n/// `{label}`: {length} bytes.\npub mod {} {{\n    /// The label to import.\n    pub const LABEL: &str = {label:?};",
        name(label)
    );
    for register in &registers {
        write_offset(out, register);
    }
    if !registers.is_empty() {
        write_registers(out, label, &registers);
    }
    for register in registers.iter().filter(|r| !r.fields.is_empty()) {
        write_fields(out, register);
    }
    if !exposure.interrupts.is_empty() {
        write_interrupts(out, label, &exposure.interrupts);
    }
    out.push_str("}\n");
}

fn write_registers(out: &mut String, label: &str, registers: &[Usable]) {
    out.push_str(
        "\n    use berth_guest::typed;\n\n    /// The registers.\n    #[derive(Clone, Copy, Debug)]\n    pub struct Registers {\n",
    );
    for register in registers {
        let Usable {
            offset,
            size,
            access,
            rights,
            ..
        } = register;
        let _ = writeln!(
            out,
            "        /// {}{rights}.\n        pub {}: typed::Register<{offset:#x}, u{size}, typed::{access}>,",
            register.name,
            field(&register.name)
        );
    }
    let _ = write!(
        out,
        "    }}\n\n    berth_guest::block!(\n        /// Asks for the block.\n        pub fn block = \"mmio:{label}\"\n    );\n\n    /// Asks for the block, and gives its registers.\n    #[inline(always)]\n    #[must_use]\n    pub fn registers() -> Registers {{\n        let block = block();\n        Registers {{\n"
    );
    for register in registers {
        let _ = writeln!(
            out,
            "            {}: typed::Register::of(block),",
            field(&register.name)
        );
    }
    out.push_str("        }\n    }\n");
}

fn write_fields(out: &mut String, register: &Usable) {
    let _ = write!(
        out,
        "\n    /// Bits of {}.\n    pub mod {} {{\n        use berth_guest::typed::Field;\n",
        register.name,
        module(&register.name)
    );
    for NamedBits { name, mask } in &register.fields {
        let _ = write!(
            out,
            "\n        /// {mask:#x}.\n        pub const {name}: Field = Field::of({mask:#x});\n"
        );
    }
    out.push_str("    }\n");
}

fn write_interrupts(out: &mut String, label: &str, interrupts: &[Interrupt]) {
    let _ = write!(
        out,
        "\n    berth_guest::irq!(\n        /// The interrupts.\n        pub Interrupts = \"irq:{label}\"\n    );\n\n    /// Numbers of the interrupts.\n    pub mod interrupts {{\n"
    );
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

fn write_offset(out: &mut String, register: &Usable) {
    let constant = name(&register.name).to_uppercase();
    let (size, rights, offset) = (register.size, &register.rights, register.offset);
    let _ = writeln!(
        out,
        "    /// Offset of {}: {size} bits{rights}.\n    pub const {constant}: u32 = {offset:#x};",
        register.name
    );
}

/// Words that mean something in Rust.
const KEYWORDS: [&str; 52] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "union",
];

/// The name of a field.
fn field(register: &str) -> String {
    let word = name(register).to_lowercase();
    if KEYWORDS.contains(&word.as_str()) {
        word + "_"
    } else {
        word
    }
}

/// The name of the module with a register's bits: not the one with the interrupts.
fn module(register: &str) -> String {
    match field(register) {
        word if word == "interrupts" => word + "_",
        word => word,
    }
}

pub(crate) fn name(text: &str) -> String {
    let word: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    match word.chars().next() {
        Some(first) if !first.is_ascii_digit() => word,
        _ => format!("_{word}"),
    }
}
