//! What containers cost that run as code which the device has compiled: the supervisor with both engines, on the same board.
//!
//! The kernels (`berth_kernels`) look at the device's clock before and after they compute, and tell the microseconds as their exit code, as
//! containers of `registers` do. Each runs once compiled and once by the interpreter of the same supervisor, for as many slices as it takes.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use berth_e2e::{CODE_FLASH, Device, Flash, guest};
use berth_kernels::ALL;

use super::registers::{NO_PLACES, counted, instructions, microseconds, of_container};
use crate::figure::{Figure, Group, Key, Spread, Unit};
use crate::process;

/// Native processes that compute the kernels: their file, what stands behind a kernel's key, and what is measured.
const NATIVE: [(&str, &str, &str); 2] = [
    (
        "bench_kernels",
        ".s",
        "The same by a native process, compiled at `s`",
    ),
    (
        "bench_kernels_3",
        ".3",
        "The same by a native process, compiled at 3",
    ),
];

/// How much longer than a native process compiled code may take at most (`s`, with checks and fuel).
const RATIO: f64 = 1.6;

const CALL_MAPPED: Key = Key {
    goal: Some(16.0),
    ..Key::instructions(
        "register.call_mapped.native",
        "One register write by a compiled container, block mapped: `mmio.write32`",
        None,
    )
};
const MMIO_MAPPED: Key = Key {
    goal: Some(8.0),
    ..Key::instructions(
        "register.mmio_mapped.native",
        "The same by a store to its address that `pack` has turned into an access",
        None,
    )
};
const COMPILE: Key = Key {
    goal: Some(500.0),
    ..Key::instructions(
        "native.compile_per_byte",
        "Compiling the example `report`, a byte of its module: validation, the emulated flash and reading it back included",
        None,
    )
};
const CODE: Key = Key::alone(
    "native.code_per_byte",
    Unit::Ratio,
    "Bytes of code of the same, a byte of its module",
    None,
);
const RAM: Key = Key {
    goal: Some(12_000.0),
    ..Key::alone(
        "container.ram_12k_guest_native_bytes",
        Unit::Bytes,
        "Arena of the example `report` (12 KB of module, 10 KiB of memory), running compiled",
        None,
    )
};
const RAM_MINIMAL: Key = Key {
    goal: Some(3_000.0),
    ..Key::alone(
        "container.ram_minimal_native_bytes",
        Unit::Bytes,
        "Arena of a compiled container of 2 KiB of memory that sleeps",
        None,
    )
};

const START: Key = Key {
    goal: Some(40_000.0),
    ..Key::alone(
        "lifecycle.start.native",
        Unit::Instructions,
        "Start of a driver of 307 bytes as a container that was compiled before: scan, claim, find its code, instantiate",
        None,
    )
};

/// Measure it.
///
/// # Errors
/// If the board or the operator's line fails, or something is not compiled.
pub fn measure() -> Result<Group> {
    let flash = Flash::compiled()?;
    let device = counted(&flash)?;
    let mut figures = Vec::new();
    let (of_kernels, more) = kernels(&device)?;
    figures.extend(of_kernels);
    let [call, store] = of_container(&device)?;
    figures.extend(call.figures(CALL_MAPPED));
    figures.extend(store.figures(MMIO_MAPPED));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("sleeper.wasm");
    let sleeper = r#"(module (import "berth" "sleep_us" (func $sleep (param i64))) (memory (export "memory") 2048 (pagesize 1))
        (func (export "_start") (loop $again (call $sleep (i64.const 1000000)) (br $again))))"#;
    std::fs::write(&file, wat::parse_str(sleeper)?)?;
    device.berth(&["run", &file.to_string_lossy()])?.ok()?;
    let minimal = held(&device, "sleeper")?;
    drop(device);
    let figure = |key, value| Figure { key, value };
    figures.push(figure(RAM_MINIMAL, minimal));
    figures.extend(of_report()?);
    figures.push(figure(START, start()?));
    Ok(Group {
        title: "Compiled containers",
        how: "On the supervisor that has both engines (`target/image/compiled.bin`). Kernels (`bench/kernels`) are compiled from one source for a \
              container and for a native process, and look at the device's clock before and after: the least of six runs, what lies between their slices included; \
              register writes as in the group of these. What it takes to compile is what \
              the first start of a device takes longer than the second one, whose code is there and is looked at as well.",
        figures,
        more,
        ..Group::default()
    })
}

