//! What operators do with containers at any moment, said frame by frame because there is much
//! of it: random operations against a model, pausing, and shares of the CPU.

mod line;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::{Device, guest};
use berth_protocol::{Fault, Op, Parameters, State};
use line::Line;

/// Requests after which a container that ends by itself has done so.
const PATIENCE: usize = 500;

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    /// Claims a label and sleeps, 1 ms at a time.
    Sleeps,
    /// Computes for ever.
    Spins,
    /// Exits with 3 when it has slept twice.
    Exits,
    /// Traps.
    Traps,
    /// Its module's start function does not end.
    LongStart,
    /// Sleeps; its `_pause` saves four bytes.
    Saves,
    /// Sleeps; its `_pause` does not end.
    LongPause,
}

const PROGRAMS: [Program; 7] = [
    Program::Sleeps,
    Program::Spins,
    Program::Exits,
    Program::Traps,
    Program::LongStart,
    Program::Saves,
    Program::LongPause,
];

impl Program {
    fn image(self) -> Result<Vec<u8>> {
        let sleep = "(loop $l (call $sleep (i64.const 1000)) (br $l))";
        let spin = "(loop $l (br $l))";
        let (claim, start, pause, main) = match self {
            Self::Sleeps => (
                r#"(import "mmio:fpgaio" "claim" (func $claim (result i32)))"#,
                String::new(),
                String::new(),
                format!("(drop (call $claim)) {sleep}"),
            ),
            Self::Spins => ("", String::new(), String::new(), spin.into()),
            Self::Exits => (
                "",
                String::new(),
                String::new(),
                "(call $sleep (i64.const 50)) (call $sleep (i64.const 50)) (call $exit (i32.const 3))"
                    .into(),
            ),
            Self::Traps => ("", String::new(), String::new(), "unreachable".into()),
            Self::LongStart => (
                "",
                format!("(func $s {spin}) (start $s)"),
                String::new(),
                sleep.into(),
            ),
            Self::Saves => (
                "",
                String::new(),
                r#"(func (export "_pause") (drop (call $save (i32.const 0) (i32.const 4))))"#
                    .into(),
                sleep.into(),
            ),
            Self::LongPause => (
                "",
                String::new(),
                format!(r#"(func (export "_pause") {spin})"#),
                sleep.into(),
            ),
        };
        Ok(wat::parse_str(format!(
            r#"(module {claim}
              (import "berth" "sleep_us" (func $sleep (param i64)))
              (import "berth" "exit" (func $exit (param i32)))
              (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
              (memory (export "memory") 16 (pagesize 1))
              {start} {pause} (func (export "_start") {main}))"#
        ))?)
    }

    /// Where it ends up after a start, without anybody's help.
    const fn after_start(self) -> State {
        match self {
            Self::Exits => State::Exited { code: 3 },
            Self::Traps => faulted(Fault::Unreachable),
            Self::LongStart => faulted(Fault::StartTooLong),
            _ => State::Running,
        }
    }
}

const fn faulted(fault: Fault) -> State {
    State::Faulted { fault }
}

/// What the operation should answer, and the state afterwards. `held`: another has the label.
fn expected(
    program: Program,
    state: State,
    operation: &str,
    held: bool,
) -> (Result<(), &'static str>, State) {
    let wrong = (Err("wrong-state"), state);
    let start = if program == Program::Sleeps && held {
        (Err("label-busy"), state)
    } else if program == Program::LongStart {
        (Err("wrong-state"), program.after_start())
    } else {
        (Ok(()), program.after_start())
    };
    match (operation, state) {
        ("start", State::Running | State::Paused) => wrong,
        ("start", _) => start,
        ("stop" | "kill", State::Running | State::Paused) => (Ok(()), State::Stopped),
        ("pause", State::Running) if program == Program::LongPause => {
            (Err("wrong-state"), faulted(Fault::PauseTooLong))
        }
        ("pause", State::Running) => (Ok(()), State::Paused),
        ("resume", State::Paused) => (Ok(()), State::Running),
        ("restart", State::Running | State::Paused) => (Ok(()), program.after_start()),
        ("restart", _) => (Ok(()), state),
        _ => wrong,
    }
}

fn operation<'a>(word: &str, name: &'a str) -> Op<'a> {
    match word {
        "start" => Op::Start { name },
        "stop" => Op::Stop { name },
        "kill" => Op::Kill { name },
        "pause" => Op::Pause { name },
        "resume" => Op::Resume { name },
        _ => Op::Edit {
            name,
            parameters: Parameters {
                share: Some(40),
                ..Parameters::default()
            },
            restart: true,
        },
    }
}

