//! Random operations on the board against a model of what containers do, said frame by frame.
//!
//! The model is the life of a container as its operator would tell it. Sequences follow each other on one
//! device: each begins in whatever state the ones before have left. `BERTH_SEQUENCES` says how many.

mod line;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::Device;
use berth_protocol::{Fault, Op, Parameters, State};
use line::Line;

/// Sequences of a run, and operations of a sequence.
const SEQUENCES: u32 = 1_000;
const LENGTH: u32 = 6;

/// Looks at all containers after which one that ends by itself has done so.
const PATIENCE: usize = 500;

/// What a program needs that handles the interrupt of a timer, and how it begins.
const TIMER: &str = r#"(import "mmio:timer0" "claim" (func $claim (result i32)))
    (import "irq:timer0" "register" (func $register (param i32 i32 i32 i32) (result i32)))
    (import "mmio" "write32" (func $write (param i32 i32 i32)))"#;
const EVERY_MILLISECOND: &str = "
    (drop (call $register (i32.const 5) (i32.const 1) (i32.const 0) (i32.const 0)))
    (call $write (call $claim) (i32.const 8) (i32.const 24999))
    (call $write (call $claim) (i32.const 0) (i32.const 9))";

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
    /// Waits for messages that nobody sends.
    Receives,
    /// Handles a timer's interrupt every millisecond and sleeps.
    Handles,
    /// Its handler traps.
    HandlerTraps,
}

const PROGRAMS: [Program; 10] = [
    Program::Sleeps,
    Program::Spins,
    Program::Exits,
    Program::Traps,
    Program::LongStart,
    Program::Saves,
    Program::LongPause,
    Program::Receives,
    Program::Handles,
    Program::HandlerTraps,
];

impl Program {
    fn image(self) -> Result<Vec<u8>> {
        let sleep = "(loop $l (call $sleep (i64.const 1000)) (br $l))";
        let spin = "(loop $l (br $l))";
        let handler = |body: &str| {
            format!(
                r#"(table (export "__indirect_function_table") 2 funcref) (elem (i32.const 1) $handler)
                (func $handler (param i32 i32) {body})"#
            )
        };
        let (imports, functions, pause, main) = match self {
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
            Self::Receives => (
                r#"(import "berth" "receive" (func $receive (param i32 i32 i32) (result i32)))"#,
                String::new(),
                String::new(),
                "(drop (call $receive (i32.const 0) (i32.const 4) (i32.const 0))) unreachable".into(),
            ),
            Self::Handles => (
                TIMER,
                handler("nop"),
                String::new(),
                format!("{EVERY_MILLISECOND} {sleep}"),
            ),
            Self::HandlerTraps => (
                TIMER,
                handler("unreachable"),
                String::new(),
                format!("{EVERY_MILLISECOND} {sleep}"),
            ),
        };
        Ok(wat::parse_str(format!(
            r#"(module {imports}
              (import "berth" "sleep_us" (func $sleep (param i64)))
              (import "berth" "exit" (func $exit (param i32)))
              (import "berth" "state_save" (func $save (param i32 i32) (result i32)))
              (memory (export "memory") 16 (pagesize 1))
              {functions} {pause} (func (export "_start") {main}))"#
        ))?)
    }

    /// The label that it claims.
    const fn label(self) -> Option<&'static str> {
        match self {
            Self::Sleeps => Some("fpgaio"),
            Self::Handles | Self::HandlerTraps => Some("timer0"),
            _ => None,
        }
    }

    /// Where it ends up after a start, without anybody's help.
    const fn after_start(self) -> State {
        match self {
            Self::Exits => State::Exited { code: 3 },
            Self::Traps | Self::HandlerTraps => faulted(Fault::Unreachable),
            Self::LongStart => faulted(Fault::StartTooLong),
            _ => State::Running,
        }
    }
}

const fn faulted(fault: Fault) -> State {
    State::Faulted { fault }
}

/// What the operation should answer, and the state afterwards. `held`: another has its label.
fn expected(
    program: Program,
    state: State,
    operation: &str,
    held: bool,
) -> (Result<(), &'static str>, State) {
    let wrong = (Err("wrong-state"), state);
    let start = if held {
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
        "rm" => Op::Remove { name },
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

/// Small numbers from a seed (xorshift).
struct Dice(u32);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 8) as usize % below
    }
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// The device, and what is on it if all is well.
struct Play {
    line: Line,
    dice: Dice,
    models: [Option<(Program, State)>; NAMES.len()],
    /// Bytes of memory that are free while nothing is on the device.
    free: Option<u32>,
    counts: BTreeMap<&'static str, usize>,
}

