//! What a fresh attack on the kernel tried from the supervisor's place, and what broke then.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use berth_e2e::deadlines::{Deadlines, PROMISED};
use berth_e2e::tbf::{Object, tlv};
use berth_e2e::{Device, Flash, root};
use berth_emulator::Layout;

/// The firmware beside `assault` with this setting, and beside all that follows for some rounds.
fn assaulted(deed: &str) -> Result<()> {
    let flash = Flash::with_deadlines()?;
    flash.install("assault")?;
    flash.set("assault", deed.as_bytes())?;
    let device = Device::power_on_counted(&flash)?;
    device.console(&format!("assault: {deed}"))?;
    let kept = device.keeps_deadlines(2)?;
    let text = device.board.console.text();
    ensure!(!text.contains("assault: failed"), "{text}");
    println!("assault {deed}: {kept}");
    Ok(())
}

/// Eleven claims, five of them mapped, and eight interrupts.
#[test]
fn all_claims_given_back_at_once_make_nobody_late() -> Result<()> {
    assaulted("release")
}

#[test]
fn a_restart_with_all_claims_makes_nobody_late() -> Result<()> {
    assaulted("restart")
}

#[test]
fn a_fault_with_all_claims_makes_nobody_late() -> Result<()> {
    assaulted("fault")
}

/// As much as a manufacturer may write in exposure.dts: 256 exposures with labels that begin alike (the board's own among them),
/// captures, safe states.
#[test]
fn the_largest_exposure_makes_nobody_late() -> Result<()> {
    let flash = Flash::with_kernel("limits-kernel.bin")?;
    flash.install("deadline")?;
    flash.install("assault")?;
    flash.set("assault", b"limits")?;
    let mut device = Device::power_on_counted(&flash)?;
    device.console("assault: held 256, registered ")?;
    device.console("released 256")?;
    let kept = device.keeps_deadlines(2)?;
    let text = device.board.console.text();
    ensure!(!text.contains("assault: failed"), "{text}");
    let left = stack_left(&mut device)?;
    println!("assault limits: {kept}; {left} bytes of the kernel's stack left");
    Ok(())
}

/// How much there is to put to rest, the process chooses that another one ends: the one that ends it waits for that, and who has
/// deadlines has none of it.
#[test]
fn the_end_of_a_run_with_the_largest_exposure_makes_nobody_late_but_who_ends_it() -> Result<()> {
    const LEDS: u32 = 0x4002_8000;
    const LED0: u32 = 0x1;
    let flash = Flash::with_kernel("limits-kernel.bin")?;
    for (name, setting) in [("deadline", ""), ("warden", "assault"), ("assault", "keep")] {
        flash.install(name)?;
        if !setting.is_empty() {
            flash.set(name, setting.as_bytes())?;
        }
    }
    let mut device = Device::power_on_counted(&flash)?;
    let mut at = 0;
    for _ in 0..5 {
        for done in [
            "assault: held 256",
            "warden: ward ended",
            "warden: ward started",
        ] {
            if done.starts_with("warden") {
                let leds = device.board.bus.read32(LEDS)?;
                device.board.bus.write32(LEDS, leds | LED0)?;
            }
            let console = &device.board.console;
            console.wait_after(at, done, Duration::from_secs(60))?;
            at = console.position();
            // Until then it would take the next light for this one.
            device.wait_until("the light to go out", |device| {
                Ok(device.board.bus.read32(LEDS)? & LED0 == 0)
            })?;
        }
    }
    let told = device.told_deadlines(2)?;
    let is_kept = told.driver.missed == 0 && told.process.worst() <= PROMISED;
    ensure!(is_kept, "{told}\n{}", device.board.console.text());
    println!("assault keep: {told}");
    Ok(())
}

/// As many instructions as a program may have, checked and carried out without end.
#[test]
fn register_programs_make_nobody_late() -> Result<()> {
    assaulted("programs")
}

/// The kernel's stack (`kernel.ld`), and what of it must never be reached.
const STACK: u32 = 0x2000_0000;
const STACK_LENGTH: u32 = 0x2000;
const STACK_LEFT: usize = 2048;

#[test]
fn interrupts_of_all_blocks_and_everything_else_make_nobody_late() -> Result<()> {
    assaulted("all")
}

/// Bytes of the kernel's stack that nothing reached, which are enough.
fn stack_left(device: &mut Device) -> Result<usize> {
    // The kernel's stack grows down to the beginning of RAM, which is zero at power-on.
    let stack = device.board.bus.read(STACK, STACK_LENGTH)?;
    let left = stack.iter().take_while(|byte| **byte == 0).count();
    ensure!(
        left >= STACK_LEFT,
        "{left} bytes of the kernel's stack were left"
    );
    Ok(left)
}

