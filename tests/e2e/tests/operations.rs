//! What operators do with containers at any moment, said frame by frame because there is much
//! of it: pausing, shares of the CPU, saved state, messages.

mod line;

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::{Device, guest};
use berth_protocol::{Op, Parameters, State};
use line::Line;

/// Requests after which a container that ends by itself has done so.
const PATIENCE: usize = 500;

fn state_of(line: &mut Line, name: &str) -> Result<State> {
    let (state, _) = *line.containers()?.get(name).context(name.to_owned())?;
    Ok(state)
}

/// Computes for long, with host calls in between, and exits with what came out.
const WORK: &str = r#"(module
  (import "mmio:fpgaio" "claim" (func $claim (result i32)))
  (import "mmio" "modify32" (func $modify (param i32 i32 i32 i32)))
  (import "berth" "yield" (func $yield))
  (import "berth" "sleep_us" (func $sleep (param i64)))
  (import "berth" "exit" (func $exit (param i32)))
  (memory (export "memory") 256 (pagesize 1))
  (func (export "_start") (local $i i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (local.get $i)))
      (i32.store (i32.and (local.get $i) (i32.const 0xfc)) (local.get $sum))
      (local.set $sum (i32.xor (local.get $sum)
        (i32.load (i32.and (local.get $sum) (i32.const 0xfc)))))
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 499)))
        (then
          (call $modify (call $claim) (i32.const 0) (i32.const 2) (local.get $sum))
          (call $yield)))
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 997))) (then (call $sleep (i64.const 50))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 400000))))
    (call $exit (local.get $sum))))"#;

/// Run it to its end, with as many pauses as requests can make; its exit code and the number
/// of pauses.
fn run_work(line: &mut Line, pausing: bool) -> Result<(i32, usize)> {
    line.done(Op::Start { name: "work" })?;
    let mut pauses = 0;
    loop {
        if pausing {
            match line.outcome(Op::Pause { name: "work" })? {
                Ok(()) => {
                    pauses += 1;
                    ensure!(state_of(line, "work")? == State::Paused);
                    let before = line.containers()?["work"].1;
                    ensure!(
                        line.containers()?["work"].1 == before,
                        "it ran while paused"
                    );
                    line.done(Op::Resume { name: "work" })?;
                }
                Err(word) => ensure!(word == "wrong-state", "{word}"),
            }
        }
        match state_of(line, "work")? {
            State::Exited { code } => return Ok((code, pauses)),
            State::Running => {}
            other => bail!("work is {other:?}"),
        }
    }
}

#[test]
fn a_container_that_is_paused_again_and_again_comes_to_the_same_result() -> Result<()> {
    let device = Device::boot()?;
    let mut line = Line::open(&device)?;
    line.install("work", &wat::parse_str(WORK)?, Parameters::default())?;
    let (whole, _) = run_work(&mut line, false)?;
    let (code, pauses) = run_work(&mut line, true)?;
    ensure!(code == whole, "{code} instead of {whole}");
    ensure!(pauses >= 20, "paused only {pauses} times");
    println!("paused {pauses} times");
    Ok(())
}

