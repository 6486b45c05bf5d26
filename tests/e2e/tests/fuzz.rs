//! Machine code that nobody wrote, in the supervisor's place, beside firmware with deadlines.
//!
//! Nothing that it does may stop the kernel, change a byte outside its own memory or a register that is not exposed, or make the
//! firmware late. `FUZZ_RUNS` says how many runs, `FUZZ_SEED` (hexadecimal) which.
//!
//! What the kernel and the firmware's process keep in RAM changes while they work, and most of it does not. Which words do is seen in
//! the first runs, from outside ([`variables::Variables`]); no other may from then on.

mod variables;

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use berth_e2e::deadlines::Deadlines;
use berth_e2e::{Device, Flash, target};
use berth_emulator::{Access, Bus, Icount, Sleep};
use variables::Variables;

/// Runs in `make test`.
const RUNS: u32 = 20_000;
const SEED: u32 = 0x2a;
/// For a thousand runs, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// RAM that nobody uses while this runs: the lower end of the kernel's stack, what lies behind the kernel's variables, behind
/// the firmware's process, that of the places without one, and behind all. The kernel's own image says that the first two are so.
const NOBODYS: [(u32, usize); 5] = [
    (STACK, 0x800),
    (BEHIND_VARIABLES, 0x8000),
    (0x2001_8000, 0x8000),
    (0x2002_0000, 0x2_0000),
    (0x2008_0000, 0x1_0000),
];
const STACK: u32 = 0x2000_0000;
const BEHIND_VARIABLES: u32 = 0x2000_8000;
/// RAM of the firmware's process behind its stack, the kernel's part at its end included.
const PROCESS: (u32, usize) = (0x2001_0800, 0x7800);
/// Variables that change only now and then: a part of their names, their bytes.
const CHANGING: [(&str, u32); 3] = [
    // Messages of the kernel, in a ring that fills up.
    ("Drivers3new6BUFFER", 3_073),
    // Low-level debug, with those who wait for it, and its line.
    ("Drivers3new6BUFFER", 328),
    ("Drivers3new6BUFFER", 97),
];
/// Runs in which it is seen which variables change, and how often they are looked at.
const LEARNED: u32 = 2_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
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

/// Registers that no table exposes and that keep what they hold as long as nobody writes them: clock and divider of the kernel's
/// timers, its console's rate and control, watchdog, system control, the buses and ports that are not exposed.
const KEPT: [u32; 14] = [
    0x4002_801c, // FPGAIO: prescale of the kernel's clock
    0x4000_1000, // timer 1: control, reload
    0x4000_1008,
    0x4000_4008, // UART 0: control, rate
    0x4000_4010,
    0x4000_8000, // watchdog: load, control, lock
    0x4000_8008,
    0x4000_8c00,
    0x4002_f000, // system control: configuration
    0x4002_f004,
    0x4002_0000, // SPI of the slots that are not exposed
    0x4002_1000,
    0x4002_5000,
    0x4002_2000, // I2C of the touch screen
];

fn kept(bus: &mut Bus) -> Result<[u32; KEPT.len()]> {
    let mut values = [0; KEPT.len()];
    for (value, address) in values.iter_mut().zip(KEPT) {
        *value = bus.read32(address)?;
    }
    Ok(values)
}

/// Registers that this program may bring about accesses to, beside those that the kernel and the firmware make their own
/// accesses to. Written down here a second time on purpose: the board's table is what is tested.
const EXPOSED: [(u32, u32); 8] = [
    (0x4000_5000, 0x1000), // uart1
    (0x4000_6000, 0x1000), // uart2
    (0x4000_0000, 0x1000), // timer0
    (0x4002_6000, 0x1000), // spi_shield0
    (0x4002_a000, 0x8),    // i2c_shield1: two registers, bits below
    (0x4002_8000, 0x4),    // fpgaio: LEDs, bits below
    (0x5000_0000, 0x1000), // where the bus answers with errors
    (0x5000_1000, 0x1000),
];
/// The kernel's and the firmware's own: console, alarm, clocks, and the timer of the driver with a deadline.
const FIRMWARES: [(u32, u32); 5] = [
    (0x4000_4000, 0x1000),
    (0x4000_1000, 0x10),
    (0x4002_8010, 0x4),
    (0x4002_8018, 0x4),
    (0x4000_2000, 0x20),
];
/// What can be written of those that are not exposed whole.
const MASKED: [(u32, u32); 3] = [
    (0x4002_a000, 0x3),
    (0x4002_a004, 0x3),
    // Another bit is the firmware's, which the kernel keeps as it is.
    (0x4002_8000, 0x3),
];

fn is_allowed(access: &Access) -> bool {
    let last = access.address + u32::from(access.bytes) - 1;
    let inside = EXPOSED
        .iter()
        .chain(&FIRMWARES)
        .any(|&(start, length)| access.address >= start && last - start < length);
    let masked = MASKED
        .iter()
        .find(|(register, _)| *register == access.address);
    inside
        && masked.is_none_or(|(_, bits)| {
            access.bytes == 4 && (!access.write || access.value & !bits == 0)
        })
}

/// The kernel's variables, which end, and its stack, which lies, where [`NOBODYS`] has it.
fn variables() -> Result<Variables> {
    let kernel = std::fs::read(target().join("image/fuzz-kernel.elf"))?;
    let variables = Variables::of(&kernel, PROCESS, &CHANGING)?;
    let (stack, end) = (variables.stack, variables.end);
    ensure!(
        stack == STACK && end <= BEHIND_VARIABLES,
        "{stack:#x}, {end:#x}"
    );
    Ok(variables)
}

