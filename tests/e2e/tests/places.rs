//! Who a process is, is where it lies: objects in the supervisor's place that say otherwise.
//!
//! The objects are made by hand, since no tool makes them. Their program gives the command that changes other processes, which
//! `exposure.dts` does not list for the supervisor, and shows the error and where its RAM begins as alerts on the console.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::tbf::{Object, padding, tlv};
use berth_e2e::{Device, Flash, root};
use berth_emulator::{Layout, Region};
use tempfile::TempDir;

/// Gives command 6 of process information, tells the error, then its own RAM's address, and waits.
#[rustfmt::skip]
const ASK: &[u16] = &[
    0x460C, // mov r4, r1: where RAM begins
    0x2001, 0x0400, 0x3002, // driver 0x10002
    0x2106, 0x2200, 0x2300, 0xDF02, // command 6 for process 0, which there is not
    0x460A, 0x2008, 0x2101, 0x2300, 0xDF02, // alert: r1 of the answer
    0x4622, 0x2008, 0x2101, 0x2300, 0xDF02, // alert: r4
    0x2001, 0xDF00, 0xE7FC, // yield, for good
];

/// Shows that it began, and begins again.
#[rustfmt::skip]
const AGAIN: &[u16] = &[
    0x2277, 0x2008, 0x2101, 0x2300, 0xDF02, // alert 0x77
    0x2001, 0x2100, 0xDF06, // exit and restart
];

const GUEST: Object = Object {
    name: "guest",
    length: 0x1000,
    ram: 0x1000,
    fixed_ram: None,
    entries: &[],
    program: ASK,
};

/// The error of a driver that is not there, and that of the driver.
const REFUSED: u32 = 11;
const GRANTED: u32 = 6;

/// Seconds since power-on, as the board counts them.
const SECONDS: u32 = 0x4002_8010;

fn region(name: &str) -> Result<Region> {
    let layout = Layout::read(&root().join("layout.ld"))?;
    layout.region(name).with_context(|| format!("no {name}"))
}

/// The supervisor's place with these bytes from its beginning on, and nothing else; with `hello` in the first place of
/// the firmware.
fn place_holds(bytes: &[(usize, Vec<u8>)]) -> Result<Flash> {
    let place = region("SUPERVISOR_FLASH")?;
    let flash = Flash::without_supervisor()?;
    flash.install("hello")?;
    flash.edit(|image| {
        let ground = image
            .get_mut(place.origin as usize..)
            .and_then(|rest| rest.get_mut(..place.length as usize))
            .context("a short image")?;
        ground.fill(0xFF);
        for (offset, bytes) in bytes {
            let at = ground
                .get_mut(*offset..)
                .and_then(|rest| rest.get_mut(..bytes.len()));
            at.context("outside the place")?.copy_from_slice(bytes);
        }
        Ok(())
    })?;
    Ok(flash)
}

/// What the console says until `hello` and all of `texts` have been seen.
fn boot(flash: &Flash, texts: &[&str]) -> Result<String> {
    let device = Device::power_on(flash)?;
    for text in texts.iter().chain(&["hello from a process"]) {
        device
            .console(text)
            .with_context(|| device.board.console.text())?;
    }
    Ok(device.board.console.text())
}

fn alert(code: u32) -> String {
    format!("alert {code:#x}")
}

/// At the first address, behind padding, in the middle, in the last page.
#[test]
fn a_program_anywhere_in_the_supervisors_place_is_held_to_its_list_and_its_ram() -> Result<()> {
    let ram = region("SUPERVISOR_RAM")?.origin;
    for offset in [0, 0x1000, 0x6_0000, 0xB_F000] {
        let mut objects = vec![(offset, GUEST.bytes())];
        if let Ok(before @ 1..) = u32::try_from(offset) {
            objects.push((0, padding(before)));
        }
        let flash = place_holds(&objects)?;
        let text = boot(&flash, &[&alert(REFUSED), &alert(ram)])?;
        ensure!(!text.contains(&alert(GRANTED)), "at {offset:#x}: {text}");
    }
    Ok(())
}

