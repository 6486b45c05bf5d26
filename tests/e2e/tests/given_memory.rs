//! The supervisor starts with the memory that it gets, and says so where that is too little.
//!
//! How much it gets is written into the header of its object in the flash, as another bundle would have it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash, root, tbf};
use berth_emulator::Layout;

/// What the supervisor has for containers with the bundle of this repository.
const WHOLE: u64 = 212 * 1024;

/// The header's entries with the least RAM of a process, behind their type and length.
const ENTRIES: [(u16, usize); 2] = [(1, 12), (9, 12)];

/// A supervisor whose bundle asks for `bytes` bytes of RAM.
fn asks_for(bytes: u32) -> Result<Flash> {
    let flash = Flash::new()?;
    let layout = Layout::read(&root().join("layout.ld"))?;
    let place = layout.region("SUPERVISOR_FLASH").context("no place")?;
    flash.edit(|image| {
        let header = image
            .get_mut(place.origin as usize..)
            .context("a short image")?;
        let mut found = 0;
        for (kind, offset) in ENTRIES {
            if let Ok(entry) = tbf::find(header, kind) {
                tbf::set_word(header, entry + offset, bytes)?;
                found += 1;
            }
        }
        ensure!(found > 0, "nothing in the header asks for RAM");
        tbf::seal(header)
    })?;
    Ok(flash)
}

fn total(device: &Device) -> Result<u64> {
    let heap = device.json(&["heap"])?;
    heap["heap"]["total"].as_u64().context("no total")
}

#[test]
fn it_runs_containers_with_less_than_it_could_use() -> Result<()> {
    let device = Device::boot()?;
    ensure!(total(&device)? == WHOLE, "{}", total(&device)?);
    // 35 KiB of it are stack and data.
    for (asked, least) in [(140_000, 90_000), (88_000, 40_000)] {
        let device = Device::boot_with(&asks_for(asked)?)?;
        let total = total(&device)?;
        ensure!((least..WHOLE).contains(&total), "{asked}: {total}");
        device.upload("blink")?;
        device.berth(&["start", "blink"])?.ok()?;
        device.blink_goes_on()?;
    }
    Ok(())
}

#[test]
fn it_says_on_the_console_why_it_ends() -> Result<()> {
    for (asked, said) in [
        (38_000, "bytes of memory, at least"),
        (8_000, "process: no RAM for its stack & data"),
    ] {
        let flash = asks_for(asked)?;
        let device = Device::power_on(&flash)?;
        device
            .console(said)
            .with_context(|| format!("{asked}: {}", device.board.console.text()))?;
    }
    Ok(())
}

#[test]
fn a_reset_that_is_asked_for_begins_anew_and_leaves_the_firmware_alone() -> Result<()> {
    let device = Device::boot_with_blink()?;
    device.berth(&["edit", "blink", "--boot"])?.ok()?;
    device.upload("echo")?;
    device.berth(&["reset"])?.ok()?;
    // What starts with the device starts, and nothing else.
    device.wait_state("blink", "running")?;
    ensure!(device.state("echo")? == "stored");
    device.blink_goes_on()?;
    // The kernel goes on: only the supervisor says hello again.
    let text = device.board.console.text();
    let hellos = text.matches("berth supervisor").count();
    ensure!(hellos == 2, "{hellos} in {text}");
    Ok(())
}

#[test]
fn the_shell_works_with_a_console_that_keeps_nothing_between_two_reads() -> Result<()> {
    let flash = Flash::with_kernel("no-ring-kernel.bin")?;
    flash.install("wasm_supervisor")?;
    let device = Device::power_on(&flash)?;
    device.console("type help")?;
    // One key after the other, as they are typed.
    let mut typed = String::from("berth> ");
    for key in "info".chars() {
        device.board.type_text(&key.to_string())?;
        typed.push(key);
        // The line is not ended yet.
        device
            .board
            .console
            .wait_for(&typed, Duration::from_secs(30))?;
    }
    device.board.type_text("\r")?;
    // Whole, though it is longer than what the console takes at once.
    device.console("supervisor 0.1.0, protocol")?;
    Ok(())
}
