//! Machine code that nobody wrote, in the supervisor's place, beside firmware with deadlines.
//!
//! Nothing that it does may stop the kernel, change a byte outside its own memory, or make the
//! firmware late. `FUZZ_RUNS` says how many runs, `FUZZ_SEED` (hexadecimal) which.

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use berth_e2e::deadlines::Deadlines;
use berth_e2e::{Device, Flash};
use berth_emulator::Bus;

/// Runs in `make test`.
const RUNS: u32 = 20_000;
const SEED: u32 = 0x2a;
/// For a thousand runs, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the firmware's process, and its driver, may be kept from their deadlines: half of their periods of a
/// millisecond. In it are the driver's own lines on the console and the ends of runs; how much
/// it is exactly, says `firmware.kept_out_worst` of `make bench`.
const KEPT_OUT_NS: u64 = 500_000;

/// RAM that nobody owns in this test: that of the firmware's other processes, and what lies behind all.
const NOBODYS: [(u32, usize); 2] = [(0x2002_0000, 0x2_0000), (0x2008_0000, 0x1_0000)];
/// All flash below the store: kernel, supervisor's place, firmware's processes.
const FLASH: usize = 0x14_0000;

fn number(variable: &str, base: u32, otherwise: u32) -> Result<u32> {
    match env::var(variable) {
        Ok(text) => {
            u32::from_str_radix(&text, base).with_context(|| format!("{variable} is {text}"))
        }
        Err(_) => Ok(otherwise),
    }
}

/// What is written to memory that nobody owns.
fn pattern(start: u32, length: usize) -> Vec<u8> {
    (0..length as u32 / 4)
        .flat_map(|index| {
            ((start + index * 4).wrapping_mul(0x9e37_79b9) ^ 0x5a5a_5a5a).to_le_bytes()
        })
        .collect()
}

/// Where `memory` is not what it should be.
fn changed(bus: &mut Bus, start: u32, expected: &[u8]) -> Result<Option<u32>> {
    const PIECE: usize = 0x1_0000;
    for (piece, expected) in (start..).step_by(PIECE).zip(expected.chunks(PIECE)) {
        let found = bus.read(piece, expected.len() as u32)?;
        let wrong = found
            .iter()
            .zip(expected)
            .position(|(found, expected)| found != expected);
        if let Some(offset) = wrong {
            return Ok(Some(piece + offset as u32));
        }
    }
    Ok(None)
}

/// Wait until `text` stands behind `position`, or the kernel has given up.
fn told(device: &Device, position: usize, text: &str) -> Result<usize> {
    let console = &device.board.console;
    let until = Instant::now() + PATIENCE;
    loop {
        let told = console.wait_after(position, text, Duration::from_secs(1));
        let all = console.text();
        ensure!(!all.contains("Kernel panic"), "{all}");
        if told.is_ok() || Instant::now() > until {
            return Ok(told?);
        }
    }
}

#[test]
fn random_machine_code_stops_nothing_changes_nothing_and_makes_nobody_late() -> Result<()> {
    let runs = number("FUZZ_RUNS", 10, RUNS)?;
    let seed = number("FUZZ_SEED", 16, SEED)?;
    let flash = Flash::for_fuzz()?;
    flash.install("fuzz")?;
    flash.set("fuzz", format!("{seed:08x}").as_bytes())?;
    let limit = PATIENCE * (runs / 1000 + 2);
    let mut device = Device::power_on_counted_for(&flash, limit)?;
    device.console("fuzz: 0 runs")?;
    for (start, length) in NOBODYS {
        for (piece, bytes) in (start..)
            .step_by(0x4000)
            .zip(pattern(start, length).chunks(0x4000))
        {
            device.board.bus.write(piece, bytes)?;
        }
    }
    let mut position = 0;
    for thousand in (1000..=runs).step_by(1000) {
        let told = told(&device, position, &format!("fuzz: {thousand} runs"));
        position = told.with_context(|| format!("seed {seed:08x}"))?;
    }
    let text = device.board.console.text();
    let told = Deadlines::read(&text)?;
    let in_time = told.driver.worst_ns.max(told.process.worst_ns) <= KEPT_OUT_NS;
    ensure!(
        in_time && told.driver.rounds > 0 && told.process.rounds > 0,
        "seed {seed:08x}: {told}\n{text}"
    );
    let bytes = flash.bytes()?;
    let image = bytes
        .get(..FLASH)
        .context("an image of less than its map")?;
    let bus = &mut device.board.bus;
    let mut wrong = changed(bus, 0, image)?;
    for (start, length) in NOBODYS {
        wrong = wrong.or(changed(bus, start, &pattern(start, length))?);
    }
    ensure!(wrong.is_none(), "seed {seed:08x}: changed at {wrong:x?}");
    println!("{runs} runs, seed {seed:08x}: {told}");
    Ok(())
}
