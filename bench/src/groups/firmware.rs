//! How long firmware with deadlines is kept out by what stands in the supervisor's place.
//!
//! A driver of the kernel and a process must run every millisecond (`tests/e2e/src/deadlines.rs`) and tell how late
//! they were at worst. Beside them runs, one after the other, every program that does its worst. Instructions take 64 ns
//! of virtual time, a tick of the tasks' clock is ten of them.

use std::time::Duration;

use anyhow::{Result, ensure};
use berth_e2e::deadlines::{Deadlines, Instructions, Task};
use berth_e2e::{Device, Flash};

use crate::figure::{Figure, Group, Key};
use crate::process::ICOUNT;

const KEPT_OUT: Key = Key {
    goal: Some(12_500.0),
    ..Key::instructions(
        "firmware.kept_out_worst",
        "From a line of the firmware to its process running: the worst beside all hostile programs",
        None,
    )
};
const PASS: Key = Key {
    goal: Some(4_000.0),
    ..Key::instructions(
        "kernel.pass_worst",
        "From a line to its driver, the longest time without a look at the lines included: the worst beside the same programs",
        None,
    )
};

/// The programs: name, setting if it has one.
const PROGRAMS: [(&str, &str); 19] = [
    ("hostile", ""),
    ("occupy", ""),
    ("storm", "busy"),
    ("gated", ""),
    ("abuse", "writes"),
    ("abuse", "lines"),
    ("abuse", "reads"),
    ("abuse", "breaks"),
    ("abuse", "steps"),
    ("abuse", "faults"),
    ("abuse", "restarts"),
    ("abuse", "alarms"),
    ("abuse", "names"),
    ("abuse", "erases"),
    ("assault", "release"),
    ("assault", "restart"),
    ("assault", "fault"),
    ("assault", "all"),
    ("assault", "programs"),
];
/// What is done in run after run, on a kernel that begins the next one at once: program, setting, what it says first.
const RUN_AFTER_RUN: [(&str, &str, &str); 7] = [
    ("abuse", "faults", "abuse: faults"),
    ("abuse", "restarts", "abuse: restarts"),
    ("abuse", "walk", "abuse: walk"),
    ("assault", "states", "assault: 0 runs"),
    ("assault", "flags", "assault: 0 runs"),
    ("assault", "borders", "assault: 0 runs"),
    ("instants", "", "instants: 0 runs"),
];
/// Runs of random machine code.
const RUNS: u32 = 5_000;
/// Rounds of half a second beside each program.
const ROUNDS: u32 = 4;
const LIMIT: Duration = Duration::from_secs(200);

/// Measure both.
///
/// # Errors
/// If a board fails or one of the tasks says nothing.
pub fn measure() -> Result<Group> {
    let (mut kept_out, mut pass) = (Instructions::default(), Instructions::default());
    let mut note = |beside: &str, told: Deadlines| {
        let instructions =
            |task: Task| Instructions::of_emulated_ns(task.worst_emulated_ns, ICOUNT.shift);
        println!(
            "beside {beside}: driver {} late, process {}",
            instructions(told.driver),
            instructions(told.process)
        );
        kept_out = kept_out.max(instructions(told.process));
        pass = pass.max(instructions(told.driver));
    };
    for (program, setting) in PROGRAMS {
        let flash = Flash::with_deadlines()?;
        flash.install(program)?;
        if !setting.is_empty() {
            flash.set(program, setting.as_bytes())?;
        }
        let device = board(&flash)?;
        device.console(&format!("{program}: "))?;
        note(
            &format!("{program} {setting}"),
            device.told_deadlines(ROUNDS)?,
        );
    }
    for (program, deed, begins) in RUN_AFTER_RUN {
        let flash = Flash::for_fuzz()?;
        flash.install(program)?;
        if !deed.is_empty() {
            flash.set(program, deed.as_bytes())?;
        }
        let device = board(&flash)?;
        device.console(begins)?;
        // Each of its runs is one instant of thousands.
        let rounds = if program == "instants" {
            ROUNDS * 4
        } else {
            ROUNDS
        };
        note(
            &format!("{program} {deed}, run after run"),
            device.told_deadlines(rounds)?,
        );
    }
    let flash = Flash::for_fuzz()?;
    flash.install("fuzz")?;
    let device = board(&flash)?;
    let console = &device.board.console;
    console.line_after(0, &format!("fuzz: {RUNS} runs"), LIMIT)?;
    let text = console.text();
    ensure!(!text.contains("Kernel panic"), "{text}");
    note("fuzz", Deadlines::read(&text)?);
    let figure = |key, Instructions(value)| Figure {
        key,
        value: value as f64,
    };
    Ok(Group {
        title: "Firmware beside hostile programs",
        how: "A driver and a process with deadlines of a millisecond tell how late they were at worst, beside random system calls, \
              random machine code, storms of interrupts, bus errors, and every kind of abuse of the console, the break, \
              faults, restarts, alarms, names, the flash, claims given back at once and register programs. The tasks' own lines on the console are part of it.",
        figures: vec![figure(KEPT_OUT, kept_out), figure(PASS, pass)],
        ..Group::default()
    })
}

fn board(flash: &Flash) -> Result<Device> {
    Device::power_on_board(flash, |board| board.limit(LIMIT).icount(ICOUNT))
}
