//! The product in one minute, told as a story.
//!
//! Every step runs what a user would run and prints what came back: `tockloader`
//! on the flash image, the emulator with that image, `berth` over the serial line.
//! A step that does not do what the story says ends it with exit code 1.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, ensure};
use berth_e2e::{Device, Flash, Run, guest};
use berth_emulator::Attached;

/// The second LED of the board's FPGA registers, as the emulator calls it.
const LED: &str = "USERLED1";

/// The chip on the board's I2C bus.
const SENSOR: &str = "tmp105";

/// The board is switched off after so long.
const LIMIT: Duration = Duration::from_secs(300);

/// How many changes of the LED are enough to believe it.
const CHANGES: usize = 6;

fn main() -> ExitCode {
    let start = Instant::now();
    match story() {
        Ok(()) => {
            println!(
                "\nDone in {:.1} s. `make run` gives you this board to play with.",
                start.elapsed().as_secs_f32()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\nThe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn story() -> Result<()> {
    step(
        "The supervisor, an ordinary Tock process, goes into the flash image, once, with tockloader.",
    );
    let flash = Flash::without_supervisor()?;
    println!("  $ tockloader install wasm_supervisor.tab");
    flash.install("wasm_supervisor")?;
    println!("  $ tockloader list");
    print_block(&flash.tockloader(&["list"])?);

    step("The board boots: a Cortex-M4 with memory protection, emulated.");
    let sensor: Attached = SENSOR.parse().map_err(Error::msg)?;
    let mut device = Device::power_on_board(&flash, |board| {
        board.limit(LIMIT).trace_leds().attach(sensor.clone())
    })?;
    device.console("type help")?;
    print_block(&device.board.console.text());

    step("What did the manufacturer expose to containers?");
    show(device.berth(&["exposures"])?)?;

    step("A container goes over the serial line into the running firmware, and starts.");
    let blink = guest("blink");
    show(device.berth(&["upload", &blink.to_string_lossy()])?)?;
    show(device.berth(&["start", "blink"])?)?;

    step("It drives an LED register that was exposed. Seen from outside the board:");
    println!("  {LED}: {}", watch_led(&mut device)?);
    println!("  and what it says itself:");
    show(device.berth(&["logs", "blink"])?)?;

    step(
        "A second container asks for registers that nobody exposed. It is refused, with every reason.",
    );
    let greedy = guest("greedy");
    let upload = device.berth(&["upload", &greedy.to_string_lossy()])?;
    let refusal = if upload.code == 0 {
        show(upload)?;
        device.berth(&["start", "greedy"])?
    } else {
        upload
    };
    print_run(&refusal);
    ensure!(
        refusal.code == 1,
        "greedy was not refused (exit code {})",
        refusal.code
    );

    step("The first one did not notice.");
    show(device.berth(&["ps"])?)?;

    step("Stop and delete. The kernel switches the LED to its safe state: off.");
    show(device.berth(&["stop", "blink"])?)?;
    let leds = device.board.leds()?;
    let last = leds
        .iter()
        .rev()
        .find(|change| change.led == LED)
        .context("the LED never changed")?;
    println!("  {LED}: {}", if last.on { "on" } else { "off" });
    ensure!(!last.on, "the LED was left on");
    show(device.berth(&["rm", "blink"])?)?;
    if device.container("greedy")?.is_some() {
        show(device.berth(&["rm", "greedy"])?)?;
    }
    show(device.berth(&["ps"])?)?;

    step(
        "Years later somebody connects a temperature sensor. Its driver is a crate that others have published, in a container.",
    );
    let first = guest("thermometer");
    show(device.berth(&["run", &first.to_string_lossy()])?)?;
    for temperature in ["21.5", "-3.0"] {
        println!("  It becomes {temperature} degrees at the sensor.");
        warm(&mut device, &sensor, temperature)?;
        read(&mut device, &format!("{temperature} degrees"))?;
    }
    show(device.berth(&["logs", "thermometer"])?)?;

    step("The next version of it arrives while it works.");
    let second = guest("thermometer_2");
    show(device.berth(&[
        "upload",
        &second.to_string_lossy(),
        "--name",
        "thermometer",
        "--live-update",
    ])?)?;
    warm(&mut device, &sensor, "40.0")?;
    read(&mut device, "40.0 degrees, 104.0 Fahrenheit")?;
    show(device.berth(&["logs", "thermometer"])?)
}

/// Let the sensor measure another temperature, in degrees with one digit behind the point.
fn warm(device: &mut Device, sensor: &Attached, temperature: &str) -> Result<()> {
    let thousandths = format!("temperature={}00", temperature.replace('.', ""));
    let arguments = sensor.set(&thousandths).map_err(Error::msg)?;
    device.board.qmp.execute("qom-set", arguments)?;
    Ok(())
}

/// Wait until the thermometer has said `line`.
fn read(device: &mut Device, line: &str) -> Result<()> {
    device.wait_until(line, |device| {
        let log = device.berth(&["logs", "thermometer"])?.ok()?;
        Ok(log.lines().any(|have| have.trim_end().ends_with(line)))
    })
}

/// Wait for some changes of the LED and tell them.
fn watch_led(device: &mut Device) -> Result<String> {
    let changes = |device: &Device| -> Result<Vec<&'static str>> {
        Ok(device
            .board
            .leds()?
            .iter()
            .filter(|change| change.led == LED)
            .map(|change| if change.on { "on" } else { "off" })
            .collect())
    };
    // What the start of the emulator itself did to the LED does not count.
    let before = changes(device)?.len();
    device.wait_until("blinking", |device| {
        Ok(changes(device)?.len() >= before + CHANGES)
    })?;
    let seen = changes(device)?;
    Ok(seen.get(before..).unwrap_or_default().join(", "))
}

fn step(text: &str) {
    println!("\n{text}");
}

fn show(run: Run) -> Result<()> {
    print_run(&run);
    run.ok().map(drop)
}

fn print_run(run: &Run) {
    // A user would type the file's name, not where this build keeps it.
    let words: Vec<_> = run
        .words
        .split(' ')
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .collect();
    println!("  $ berth {}", words.join(" "));
    print_block(&run.stdout);
    print_block(&run.stderr);
}

fn print_block(text: &str) {
    for line in text.trim_end().lines() {
        println!("    {line}");
    }
}
