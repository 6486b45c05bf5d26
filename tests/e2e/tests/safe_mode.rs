//! When the supervisor itself fails: the kernel restarts it, containers with a policy come back, the one that was being
//! executed is quarantined, and after three failures in a row it waits in safe mode for its operator. Its shell
//! is there again after each.

mod line;

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use berth_e2e::{CODE_FLASH, Device, Flash, guest, target};
use berth_emulator::Emulator;
use berth_protocol::{Op, Parameters};
use line::Line;
use object::{Object, ObjectSymbol};

/// Where the supervisor's stack is: all of it is spoiled to make the supervisor fail.
const STACK: u32 = 0x2004_0000;
const STACK_BYTES: usize = 0x7000;

/// Until a supervisor that failed is there again.
const PATIENCE: Duration = Duration::from_secs(30);
const READY: &str = "type help";

/// Sleeps so long that the supervisor, which has nothing to do, can be spoiled meanwhile.
fn sleeper() -> Result<Vec<u8>> {
    Ok(wat::parse_str(
        r#"(module
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (func (export "_start") (loop $l (call $sleep (i64.const 100000000)) (br $l))))"#,
    )?)
}

/// The supervisor, which stands still, goes on with a stack that is not there any more, and the
/// kernel restarts it.
fn spoil(board: &mut Emulator) -> Result<()> {
    let at = board.console.position();
    board.bus.write(STACK, &[0xff; STACK_BYTES])?;
    board.resume()?;
    // Wakes it, if it waits.
    board.type_text("x")?;
    board.console.wait_after(at, READY, PATIENCE)?;
    Ok(())
}

/// Let the supervisor fail while it has nothing to do.
fn fail_idle(device: &mut Device) -> Result<()> {
    let board = &mut device.board;
    // It is to wait in the kernel then: what it waits with is not on its stack. In the
    // middle of an interrupt the processor itself would return to what was spoiled.
    std::thread::sleep(Duration::from_millis(500));
    board.pause()?;
    spoil(board)
}

/// Let the supervisor fail while it executes the code of a container that computes for ever.
fn fail_executing(device: &mut Device, interpreter: &Range<u32>) -> Result<()> {
    device
        .board
        .pause_in(interpreter, PATIENCE)
        .context("a container's code is never executed")?;
    spoil(&mut device.board)
}

/// Where the code is that executes containers'.
fn interpreter() -> Result<Range<u32>> {
    if Flash::compiles() {
        return Ok(CODE_FLASH.start as u32..CODE_FLASH.end as u32);
    }
    let path = target().join("thumbv7em-none-eabi/firmware/wasm_supervisor");
    let bytes =
        std::fs::read(&path).with_context(|| format!("{}: run `make build`", path.display()))?;
    let file = object::File::parse(&*bytes)?;
    let symbol = file
        .symbols()
        .find(|symbol| {
            symbol
                .name()
                .is_ok_and(|name| name.contains("execute_instrs"))
        })
        .context("the interpreter's loop has another name now")?;
    let start = symbol.address() as u32 & !1;
    Ok(start..start + symbol.size() as u32)
}

#[test]
fn three_failures_of_the_supervisor_in_a_row_lead_to_safe_mode() -> Result<()> {
    let mut device = Device::boot()?;
    let name = "sleeper";
    for failures in 0..3 {
        let mut line = Line::open(&device)?;
        let status = line.status()?;
        ensure!(
            (status.safe_mode, status.restarts) == (false, failures),
            "{status:?}"
        );
        if !line.containers()?.contains_key(name) {
            line.install(name, &sleeper()?, Parameters::default())?;
        }
        line.done(Op::Start { name })?;
        drop(line);
        fail_idle(&mut device)?;
    }
    let mut line = Line::open(&device)?;
    let status = line.status()?;
    ensure!(
        (status.safe_mode, status.restarts) == (true, 3),
        "{status:?}"
    );
    // The line works, but nothing starts.
    ensure!(line.outcome(Op::Start { name })? == Err("safe-mode"));
    line.done(Op::Remove { name })
}

/// The shell answers a person.
fn shell_answers(board: &mut Emulator) -> Result<()> {
    let at = board.console.position();
    // Ctrl-U: what woke it may stand there.
    board.type_text("\u{15}info\r")?;
    board.console.wait_after(at, "restarts,", PATIENCE)?;
    Ok(())
}

/// Three containers, of which two compute for ever, with the harshest policies; the first two start at boot.
fn computing(flash: &Flash) -> Result<Device> {
    let device = Device::boot_with(flash)?;
    // One that computes for ever, too, under another name.
    let folder = tempfile::tempdir()?;
    let again = folder.path().join("again.wasm");
    std::fs::copy(guest("spin"), &again)?;
    device.upload_file(&again)?.ok()?;
    for name in ["blink", "spin"] {
        device.upload(name)?;
    }
    for (name, boot) in [
        ("blink", "--boot=true"),
        ("spin", "--boot=true"),
        ("again", "--boot=false"),
    ] {
        device
            .berth(&["edit", name, boot, "--restart", "always"])?
            .ok()?;
    }
    device.berth(&["start", "blink", "spin"])?.ok()?;
    device.wait_state("spin", "running")?;
    Ok(device)
}

