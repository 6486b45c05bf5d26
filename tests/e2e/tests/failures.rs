//! When containers or the supervisor itself fail: policies, records, safe mode.

mod line;

use anyhow::{Result, bail, ensure};
use berth_e2e::Device;
use berth_protocol::{Fault, Op, Parameters, Restart, State};
use line::Line;

/// Where the supervisor's stack is: all of it is spoiled to make the supervisor fail.
const STACK: u32 = 0x2004_0000;
const STACK_BYTES: usize = 0x6800;

/// Requests after which something that happens by itself has happened.
const PATIENCE: usize = 2_000;

/// Sleeps so long that the supervisor, which has nothing to do, can be spoiled meanwhile.
fn sleeper() -> Result<Vec<u8>> {
    Ok(wat::parse_str(
        r#"(module
          (import "berth" "sleep_us" (func $sleep (param i64)))
          (func (export "_start") (loop $l (call $sleep (i64.const 100000000)) (br $l))))"#,
    )?)
}

/// Let the supervisor fail, and wait until the kernel has restarted it.
fn fail_supervisor(device: &mut Device) -> Result<()> {
    let board = &mut device.board;
    let at = board.console.position();
    // It is to wait in the kernel then: what it waits with is not on its stack. In the
    // middle of an interrupt the processor itself would return to what was spoiled.
    std::thread::sleep(std::time::Duration::from_millis(500));
    board.pause()?;
    board.bus.write(STACK, &[0xff; STACK_BYTES])?;
    board.resume()?;
    // Wakes it, so that it goes on with what is not there any more.
    device.board.type_text("x")?;
    let board = &mut device.board;
    let patience = std::time::Duration::from_secs(30);
    board.console.wait_after(at, "type help", patience)?;
    Ok(())
}

#[test]
fn three_failures_of_the_supervisor_within_a_minute_lead_to_safe_mode() -> Result<()> {
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
        fail_supervisor(&mut device)?;
    }
    let mut line = Line::open(&device)?;
    let status = line.status()?;
    ensure!(
        (status.safe_mode, status.restarts) == (true, 3),
        "{status:?}"
    );
    // The line works, but nothing starts.
    if !line.containers()?.contains_key(name) {
        line.install(name, &sleeper()?, Parameters::default())?;
    }
    ensure!(line.outcome(Op::Start { name })? == Err("safe-mode"));
    line.done(Op::Remove { name })
}

#[test]
fn a_container_with_a_policy_is_started_again_and_given_up() -> Result<()> {
    let device = Device::boot()?;
    let mut line = Line::open(&device)?;
    let name = "bad";
    let image = wat::parse_str(r#"(module (func (export "_start") unreachable))"#)?;
    let parameters = Parameters {
        restart: Some(Restart::OnFailure {
            limit: 3,
            backoff_ms: 0,
        }),
        ..Parameters::default()
    };
    line.install(name, &image, parameters)?;
    line.done(Op::Start { name })?;
    let fault = Fault::Unreachable;
    let mut seen = Vec::new();
    for _ in 0..PATIENCE {
        let state = line.containers()?[name].0;
        if !seen.contains(&state) {
            seen.push(state);
        }
        if state == (State::Faulted { fault }) {
            let inspection = line.fault(name)?;
            ensure!(inspection == Some((fault, 3)), "{inspection:?}");
            ensure!(seen.contains(&State::Restarting { count: 3 }), "{seen:?}");
            return Ok(());
        }
    }
    bail!("it was never given up: {seen:?}")
}
