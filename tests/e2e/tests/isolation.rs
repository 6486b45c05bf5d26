//! Processes that do what they may not: each ends alone, and says why.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{Device, Flash};

mod walk;

/// Seconds since power-on, as the board counts them.
const SECONDS: u32 = 0x4002_8010;

/// Boot `witness` and `misbehave` with the setting `deed`, wait for the end of
/// `misbehave`, and return what the console said.
fn misbehave(deed: &str, end: &str) -> Result<String> {
    let flash = Flash::without_supervisor()?;
    flash.install("witness")?;
    flash.install("misbehave")?;
    flash.set("misbehave", deed.as_bytes())?;
    let device = Device::power_on(&flash)?;
    device.console(&format!("misbehave: {deed}"))?;
    device.console(&format!("witness: misbehave has {end}"))?;
    // The other process goes on.
    let position = device.board.console.position();
    let after =
        device
            .board
            .console
            .line_after(position, "witness: intact", Duration::from_secs(30));
    let text = device.board.console.text();
    after.with_context(|| text.clone())?;
    ensure!(!text.contains("NOT STOPPED"), "{text}");
    ensure!(!text.contains("CHANGED"), "{text}");
    Ok(text)
}

/// The deed ends the process by a fault for which the report gives `cause`.
fn faults(deed: &str, cause: &str) -> Result<()> {
    let text = misbehave(deed, "faulted")?;
    for line in [
        "Process \"misbehave\" (id 2): faulted",
        &format!(" cause: {cause}"),
        "misbehave stays stopped, the others go on.",
    ] {
        ensure!(text.contains(line), "no line \"{line}\" in:\n{text}");
    }
    Ok(())
}

#[test]
fn a_stack_overflow_is_a_fault() -> Result<()> {
    let text = misbehave("stack", "faulted")?;
    for line in [
        "data access where the MPU forbids it, stack pointer outside the process on exception entry, at 0x2002ff",
        "the stack has overflowed",
        "misbehave stays stopped, the others go on.",
    ] {
        ensure!(text.contains(line), "no line \"{line}\" in:\n{text}");
    }
    Ok(())
}

#[test]
fn a_stack_pointer_in_kernel_memory_is_a_fault() -> Result<()> {
    faults(
        "stack-pointer",
        "stack pointer outside the process on exception entry",
    )
}

#[test]
fn a_frame_that_the_kernel_was_made_to_overwrite_is_a_fault_of_the_process() -> Result<()> {
    faults(
        "frame",
        "exception frame overwritten, it would return to a handler",
    )
}

#[test]
fn an_unknown_system_call_is_a_fault_that_names_it() -> Result<()> {
    faults("system-call", "unknown system call class 200")
}

#[test]
fn an_undefined_instruction_is_a_fault() -> Result<()> {
    faults("undefined", "undefined instruction")
}

#[test]
fn the_processors_own_registers_are_out_of_reach() -> Result<()> {
    faults("system-register", "bus error on data access, at 0xe000ed08")
}

#[test]
fn returning_from_the_entry_point_is_a_fault() -> Result<()> {
    faults("return", "instruction fetch where the MPU forbids it")
}

#[test]
fn a_breakpoint_is_a_fault_and_no_debugger() -> Result<()> {
    // Hardware would also say "breakpoint"; the emulator does not set that bit.
    faults(
        "breakpoint",
        "fault that could not be handled as what it was",
    )
}

/// Of each deed there are two faults, the one of stacking and its own; both end with the process.
#[test]
fn no_fault_outlives_the_process_whose_stack_pointer_is_astray() -> Result<()> {
    const STACKING: &str = "stack pointer outside the process on exception entry";
    for (deed, other) in [
        ("undefined", "undefined instruction"),
        (
            "breakpoint",
            "fault that could not be handled as what it was",
        ),
        ("store", "data access where the MPU forbids it"),
        ("division", "division by zero"),
        ("system-register", "bus error on data access"),
        (
            "coprocessor",
            "floating-point instruction, and the unit is off",
        ),
        ("jump", "jump to an address without the Thumb bit"),
        ("return", "instruction fetch where the MPU forbids it"),
    ] {
        let text = misbehave(&format!("astray-{deed}"), "faulted")?;
        let cause = text.lines().find(|line| line.contains(" cause: "));
        let cause = cause.with_context(|| text.clone())?;
        ensure!(
            cause.contains(STACKING) && cause.contains(other),
            "{deed}: {cause}"
        );
    }
    Ok(())
}

