//! What the kernel occupies.

use anyhow::Result;
use berth_e2e::target;

use crate::figure::{Figure, Group, Key, Unit};
use crate::flash::Footprint;
use crate::process;
use crate::symbols;

const TEXT: Key = Key {
    name: "kernel.text_bytes",
    unit: Unit::Bytes,
    what: "Code and constants of the whole kernel image, the two drivers below included",
    reference: Some(("upstream", 48_172.0)),
    must: Some(48_000.0),
    goal: None,
};

const RAM: Key = Key {
    name: "kernel.ram_per_process_bytes",
    unit: Unit::Bytes,
    what: "Of a process's RAM, taken by the kernel at its start: control block, event queue, grant table (5 grants; upstream's: 3)",
    reference: Some(("upstream", 1116.0)),
    must: Some(800.0),
    goal: None,
};

/// Part of the text that upstream's image has not.
const fn part(name: &'static str, what: &'static str) -> Key {
    Key {
        name,
        unit: Unit::Bytes,
        what,
        reference: None,
        must: None,
        goal: None,
    }
}

/// Reads the ELF file of the kernel and boots `bench_syscalls`.
///
/// # Errors
/// If there is no kernel, or the process does not measure.
pub fn measure() -> Result<Group> {
    let kernel = target().join("thumbv7em-none-eabi/firmware/mps2-an386");
    let bytes = |key, value: u64| Figure {
        key,
        // A size in flash has few digits.
        #[allow(clippy::cast_precision_loss)]
        value: value as f64,
    };
    let mut figures = vec![
        bytes(TEXT, Footprint::of(&kernel)?.text),
        bytes(
            part(
                "kernel.text_wasm_host_bytes",
                "Of that, functions of `wasm_host` that were not inlined",
            ),
            symbols::code_of(&kernel, "wasm_host")?,
        ),
        bytes(
            part(
                "kernel.text_process_info_bytes",
                "Of that, functions of the process information driver that were not inlined",
            ),
            symbols::code_of(&kernel, "process_info_driver")?,
        ),
    ];
    figures.extend(process::measure("bench_syscalls", &[RAM])?);
    Ok(Group {
        title: "Kernel size",
        how: "Text is the sum of the sections of the ELF file that are loaded to flash and never written. The image has console, \
              alarm, LED, low-level debug, as upstream's figure, and also `wasm_host`, process information and the kernel's \
              debug output. RAM is asked from a native process at its start: end of its block less the lowest grant.",
        figures,
    })
}
