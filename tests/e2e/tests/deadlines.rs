//! Firmware with deadlines of a millisecond, a process and a driver, beside processes that do their worst
//! in the supervisor's place.
//!
//! `DEADLINE_ROUNDS` says for how many rounds of half a second of the board's time; `make soak` takes a minute for each.

use anyhow::{Context, Result, ensure};
use berth_e2e::deadlines::Instructions;
use berth_e2e::{Device, Flash};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Rounds of half a second.
fn rounds(otherwise: u32) -> Result<u32> {
    match std::env::var("DEADLINE_ROUNDS") {
        Ok(text) => text
            .parse()
            .with_context(|| format!("DEADLINE_ROUNDS is {text}")),
        Err(_) => Ok(otherwise),
    }
}

/// The firmware beside `program`, which says `begins`, for `otherwise` rounds of half a second.
fn beside(program: &str, begins: &str, otherwise: u32) -> Result<()> {
    let flash = Flash::with_deadlines()?;
    flash.install(program)?;
    let device = Device::power_on_counted(&flash)?;
    device.console(begins)?;
    let kept = device.keeps_deadlines(rounds(otherwise)?)?;
    println!("{program}: {kept}");
    Ok(())
}

#[test]
fn a_storm_of_interrupts_makes_nobody_late() -> Result<()> {
    beside("storm", "Berth kernel", 2)
}

#[test]
fn random_system_calls_make_nobody_late() -> Result<()> {
    beside("hostile", "hostile: begins", 3)
}

/// The kernel works for `abuse` without end, and the firmware is on time.
fn abused(deed: &str) -> Result<()> {
    abused_on(Flash::with_deadlines()?, deed)
}

/// The same on a kernel that begins the next run at once, however often, which no product does.
fn abused_in_run_after_run(deed: &str) -> Result<()> {
    abused_on(Flash::for_fuzz()?, deed)
}

fn abused_on(flash: Flash, deed: &str) -> Result<()> {
    flash.install("abuse")?;
    flash.set("abuse", deed.as_bytes())?;
    let device = Device::power_on_counted(&flash)?;
    device.console(&format!("abuse: {deed}"))?;
    let kept = device.keeps_deadlines(rounds(3)?)?;
    let text = device.board.console.text();
    ensure!(!text.contains("abuse: failed"), "{text}");
    println!("abuse {deed}: {kept}");
    Ok(())
}

#[test]
fn writes_without_end_make_nobody_late() -> Result<()> {
    abused("writes")
}

/// A process of the firmware waits for the line that the background has. What it does for that one it does in turns that
/// end with each pass, and the process with the deadline comes before the next: it waits for the turn of the one that prints, which takes
/// most of its deadline, and for one pass more.
#[test]
fn writes_that_the_firmware_waits_for_keep_no_third_process_out() -> Result<()> {
    const WORST: Instructions = Instructions(12_500);
    for deed in ["writes", "lines"] {
        let flash = Flash::with_deadlines()?;
        flash.install("chatter")?;
        flash.install("abuse")?;
        flash.set("abuse", deed.as_bytes())?;
        let device = Device::power_on_counted(&flash)?;
        device.console(&format!("abuse: {deed}"))?;
        let told = device.told_deadlines(rounds(3)?)?;
        let text = device.board.console.text();
        ensure!(!text.contains("failed"), "{text}");
        // A line in some 5 to 15 ms, as long as others have the console.
        ensure!(text.matches("chatter").count() > 30, "it prints nothing");
        ensure!(
            told.driver.missed == 0 && told.process.worst() < WORST,
            "{told}"
        );
        println!("a process that prints, and abuse {deed}: {told}");
    }
    Ok(())
}

#[test]
fn lines_of_low_level_debug_make_nobody_late() -> Result<()> {
    abused("lines")
}

#[test]
fn reads_make_nobody_late() -> Result<()> {
    abused("reads")
}

#[test]
fn a_break_that_goes_far_up_and_down_makes_nobody_late() -> Result<()> {
    abused("breaks")
}

#[test]
fn a_break_that_goes_to_odd_places_makes_nobody_late() -> Result<()> {
    abused("steps")
}

