//! Every verb against the real board, and what `doctor` promises.

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, guest};
use serde_json::Value;

fn json(device: &Device, words: &[&str]) -> Result<Value> {
    device.json(words)
}

/// The lines of a command that prints one document a line.
fn lines(device: &Device, words: &[&str]) -> Result<Vec<Value>> {
    let text = device.berth(&[words, &["--json"]].concat())?.ok()?;
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
        .collect()
}

#[test]
fn the_board_answers_every_verb() -> Result<()> {
    let device = Device::boot_with_blink()?;
    let said = |words: &[&str]| device.berth(words)?.ok();
    said(&["pause", "blink"])?;
    ensure!(device.state("blink")? == "paused");
    said(&["unpause", "blink"])?;
    said(&[
        "edit",
        "blink",
        "--share",
        "7",
        "--restart",
        "on-failure:2",
        "--limit",
        "40K",
    ])?;
    let images = json(&device, &["images"])?;
    let image = &images["images"][0];
    ensure!(image["name"] == "blink", "{images}");
    ensure!(image["parameters"]["share"] == 7, "{images}");
    ensure!(image["parameters"]["restart"] == "on-failure:2", "{images}");
    ensure!(images["files"][0]["memory_limit"] == 40_960, "{images}");
    let found = json(&device, &["inspect", "blink"])?;
    let container = &found["container"];
    ensure!(container["state"] == "running", "{found}");
    ensure!(container["sha256"] == image["sha256"], "{found}");
    ensure!(container["last_fault"].is_null(), "{found}");
    let stats = json(&device, &["stats", "--no-stream"])?;
    ensure!(stats["containers"][0]["share"] == 7, "{stats}");
    let heap = json(&device, &["heap"])?;
    ensure!(
        heap["containers"][0]["memory_used"].as_u64() > Some(0),
        "{heap}"
    );
    ensure!(heap["free_heap_size"] == heap["heap"]["free"], "{heap}");
    let logs = lines(&device, &["logs", "blink", "--tail", "1"])?;
    ensure!(!logs.is_empty());
    said(&["kill", "blink"])?;
    said(&["run", &guest("trap").to_string_lossy()])?;
    device.wait_state("trap", "faulted")?;
    let found = json(&device, &["inspect", "trap"])?;
    let fault = &found["container"]["last_fault"];
    ensure!(fault["fault"] == found["container"]["fault"], "{found}");
    ensure!(fault["entry"] == "main", "{found}");
    said(&["rm", "blink", "trap"])?;
    let events: Vec<_> = lines(&device, &["events"])?
        .iter()
        .map(|event| format!("{} {}", event["name"], event["event"]))
        .collect();
    let mut rest = &events[..];
    for event in [
        "null \"boot\"",
        "\"blink\" \"stored\"",
        "\"blink\" \"started\"",
        "\"blink\" \"paused\"",
        "\"blink\" \"resumed\"",
        "\"blink\" \"edited\"",
        "\"blink\" \"stopped\"",
        "\"trap\" \"faulted\"",
        "\"trap\" \"deleted\"",
    ] {
        let at = rest
            .iter()
            .position(|happened| happened == event)
            .with_context(|| format!("no {event} in its place: {events:?}"))?;
        rest = &rest[at..];
    }
    Ok(())
}

#[test]
fn as_many_containers_fit_as_doctor_says() -> Result<()> {
    let device = Device::boot()?;
    let report = json(&device, &["doctor"])?;
    ensure!(report["status_code"] == 0, "{report}");
    ensure!(report["longest_stall_us"].is_u64(), "{report}");
    let smallest = &report["fits"][0];
    let count = smallest["containers"].as_u64().context("a count")?;
    ensure!(count > 1, "{report}");
    let file = guest("minimal");
    for number in 0..count {
        let name = format!("m{number}");
        let words = ["run", &*file.to_string_lossy(), "--name", &name];
        device.berth(&words)?.ok()?;
    }
    let report = json(&device, &["doctor"])?;
    let left = report["fits"][0]["containers"]
        .as_u64()
        .context("a count")?;
    ensure!(left < count, "{report}");
    // Loading takes time, in which nothing else is answered.
    ensure!(report["longest_stall_us"].as_u64() > Some(0), "{report}");
    Ok(())
}