/// What the kernels take in a container, compiled and interpreted, and in a native process; and that as a table.
fn kernels(device: &Device) -> Result<(Vec<Figure>, String)> {
    let [at_s, at_3] = NATIVE.map(|(process, ..)| process::values(process));
    let of_processes = [at_s?, at_3?];
    let mut figures = Vec::new();
    let mut more = String::from(
        "How many times as long as a native process, compiled at `s` and at 3; and how many times as long the interpreter takes as compiled code.\n\n\
         | kernel | of `s` | of 3 | interpreted |\n| --- | ---: | ---: | ---: |\n",
    );
    for kernel in ALL {
        let name = format!("native.{}", kernel.name);
        // A key is named for as long as the program runs.
        let key = |behind: &str, what| {
            let name: &'static str = Box::leak(format!("{name}{behind}").into_boxed_str());
            Key::instructions(name, what, None)
        };
        let [at_s, at_3] = of_processes.each_ref().map(|said| {
            let value = said.get(&format!("{name}.process")).copied();
            value.with_context(|| format!("no {name}.process"))
        });
        let native = [at_s?, at_3?];
        let module = std::fs::read(guest(&format!("kernel_{}", kernel.name)))?;
        let run = |engine: &str| -> Result<Spread> {
            let words = [NO_PLACES, "--engine", engine];
            let spread = microseconds(device, kernel.name, &module, &words)?;
            ensure!(spread.least > 0.0, "{name}: a wrong result");
            Ok(spread.map(instructions))
        };
        let compiled = run("any")?;
        let interpreted = run("interpreter")?;
        let goal = Some((native[0] * RATIO).round());
        figures.extend(compiled.figures(Key {
            goal,
            ..key("", kernel.what)
        }));
        figures.extend(interpreted.figures(key(".interpreted", "The same by the interpreter")));
        for (value, (_, behind, what)) in native.into_iter().zip(NATIVE) {
            figures.push(Figure {
                key: key(behind, what),
                value,
            });
        }
        let _ = writeln!(
            more,
            "| {} | {:.2} | {:.2} | {:.1} |",
            kernel.name,
            compiled.least / native[0],
            compiled.least / native[1],
            interpreted.least / compiled.least
        );
    }
    Ok((figures, more))
}

/// The longest time for which the device could not answer since it started, in microseconds.
fn stall(device: &Device) -> Result<f64> {
    let report = device.json(&["doctor"])?;
    report["longest_stall_us"]
        .as_f64()
        .with_context(|| format!("no stall in {report}"))
}

/// Bytes of memory that a container holds, which is compiled.
fn held(device: &Device, name: &str) -> Result<f64> {
    let container = device.container(name)?.context("it is listed")?;
    ensure!(container["engine"] == "compiled", "{container}");
    container["memory_used"]
        .as_f64()
        .with_context(|| format!("no memory_used in {container}"))
}

/// What is measured of the example `report`.
fn of_report() -> Result<[Figure; 3]> {
    let flash = Flash::compiled()?;
    let device = counted(&flash)?;
    device.upload("report")?;
    let before = stall(&device)?;
    device.berth(&["start", "report"])?.ok()?;
    let first = stall(&device)?;
    ensure!(
        first > 2.0 * before,
        "starting took no time: {before}, {first}"
    );
    drop(device);
    let device = counted(&flash)?;
    device.berth(&["start", "report"])?.ok()?;
    let second = stall(&device)?;
    // Some reports, so that its stacks are as deep as they get.
    device.console("[report]")?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ram = held(&device, "report")?;
    drop(device);
    let module = std::fs::metadata(guest("report"))?.len() as f64;
    // The only entry of the directory, behind its head; it may be in the second page: `crates/code` has the format.
    let bytes = flash.bytes()?;
    let word = |at: usize| {
        let word = bytes.get(CODE_FLASH.start + at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*word))
    };
    let of_pages = [0, 0x1000].map(|page| word(page + 64 + 16).unwrap_or(u32::MAX));
    let code = of_pages.into_iter().min().unwrap_or_default();
    let figure = |key, value| Figure { key, value };
    Ok([
        figure(COMPILE, instructions(first - second) / module),
        figure(CODE, f64::from(code) / module),
        figure(RAM, ram),
    ])
}

/// What starting a container takes that was compiled before.
fn start() -> Result<f64> {
    let said = process::values("bench_compiled")?;
    let start = said.get("lifecycle.start").copied();
    start.context("bench_compiled did not print lifecycle.start")
}