/// What the alerts above would say of a process of the manufacturer.
#[test]
fn the_same_program_in_a_place_of_the_firmware_may_call() -> Result<()> {
    let (place, ram) = (region("APP1_FLASH")?, region("APP1_RAM")?);
    let flash = place_holds(&[])?;
    flash.edit(|image| {
        let bytes = GUEST.bytes();
        let at = image
            .get_mut(place.origin as usize..)
            .context("a short image")?;
        at.get_mut(..bytes.len())
            .context("a short image")?
            .copy_from_slice(&bytes);
        Ok(())
    })?;
    boot(&flash, &[&alert(GRANTED), &alert(ram.origin)]).map(drop)
}

#[test]
fn a_second_object_in_the_supervisors_place_gets_nothing() -> Result<()> {
    let place = region("SUPERVISOR_FLASH")?.origin;
    let second = Object {
        name: "second",
        ..GUEST
    };
    let objects = [0, 0x1000, 0x2000, 0x3000].map(|offset| {
        let object = if offset == 0 { GUEST } else { second };
        (offset, object.bytes())
    });
    let lines = [0x1000, 0x2000, 0x3000].map(|offset| {
        format!(
            "The process second at {:#010x} is not started: its place has no room for another process.",
            place + offset
        )
    });
    let mut texts: Vec<&str> = lines.iter().map(String::as_str).collect();
    let refused = alert(REFUSED);
    texts.push(&refused);
    let text = boot(&place_holds(&objects)?, &texts)?;
    ensure!(
        text.contains(": 1 process\r") || text.contains(": 2 processes\r"),
        "{text}"
    );
    Ok(())
}

/// RAM of the firmware, of the kernel, of its own but not from the beginning, and more than there is.
#[test]
fn ram_that_a_header_claims_is_the_places_or_none() -> Result<()> {
    let own = region("SUPERVISOR_RAM")?;
    for claimed in [
        region("APP1_RAM")?.origin,
        region("KERNEL_RAM")?.origin,
        own.origin + own.length,
        0,
    ] {
        let object = Object {
            fixed_ram: Some(claimed),
            ..GUEST
        };
        let line = format!("it is linked for RAM at {claimed:#010x}, which is not free.");
        let text = boot(&place_holds(&[(0, object.bytes())])?, &[&line])?;
        ensure!(!text.contains("alert"), "{text}");
    }
    for ram in [own.length + 1, 0x7000_0000, u32::MAX] {
        let object = Object { ram, ..GUEST };
        let flash = place_holds(&[(0, object.bytes())])?;
        let text = boot(&flash, &["there is not enough RAM for it."])?;
        ensure!(!text.contains("alert"), "{text}");
    }
    Ok(())
}

/// Lengths that reach over the firmware's processes, that are none, and that overflow: the firmware starts.
#[test]
fn no_length_in_the_supervisors_place_hides_the_firmware() -> Result<()> {
    let place = region("SUPERVISOR_FLASH")?;
    for length in [
        place.length + 1,
        place.length + 0x1_0000,
        0x7FFF_FFFF,
        u32::MAX,
        0,
        8,
    ] {
        for object in [Object { length, ..GUEST }.bytes(), padding(length)] {
            boot(
                &place_holds(&[(0, object)])?,
                &["is not started: its header is wrong"],
            )?;
        }
    }
    Ok(())
}

/// As many broken objects as flash can hold: few of them are looked at.
#[test]
fn a_place_full_of_broken_objects_does_not_hold_the_boot() -> Result<()> {
    let place = region("SUPERVISOR_FLASH")?;
    let mut broken = padding(16);
    broken[12] ^= 1;
    let flash = place_holds(&[(0, broken.repeat(place.length as usize / 16))])?;
    let text = boot(
        &flash,
        &["the supervisor's place is not looked at: 16 objects are before."],
    )?;
    // Of a few it is said why, and how many there are, so that the messages of other places are not lost.
    ensure!(text.matches("is not started").count() == 3, "{text}");
    ensure!(
        text.contains("13 more objects of the supervisor's place are not started."),
        "{text}"
    );
    ensure!(!text.contains("messages were lost"), "{text}");
    Ok(())
}