/// Sees which variables change in the first runs.
fn learn(device: &mut Device, variables: &mut Variables) -> Result<()> {
    let until = Instant::now() + PATIENCE * 2;
    let learned = format!("fuzz: {LEARNED} runs");
    while !device.board.console.text().contains(&learned) {
        variables.learn(&mut device.board.bus)?;
        ensure!(Instant::now() < until, "{}", device.board.console.text());
        std::thread::sleep(BETWEEN_LOOKS);
    }
    variables.spread();
    let (fixed, all) = variables.fixed();
    println!("{fixed} of {all} words that the kernel and the process have do not change");
    ensure!(fixed * 3 > all * 2, "{fixed} of {all} words say little");
    Ok(())
}

/// Wait until `text` stands behind `position`, or the kernel has given up.
fn told(device: &Device, position: usize, text: &str) -> Result<usize> {
    let console = &device.board.console;
    let until = Instant::now() + PATIENCE;
    loop {
        let told = console.line_after(position, text, Duration::from_secs(1));
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
    let mut variables = variables()?;
    learn(&mut device, &mut variables)?;
    let registers = kept(&mut device.board.bus)?;
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
        let bus = &mut device.board.bus;
        let now = kept(bus)?;
        ensure!(
            now == registers,
            "seed {seed:08x}, before run {thousand}: {now:x?}, not {registers:x?}"
        );
        let mut wrong = None;
        for (start, length) in NOBODYS {
            wrong = wrong.or(changed(bus, start, &pattern(start, length))?);
        }
        ensure!(
            wrong.is_none(),
            "seed {seed:08x}, before run {thousand}: changed at {wrong:x?}"
        );
        let wrong = variables.changed(bus)?;
        ensure!(
            wrong.is_empty(),
            "seed {seed:08x}, before run {thousand}: changed: {wrong:?}"
        );
    }
    let text = device.board.console.text();
    let told = Deadlines::read(&text)?;
    // 205 us for the driver, 250 us for the process: what docs/security.md promises.
    ensure!(
        told.kept() && told.driver.rounds > 0 && told.process.rounds > 0,
        "seed {seed:08x}: {told}\n{text}"
    );
    let bytes = flash.bytes()?;
    let image = bytes
        .get(..FLASH)
        .context("an image of less than its map")?;
    let wrong = changed(&mut device.board.bus, 0, image)?;
    ensure!(wrong.is_none(), "seed {seed:08x}: changed at {wrong:x?}");
    println!("{runs} runs, seed {seed:08x}: {told}");
    Ok(())
}

/// A word of the kernel's or of the process's that is changed from outside is found, and no other.
#[test]
fn a_changed_variable_is_noticed() -> Result<()> {
    let flash = Flash::for_fuzz()?;
    flash.install("fuzz")?;
    let mut device = Device::power_on_counted_for(&flash, PATIENCE * 4)?;
    device.console("fuzz: 0 runs")?;
    let mut variables = variables()?;
    learn(&mut device, &mut variables)?;
    let bus = &mut device.board.bus;
    let found = variables.changed(bus)?;
    ensure!(found.is_empty(), "{found:?}");
    // What the kernel would look at when it panics, its count of erases, and the upper end of what the process could grow to.
    let kernel = ["WITNESSES", "BUDGETS"].map(|name| variables.address(name));
    let [witnesses, budgets] = kernel;
    for address in [witnesses?, budgets?, PROCESS.0 + PROCESS.1 as u32 / 2] {
        let was = bus.read32(address)?;
        bus.write32(address, was ^ 1)?;
        let found = variables.changed(bus)?;
        ensure!(
            matches!(&found[..], [word] if word.address == address),
            "{address:#x}: {found:?}"
        );
        bus.write32(address, was)?;
    }
    Ok(())
}

/// What the emulator saw of the devices, of every access of every run.
#[test]
fn random_machine_code_reaches_no_register_that_is_not_exposed() -> Result<()> {
    const TRACED: u32 = 1_000;
    let seed = number("FUZZ_SEED", 16, SEED)? ^ 0x8000_0000;
    let flash = Flash::for_fuzz()?;
    flash.install("fuzz")?;
    flash.set("fuzz", format!("{seed:08x}").as_bytes())?;
    let counted = Icount {
        shift: 5,
        sleep: Sleep::Jump,
    };
    let device = Device::power_on_board(&flash, |board| {
        board.limit(PATIENCE * 3).icount(counted).trace_accesses()
    })?;
    let begun = told(&device, 0, "fuzz: 0 runs")?;
    let before = device.board.accesses()?.len();
    told(&device, begun, &format!("fuzz: {TRACED} runs"))?;
    let accesses = device.board.accesses()?;
    // The emulator tells SysTick's registers, the kernel's own, by their offsets in 224 bytes; an access of a process to them is
    // told before it is refused.
    let during = accesses[before..]
        .iter()
        .filter(|access| access.address >= 0xe0);
    let during: Vec<&Access> = during.collect();
    let wrong: Vec<_> = during
        .iter()
        .filter(|access| !is_allowed(access))
        .take(10)
        .collect();
    ensure!(wrong.is_empty(), "seed {seed:08x}: not exposed: {wrong:x?}");
    let of_blocks = during
        .iter()
        .filter(|access| {
            EXPOSED
                .iter()
                .any(|&(start, length)| access.address.wrapping_sub(start) < length)
        })
        .count();
    ensure!(
        of_blocks > 1_000,
        "{of_blocks} accesses to exposed blocks prove nothing"
    );
    println!(
        "{TRACED} runs, seed {seed:08x}: {} accesses, {of_blocks} of them to exposed blocks",
        during.len()
    );
    Ok(())
}
