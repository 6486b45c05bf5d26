//! What `pack --check` says without a device is what the device says.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, guest, program, target};

/// Exit code and everything said.
fn pack_check(exposures: &Path, file: &Path, more: &[&str]) -> Result<(Option<i32>, String)> {
    let output = Command::new(program("pack"))
        .arg("--check")
        .args([exposures, file])
        .args(more)
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

/// The lines below a list of missing imports.
fn missing(said: &str) -> BTreeSet<&str> {
    said.lines().filter(|line| line.starts_with("  ")).collect()
}

#[test]
fn the_check_without_a_device_says_what_the_device_says() -> Result<()> {
    let device = Device::boot()?;
    let exposures = target().join("image/exposures.json");
    // What the device tells of itself does for labels.
    let told = tempfile::NamedTempFile::new()?;
    std::fs::write(told.path(), device.berth(&["--json", "exposures"])?.ok()?)?;
    for example in ["blink", "echo", "minimal", "counter", "leds", "hello"] {
        let file = guest(example);
        for board in [exposures.as_path(), told.path()] {
            let (code, said) = pack_check(board, &file, &[])?;
            ensure!(code == Some(0), "{example}: {said}");
        }
        device.berth(&["run", &file.to_string_lossy()])?.ok()?;
        device.berth(&["rm", "-f", example])?.ok()?;
    }

    let greedy = guest("greedy");
    device.upload("greedy")?;
    let refusal = device.berth(&["start", "greedy"])?.refused()?;
    for board in [exposures.as_path(), told.path()] {
        let (code, said) = pack_check(board, &greedy, &[])?;
        ensure!(code == Some(1), "{said}");
        ensure!(
            !missing(&said).is_empty() && missing(&said) == missing(&refusal),
            "offline: {said}\nthe device: {refusal}"
        );
    }
    device.berth(&["rm", "greedy"])?.ok()?;

    // What it takes an empty device to have is right, within a page and what a load leaves free.
    let free = device.free_memory()?;
    let taken = u64::from(berth_pack::check::ROOM_MAX);
    ensure!(
        (taken + 2_048..taken + 6_144).contains(&free),
        "{free} bytes free, {taken} assumed"
    );

    // Bytes of linear memory: the same number, and the same verdict with what the device has.
    let folder = tempfile::tempdir()?;
    let large = folder.path().join("large.wasm");
    std::fs::write(
        &large,
        wat::parse_str(
            r#"(module (memory (export "memory") 4)
                 (func (export "_start") (drop (memory.grow (i32.const 1)))))"#,
        )?,
    )?;
    let free = free.to_string();
    let (code, said) = pack_check(&exposures, &large, &["--free", &free])?;
    ensure!(code == Some(1), "{said}");
    device.upload_file(&large)?.ok()?;
    let refusal = device.berth(&["start", "large"])?.refused()?;
    let needed = said
        .split_ascii_whitespace()
        .find(|word| word.parse::<u32>().is_ok_and(|number| number >= 4 << 16))
        .with_context(|| format!("no size in: {said}"))?;
    ensure!(refusal.contains(needed), "{said}\nthe device: {refusal}");
    Ok(())
}

/// Examples, and programs from elsewhere: a Rust command of 35 KB is one.
const MEASURED: [&str; 8] = [
    "guests/blink.wasm",
    "guests/ticks.wasm",
    "guests/echo.wasm",
    "guests/report.wasm",
    "guests/words.wasm",
    "foreign/task.wasm",
    "foreign/command-c.wasm",
    "foreign/command-rs.wasm",
];

/// What `pack --check` says that loading takes.
fn needed(said: &str) -> Result<u32> {
    let after = said.split("loading takes ").nth(1);
    let number = after.and_then(|text| text.split_ascii_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("no measured number in: {said}"))
}

#[test]
fn a_board_loads_with_what_the_check_has_measured_and_not_with_a_page_less() -> Result<()> {
    let device = Device::boot()?;
    let exposures = target().join("image/exposures.json");
    let folder = tempfile::tempdir()?;
    for file in MEASURED {
        let module = std::fs::read(target().join(file)).context("run `make build foreign`")?;
        let options = berth_pack::Options {
            name: "measured".to_owned(),
            ..berth_pack::Options::default()
        };
        let package = folder.path().join("measured.berth");
        std::fs::write(&package, berth_pack::pack(&module, &options)?.image)?;
        let (code, said) = pack_check(&exposures, &package, &[])?;
        ensure!(code == Some(0), "{file}: {said}");
        let needed = needed(&said)?;
        let package = package.to_string_lossy();
        for (limit, starts) in [(needed, true), (needed - 32, false)] {
            let limit = limit.to_string();
            let upload = ["upload", &package, "--limit", &limit];
            device.berth(&upload)?.ok()?;
            let start = device.berth(&["start", "measured"])?;
            if starts {
                start
                    .ok()
                    .with_context(|| format!("{file} with {limit} bytes"))?;
            } else {
                let refusal = start.refused()?;
                ensure!(refusal.contains("memory"), "{file}: {refusal}");
            }
            device.berth(&["rm", "-f", "measured"])?.ok()?;
        }
    }
    Ok(())
}

#[test]
fn a_command_of_35_kb_leaves_room_for_others() -> Result<()> {
    let device = Device::boot()?;
    let command = target().join("foreign/command-rs.wasm");
    let (code, said) = pack_check(&target().join("image/exposures.json"), &command, &[])?;
    ensure!(code == Some(0), "{said}");
    let free = device.free_memory()?;
    let needed = u64::from(needed(&said)?);
    ensure!(
        needed + 64 * 1024 < free,
        "{needed} bytes of {free} are needed"
    );
    device.berth(&["run", &command.to_string_lossy()])?.ok()?;
    for example in ["blink", "counter", "hello"] {
        device
            .berth(&["run", &guest(example).to_string_lossy()])?
            .ok()?;
    }
    Ok(())
}
