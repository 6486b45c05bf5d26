//! A board for container authors, as a header for C and C++: labels, registers and their bits by name, numbers of interrupts.

use std::fmt::Write;

use crate::labels::{name, usable};
use crate::model::{Configuration, Exposure};

/// For each label `LABEL_REGISTER`, the offset of a register; `LABEL_REGISTER_BITS`, the mask of bits of it that have a name; and
/// `LABEL_IRQ_NAME`, the number of an interrupt. What is a number stands in it as one: no variable and no function, so a name costs
/// what its number costs.
#[must_use]
pub fn header(configuration: &Configuration) -> String {
    let mut out = String::from(
        "/* Labels and registers of one board, for containers in C and C++. Made from exposure.dts.\n *\n \
         * BERTH_BLOCK(label) of berth.h asks for a block. */\n#pragma once\n",
    );
    for exposure in &configuration.exposures {
        block(&mut out, exposure);
    }
    out
}

fn block(out: &mut String, exposure: &Exposure) {
    let (label, length) = (&exposure.label, exposure.length);
    let front = name(label).to_uppercase();
    // Writing to a string does not fail.
    let _ = writeln!(out, "\n/* {label}: {length} bytes. */");
    for register in usable(exposure) {
        let own = name(&register.name).to_uppercase();
        let _ = writeln!(
            out,
            "#define {front}_{own} {:#x}u /* {} bits{} */",
            register.offset, register.size, register.rights
        );
        for field in &register.fields {
            let _ = writeln!(
                out,
                "#define {front}_{own}_{} {:#x}u",
                field.name, field.mask
            );
        }
    }
    for (number, interrupt) in exposure.interrupts.iter().enumerate() {
        let own = name(&interrupt.name).to_uppercase();
        let _ = writeln!(out, "#define {front}_IRQ_{own} {number}");
    }
}
