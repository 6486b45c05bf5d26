//! `make size`: what the product occupies, for people and in `target/size.json`.

#![forbid(unsafe_code)]

use std::time::Duration;

use anyhow::{Context, Result};
use berth::table::{plain, print_table, right_align};
use berth_bench::flash::Footprint;
use berth_e2e::{Device, target};
use serde_json::{Map, Value};

/// One figure and what it may be.
struct Figure {
    key: &'static str,
    bytes: u64,
    limit: u64,
    what: &'static str,
}

fn main() -> Result<()> {
    let figures = measure()?;
    let mut table = plain(&["KEY", "BYTES", "LIMIT", "WHAT"]);
    for figure in &figures {
        table.add_row([
            figure.key.to_owned(),
            figure.bytes.to_string(),
            figure.limit.to_string(),
            figure.what.to_owned(),
        ]);
    }
    right_align(&mut table, 1..3);
    print_table(&mut std::io::stdout().lock(), &table)?;
    let json: Map<String, Value> = figures
        .iter()
        .map(|figure| (figure.key.to_owned(), figure.bytes.into()))
        .collect();
    let path = target().join("size.json");
    std::fs::write(&path, serde_json::to_string_pretty(&json)? + "\n")
        .with_context(|| format!("cannot write {}", path.display()))
}

fn measure() -> Result<Vec<Figure>> {
    let firmware = target().join("thumbv7em-none-eabi/firmware");
    let kernel = Footprint::of(&firmware.join("mps2-an386"))?;
    let plain = Footprint::of(&firmware.join("mps2-an386-plain"))?;
    let without_programs = Footprint::of(&target().join("walk/no-programs"))?;
    let supervisor = Footprint::of(&firmware.join("wasm_supervisor"))?;
    Ok(vec![
        Figure {
            key: "kernel.text_bytes",
            bytes: plain.text,
            limit: 48_000,
            what: "code and constants of the plain board: console, alarm, LED, low-level debug",
        },
        Figure {
            key: "kernel.without_programs_text_bytes",
            bytes: without_programs.text,
            // What it is made of, and why it is not less: docs/kernel.md, "What the guarantees cost".
            limit: 66_700,
            what: "code and constants of kernel, capsules and board that carry out no register programs",
        },
        Figure {
            key: "kernel.image_text_bytes",
            bytes: kernel.text,
            // Register programs are checked before their first access and carried out pass by pass, by code of their own, for
            // which there are 9,000 bytes.
            limit: 75_700,
            what: "code and constants of kernel, capsules and board as shipped, with register programs",
        },
        Figure {
            key: "supervisor.flash_bytes",
            bytes: supervisor.flash(),
            limit: 520_000,
            what: "code, constants and initial data of the supervisor",
        },
        Figure {
            key: "container.ram_minimal_bytes",
            bytes: minimal_container()?,
            limit: 10_500,
            what: "arena of the example `minimal` (2 KiB of memory), suspended, on the board",
        },
    ])
}

/// Start the smallest example on the board and ask what it holds.
fn minimal_container() -> Result<u64> {
    let device = Device::boot()?;
    device.upload("minimal")?;
    device.berth(&["start", "minimal"])?.ok()?;
    // It sleeps forever; give it its first slices.
    std::thread::sleep(Duration::from_millis(500));
    device.wait_state("minimal", "running")?;
    let container = device.container("minimal")?.context("it is listed")?;
    container["memory_used"]
        .as_u64()
        .with_context(|| format!("no memory_used in {container}"))
}
