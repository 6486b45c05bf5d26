//! From upload to deletion, as an operator does it.

use anyhow::{Result, ensure};
use berth_e2e::{Device, Flash, guest};

/// The LED that the board exposes to containers.
const LED: &str = "USERLED1";

fn led_changes(device: &Device) -> Result<Vec<bool>> {
    let leds = device.board.leds()?;
    Ok(leds
        .into_iter()
        .filter(|change| change.led == LED)
        .map(|change| change.on)
        .collect())
}

/// Upload, start, see the LED change and the log grow, stop, delete.
fn whole_life(device: &mut Device) -> Result<()> {
    device.upload("blink")?;
    ensure!(device.state("blink")? == "stored");
    device.berth(&["start", "blink"])?.ok()?;
    let before = led_changes(device)?.len();
    device.wait_until("six changes of the LED", |device| {
        Ok(led_changes(device)?.len() >= before + 6)
    })?;
    ensure!(device.state("blink")? == "running");
    let logs = device.berth(&["logs", "blink"])?.ok()?;
    ensure!(logs.lines().count() >= 2, "too few log lines: {logs}");

    device.berth(&["stop", "blink"])?.ok()?;
    ensure!(device.state("blink")? == "stopped");
    ensure!(
        led_changes(device)?.last() == Some(&false),
        "a stopped container left its LED on"
    );
    device.berth(&["rm", "blink"])?.ok()?;
    ensure!(device.container("blink")?.is_none());
    Ok(())
}

#[test]
fn a_container_lives_its_whole_life_twice_and_leaves_nothing_behind() -> Result<()> {
    let mut device = Device::boot()?;
    let at_start = device.free_memory()?;
    whole_life(&mut device)?;
    ensure!(device.free_memory()? == at_start, "memory was lost");
    whole_life(&mut device)?;
    ensure!(device.free_memory()? == at_start, "memory was lost");
    Ok(())
}

#[test]
fn a_board_that_was_killed_comes_back_and_does_it_again() -> Result<()> {
    let flash = Flash::new()?;
    for _ in 0..2 {
        let mut device = Device::boot_with(&flash)?;
        whole_life(&mut device)?;
        // Dropping kills the emulator without any goodbye.
    }
    Ok(())
}

#[test]
fn several_containers_run_beside_an_endless_loop() -> Result<()> {
    let mut device = Device::boot()?;
    for name in ["spin", "blink"] {
        device.upload(name)?;
        device.berth(&["start", name])?.ok()?;
    }
    let before = led_changes(&device)?.len();
    device.wait_until("blinking beside an endless loop", |device| {
        Ok(led_changes(device)?.len() >= before + 6)
    })?;
    // Containers that come and go meanwhile.
    device.upload("hello")?;
    device.berth(&["start", "hello"])?.ok()?;
    device.wait_state("hello", "exited")?;
    ensure!(device.state("spin")? == "running");
    let spin = device.container("spin")?.unwrap_or_default();
    ensure!(
        spin["fuel_used"].as_u64() > Some(0),
        "the endless loop did nothing: {spin}"
    );
    device.berth(&["stop", "spin"])?.ok()?;
    ensure!(device.state("spin")? == "stopped");
    Ok(())
}

#[test]
fn a_container_that_breaks_its_bounds_ends_alone() -> Result<()> {
    let mut device = Device::boot()?;
    device.upload("blink")?;
    device.berth(&["start", "blink"])?.ok()?;
    device.upload("trap")?;
    device.berth(&["start", "trap"])?.ok()?;
    device.wait_state("trap", "faulted")?;
    let trap = device.container("trap")?.unwrap_or_default();
    ensure!(trap["fault"] == "memory-bounds", "{trap}");
    let before = led_changes(&device)?.len();
    device.wait_until("blinking on", |device| {
        Ok(led_changes(device)?.len() >= before + 2)
    })?;
    // A faulted container can be started again and removed.
    device.berth(&["start", "trap"])?.ok()?;
    device.wait_state("trap", "faulted")?;
    device.berth(&["rm", "trap"])?.ok()?;
    Ok(())
}

#[test]
fn a_person_at_a_terminal_is_served_too() -> Result<()> {
    let device = Device::boot()?;
    device.upload("hello")?;
    for (line, answer) in [("help", "start"), ("ps", "hello"), ("exposures", "fpgaio")] {
        let position = device.board.console.position();
        device.board.type_text(&format!("{line}\r"))?;
        device
            .board
            .console
            .wait_after(position, answer, std::time::Duration::from_secs(20))?;
    }
    let position = device.board.console.position();
    device.board.type_text("start hello\r")?;
    // What a container logs appears as a line under its name.
    device
        .board
        .console
        .wait_after(position, "[hello]", std::time::Duration::from_secs(20))?;
    Ok(())
}

#[test]
fn an_unchanged_image_is_recognised() -> Result<()> {
    let device = Device::boot()?;
    device.upload("hello")?;
    let again = device.upload_file(&guest("hello"))?.ok()?;
    ensure!(again.contains("unchanged"), "{again}");
    Ok(())
}