impl Play {
    /// Some operation on some container. One that ends by itself has ended then.
    fn operate(&mut self) -> Result<()> {
        const WORDS: [&str; 10] = [
            "start", "start", "start", "stop", "kill", "pause", "pause", "resume", "restart", "rm",
        ];
        let slot = self.dice.roll(NAMES.len());
        let name = NAMES[slot];
        let Some((program, state)) = self.models[slot] else {
            let program = PROGRAMS[self.dice.roll(PROGRAMS.len())];
            let image = program.image()?;
            self.line.install(name, &image, Parameters::default())?;
            self.models[slot] = Some((program, State::Stored));
            return Ok(());
        };
        let word = WORDS[self.dice.roll(WORDS.len())];
        *self.counts.entry(word).or_default() += 1;
        let (expected, after) = if word == "rm" {
            match state {
                State::Running => (Err("wrong-state"), Some(state)),
                _ => (Ok(()), None),
            }
        } else {
            let label = program.label();
            let held = label.is_some() && self.holder(label).is_some_and(|other| other != slot);
            let (expected, after) = expected(program, state, word, held);
            (expected, Some(after))
        };
        let answer = self.line.outcome(operation(word, name))?;
        ensure!(
            answer == expected,
            "{word} {name} ({program:?}, {state:?}): {answer:?}"
        );
        self.models[slot] = after.map(|after| (program, after));
        if after.is_none() && self.models.iter().all(Option::is_none) {
            // With nothing on the device, all its memory is free.
            let now = self.line.free_memory()?;
            ensure!(self.free.is_none_or(|free| free == now), "memory lost");
            self.free = Some(now);
        }
        match after {
            Some(State::Exited { .. } | State::Faulted { .. }) => self.compare(),
            _ => Ok(()),
        }
    }

    /// Who holds a label.
    fn holder(&self, label: Option<&str>) -> Option<usize> {
        self.models.iter().position(|model| {
            model.is_some_and(|(program, state)| {
                program.label() == label && matches!(state, State::Running | State::Paused)
            })
        })
    }

    /// Is everything as the model says, or will it be soon?
    fn compare(&mut self) -> Result<()> {
        let expected: BTreeMap<String, State> = NAMES
            .iter()
            .zip(self.models)
            .filter_map(|(name, model)| Some(((*name).to_owned(), model?.1)))
            .collect();
        let mut seen = BTreeMap::new();
        for _ in 0..PATIENCE {
            seen = self
                .line
                .containers()?
                .into_iter()
                .map(|(name, (state, _))| (name, state))
                .collect();
            if seen == expected {
                return Ok(());
            }
        }
        bail!("{seen:?} instead of {:?}", self.models)
    }
}

/// A part of all sequences, so that tests run side by side.
fn play(part: u32) -> Result<()> {
    const PARTS: u32 = 2;
    let sequences = std::env::var("BERTH_SEQUENCES")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(SEQUENCES);
    let device = Device::boot()?;
    let mut play = Play {
        line: Line::open(&device)?,
        dice: Dice(12_345 + part),
        models: [None; NAMES.len()],
        free: None,
        counts: BTreeMap::new(),
    };
    for sequence in (part..sequences).step_by(PARTS as usize) {
        for _ in 0..LENGTH {
            play.operate()
                .with_context(|| format!("in sequence {sequence}"))?;
        }
        play.compare()
            .with_context(|| format!("after sequence {sequence}"))?;
    }
    println!(
        "part {part} of {PARTS}: {sequences} sequences in all; {:?}",
        play.counts
    );
    // Nothing is left of all that.
    for (slot, name) in NAMES.iter().enumerate() {
        if play.models[slot].is_some() {
            let _ = play.line.outcome(Op::Kill { name })?;
            play.line.done(Op::Remove { name })?;
        }
    }
    if let Some(free) = play.free {
        ensure!(play.line.free_memory()? == free, "memory lost");
    }
    Ok(())
}

#[test]
fn random_operations_do_what_the_model_says_1() -> Result<()> {
    play(0)
}

#[test]
fn random_operations_do_what_the_model_says_2() -> Result<()> {
    play(1)
}
