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

/// Bytes of a stack.
struct Stack(u64);

impl Stack {
    /// The supervisor's (`apps/wasm_supervisor/process/build.rs`).
    const SUPERVISORS: Self = Self(26 * 1024);
    /// The kernel's (`kernel-board/mps2-an386/kernel.ld`).
    const KERNELS: Self = Self(8 * 1024);

    /// The largest frame that there may be: half of it, since what calls and what is called lies there, too.
    const fn frame_max(&self) -> u64 {
        self.0 / 2
    }

    /// The deepest chain that there may be: what is called through pointers comes on top.
    const fn chain_max(&self) -> u64 {
        self.0
    }
}

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
    let [kernel_frame, kernel_frames] = on_stack(
        ["kernel.frame_largest_bytes", "kernel.frames_deepest_bytes"],
        "kernel",
        &Frames::of(&firmware.join("mps2-an386"))?,
        &Stack::KERNELS,
    );
    let [supervisor_frame, supervisor_frames] = on_stack(
        [
            "supervisor.frame_largest_bytes",
            "supervisor.frames_deepest_bytes",
        ],
        "supervisor",
        &Frames::of(&firmware.join("wasm_supervisor"))?,
        &Stack::SUPERVISORS,
    );
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
            // What it is made of, and why it is not less: docs/kernel.md, "What the guarantees cost". 1,000 bytes more than when
            // it counted with four processes: who waits and what is due is kept where no call has to ask all of them (700), and
            // a reset in the middle of a change gives no erase of flash back (200). 256 more, 68,628 in all, since a block of a line
            // that others have is asked whether it has raised it before it is cleared, and erases of two seconds count. 872 for a second partition of
            // the flash, of compiled code, with its own part, guard and budgets; 72 since who has not raised its interrupt is no more than looked
            // at. 480 for a second serial line's passes and pace, and registrations in passes (the check of captures that can go on, and
            // turns that a kernel without programs asks for, too). 216 for a line that is one process's from the claim on, and one rate
            // of erases for the whole part: 70,368 in all. 512 for devices that come to rest when their user ends, and 32 for the order in
            // which drivers are asked for: 70,912.
            limit: 71_000,
            what: "code and constants of kernel, capsules and board that carry out no register programs".to_owned(),
        },
        Figure {
            key: "kernel.image_text_bytes",
            bytes: kernel.text,
            // Register programs are checked before their first access and carried out pass by pass, by code of their own, for
            // which there are 9,300 bytes: 240 of them for passes that follow each other in one call, which saves 1,150
            // instructions for each of them. Conveyors are 3,072 more: a list that is checked and kept, so that a sync looks nothing
            // up, the moves in each width and direction, and the border to an engine that may be another. 264 more as above, and 872 for the
            // partition of compiled code, and 48 for passes of conveyors and what has not raised its interrupt. 232 for a second serial line, 208 for registrations in passes
            // and conveyors that are copied once for all passes of a call. 216 as above: 83,392 in all.
            limit: 84_000,
            what: "code and constants of kernel, capsules and board as shipped, with register programs and conveyors".to_owned(),
        },
        kernel_frame,
        kernel_frames,
        Figure {
            key: "supervisor.flash_bytes",
            bytes: supervisor.flash(),
            // 520,000 before later issues used the room: 10,968 since containers have a configuration and named values (requests and
            // their messages 3,900, the shell's words 2,100, what main asks of the store 2,300, their place in it 1,900), 2,100 for
            // what they have of the kernel's UART, pins and clock and the place of a fault (a global read at the end of a container,
            // and the request that tells of it).
            // Conveyors are 7,840: three imports with their checks, what is due and what is at an interrupt, and captures that are found
            // at their registers.
            // A border that knows no engine, where a result is handed in by its function's type, and registrations that go on: 532.
            // Devices that a container lets go of when it ends: 620.
            // Signed packages: 4,064. Where the signature is and what it claims 690, what is asked of the kernel and refused 560, counters
            // that are kept 470, three requests and what they answer 1,080, the words of nine refusals 640, the rest in loading and in the ends of runs.
            // Two more requests, which this one answers with no, the answers that another gives, and moments that are all counted from
            // one beginning: 600. All of them together: 547,550.
            // The list of what is revoked: 1,880. It is read and verified, its counter is kept, what it covers is refused in three words and ends;
            // two requests. 230 more tell it from an upload that an older supervisor has left in its place.
            // Operators' sessions are 8,680: HMAC and HKDF, tables of sessions, challenges and logins with what each refuses, five requests with their answers
            // and the words of eight refusals, what is kept in the store, seals of requests and answers. (Ed25519 and X25519 are the kernel's.)
            limit: 558_550,
            what: "code, constants and initial data of the supervisor".to_owned(),
        },
        supervisor_frame,
        supervisor_frames,
        Figure {
            key: "container.ram_minimal_bytes",
            bytes: minimal_container()?,
            limit: 10_500,
            what: "arena of the example `minimal` (2 KiB of memory), suspended, on the board".to_owned(),
        },
    ])
}

/// What functions take of a stack: the largest frame, and the deepest chain of calls.
fn on_stack(keys: [&'static str; 2], whose: &str, frames: &Frames, stack: &Stack) -> [Figure; 2] {
    let [frame_key, chain_key] = keys;
    let (largest, deepest) = (frames.largest(), frames.deepest());
    [
        Figure {
            key: frame_key,
            bytes: largest.bytes,
            limit: stack.frame_max(),
            what: format!(
                "largest frame of a function on the {whose}'s stack: {}",
                largest.whose
            ),
        },
        Figure {
            key: chain_key,
            bytes: deepest.bytes,
            limit: stack.chain_max(),
            what: format!(
                "the most that functions which call each other by name take of it: {}",
                deepest.whose
            ),
        },
    ]
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