/// What can never start is refused before anything is stopped: the same run goes on, with its old parameters.
#[test]
fn an_edit_that_is_refused_has_changed_nothing() -> Result<()> {
    let mut device = Device::boot_with_blink()?;
    let before = json(&device, &["images"])?;
    let uptime = |device: &Device| -> Result<u64> {
        let blink = device.container("blink")?.context("it is there")?;
        blink["uptime_us"].as_u64().context("uptime_us")
    };
    // Long enough that a new run is younger than this one by whatever a few commands take.
    device.wait_until("two seconds of blink", |device| {
        Ok(uptime(device)? > 2_000_000)
    })?;
    let changes = [
        &["--memory", "64"][..],
        &["--share", "3", "--limit", "1"],
        &["--limit", "8K"],
    ];
    // Compiled it needs no more than the last of these.
    let refused = if Flash::compiles() { 2 } else { 3 };
    for change in changes.into_iter().take(refused) {
        let ran = uptime(&device)?;
        let words = [&["edit", "blink"], change, &["--now"]].concat();
        device.berth(&words)?.refused()?;
        ensure!(device.state("blink")? == "running", "{change:?}");
        ensure!(uptime(&device)? > ran, "{change:?}: it was started anew");
        ensure!(json(&device, &["images"])? == before, "{change:?}");
    }
    device
        .berth(&["edit", "blink", "--limit", "40K", "--now"])?
        .ok()?;
    ensure!(device.state("blink")? == "running");
    Ok(())
}

/// A development's round: the same command again and again, with whatever there is.
#[test]
fn run_replaces_restarts_and_leaves_no_refused_image() -> Result<()> {
    let device = Device::boot()?;
    let file = guest("blink").to_string_lossy().into_owned();
    let said = |words: &[&str]| device.berth(words)?.ok();
    ensure!(said(&["run", &file])?.contains("blink started ("));
    // The same once more: it keeps what it holds.
    let uptime = || -> Result<u64> {
        let blink = device.container("blink")?.context("blink")?;
        blink["uptime_us"].as_u64().context("uptime_us")
    };
    let ran = uptime()?;
    ensure!(said(&["run", &file])?.contains("blink runs already ("));
    ensure!(uptime()? > ran);
    said(&["pause", "blink"])?;
    device.berth(&["run", &file])?.refused()?;
    ensure!(device.state("blink")? == "paused");
    said(&["stop", "blink"])?;
    ensure!(said(&["run", &file])?.contains("blink started again ("));
    let other = guest("hello").to_string_lossy().into_owned();
    // Another image, that ends at once: no fault, so it stays.
    ensure!(said(&["run", &other, "--name", "blink"])?.contains("blink replaced ("));
    device.wait_state("blink", "exited")?;
    ensure!(said(&["run", &file])?.contains("blink replaced and started ("));
    ensure!(device.state("blink")? == "running");
    // To its end, with its exit code, and away.
    let trap = guest("trap").to_string_lossy().into_owned();
    let run = device.berth(&["run", "-f", "--rm", &trap])?;
    ensure!(run.code == 1, "{}{}", run.stdout, run.stderr);
    ensure!(device.container("trap")?.is_none());
    let greedy = guest("greedy").to_string_lossy().into_owned();
    device.berth(&["run", &greedy])?.refused()?;
    ensure!(device.container("greedy")?.is_none());
    said(&["restart", "blink"])?;
    said(&["stop", "blink"])?;
    ensure!(said(&["wait", "blink"])?.contains("blink stopped"));
    said(&["restart", "blink"])?;
    ensure!(device.state("blink")? == "running");
    said(&["stop", "blink"])?;
    said(&["prune", "-f"])?;
    ensure!(device.container("blink")?.is_none());
    Ok(())
}