/// A process that does nothing but begin again: some times at once, then one by one, and it is not given up.
#[test]
fn a_process_that_restarts_itself_is_held_to_a_pace() -> Result<()> {
    const AT_ONCE: usize = 9;
    let object = Object {
        program: AGAIN,
        ..GUEST
    };
    let mut device = Device::power_on(&place_holds(&[(0, object.bytes())])?)?;
    let mut position = 0;
    let mut next = |device: &Device| {
        let console = &device.board.console;
        position = console.wait_after(position, "alert 0x77", Duration::from_secs(60))?;
        anyhow::Ok(())
    };
    for _ in 0..AT_ONCE {
        next(&device)?;
    }
    for waited in 1..3 {
        next(&device)?;
        let seconds = device.board.bus.read32(SECONDS)?;
        ensure!(seconds >= waited * 8, "{waited} more after {seconds} s");
    }
    // The firmware has not waited for it.
    device.console("hello: LED 0 changed, 2")
}

/// Makes a bundle with this object in it, as `elf2tab` does.
fn bundle(folder: &TempDir, object: Object) -> Result<PathBuf> {
    let Object { name, length, .. } = object;
    let mut image = object.bytes();
    image.resize(length as usize, 0xFF);
    std::fs::write(folder.path().join("cortex-m4.tbf"), image)?;
    let metadata = format!(
        "tab-version = 1\nname = \"{name}\"\nonly-for-boards = \"\"\nbuild-date = 2026-01-01T00:00:00Z\n"
    );
    std::fs::write(folder.path().join("metadata.toml"), metadata)?;
    let tab = folder.path().join(format!("{name}.tab"));
    let made = Command::new("tar")
        .arg("-C")
        .arg(folder.path())
        .arg("-cf")
        .arg(&tab)
        .args(["metadata.toml", "cortex-m4.tbf"])
        .status()?;
    ensure!(made.success(), "tar");
    Ok(tab)
}

/// An ordinary `tockloader install` of a process as `libtock-rs` links it for the second place: the binary 128 bytes
/// behind the place's beginning, where its own linker script leaves room for the header.
#[test]
fn a_process_linked_for_the_second_place_is_installed_beside_the_supervisor() -> Result<()> {
    /// RAM and binary.
    const ADDRESSES: [u32; 2] = [0x2002_0000, 0x0011_0080];
    const ENTRY: &[u8] = b"\x00\x00\x02\x20\x80\x00\x11\x00";
    let (flash, ram) = (region("APP1_FLASH")?, region("APP1_RAM")?);
    ensure!(ADDRESSES == [ram.origin, flash.origin + 128]);
    ensure!(ENTRY == ADDRESSES.map(u32::to_le_bytes).concat());
    let object = Object {
        name: "linked",
        entries: &[(tlv::FIXED_ADDRESSES, ENTRY)],
        ..GUEST
    };
    let flash = Flash::new()?;
    let folder = TempDir::new()?;
    let tab = bundle(&folder, object)?;
    flash.tockloader(&["install", &tab.to_string_lossy()])?;
    let listed = flash.tockloader(&["list"])?;
    ensure!(
        listed.contains("linked") && listed.contains("wasm_supervisor"),
        "{listed}"
    );
    let device = Device::power_on(&flash)?;
    device.console(&alert(GRANTED))?;
    device.console(&alert(ADDRESSES[0]))?;
    device.console("type help")?;
    Ok(())
}

/// `tockloader install` of position-independent processes beside the supervisor, which is linked for its place: two chains of
/// objects, so the command names the firmware's.
#[test]
fn position_independent_processes_are_installed_beside_the_supervisor() -> Result<()> {
    let flash = Flash::new()?;
    let folder = TempDir::new()?;
    for name in ["first", "second"] {
        let tab = bundle(&folder, Object { name, ..GUEST })?;
        let address = format!("{:#x}", region("APP0_FLASH")?.origin);
        flash.tockloader(&["install", "--app-address", &address, &tab.to_string_lossy()])?;
    }
    let device = Device::power_on(&flash)?;
    for _ in 0..2 {
        device.console(&alert(GRANTED))?;
    }
    device.console("type help")?;
    let text = device.board.console.text();
    ensure!(text.matches(&alert(GRANTED)).count() == 2, "{text}");
    ensure!(text.contains(": 3 processes"), "{text}");
    ensure!(!text.contains("is not started"), "{text}");
    Ok(())
}

