//! `make size`: what the product occupies, for people and in `target/size.json`.
//!
//! Exit code 1 if a figure is beyond its limit.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use berth::table::{plain, print_table, right_align};
use berth_bench::flash::Footprint;
use berth_bench::frames::Frames;
use berth_e2e::{Device, target};
use serde_json::{Map, Value};

/// The supervisor's stack in bytes (`apps/wasm_supervisor/process/build.rs`).
const STACK: u64 = 26 * 1024;
/// Largest frame: half of it, since what calls and what is called lies there, too.
const FRAME_MAX: u64 = STACK / 2;
/// Deepest chain: what is called through pointers comes on top.
const CHAIN_MAX: u64 = STACK;

/// One figure and what it may be.
struct Figure {
    key: &'static str,
    bytes: u64,
    limit: u64,
    what: String,
}

fn main() -> Result<ExitCode> {
    let figures = measure()?;
    let mut table = plain(&["KEY", "BYTES", "LIMIT", "WHAT"]);
    for figure in &figures {
        table.add_row([
            figure.key.to_owned(),
            figure.bytes.to_string(),
            figure.limit.to_string(),
            figure.what.clone(),
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
        .with_context(|| format!("cannot write {}", path.display()))?;
    let mut within = ExitCode::SUCCESS;
    for figure in figures.iter().filter(|figure| figure.bytes > figure.limit) {
        eprintln!("too much: {}", figure.key);
        within = ExitCode::FAILURE;
    }
    Ok(within)
}

fn measure() -> Result<Vec<Figure>> {
    let firmware = target().join("thumbv7em-none-eabi/firmware");
    let kernel = Footprint::of(&firmware.join("mps2-an386"))?;
    let plain = Footprint::of(&firmware.join("mps2-an386-plain"))?;
    let without_programs = Footprint::of(&target().join("walk/no-programs"))?;
    let supervisor = Footprint::of(&firmware.join("wasm_supervisor"))?;
    let frames = Frames::of(&firmware.join("wasm_supervisor"))?;
    let (largest, deepest) = (frames.largest(), frames.deepest());
    Ok(vec![
        Figure {
            key: "kernel.text_bytes",
            bytes: plain.text,
            limit: 48_000,
            what: "code and constants of the plain board: console, alarm, LED, low-level debug".to_owned(),
        },
        Figure {
            key: "kernel.without_programs_text_bytes",
            bytes: without_programs.text,
            // What it is made of, and why it is not less: docs/kernel.md, "What the guarantees cost".
            limit: 67_400,
            what: "code and constants of kernel, capsules and board that carry out no register programs".to_owned(),
        },
        Figure {
            key: "kernel.image_text_bytes",
            bytes: kernel.text,
            // Register programs are checked before their first access and carried out pass by pass, by code of their own, for
            // which there are 9,000 bytes.
            limit: 76_300,
            what: "code and constants of kernel, capsules and board as shipped, with register programs".to_owned(),
        },
        Figure {
            key: "supervisor.flash_bytes",
            bytes: supervisor.flash(),
            limit: 520_000,
            what: "code, constants and initial data of the supervisor".to_owned(),
        },
        Figure {
            key: "supervisor.frame_largest_bytes",
            bytes: largest.bytes,
            limit: FRAME_MAX,
            what: format!("largest frame of a function on the supervisor's stack: {}", largest.whose),
        },
        Figure {
            key: "supervisor.frames_deepest_bytes",
            bytes: deepest.bytes,
            limit: CHAIN_MAX,
            what: format!("the most that functions which call each other by name take of it: {}", deepest.whose),
        },
        Figure {
            key: "container.ram_minimal_bytes",
            bytes: minimal_container()?,
            limit: 10_500,
            what: "arena of the example `minimal` (2 KiB of memory), suspended, on the board".to_owned(),
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