#[test]
fn a_panic_and_an_exit_are_no_faults() -> Result<()> {
    let text = misbehave("panic", "terminated")?;
    ensure!(text.contains("panic at "), "{text}");
    let text = misbehave("terminate", "terminated")?;
    ensure!(!text.contains("cause:"), "{text}");
    Ok(())
}

/// Nine runs at once, the second of which restarts itself, and then one each eight seconds: it is not given up, since
/// without it there would be no shell to mend it from. Each knows what the one before left.
#[test]
fn a_supervisor_that_always_faults_is_restarted_at_a_pace_and_never_given_up() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("supervisor_crash")?;
    flash.install("witness")?;
    let mut device = Device::power_on(&flash)?;
    device.console("supervisor_crash: started, run 9, ")?;
    device.console("witness: supervisor_crash has faulted")?;
    let last = "supervisor_crash: started, run 11, first ones: 1";
    device
        .board
        .console
        .line_after(0, last, Duration::from_secs(60))?;
    let seconds = device.board.bus.read32(SECONDS)?;
    ensure!(seconds >= 16, "after {seconds} s");
    let text = device.board.console.text();
    let count = |line: &str| text.matches(line).count();
    ensure!(count("supervisor_crash: started") == 11, "{text}");
    for run in 1..=11 {
        let line = format!("supervisor_crash: started, run {run}, first ones: 1");
        ensure!(count(&line) == 1, "no line \"{line}\" in:\n{text}");
    }
    let restarts = count("supervisor_crash is restarted.");
    // The report of the last one may be on its way.
    ensure!((9..=10).contains(&restarts), "{text}");
    ensure!(!text.contains("stays stopped"), "{text}");
    ensure!(!text.contains("NOT S"), "{text}");
    Ok(())
}

/// In three runs, at each start and at each change of its break, a process that fills whatever it reaches
/// finds only zeros above.
#[test]
fn nothing_of_before_shows_above_the_break() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("abuse")?;
    flash.set("abuse", b"above")?;
    let device = Device::power_on(&flash)?;
    device.console("abuse: nothing above")?;
    let text = device.board.console.text();
    ensure!(text.matches("abuse: above").count() == 3, "{text}");
    ensure!(
        !text.contains("failed") && !text.contains("faulted"),
        "{text}"
    );
    Ok(())
}

/// The firmware's word holds for what has faulted and is to begin again, too: stopped, it does not begin; ended, it does
/// not, and can be started; and the console does not tell of a restart that is not.
#[test]
fn the_firmware_stops_ends_and_starts_what_faults_again_and_again() -> Result<()> {
    let flash = Flash::without_supervisor()?;
    flash.install("abuse")?;
    flash.set("abuse", b"faults")?;
    flash.install("jailer")?;
    let device = Device::power_on(&flash)?;
    device
        .board
        .console
        .line_after(0, "jailer: done", Duration::from_secs(60))?;
    let text = device.board.console.text();
    let mut rest = text.as_str();
    for line in [
        "abuse is stopped, and not restarted.",
        "jailer: stopped and quiet",
        "jailer: let go and there again",
        "abuse is ended, and not restarted.",
        "jailer: ended and quiet",
        "jailer: started and there again",
    ] {
        let Some((_, behind)) = rest.split_once(line) else {
            anyhow::bail!("no line \"{line}\" in its place in:\n{text}");
        };
        rest = behind;
    }
    Ok(())
}
