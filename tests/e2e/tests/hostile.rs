//! A hostile process in the supervisor's place, and what the emulator saw of the devices.

use std::time::Duration;

use anyhow::{Result, ensure};
use berth_e2e::{Device, Flash};
use berth_emulator::{Access, Board};

/// 120,000 calls take some ten seconds on an idle machine; `HOSTILE_CALLS` may ask for more.
const PATIENCE: Duration = Duration::from_secs(280);

/// Registers that may be touched while the process runs: `(first, last, bits that a
/// write may set)`, words only. Written down here a second time on purpose: the
/// board's table is what is tested.
const ALLOWED: [(u32, u32, u32); 15] = [
    // The kernel's own: console, alarm and clocks (seconds too), and the firmware's LED beside the exposed one.
    (0x4000_4000, 0x4000_4fff, u32::MAX),
    (0x4000_1000, 0x4000_100f, u32::MAX),
    (0x4002_8018, 0x4002_801b, 0),
    (0x4002_8010, 0x4002_8013, 0),
    (0x4002_8000, 0x4002_8003, 0x3),
    // i2c_shield1: two lines, set and cleared.
    (0x4002_a000, 0x4002_a007, 0x3),
    // Exposed whole: uart1 to uart4, spi_shield0 and 1, timer0, dual_timer0 and 1.
    (0x4000_5000, 0x4000_5fff, u32::MAX),
    (0x4000_6000, 0x4000_6fff, u32::MAX),
    (0x4000_7000, 0x4000_7fff, u32::MAX),
    (0x4000_9000, 0x4000_9fff, u32::MAX),
    (0x4002_6000, 0x4002_6fff, u32::MAX),
    (0x4002_7000, 0x4002_7fff, u32::MAX),
    (0x4000_0000, 0x4000_0fff, u32::MAX),
    (0x4000_2000, 0x4000_201f, u32::MAX),
    (0x4000_2020, 0x4000_203f, u32::MAX),
];

/// Cannot be read by anybody.
const WRITE_ONLY: u32 = 0x4002_a004;

fn is_allowed(access: &Access) -> bool {
    let last = access.address + u32::from(access.bytes) - 1;
    access.bytes == 4
        && (access.write || access.address != WRITE_ONLY)
        && ALLOWED.iter().any(|&(from, to, bits)| {
            access.address >= from && last <= to && (!access.write || access.value & !bits == 0)
        })
}

#[test]
fn a_hostile_process_touches_nothing_that_is_not_exposed() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("hello")?;
    flash.install("hostile")?;
    let board = Board::new(flash.path())
        .limit(PATIENCE + Duration::from_secs(20))
        .trace_accesses()
        .start()?;
    let mut device = Device { board };
    device.console("hostile: begins")?;
    let before = device.board.accesses()?.len();
    let console = &device.board.console;
    let said = console.line_after(0, " syncs", PATIENCE);
    let text = console.text();
    ensure!(said.is_ok(), "{text}");
    let report = text
        .lines()
        .find(|line| line.contains("accepted"))
        .unwrap_or_default();
    let numbers: Vec<u32> = report
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    // Most calls are refused, but enough get through to matter.
    let [calls, accepted, claims, programs, syncs] = numbers[..] else {
        anyhow::bail!("{report}");
    };
    ensure!(
        calls >= 100_000 && accepted > calls / 50 && claims > 100,
        "{report}"
    );
    ensure!(programs > 100 && syncs > 10, "{report}");
    ensure!(!text.contains("Fault"), "{text}");

    // Kernel and the other process go on.
    let at = device.board.console.position();
    device
        .board
        .console
        .wait_after(at, "hello: LED 0 changed", Duration::from_secs(20))?;

    let accesses = device.board.accesses()?;
    let during = &accesses[before..];
    // The emulator tells SysTick's registers, the kernel's own, by their offsets.
    let during = during.iter().filter(|access| access.address >= 0x10);
    let during: Vec<Access> = during.cloned().collect();
    let wrong: Vec<_> = during.iter().filter(|a| !is_allowed(a)).take(10).collect();
    ensure!(wrong.is_empty(), "not exposed: {wrong:x?}");
    let exposed =
        |a: &&Access| !matches!(a.address >> 12, 0x40004 | 0x40001) && a.address != 0x4002_8018;
    let of_blocks = during.iter().filter(exposed).count();
    ensure!(
        of_blocks > 100,
        "{of_blocks} accesses to exposed blocks prove nothing"
    );
    println!(
        "{report}; {} accesses to devices, {of_blocks} of them to exposed blocks",
        during.len()
    );

    // It has ended: everything it held is at rest.
    let bus = &mut device.board.bus;
    for control in [0x4000_5008, 0x4000_6008, 0x4000_7008, 0x4000_9008] {
        ensure!(bus.read32(control)? == 0, "UART at {control:#x}");
    }
    for control in [
        0x4002_6004,
        0x4002_7004,
        0x4000_0000,
        0x4000_2008,
        0x4000_2028,
    ] {
        ensure!(bus.read32(control)? == 0, "{control:#x}");
    }
    ensure!(bus.read32(0x4002_8000)? & 2 == 0, "the LED");
    Ok(())
}
