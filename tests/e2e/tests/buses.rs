//! SPI and I2C for processes: the kernel's drivers on the board's controllers, with devices on the I2C bus.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::deadlines::Deadlines;
use berth_e2e::{Device, Flash, target};
use berth_emulator::{Icount, Sleep};
use serde_json::Value;

/// Bytes of the memory on the I2C bus.
const MEMORY: u64 = 32 * 1024;

/// A flash image with the kernel that has the drivers, and a file for the memory on the I2C bus.
struct Board {
    flash: Flash,
    memory: tempfile::NamedTempFile,
}

impl Board {
    fn new(processes: &[&str]) -> Result<Self> {
        let flash = Flash::with_kernel("buses-kernel.bin")?;
        for process in processes {
            flash.install(process)?;
        }
        let memory = tempfile::NamedTempFile::new()?;
        memory.as_file().set_len(MEMORY)?;
        Ok(Self { flash, memory })
    }

    /// Boot it, with time that is instructions.
    fn boot(&self) -> Result<Device> {
        let drive = format!(
            "if=none,id=memory,format=raw,file={}",
            self.memory.path().display()
        );
        Device::power_on_board(&self.flash, |board| {
            let settings = [
                "-device",
                "tmp105,address=0x48",
                "-drive",
                &drive,
                "-device",
                "at24c-eeprom,address=0x50,rom-size=32768,drive=memory",
            ];
            let board = settings
                .iter()
                .fold(board, |board, word| board.argument(word));
            board.limit(Duration::from_secs(300)).icount(Icount {
                shift: 5,
                sleep: Sleep::Jump,
            })
        })
    }
}

#[test]
fn a_process_uses_both_buses() -> Result<()> {
    let board = Board::new(&["buses"])?;
    let device = board.boot()?;
    device.console("buses: done")?;
    let text = device.board.console.text();
    ensure!(text.contains("passed, 0 failed"), "{text}");
    drop(device);
    // The page is where a memory would have it.
    let bytes = std::fs::read(board.memory.path())?;
    let page: Vec<u8> = (2..66_usize)
        .map(|index| (index.wrapping_mul(31) ^ 9) as u8)
        .collect();
    ensure!(bytes.get(0x1200..0x1240) == Some(&page[..]), "no page");
    Ok(())
}

/// Whatever stands in the supervisor's place can call the exposed drivers, and of them what the exposure brings.
#[test]
fn exposed_buses_can_be_called_from_the_supervisors_place() -> Result<()> {
    let board = Board::new(&["filtered"])?;
    let device = board.boot()?;
    device.console("filtered: done")?;
    let text = device.board.console.text();
    let json = std::fs::read_to_string(target().join("image/exposures-buses.json"))
        .context("no exposures-buses.json; run `make test-apps`")?;
    let json: Value = serde_json::from_str(&json)?;
    for (class, driver, answers) in [("spi", 0x2_0001, 0xfe5), ("i2c", 0x2_0003, 0xf)] {
        let listed = json["devices"].as_array().context("no devices")?;
        ensure!(listed.iter().any(|device| device["class"] == class));
        let rules = json["processes"][0]["drivers"]
            .as_array()
            .context("no drivers")?;
        let rule = rules.iter().find(|rule| rule["driver"] == driver);
        ensure!(rule.is_some_and(|rule| rule["commands"] == answers));
        let line = format!("filtered: driver 0x{driver:x} answers 0x{answers:x}");
        ensure!(text.contains(&line), "no \"{line}\" in {text}");
    }
    Ok(())
}

/// Beside whatever somebody does with the buses, the firmware keeps its deadlines; and a process of its own gets its
/// transfers through, all of them right.
fn harmless(deed: &str) -> Result<()> {
    keeps(deed)?;
    right(deed)
}

fn keeps(deed: &str) -> Result<()> {
    keeps_beside(deed, &[])
}

/// The firmware keeps its deadlines beside the deed while these serial lines are flooded from outside.
fn keeps_beside(deed: &str, lines: &[usize]) -> Result<()> {
    let (told, text) = told_beside(deed, lines)?;
    ensure!(told.kept(), "{told}\n{text}");
    Ok(())
}

/// What the firmware's tasks tell of their deadlines beside the deed while these serial lines are flooded from outside; with the console's text.
fn told_beside(deed: &str, lines: &[usize]) -> Result<(Deadlines, String)> {
    let begins = format!("bus_abuse: {deed}");
    let board = Board::new(&["deadline", "bus_abuse"])?;
    board.flash.set("bus_abuse", deed.as_bytes())?;
    let mut device = board.boot()?;
    device.console(&begins)?;
    let (told, taken) = device.while_flooded(lines, |device| device.told_deadlines(2))?;
    println!("{deed}, {taken:?} bytes from outside: {told}");
    let text = device.board.console.text();
    ensure!(!text.contains("bus_abuse: failed"), "{text}");
    Ok((told, text))
}

fn right(deed: &str) -> Result<()> {
    let begins = format!("bus_abuse: {deed}");
    let board = Board::new(&["buses", "bus_abuse"])?;
    board.flash.set("bus_abuse", deed.as_bytes())?;
    board.flash.set("buses", b"0")?;
    let device = board.boot()?;
    device.console(&begins)?;
    let mut at = device.board.console.position();
    for _ in 0..3 {
        let last = "check  nobody answers: ok";
        let patience = Duration::from_secs(60);
        at = device.board.console.wait_after(at, last, patience)?;
    }
    let text = device.board.console.text();
    ensure!(!text.contains("FAIL"), "{text}");
    ensure!(!text.contains("a round failed"), "{text}");
    ensure!(!text.contains("bus_abuse: failed"), "{text}");
    Ok(())
}

#[test]
fn long_transfers_disturb_nobody() -> Result<()> {
    harmless("long")
}

#[test]
fn many_short_transfers_disturb_nobody() -> Result<()> {
    harmless("short")
}

#[test]
fn a_two_wire_bus_that_is_never_idle_disturbs_nobody() -> Result<()> {
    harmless("i2c")
}

#[test]
fn swapped_buffers_and_settings_disturb_nobody() -> Result<()> {
    harmless("swaps")
}

#[test]
fn runs_that_end_in_transfers_disturb_nobody() -> Result<()> {
    harmless("leaves")
}

/// Of the board's lines, the one that processes of the supervisor's place may use.
const SECOND: usize = 4;

#[test]
fn a_serial_line_that_is_never_idle_disturbs_nobody() -> Result<()> {
    for deed in ["serial", "serial_short"] {
        keeps_beside(deed, &[SECOND])?;
    }
    Ok(())
}

#[test]
fn floods_on_both_serial_lines_disturb_nobody_while_somebody_listens() -> Result<()> {
    keeps_beside("listens", &[0, SECOND])
}

/// The process waits for the bytes of both lines that come at its instant, longer than its quarter of a millisecond if the bus is busy as well.
#[test]
fn floods_on_both_serial_lines_beside_transfers_keep_what_is_promised() -> Result<()> {
    let (told, text) = told_beside("long", &[0, SECOND])?;
    ensure!(told.within_promise(), "{told}\n{text}");
    Ok(())
}
