//! The SDK's examples say the same in the simulator (`berth sim`) as on the board.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, Run, guest};
use berth_emulator::Attached;
use serde_json::Value;

/// What lines of a log say, as `--json` tells them.
fn texts(log: &str) -> Result<Vec<String>> {
    let lines = log.lines().map(|line| {
        let line: Value = serde_json::from_str(line)?;
        let text = line["text"].as_str().map(str::to_owned);
        text.with_context(|| format!("no line of a log: {line}"))
    });
    lines.collect()
}

/// What an example says in the simulator, and how it ends.
fn simulated(files: &[&str], words: &[&str]) -> Result<(Vec<String>, i32, String)> {
    let files: Vec<String> = files
        .iter()
        .map(|name| guest(name).to_string_lossy().into_owned())
        .collect();
    let mut all = vec!["--json", "sim"];
    all.extend(files.iter().map(String::as_str));
    all.extend(words);
    let run = Run::of(&all, &[])?;
    Ok((texts(&run.stdout)?, run.code, run.stderr))
}

fn boot(flash: &Flash) -> Result<Device> {
    let chip: Attached = "tmp105".parse().map_err(anyhow::Error::msg)?;
    let device = Device::power_on_board(flash, |board| {
        board.limit(Duration::from_secs(300)).attach(chip)
    })?;
    device.console("type help")?;
    Ok(device)
}

/// What an example says on the board, at least so many lines.
fn on_board(device: &mut Device, name: &str, lines: usize) -> Result<Vec<String>> {
    let file = guest(name).to_string_lossy().into_owned();
    device.berth(&["run", &file, "--name", name])?.ok()?;
    let said = |device: &Device| texts(&device.berth(&["logs", name, "--json"])?.ok()?);
    device.wait_until(&format!("{name} says {lines} lines"), |device| {
        Ok(said(device)?.len() >= lines)
    })?;
    let all = said(device)?;
    device.berth(&["rm", "-f", name])?.ok()?;
    Ok(all)
}

/// Those whose lines do not depend on how fast the board is, with how many lines are compared.
const EXAMPLES: [(&str, usize); 12] = [
    ("hello", 1),
    ("blink", 6),
    ("blink_mapped", 6),
    ("light", 6),
    ("words", 4),
    ("counter", 5),
    ("ticks", 0),
    ("trap", 1),
    ("loopback_calls", 1),
    ("loopback_mapped", 1),
    ("loopback_program", 1),
    ("thermometer", 1),
];

#[test]
fn every_example_says_the_same_in_the_simulator_and_on_the_board() -> Result<()> {
    let flash = Flash::new()?;
    let mut device = boot(&flash)?;
    for (name, lines) in EXAMPLES {
        let (simulated, ..) = simulated(&[name], &["--for", "3s"])?;
        ensure!(simulated.len() >= lines, "{name}: {simulated:?}");
        let real = on_board(&mut device, name, lines)?;
        let (ours, theirs) = (simulated.get(..lines), real.get(..lines));
        ensure!(
            ours == theirs,
            "{name}: {simulated:?}, on the board {real:?}"
        );
    }
    Ok(())
}

#[test]
fn what_ends_an_example_ends_it_in_the_same_words() -> Result<()> {
    let flash = Flash::new()?;
    let device = boot(&flash)?;
    for name in ["greedy", "trap"] {
        let (_, code, said) = simulated(&[name], &[])?;
        let file = guest(name).to_string_lossy().into_owned();
        let real = device.berth(&["--json", "run", "-f", &file, "--name", name])?;
        ensure!(
            code == real.code,
            "{name}: {code}, on the board {}",
            real.code
        );
        let (ours, theirs) = (last_line(&said), last_line(&real.stderr));
        ensure!(ours == theirs, "{name}: {ours}, on the board {theirs}");
    }
    Ok(())
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

/// Ten times a second, and nothing is lost: on the board it is as fast as the emulator is, so only here.
#[test]
fn interrupts_come_at_their_times() -> Result<()> {
    let (said, ..) = simulated(&["ticks"], &["--for", "3500ms"])?;
    for (second, line) in said.iter().enumerate() {
        let ticks: u32 = line
            .strip_prefix("ticks ")
            .context("a line says how many")?
            .parse()?;
        let due = 100 * (second as u32 + 1);
        ensure!(ticks.abs_diff(due) <= 1, "{line}, {due} are due");
    }
    ensure!(said.len() == 3, "{said:?}");
    Ok(())
}

/// A lamp that asks the owner of the lights.
#[test]
fn containers_speak_with_each_other() -> Result<()> {
    let (said, ..) = simulated(&["leds", "lamp"], &["--for", "1s"])?;
    let first = ["on, change 1", "off, change 2", "on, change 3"];
    ensure!(said.starts_with(&first.map(str::to_owned)), "{said:?}");
    Ok(())
}