/// The code blocks in this language of the page about upstream's boards.
fn blocks(language: &str) -> Result<Vec<String>> {
    let page = std::fs::read_to_string(root().join("docs/upstream.md"))?;
    let begin = format!("\n```{language}\n");
    let blocks = page.split(&begin).skip(1);
    Ok(blocks
        .filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned()))
        .collect())
}

/// The commands of `docs/upstream.md` for a loader that scans one list, with the example's addresses: position-independent
/// processes, the supervisor, and what makes one list of both; parted, and changed once more.
#[test]
fn one_list_has_position_independent_processes_and_the_supervisor() -> Result<()> {
    const FIRST: &str = "0x40000";
    /// RAM and binary.
    const ADDRESSES: [u32; 2] = [0x2002_0000, 0x0008_0080];
    const ENTRY: &[u8] = b"\x00\x00\x02\x20\x80\x00\x08\x00";
    let map = Layout::read(&root().join("kernel-board/upstream-nrf52840dk/supervisor.ld"))?;
    let place = map.region("SUPERVISOR_FLASH").context("no flash")?;
    let ram = map.region("SUPERVISOR_RAM").context("no RAM")?;
    ensure!(ADDRESSES == [ram.origin, place.origin + 128]);
    ensure!(ENTRY == ADDRESSES.map(u32::to_le_bytes).concat());
    let supervisor = Object {
        length: place.length,
        entries: &[(tlv::FIXED_ADDRESSES, ENTRY)],
        ..GUEST
    };
    let flash = Flash::for_walk()?;
    let folder = TempDir::new()?;
    let commands = blocks("sh")?.concat();
    let install = |name, address: &str, object| {
        let says = format!("tockloader install --app-address {address} ");
        ensure!(commands.contains(&says), "the page does not say `{says}`");
        let tab = bundle(&folder, Object { name, ..object })?;
        flash.tockloader(&["install", "--app-address", address, &tab.to_string_lossy()])
    };
    install("first", FIRST, GUEST)?;
    install("supervisor", &format!("{:#x}", place.origin), supervisor)?;

    // The end of what is there, where the page has its example's.
    let end = format!("{:#x}", 0x40000 + GUEST.length);
    let script = blocks("python")?.concat();
    ensure!(
        script.contains("end, supervisor = 0x44000, 0x80000"),
        "{script}"
    );
    let made = Command::new("python3")
        .args(["-c", &script.replace("0x44000", &end)])
        .current_dir(folder.path())
        .status()?;
    ensure!(made.success(), "{script}");
    let put = |name: &str| {
        let says = format!("tockloader flash --address 0x44000 {name}");
        let page = std::fs::read_to_string(root().join("docs/upstream.md"))?;
        ensure!(page.contains(&says), "the page does not say `{says}`");
        // It knows no list, so not where one begins.
        let run = Command::new(root().join("target/tools/venv/bin/tockloader"))
            .args(["flash", "--board", "mps2_an386", "--arch", "cortex-m4"])
            .args(["--page-size", "512", "--address", &end, "--flash-file"])
            .args([flash.path(), folder.path().join(name)])
            .output()?;
        let said = String::from_utf8_lossy(&run.stderr);
        ensure!(run.status.success(), "{name}: {said}");
        Ok(())
    };
    put("padding.bin")?;
    let listed = flash.tockloader(&["list"])?;
    ensure!(
        listed.contains("first") && listed.contains("supervisor"),
        "{listed}"
    );

    put("end.bin")?;
    install("second", FIRST, GUEST)?;
    let listed = flash.tockloader(&["list"])?;
    ensure!(
        listed.contains("second") && !listed.contains("supervisor"),
        "{listed}"
    );
    Ok(())
}