#[test]
fn the_container_that_was_executed_is_quarantined_at_once_until_its_operator_lifts_it() -> Result<()>
{
    let interpreter = interpreter()?;
    // Read again after the reset.
    let flash = Flash::new()?;
    let mut device = computing(&flash)?;
    fail_executing(&mut device, &interpreter)?;
    shell_answers(&mut device.board)?;

    // What was active besides and has a policy comes back.
    device.wait_state("blink", "running")?;
    device.blink_goes_on()?;
    ensure!(device.state("again")? == "stored");
    // The other is not started by its policy, not by the boot list, and not by mistake.
    let quarantined = |device: &Device| -> Result<()> {
        ensure!(device.state("spin")? == "quarantined");
        let refused = device.berth(&["start", "spin"])?.refused()?;
        ensure!(
            refused.contains("quarantined") && refused.contains("start --lift"),
            "{refused}"
        );
        let inspected = device.berth(&["inspect", "spin"])?;
        ensure!(inspected.stdout.contains("quarantined"), "{inspected:?}");
        let ps = device.berth(&["ps"])?;
        ensure!(ps.stdout.contains("quarantined"), "{ps:?}");
        Ok(())
    };
    quarantined(&device)?;
    let doctor = device.json(&["doctor"])?.to_string();
    ensure!(doctor.contains("the last while spin ran"), "{doctor}");
    let events = device.berth(&["events"])?;
    ensure!(events.stdout.contains("quarantined"), "{events:?}");

    // Neither by a reset.
    let at = device.board.console.position();
    device.board.reset()?;
    device.board.console.wait_after(at, READY, PATIENCE)?;
    device.wait_state("blink", "running")?;
    device.blink_goes_on()?;
    quarantined(&device)?;

    // The operator says that it may run, and that holds, too.
    device.berth(&["start", "--lift", "spin"])?.ok()?;
    device.wait_state("spin", "running")?;
    let at = device.board.console.position();
    device.board.reset()?;
    device.board.console.wait_after(at, READY, PATIENCE)?;
    device.wait_state("spin", "running")
}

/// Containers and nobody by turns: the device is never without its shell, and safe mode comes before the third start.
#[test]
fn whoever_makes_the_supervisor_fail_its_shell_is_there_again() -> Result<()> {
    let interpreter = interpreter()?;
    let flash = Flash::new()?;
    let mut device = computing(&flash)?;
    fail_executing(&mut device, &interpreter)?;
    shell_answers(&mut device.board)?;
    ensure!(device.state("spin")? == "quarantined");
    fail_idle(&mut device)?;
    shell_answers(&mut device.board)?;
    device.berth(&["start", "again"])?.ok()?;
    fail_executing(&mut device, &interpreter)?;
    shell_answers(&mut device.board)?;

    // Nothing runs, and nobody can start anything; the suspect has a name.
    ensure!(device.state("again")? == "quarantined");
    ensure!(device.state("blink")? == "stored");
    let refused = device.berth(&["start", "blink"])?.refused()?;
    ensure!(refused.contains("safe mode"), "{refused}");
    let ps = device.berth(&["ps"])?;
    ensure!(
        ps.stderr.contains("safe mode") && ps.stderr.contains("again"),
        "{ps:?}"
    );
    let doctor = device.json(&["doctor"])?.to_string();
    ensure!(doctor.contains("suspect: again"), "{doctor}");
    // As often as it fails now, which nobody on the device can be blamed for: more often than the kernel
    // restarts at once.
    for _ in 0..9 {
        fail_idle(&mut device)?;
        shell_answers(&mut device.board)?;
    }

    // They go, and after a reset all is well.
    device.berth(&["rm", "again", "spin"])?.ok()?;
    let at = device.board.console.position();
    device.board.reset()?;
    device.board.console.wait_after(at, READY, PATIENCE)?;
    device.wait_state("blink", "running")?;
    device.blink_goes_on()?;
    ensure!(device.container("spin")?.is_none());
    let ps = device.berth(&["ps"])?;
    ensure!(!ps.stderr.contains("safe mode"), "{ps:?}");
    Ok(())
}

/// A process of the firmware reads the console first: its shell comes when that one has done.
#[test]
fn the_supervisor_waits_for_a_console_that_another_process_reads() -> Result<()> {
    let flash = Flash::new()?;
    flash.install("echo")?;
    let mut device = Device::power_on(&flash)?;
    let board = &mut device.board;
    board.console.wait_for("echo: ready", PATIENCE)?;
    board.console.wait_for(READY, PATIENCE)?;
    let at = board.console.position();
    board.type_text("hi.")?;
    board.console.wait_after(at, "echo:", PATIENCE)?;
    // It has ended.
    std::thread::sleep(Duration::from_millis(500));
    shell_answers(board)?;
    Ok(())
}
