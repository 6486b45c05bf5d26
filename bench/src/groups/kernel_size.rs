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
    what: "Code and constants of the plain board, which has the drivers of upstream's figure: console, alarm, LED, low-level debug",
    reference: Some(("upstream", 48_172.0)),
    must: Some(48_000.0),
    goal: None,
};

const WITHOUT_PROGRAMS: Key = part(
    "kernel.without_programs_text_bytes",
    "Code and constants of the kernel that carries out no register programs",
);

const IMAGE: Key = part(
    "kernel.image_text_bytes",
    "Code and constants of the kernel as shipped, with register programs",
);

const RAM: Key = Key {
    name: "kernel.ram_per_process_bytes",
    unit: Unit::Bytes,
    what: "Of a process's RAM, taken by the kernel at its start: control block, event queue, grant table (6 grants; upstream's: 3)",
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

/// Reads the ELF files of the kernels and boots `bench_syscalls`.
///
/// # Errors
/// If there are no kernels, or the process does not measure.
pub fn measure() -> Result<Group> {
    let firmware = target().join("thumbv7em-none-eabi/firmware");
    let kernel = firmware.join("mps2-an386");
    let plain = firmware.join("mps2-an386-plain");
    let bytes = |key, value: u64| Figure {
        key,
        // A size in flash has few digits.
        #[allow(clippy::cast_precision_loss)]
        value: value as f64,
    };
    let mut figures = vec![
        bytes(TEXT, Footprint::of(&plain)?.text),
        bytes(
            WITHOUT_PROGRAMS,
            Footprint::of(&target().join("walk/no-programs"))?.text,
        ),
        bytes(IMAGE, Footprint::of(&kernel)?.text),
        bytes(
            part(
                "kernel.text_wasm_host_bytes",
                "Of that, functions of `wasm_host` that were not inlined",
            ),
            symbols::code_of(&kernel, "wasm_host")?,
        ),
        bytes(
            part(
                "kernel.text_flash_partition_bytes",
                "Of that, functions of `flash_partition` that were not inlined",
            ),
            symbols::code_of(&kernel, "flash_partition..driver")?,
        ),
        bytes(
            part(
                "kernel.text_emulated_flash_bytes",
                "Of that, the emulated flash and its file, as far as not inlined; a product has its flash controller's driver instead",
            ),
            symbols::code_of(&kernel, "emulated_flash")?,
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
        how: "Text is the sum of the sections of the ELF file that are loaded to flash and never written. The plain board is \
              `kernel-board/mps2-an386-plain`; both images have the kernel's debug output, reports of faults included. RAM is \
              asked from a native process at its start: end of its block less the lowest grant.",
        figures,
        ..Group::default()
    })
}