fn state_of(line: &mut Line, name: &str) -> Result<State> {
    let (state, _) = *line.containers()?.get(name).context(name.to_owned())?;
    Ok(state)
}

#[test]
fn a_thousand_random_operations_do_what_the_model_says() -> Result<()> {
    const OPERATIONS: usize = 1_000;
    let device = Device::boot()?;
    let mut line = Line::open(&device)?;
    let mut seed = 12_345u32;
    let mut roll = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        (seed >> 8) as usize % below
    };
    let mut models: [Option<(Program, State)>; 5] = [None; 5];
    let names = ["a", "b", "c", "d", "e"];
    let mut free = None;
    let mut counts = BTreeMap::<&str, usize>::new();
    for number in 0..OPERATIONS {
        let slot = roll(names.len());
        let name = names[slot];
        let Some((program, state)) = models[slot] else {
            let program = PROGRAMS[roll(PROGRAMS.len())];
            line.install(name, &program.image()?, Parameters::default())?;
            models[slot] = Some((program, State::Stored));
            continue;
        };
        let words = [
            "start", "start", "start", "stop", "kill", "pause", "pause", "resume", "restart", "rm",
        ];
        let word = words[roll(words.len())];
        *counts.entry(word).or_default() += 1;
        let after = if word == "rm" {
            let answer = line.outcome(Op::Remove { name })?;
            let expected = match state {
                State::Running => Err("wrong-state"),
                _ => Ok(()),
            };
            ensure!(answer == expected, "{number}: rm {name}: {answer:?}");
            if answer.is_ok() {
                models[slot] = None;
                // With nothing on the device, all its memory is free.
                if models.iter().all(Option::is_none) {
                    let now = line.free_memory()?;
                    ensure!(free.is_none_or(|free| free == now), "{number}: memory lost");
                    free = Some(now);
                }
                continue;
            }
            state
        } else {
            let held = models.iter().enumerate().any(|(other, model)| {
                other != slot
                    && matches!(
                        model,
                        Some((Program::Sleeps, State::Running | State::Paused))
                    )
            });
            let (expected, after) = expected(program, state, word, held);
            let answer = line.outcome(operation(word, name))?;
            ensure!(
                answer == expected,
                "{number}: {word} {name} ({program:?}, {state:?}): {answer:?}"
            );
            after
        };
        models[slot] = Some((program, after));
        // What ends by itself does so soon; everything else is as it was.
        for attempt in 0.. {
            if state_of(&mut line, name)? == after {
                break;
            }
            ensure!(
                attempt < PATIENCE,
                "{number}: after {word}, {name} ({program:?}) is not {after:?}"
            );
        }
        let seen = line.containers()?;
        for (model, name) in models.iter().zip(names) {
            let seen = seen.get(name).map(|(state, _)| *state);
            ensure!(
                seen == model.map(|(_, state)| state),
                "{number}: {word}, {name} is {seen:?}"
            );
        }
    }
    println!("{OPERATIONS} operations: {counts:?}");
    for (model, name) in models.iter().zip(names) {
        if model.is_some() {
            let _ = line.outcome(Op::Kill { name })?;
            line.done(Op::Remove { name })?;
        }
    }
    if let Some(free) = free {
        ensure!(line.free_memory()? == free, "memory lost");
    }
    Ok(())
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
    let device = Device::boot()?;
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