/// So many runs of `assault` with this setting, each another one, on the kernel that restarts it at once.
fn runs(deed: &str, count: u32) -> Result<()> {
    runs_of("assault", deed, count, Duration::from_secs(60))
}

/// The same of another program.
fn runs_of(program: &str, deed: &str, count: u32, patience: Duration) -> Result<()> {
    let flash = Flash::for_fuzz()?;
    flash.install(program)?;
    if !deed.is_empty() {
        flash.set(program, deed.as_bytes())?;
    }
    let mut device = Device::power_on_counted_for(&flash, patience + Duration::from_secs(240))?;
    let console = &device.board.console;
    let until = Instant::now() + patience;
    while let Err(error) = console.wait_after(
        0,
        &format!("{program}: {count} runs"),
        Duration::from_secs(1),
    ) {
        let text = console.text();
        ensure!(!text.contains("Kernel panic"), "{text}");
        let end = text.len().saturating_sub(2000);
        ensure!(Instant::now() < until, "{error}: {}", &text[end..]);
    }
    let kept = device.keeps_deadlines(1)?;
    let left = stack_left(&mut device)?;
    println!("{count} runs of {program} {deed}: {kept}; {left} bytes of the kernel's stack left");
    Ok(())
}

/// It faults in two ways, exits and begins again, with all that it can hold, at each instant of the 328 us before the firmware's process
/// is to be woken, by 320 ns (ten instructions) for each way: whatever of the end of a run kept that process out, one
/// of them meets it. `INSTANTS` says for how many runs.
#[test]
fn no_instant_of_an_end_makes_anybody_late() -> Result<()> {
    let count = match std::env::var("INSTANTS") {
        Ok(text) => text
            .parse()
            .with_context(|| format!("INSTANTS is {text}"))?,
        Err(_) => 4_000,
    };
    let patience = Duration::from_secs(240) * (count / 4_000).max(1);
    runs_of("instants", "", count, patience)
}

#[test]
fn no_program_status_that_the_kernel_records_is_its_own() -> Result<()> {
    runs("states", 1500)
}

#[test]
fn no_flag_in_a_frame_is_the_kernels() -> Result<()> {
    runs("flags", 500)
}

#[test]
fn no_break_is_the_kernels() -> Result<()> {
    runs("borders", 500)
}

/// Asks whether the console is there, for ever.
#[rustfmt::skip]
const CALLS: &[u16] = &[
    0x2001, 0x2100, 0xDF02, // driver 1, command 0
    0xE7FB, // again
];

/// Asks where its first writable region of flash begins, for ever.
#[rustfmt::skip]
const REGIONS: &[u16] = &[
    0x2008, 0x2100, 0xDF05, // memop 8, region 0
    0xE7FB, // again
];

/// Permissions for the console, behind as many as there is room for, of other drivers.
const PERMISSIONS: [u8; 2 + 16 * PERMITTED] = {
    let mut value = [0; 2 + 16 * PERMITTED];
    value[0] = PERMITTED as u8;
    let mut entry = 0;
    while entry < PERMITTED {
        value[2 + 16 * entry] = if entry == PERMITTED - 1 { 1 } else { 99 };
        value[2 + 16 * entry + 8] = 0xff;
        entry += 1;
    }
    value
};
const PERMITTED: usize = 16;