#[test]
fn faults_and_their_reports_make_nobody_late() -> Result<()> {
    abused("faults")
}

#[test]
fn restarts_without_end_make_nobody_late() -> Result<()> {
    abused("restarts")
}

#[test]
fn faults_in_run_after_run_make_nobody_late() -> Result<()> {
    abused_in_run_after_run("faults")
}

#[test]
fn restarts_in_run_after_run_make_nobody_late() -> Result<()> {
    abused_in_run_after_run("restarts")
}

#[test]
fn a_walk_over_all_that_is_forbidden_makes_nobody_late() -> Result<()> {
    abused_in_run_after_run("walk")
}

#[test]
fn alarms_near_and_far_make_nobody_late() -> Result<()> {
    abused("alarms")
}

#[test]
fn questions_about_processes_make_nobody_late() -> Result<()> {
    abused("names")
}

#[test]
fn erases_of_flash_make_nobody_late() -> Result<()> {
    abused("erases")
}

/// The driver's period and the process's are not the same, so the interrupts of one come at every instant
/// of the way from the other's back into the process that computes.
#[test]
fn a_process_without_system_calls_makes_nobody_late() -> Result<()> {
    beside("occupy", "occupy: begins", 20)
}

/// Registers at addresses where the bus answers with errors: an error code of each access that the kernel makes for
/// the process, a fault of the process where it makes the access itself.
#[test]
fn a_block_without_clock_is_an_error_of_the_access_and_stops_nobody() -> Result<()> {
    let flash = Flash::with_deadlines()?;
    flash.install("gated")?;
    let device = Device::power_on_counted(&flash)?;
    device.console("gated: vacant0, 10 bus errors")?;
    device.console("gated: vacant1, 6 bus errors")?;
    device.console("gated: mapped")?;
    // Each run claims the blocks anew.
    device.console("gated is restarted.")?;
    let at = device.board.console.position();
    let console = &device.board.console;
    console.wait_after(at, "gated: mapped", Duration::from_secs(30))?;
    let text = device.board.console.text();
    ensure!(
        text.contains(" cause: bus error on data access, at 0x50001000"),
        "{text}"
    );
    ensure!(
        !text.contains("NOT STOPPED") && !text.contains("failed"),
        "{text}"
    );
    let at = device.board.console.position();
    for task in ["driver:", "deadline:"] {
        let console = &device.board.console;
        console.wait_after(at, task, Duration::from_secs(30))?;
    }
    Ok(())
}

/// What is typed comes as fast as the kernel takes it, which the emulator's line allows. Whoever reads, or nobody: the
/// firmware is on time, and the rest of the time is not all the line's.
#[test]
fn a_flood_on_the_operators_line_makes_nobody_late() -> Result<()> {
    const BLOCK: usize = 256;
    for (program, setting) in [("occupy", ""), ("abuse", "reads"), ("abuse", "breaks")] {
        let flash = Flash::with_deadlines()?;
        flash.install(program)?;
        if !setting.is_empty() {
            flash.set(program, setting.as_bytes())?;
        }
        let device = Device::power_on_counted(&flash)?;
        device.console("Berth kernel")?;
        let over = AtomicBool::new(false);
        let typed = AtomicUsize::new(0);
        let kept = thread::scope(|scope| {
            // It ends when the board is switched off, too.
            scope.spawn(|| {
                let text = "x".repeat(BLOCK);
                while !over.load(Ordering::Relaxed) && device.board.type_text(&text).is_ok() {
                    typed.fetch_add(BLOCK, Ordering::Relaxed);
                }
            });
            let kept = device.keeps_deadlines(rounds(3)?);
            over.store(true, Ordering::Relaxed);
            kept
        })?;
        let typed = typed.into_inner();
        // More than the line's rate would bring in the time of all rounds.
        let bytes = kept.process.rounds as usize * 11_520 / 2;
        ensure!(
            typed > bytes,
            "{typed} bytes in {} rounds",
            kept.process.rounds
        );
        println!("{program} {setting} and {typed} bytes: {kept}");
    }
    Ok(())
}
