//! A timer that interrupts 100,000 times a second, far more often than anybody can handle: firmware
//! with a deadline beside it, counters that are exact, and the same run twice.
//!
//! Time is the board's own and passes at once while it is idle: nothing depends on the host, and nothing
//! is typed while it is looked at. Containers are in the store from a run before, and start at boot.

mod guests;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::deadlines::Task;
use berth_e2e::{Device, Flash, guest};
use berth_emulator::{Access, Icount, Sleep};

/// For what takes a second or two of the board's time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Registers of the timer.
const CTRL: u32 = 0x0;
const RELOAD: u32 = 0x8;
const INTSTATUS: u32 = 0xc;
/// Where it is.
const TIMER0: u32 = 0x4000_0000;

/// How many handlers a container's storm lasts: a second, as much as the kernel gives to it.
const HANDLERS: u32 = 3_000;

/// The module of a container that takes the timer's interrupts as fast as they come, when the device is up
/// and the firmware's first round is over; it says `waits!` before. After [`HANDLERS`] handlers it switches
/// the timer off, and says a little later how many there were. Its main is always busy, since the emulator's
/// periodic timers skip periods when time jumps.
fn storming() -> Result<Vec<u8>> {
    guests::whole(
        "timer0",
        &format!(
            "(call $handle_with_priority (i32.const 5))
             (call $busy_until (i64.const 700000))
             (call $waits)
             (call $set (i32.const {RELOAD}) (i32.const 249))
             (call $set (i32.const {CTRL}) (i32.const 9))
             (loop $l (drop (call $busy))
               (br_if $l (i32.lt_u (global.get $left) (i32.const {HANDLERS}))))
             (call $busy_until (i64.add (call $now) (i64.const 50000)))
             (call $say_handled (global.get $left))
             (call $busy_until (i64.const -1))"
        ),
        &format!(
            "(global.set $left (i32.add (global.get $left) (i32.const 1)))
             (if (i32.eq (global.get $left) (i32.const {HANDLERS})) (then
               (call $set (i32.const {CTRL}) (i32.const 0))))"
        ),
    )
}

/// Computes all the time and calls nothing.
const SPINS: &str = r#"(module (memory (export "memory") 64 (pagesize 1))
    (func (export "_start") (local $i i32)
      (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $l))))"#;

/// Put containers into the store of `flash`, to start at boot.
fn store(flash: &Flash, containers: &[(&str, Vec<u8>)]) -> Result<()> {
    let device = Device::boot_with(flash)?;
    for (name, module) in containers {
        guests::upload(&device, name, module, &["--boot"])?;
    }
    Ok(())
}

/// A board that nobody types on, and that is watched.
fn power_on_watched(flash: &Flash) -> Result<Device> {
    Device::power_on_board(flash, |board| {
        board
            .limit(Duration::from_secs(300))
            .trace_accesses()
            .icount(Icount {
                shift: 5,
                sleep: Sleep::Jump,
            })
    })
}