/// Entries of a type that nobody knows, and what is asked for behind them.
const fn crowd<const N: usize>() -> [(u16, &'static [u8]); N] {
    let mut all: [(u16, &[u8]); N] = [(0x7777, &[]); N];
    all[N - 1] = (tlv::PERMISSIONS, &PERMISSIONS);
    all
}

/// The firmware beside an object that nobody's tools make. Returns what the console said.
fn beside(object: Object) -> Result<String> {
    let place = Layout::read(&root().join("layout.ld"))?;
    let place = place.region("SUPERVISOR_FLASH").context("no place")?;
    let flash = Flash::with_deadlines()?;
    flash.edit(|image| {
        let bytes = object.bytes();
        let place = image.get_mut(place.origin as usize..);
        let place = place.and_then(|place| place.get_mut(..bytes.len()));
        place.context("a short image")?.copy_from_slice(&bytes);
        Ok(())
    })?;
    let device = Device::power_on_counted(&flash)?;
    let kept = device.keeps_deadlines(2)?;
    println!("beside an object of {} bytes: {kept}", object.bytes().len());
    Ok(device.board.console.text())
}

const GUEST: Object = Object {
    name: "crowded",
    length: 0x1000,
    ram: 0x1000,
    fixed_ram: None,
    entries: &[],
    program: CALLS,
};

/// What a header says is looked up at each call: as much as one may say, and more.
#[test]
fn a_crowded_header_makes_nobody_late() -> Result<()> {
    const MOST: &[(u16, &[u8])] = &crowd::<29>();
    const MORE: &[(u16, &[u8])] = &crowd::<30>();
    for program in [CALLS, REGIONS] {
        let full = Object {
            entries: MOST,
            program,
            ..GUEST
        };
        let text = beside(full)?;
        ensure!(text.contains(": 2 processes"), "{text}");
        let text = beside(Object {
            entries: MORE,
            ..full
        })?;
        ensure!(
            text.contains("is not started: its header is wrong: it has more than 32 entries."),
            "{text}"
        );
    }
    Ok(())
}

/// Calls console, low-level debug and alarm once, sets the alarm far away, and sleeps for good.
#[rustfmt::skip]
const SLEEPS: &[u16] = &[
    0x460C, 0x2000, 0xF504, 0x61C0, 0xDF05, // break at the start of RAM + 0x600
    0xF504, 0x65A0, 0x46AD,                 // stack below start + 0x500
    0x2008, 0x2102, 0x2201, 0x2300, 0xDF02, // driver 8, command 2: a number
    0x2001, 0x2101, 0x2200, 0x2300, 0xDF02, // driver 1, command 1: nothing to write
    0x2000, 0x2105, 0xF04F, 0x42E0, 0x2300, 0xDF02, // driver 0, command 5: in 0x70000000 ticks
    0x2001, 0xDF00,                         // yields
    0xE7FC,                                 // again
];

/// Writes to the console, to low-level debug, and sets its alarm to now and to soon, without end.
#[rustfmt::skip]
const WORKS: &[u16] = &[
    0x460C, 0x2000, 0xF504, 0x61C0, 0xDF05, // break and stack, as above
    0xF504, 0x65A0, 0x46AD,
    0x2001, 0x2101, 0xA20C, 0x2318, 0xDF04, // lends the text below, 24 bytes
    0x2001, 0x2101, 0x2218, 0x2300, 0xDF02, // driver 1, command 1: writes it
    0x2008, 0x2101, 0x2203, 0x2300, 0xDF02, // driver 8, command 1: an alert
    0x2000, 0x2105, 0x2200, 0x2300, 0xDF02, // driver 0, command 5: now
    0x2000, 0x2105, 0x2280, 0x2300, 0xDF02, // and in 128 ticks
    0x2000, 0xDF00,                         // yields if there is something for it
    0xE7E8,                                 // again
    0x6F6E, 0x6F62, 0x7964, 0x7720, 0x6961, 0x6574, 0x2064, 0x6F66, 0x2072, 0x6874, 0x7369, 0x0A0D,
];

/// Bytes of an object in a place of several.
const LENGTH: u32 = 0x1000;

/// Puts an object into a place, behind so many others.
fn put(flash: &Flash, place: &str, others: u32, object: Object) -> Result<()> {
    let layout = Layout::read(&root().join("layout.ld"))?;
    let place = layout.region(place).context("no place")?;
    flash.edit(|image| {
        let bytes = object.bytes();
        let rest = image.get_mut((place.origin + others * LENGTH) as usize..);
        let to = rest.and_then(|rest| rest.get_mut(..bytes.len()));
        to.context("a short image")?.copy_from_slice(&bytes);
        Ok(())
    })
}

/// Fills the firmware's places with processes that sleep: in the first `deadline` is before them.
fn fill_with_sleepers(flash: &Flash) -> Result<()> {
    const EACH: u32 = 4;
    let sleeping = Object {
        name: "sleeps",
        length: LENGTH,
        ram: 0x1800,
        program: SLEEPS,
        ..GUEST
    };
    for (place, first) in [("APP0_FLASH", 1), ("APP1_FLASH", 0), ("APP2_FLASH", 0)] {
        for others in first..EACH {
            put(flash, place, others, sleeping)?;
        }
    }
    Ok(())
}

/// As many processes of the firmware as the board's table has room for, and who calls again and again what each of them has
/// called once: how often that looks at all of them, hostile code would choose.
#[test]
fn processes_that_sleep_make_nobody_late() -> Result<()> {
    /// The permissions of [`PERMISSIONS`], and for all commands of the drivers that [`WORKS`] calls.
    const PERMITTED_ALL: [u8; PERMISSIONS.len()] = {
        let mut value = PERMISSIONS;
        let mut entry = PERMITTED - 3;
        while entry < PERMITTED {
            value[2 + 16 * entry] = [0, 1, 8][entry + 3 - PERMITTED];
            value[2 + 16 * entry + 8] = 0xff;
            entry += 1;
        }
        value
    };
    const CROWD: [(u16, &[u8]); 29] = {
        let mut all = crowd::<29>();
        all[28] = (tlv::PERMISSIONS, &PERMITTED_ALL);
        all
    };
    let working = Object {
        ram: 0x1800,
        entries: &CROWD,
        program: WORKS,
        ..GUEST
    };
    let flash = Flash::with_deadlines()?;
    put(&flash, "SUPERVISOR_FLASH", 0, working)?;
    fill_with_sleepers(&flash)?;
    let device = Device::power_on_counted(&flash)?;
    device.console(": 13 processes")?;
    // All begin in the first milliseconds, which take each other's time.
    let begun = device.told_deadlines(1)?;
    let from = device.board.console.text().len();
    device.told_deadlines(2)?;
    let text = device.board.console.text();
    let told = Deadlines::read(text.get(from..).context("the console lost text")?)?;
    ensure!(told.kept(), "{told}, after {begun}\n{text}");
    ensure!(text.contains("nobody waited for this"), "{text}");
    println!("beside twelve processes of the firmware: {told}");
    Ok(())
}

/// All at once: what each of the other tests has a process do, with as many permissions as the loader takes, while every serial line is flooded
/// from outside and twelve processes of the firmware sleep. `SIEGE_ROUNDS` says for how many rounds of half a second.
#[test]
fn the_sum_of_all_that_is_bounded_makes_nobody_late() -> Result<()> {
    let flash = Flash::with_deadlines()?;
    let (told, text) = the_sum(&flash)?;
    ensure!(told.kept(), "{told}\n{text}");
    Ok(())
}

/// The same on a board that has a second serial line, an SPI controller and a two-wire bus for it, too: later than half a millisecond
/// nobody is.
#[test]
fn the_sum_on_a_board_with_buses_stays_within_what_is_promised() -> Result<()> {
    let flash = Flash::with_kernel("buses-kernel.bin")?;
    flash.install("deadline")?;
    let (told, text) = the_sum(&flash)?;
    ensure!(told.within_promise(), "{told}\n{text}");
    Ok(())
}

/// What the tasks tell while all of it is done; with the console's text.
fn the_sum(flash: &Flash) -> Result<(Deadlines, String)> {
    /// The operator's and the board's others.
    const LINES: [usize; 5] = [0, 1, 2, 3, 4];
    let rounds = match std::env::var("SIEGE_ROUNDS") {
        Ok(text) => text
            .parse()
            .with_context(|| format!("SIEGE_ROUNDS is {text}"))?,
        Err(_) => 3,
    };
    flash.install("siege")?;
    fill_with_sleepers(flash)?;
    let limit = Duration::from_secs(300) + Duration::from_secs(20) * rounds;
    let mut device = Device::power_on_counted_for(flash, limit)?;
    device.console(": 13 processes")?;
    device.console("siege: begins, ")?;
    // All begin in the first milliseconds, which take each other's time.
    let begun = device.told_deadlines(1)?;
    let from = device.board.console.text().len();
    let (told, typed) = device.while_flooded(&LINES, |device| device.told_deadlines(rounds))?;
    let text = device.board.console.text();
    ensure!(!text.contains("siege: failed"), "{text}");
    let during = text.get(from..).context("the console lost text")?;
    let told_during = Deadlines::read(during)?;
    // It did all of it, and so did those outside.
    // The last line may not be there yet, all of it.
    let is_whole = |line: &&str| line.starts_with("siege: ") && line.ends_with(" of the flash");
    let done = during.lines().rfind(is_whole);
    for deed in ["programs", "conveyors", "of the flash"] {
        let none = format!(" 0 {deed}");
        ensure!(
            done.is_some_and(|line| line.contains(deed) && !line.contains(&none)),
            "{done:?}: no {deed}"
        );
    }
    println!(
        "siege, {typed:?} bytes: {told}, at first {begun}; {done:?}; {} bytes of the kernel's stack left",
        stack_left(&mut device)?
    );
    Ok((told_during, text))
}

/// A message of the kernel is one line of its own words.
#[test]
fn a_name_is_no_message() -> Result<()> {
    // Ends a line; turns the direction of writing.
    for name in ["a is not started.\r\nKernel panic: x", "a\u{202e}panic"] {
        let text = beside(Object { name, ..GUEST })?;
        ensure!(
            text.contains("The process (unnamed) at 0x00040000 is not started: its header is wrong: its name has control characters."),
            "{text}"
        );
        ensure!(!text.contains("panic"), "{text}");
    }
    Ok(())
}
