//! Ctrl-C, at any moment of any command: the device is consistent, and the next call is served.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, guest, program};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Into so many parts the time that a command takes is divided; one is interrupted at each.
const MOMENTS: u32 = 8;

/// A call that somebody may interrupt.
fn call(device: &Device, words: &[&str]) -> Result<Child> {
    Ok(Command::new(program("berth"))
        .arg("--device")
        .arg(device.board.address())
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?)
}

/// Press Ctrl-C after so long. Returns whether the call had not ended by itself.
fn interrupt(mut child: Child, after: Duration) -> Result<bool> {
    std::thread::sleep(after);
    if child.try_wait()?.is_none() {
        kill_process(Pid::from_child(&child), Signal::INT)?;
    }
    Ok(!child.wait()?.success())
}

/// A container that sleeps, with so much data that its upload takes a while.
fn large(folder: &Path, letter: &str) -> Result<PathBuf> {
    let file = folder.join(format!("{letter}.wasm"));
    let text = format!(
        r#"(module (import "berth" "sleep_us" (func $sleep (param i64)))
             (memory (export "memory") 1) (data (i32.const 0) "{}")
             (func (export "_start") (loop $again (call $sleep (i64.const 50000)) (br $again))))"#,
        letter.repeat(8_000)
    );
    std::fs::write(&file, wat::parse_str(text)?)?;
    Ok(file)
}

/// What `images` tells of the only container there is.
fn image(device: &Device) -> Result<Value> {
    let images = device.json(&["images"])?;
    let list = images["images"].as_array().context("images")?;
    ensure!(list.len() == 1, "{images}");
    Ok(list[0].clone())
}

#[test]
fn an_upload_is_there_whole_or_not_at_all() -> Result<()> {
    let device = Device::boot()?;
    let folder = tempfile::tempdir()?;
    let file = large(folder.path(), "x")?;
    let file = file.to_string_lossy();
    let words = ["upload", &*file, "--name", "large"];
    let began = Instant::now();
    let whole = device.json(&words)?;
    let takes = began.elapsed();
    let mut interrupted = 0;
    for moment in 0..MOMENTS {
        // Without the rest of the one before, on which it would go on.
        device
            .berth(&["run", &guest("hello").to_string_lossy()])?
            .ok()?;
        device.berth(&["rm", "-f", "hello"])?.ok()?;
        if device.container("large")?.is_some() {
            device.berth(&["rm", "large"])?.ok()?;
        }
        if interrupt(call(&device, &words)?, takes * moment / MOMENTS)? {
            interrupted += 1;
        }
        // Whoever comes next is served at once, and sees no half a container.
        if let Some(container) = device.container("large")? {
            ensure!(container["image_bytes"] == whole["bytes"], "{container}");
        }
    }
    ensure!(interrupted > 0, "the upload is too fast to be interrupted");
    device.berth(&words)?.ok()?;
    let container = device.container("large")?.context("no container large")?;
    ensure!(container["image_bytes"] == whole["bytes"], "{container}");
    Ok(())
}

#[test]
fn a_live_update_leaves_the_old_container_or_the_new_one() -> Result<()> {
    let mut device = Device::boot()?;
    let folder = tempfile::tempdir()?;
    let files = [large(folder.path(), "x")?, large(folder.path(), "y")?];
    let words = |file: &Path, trial: &str| -> Vec<String> {
        let file = file.to_string_lossy();
        let words = [
            "upload",
            &*file,
            "--name",
            "app",
            "--live-update",
            "--trial",
            trial,
        ];
        words.map(str::to_owned).to_vec()
    };
    let mut hashes = Vec::new();
    let mut takes = Duration::ZERO;
    for file in &files {
        let began = Instant::now();
        let update = words(file, "0");
        let update: Vec<_> = update.iter().map(String::as_str).collect();
        device.berth(&update)?.ok()?;
        takes = began.elapsed();
        hashes.push(image(&device)?["sha256"].clone());
    }
    ensure!(hashes[0] != hashes[1]);
    let mut changed = 0;
    // Some moments are behind the last byte, in the trial.
    for moment in 0..MOMENTS + 3 {
        let before = image(&device)?["sha256"].clone();
        let other = hashes.iter().position(|hash| *hash != before);
        let file = files.get(other.context("another image")?);
        let update = words(file.context("its file")?, "1");
        let update: Vec<_> = update.iter().map(String::as_str).collect();
        interrupt(call(&device, &update)?, takes * moment / MOMENTS)?;
        // What has begun on the device goes on there without us.
        device.wait_until("the end of the trial", |device| {
            let found = device.json(&["inspect", "app"])?;
            Ok(found["container"]["update"]["update"] != "trial")
        })?;
        ensure!(device.state("app")? == "running");
        let after = image(&device)?["sha256"].clone();
        ensure!(hashes.contains(&after), "an image of neither: {after}");
        changed += usize::from(after != before);
    }
    ensure!(changed > 0, "no update came to its end");
    Ok(())
}

#[test]
fn every_other_command_is_done_or_not() -> Result<()> {
    let device = Device::boot_with_blink()?;
    let trap = guest("trap");
    let trap = trap.to_string_lossy();
    let commands: [&[&str]; 12] = [
        &["pause", "blink"],
        &["resume", "blink"],
        &["edit", "blink", "--share", "7", "--now"],
        &["stop", "blink"],
        &["start", "blink"],
        &["kill", "blink"],
        &["run", &trap],
        &["rm", "-f", "trap"],
        &["logs", "-f", "blink"],
        &["events", "-f"],
        &["stats", "--json"],
        &["doctor"],
    ];
    for (number, words) in commands.iter().enumerate() {
        for moment in [2, 8, 25] {
            interrupt(call(&device, words)?, Duration::from_millis(moment))?;
            // The device answers, and knows of nothing but what was asked for.
            let list = device.json(&["ps"])?;
            let list = list["containers"].as_array().context("containers")?;
            let names: Vec<_> = list.iter().filter_map(|c| c["name"].as_str()).collect();
            ensure!(
                names == ["blink"] || names == ["blink", "trap"],
                "{number}: {names:?}"
            );
            let state = device.state("blink")?;
            ensure!(
                ["running", "paused", "stopped"].contains(&&*state),
                "{words:?}: {state}"
            );
        }
    }
    // And does all of it still.
    device.berth(&["rm", "-f", "blink"])?.ok()?;
    device.upload("blink")?;
    device.berth(&["start", "blink"])?.ok()?;
    device.blink_goes_on()
}