#[test]
fn eight_containers_share_the_cpu_as_their_operator_said() -> Result<()> {
    let shares = [10u8, 20, 30, 40, 50, 60, 80, 100];
    let spin = wat::parse_str(r#"(module (func (export "_start") (loop $l (br $l))))"#)?;
    // Time is charged by the clock and work is what is counted here: on a busy host the clock of a board that does not count
    // instructions goes on without work, for whoever has its turn.
    let device = berth_e2e::shares::counted()?;
    let mut line = Line::open(&device)?;
    for share in shares {
        let name = format!("share-{share}");
        let parameters = Parameters {
            share: Some(share),
            ..Parameters::default()
        };
        line.install(&name, &spin, parameters)?;
    }
    for share in shares {
        let name = format!("share-{share}");
        line.done(Op::Start { name: &name })?;
    }
    let before = line.containers()?;
    let used = |line: &mut Line| -> Result<Vec<(u8, u64)>> {
        let now = line.containers()?;
        Ok(shares
            .iter()
            .map(|share| {
                let name = format!("share-{share}");
                (*share, now[&name].1 - before[&name].1)
            })
            .collect())
    };
    // Slices of each (50 fuel for each point of its share): so many that what runs while the
    // eight are asked one by one does not count.
    const SLICES: u64 = 2_000;
    let used = loop {
        let used = used(&mut line)?;
        if used
            .iter()
            .all(|(share, fuel)| *fuel > SLICES * 50 * u64::from(*share))
        {
            break used;
        }
        // Each question is work that is nobody's.
        std::thread::sleep(std::time::Duration::from_millis(300));
    };
    let all: u64 = used.iter().map(|(_, fuel)| fuel).sum();
    let shares_all: u64 = shares.iter().map(|share| u64::from(*share)).sum();
    for (share, fuel) in &used {
        let due = all * u64::from(*share) / shares_all;
        println!("share {share}: {fuel} of {due}");
        ensure!(
            fuel.abs_diff(due) * 20 <= due,
            "share {share}: {fuel} instead of {due}"
        );
    }
    Ok(())
}

/// The last line that a container logged.
fn last_line(line: &mut Line, name: &str) -> Result<String> {
    Ok(line.log(name, 0)?.pop().unwrap_or_default().1)
}

/// The counts that `counter` has logged from line `from` on, once there are `least` of them,
/// and the number of the line behind them.
fn counts(line: &mut Line, from: u32, least: usize) -> Result<(Vec<u32>, u32)> {
    for _ in 0..PATIENCE {
        let lines = line.log("counter", from)?;
        if let Some((last, _)) = lines.last()
            && lines.len() >= least
        {
            let counts = lines
                .iter()
                .map(|(_, text)| Ok(text.replace("count ", "").parse()?))
                .collect::<Result<_>>()?;
            return Ok((counts, last + 1));
        }
    }
    bail!("no {least} lines: {:?}", line.log("counter", from)?)
}

#[test]
fn a_container_that_saves_its_state_goes_on_where_it_was() -> Result<()> {
    let device = Device::boot()?;
    let mut line = Line::open(&device)?;
    let name = "counter";
    line.install(name, &std::fs::read(guest(name))?, Parameters::default())?;
    let stored = line.free_memory()?;
    line.done(Op::Start { name })?;
    counts(&mut line, 0, 3)?;
    line.done(Op::Pause { name })?;
    // Only a few bytes are left of it.
    ensure!(line.free_memory()? + 256 > stored, "it holds memory");
    let (before, next) = counts(&mut line, 0, 3)?;
    let saved = before.last().copied().unwrap_or_default();
    ensure!(before.iter().copied().eq(1..=saved), "{before:?}");
    line.done(Op::Resume { name })?;
    let (after, _) = counts(&mut line, next, 2)?;
    ensure!(after.first() == Some(&(saved + 1)), "{saved}, {after:?}");
    // So it does after a stop, from what was saved last.
    line.done(Op::Stop { name })?;
    let (_, next) = counts(&mut line, next, 2)?;
    line.done(Op::Start { name })?;
    let (after, _) = counts(&mut line, next, 1)?;
    ensure!(after.first() == Some(&(saved + 1)), "{saved}, {after:?}");
    line.done(Op::Kill { name })?;
    line.done(Op::Remove { name })
}

#[test]
fn a_container_that_owns_an_led_switches_it_for_others() -> Result<()> {
    let device = Device::boot()?;
    let mut line = Line::open(&device)?;
    for name in ["lamp", "leds"] {
        line.install(name, &std::fs::read(guest(name))?, Parameters::default())?;
    }
    let changes = || -> Result<usize> {
        let leds = device.board.leds()?;
        Ok(leds
            .iter()
            .filter(|change| change.led == "USERLED1")
            .count())
    };
    line.done(Op::Start { name: "leds" })?;
    line.done(Op::Start { name: "lamp" })?;
    let before = changes()?;
    for _ in 0..PATIENCE {
        if changes()? >= before + 6 {
            break;
        }
        line.containers()?;
    }
    ensure!(changes()? >= before + 6, "{:?}", line.log("lamp", 0)?);
    ensure!(last_line(&mut line, "lamp")?.contains("change "));
    // Without the owner there is an answer, too.
    line.done(Op::Stop { name: "leds" })?;
    for _ in 0..PATIENCE {
        if last_line(&mut line, "lamp")? == "leds does not answer" {
            return Ok(());
        }
        // It may wait for an answer that does not come any more.
        line.done(Op::Stop { name: "lamp" })?;
        line.done(Op::Start { name: "lamp" })?;
    }
    bail!("{:?}", line.log("lamp", 0)?)
}
