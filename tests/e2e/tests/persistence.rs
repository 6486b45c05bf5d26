//! What an operator has put on a device outlives its resets, the end of its power, and `tockloader`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, guest};
use serde_json::Value;

/// Where the container store's partition lies in the image.
const STORE: usize = 0x14_1000;
const PATIENCE: Duration = Duration::from_secs(30);

/// `blink`, which starts with the device, and `counter`, paused with its count saved.
fn inhabit(device: &Device) -> Result<()> {
    let upload = |name, more: &[&str]| {
        let file = guest(name);
        let words = ["upload", &*file.to_string_lossy()];
        device.berth(&[&words[..], more].concat())?.ok()
    };
    let policy = [
        "--boot",
        "--share",
        "30",
        "--restart",
        "on-failure",
        "--limit",
        "48K",
    ];
    upload("blink", &policy)?;
    device.berth(&["start", "blink"])?.ok()?;
    upload("counter", &["--log-level", "debug"])?;
    device.berth(&["edit", "counter", "--share", "20"])?.ok()?;
    count_from(device, 1)?;
    Ok(())
}

/// Start `counter` and pause it when it has counted: it has begun with `first`. What it has saved.
fn count_from(device: &Device, first: u32) -> Result<u32> {
    let at = device.board.console.position();
    device.berth(&["start", "counter"])?.ok()?;
    let mark = format!("[counter] count {}\r\n", first + 2);
    device.board.console.wait_after(at, &mark, PATIENCE)?;
    device.berth(&["pause", "counter"])?.ok()?;
    let logs = device.berth(&["logs", "counter"])?.ok()?;
    let counts: Vec<u32> = logs
        .lines()
        .filter_map(|line| line.rsplit_once("count ")?.1.parse().ok())
        .collect();
    let begun = counts
        .iter()
        .rev()
        .take_while(|count| **count > first)
        .count();
    ensure!(
        counts.iter().rev().nth(begun) == Some(&first),
        "{counts:?}, not from {first}"
    );
    counts.last().copied().context("it has counted")
}

/// All that is stored, as `berth` tells it.
fn stored(device: &Device) -> Result<Value> {
    let mut all = device.json(&["images"])?;
    for name in ["blink", "counter"] {
        let inspected = device.json(&["inspect", name])?;
        let item = &inspected["container"];
        all[name] = [&item["sha256"], &item["parameters"], &item["saved_bytes"]]
            .map(Value::clone)
            .to_vec()
            .into();
    }
    Ok(all)
}

#[test]
fn containers_outlive_resets_and_the_end_of_the_power() -> Result<()> {
    let flash = Flash::new()?;
    let mut device = Device::boot_with(&flash)?;
    inhabit(&device)?;
    let before = stored(&device)?;
    ensure!(
        before["counter"][2] == 4 && before["blink"][2] == 0,
        "{before}"
    );
    let saved = device.berth(&["logs", "counter"])?.ok()?;
    let saved: u32 = saved
        .trim_end()
        .rsplit_once("count ")
        .and_then(|(_, count)| count.parse().ok())
        .context("it has counted")?;

    // Killed in the middle of what it does.
    drop(device);
    device = Device::boot_with(&flash)?;
    ensure!(
        stored(&device)? == before,
        "{before}, then {}",
        stored(&device)?
    );
    ensure!(device.state("counter")? == "stored");
    device.blink_goes_on()?;
    let saved = count_from(&device, saved + 1)?;

    // The reset button.
    let at = device.board.console.position();
    device.board.reset()?;
    device.board.console.wait_after(at, "type help", PATIENCE)?;
    ensure!(
        stored(&device)? == before,
        "{before}, then {}",
        stored(&device)?
    );
    device.blink_goes_on()?;
    count_from(&device, saved + 1)?;

    // What is deleted stays so.
    device.berth(&["rm", "-f", "blink"])?.ok()?;
    drop(device);
    device = Device::boot_with(&flash)?;
    ensure!(device.container("blink")?.is_none());
    ensure!(device.container("counter")?.is_some());
    Ok(())
}

#[test]
fn tockloader_and_the_store_leave_each_other_alone() -> Result<()> {
    let flash = Flash::new()?;
    let list = flash.tockloader(&["list"])?;
    ensure!(list.contains("wasm_supervisor"), "{list}");
    let device = Device::boot_with(&flash)?;
    inhabit(&device)?;
    let before = stored(&device)?;
    drop(device);
    ensure!(
        flash.tockloader(&["list"])? == list,
        "the store disturbed tockloader"
    );

    // Another process comes, and the supervisor is installed anew.
    let store = |flash: &Flash| Ok::<_, anyhow::Error>(flash.bytes()?.split_off(STORE));
    let untouched = store(&flash)?;
    flash.install("hello")?;
    flash.tockloader(&["uninstall", "wasm_supervisor"])?;
    flash.install("wasm_supervisor")?;
    ensure!(store(&flash)? == untouched, "tockloader changed the store");
    let device = Device::boot_with(&flash)?;
    device.console("hello from a process")?;
    ensure!(
        stored(&device)? == before,
        "{before}, then {}",
        stored(&device)?
    );
    device.blink_goes_on()?;
    device.upload("fib")?;
    drop(device);
    let list = flash.tockloader(&["list"])?;
    ensure!(
        list.contains("hello") && list.contains("wasm_supervisor"),
        "{list}"
    );
    Ok(())
}