/// The numbers of a line of text.
fn numbers(line: &str) -> Vec<u32> {
    line.split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// The whole line of the console that holds `text`.
fn line(device: &Device, text: &str) -> Result<String> {
    let console = &device.board.console;
    console.line_after(0, text, PATIENCE)?;
    let all = console.text();
    let found = all.lines().find(|line| line.contains(text));
    found.map(str::to_owned).with_context(|| all.clone())
}

/// The container's storm that is in this flash, beside the firmware's `task`: no deadline is missed, and what was
/// handled, what the kernel counted and what was seen from outside are the same number.
fn container_storm_beside(flash: &Flash, task: &str) -> Result<()> {
    let device = power_on_watched(flash)?;
    let handled = numbers(&line(&device, "[storm] handled ")?);
    let position = device.board.console.position();
    // The round in which it ended, whole.
    let console = &device.board.console;
    console.line_after(position, "missed, worst", PATIENCE)?;
    let text = device.board.console.text();
    let (_, during) = text.split_once("[storm] waits!").context("it began")?;
    let told = Task::read(during, task)?;
    ensure!(told.rounds >= 2 && told.missed == 0, "{text}");
    // Each interrupt that the kernel took it has cleared, once.
    let clears = |access: &&Access| access.write && access.address == TIMER0 + INTSTATUS;
    let accesses = device.board.accesses()?;
    let on = |access: &Access| access.write && access.address == TIMER0 + CTRL && access.value == 9;
    let start = accesses.iter().position(on).context("it was switched on")?;
    let prologues = accesses[start..].iter().filter(clears).count();
    device.board.type_text("inspect storm\r")?;
    let source = line(&device, "source timer0:")?;
    let [_, 5, taken, dropped, merged, _] = numbers(&source)[..] else {
        bail!("{source}");
    };
    let told = (handled[..] == [taken]).then_some(taken + dropped);
    ensure!(
        told == Some(prologues as u32) && dropped == 0 && taken >= HANDLERS && merged > taken / 2,
        "{handled:?} handled, {prologues} prologues; {source}"
    );
    Ok(())
}

#[test]
fn a_containers_storm_makes_no_process_of_the_firmware_late() -> Result<()> {
    let flash = Flash::new()?;
    store(&flash, &[("storm", storming()?)])?;
    flash.install("deadline")?;
    container_storm_beside(&flash, "deadline:")
}

#[test]
fn a_containers_storm_makes_no_driver_of_the_firmware_late() -> Result<()> {
    let flash = Flash::with_kernel("deadline-kernel.bin")?;
    flash.install("wasm_supervisor")?;
    store(&flash, &[("storm", storming()?)])?;
    container_storm_beside(&flash, "driver:")
}

/// Containers in a storm, others that compute and blink, a process of the firmware: twice the same bytes on
/// the console, and the same accesses to devices with the same values, among them every look at a clock.
#[test]
fn what_containers_do_without_host_input_is_the_same_twice() -> Result<()> {
    let flash = Flash::new()?;
    let blink = std::fs::read(guest("blink"))?;
    let spins = wat::parse_str(SPINS)?;
    store(
        &flash,
        &[("storm", storming()?), ("blink", blink), ("spins", spins)],
    )?;
    flash.install("deadline")?;
    let run = || -> Result<(String, Vec<Access>)> {
        let copy = flash.copy()?;
        let device = power_on_watched(&copy)?;
        let last = line(&device, "[storm] handled ")?;
        let text = device.board.console.text();
        let end = text.find(&last).context("it was there")?;
        let mut accesses = device.board.accesses()?;
        let off =
            |access: &Access| access.write && access.address == TIMER0 + CTRL && access.value == 0;
        let stop = accesses.iter().rposition(off).context("it was stopped")?;
        accesses.truncate(stop + 1);
        Ok((text[..end + last.len()].to_owned(), accesses))
    };
    let ((first, seen), (second, seen_again)) = (run()?, run()?);
    ensure!(first == second, "{first}\n--- and then ---\n{second}");
    ensure!(
        first.contains("[blink] LED") && first.contains("deadline:"),
        "{first}"
    );
    let differs = seen.iter().zip(&seen_again).position(|(a, b)| a != b);
    ensure!(
        differs.is_none() && seen.len() == seen_again.len(),
        "{differs:?}"
    );
    ensure!(seen.len() > HANDLERS as usize * 4, "{}", seen.len());
    println!("{} accesses and {} bytes, twice", seen.len(), first.len());
    Ok(())
}

/// What the process `storm`, in the supervisor's place, tells of its interrupts, on a board
/// whose time is instructions and needs no host; the firmware's `task` misses no deadline.
fn storm_beside(flash: &Flash, task: &str) -> Result<Vec<String>> {
    let device = Device::power_on_counted(flash)?;
    device.console("storm: merged")?;
    let position = device.board.console.position();
    // The round in which it ended, whole.
    let console = &device.board.console;
    console.line_after(position, "missed, worst", PATIENCE)?;
    let text = device.board.console.text();
    let told = Task::read(&text, task)?;
    ensure!(told.rounds > 0 && told.missed == 0, "{text}");
    let storm: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with("storm:"))
        .map(str::to_owned)
        .collect();
    let [handled, taken, dropped] = numbers(&storm[0])[..] else {
        bail!("{storm:?}");
    };
    ensure!(handled >= 600 && taken == handled + dropped, "{storm:?}");
    Ok(storm)
}

/// To the instruction: the hash of when each interrupt was handled is the same.
#[test]
fn a_storm_makes_no_process_of_the_firmware_late_and_is_the_same_twice() -> Result<()> {
    let run = || {
        let flash = Flash::without_supervisor()?;
        flash.install("deadline")?;
        flash.install("storm")?;
        storm_beside(&flash, "deadline:")
    };
    let (first, second) = (run()?, run()?);
    ensure!(first == second, "{first:?} {second:?}");
    Ok(())
}

#[test]
fn a_storm_makes_no_driver_of_the_firmware_late() -> Result<()> {
    let flash = Flash::with_kernel("deadline-kernel.bin")?;
    flash.install("storm")?;
    flash.set("storm", b"busy")?;
    storm_beside(&flash, "driver:").map(drop)
}

/// A process that ends with an interrupt unhandled leaves a timer that stands still and a
/// quiet line to the next.
#[test]
fn lines_come_back_clean_from_a_process_that_ended() -> Result<()> {
    for deed in ["fault", "exit"] {
        let flash = Flash::without_supervisor()?;
        flash.install("storm")?;
        flash.install("heir")?;
        flash.set("storm", deed.as_bytes())?;
        let device = Device::power_on_counted(&flash)?;
        device.console("storm: ends with one unhandled")?;
        device.console("heir: clean, ten handled")?;
    }
    Ok(())
}
