//! Whatever makes the supervisor fail, and however often: the shell is there again, what was to blame is not started, and
//! what has nobody to blame leads to safe mode.

use std::collections::BTreeSet;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use berth_flash::Simulated;
use berth_protocol::{ImageHash, Parameters, Restart, State};

use super::Supervisor;
use crate::container::Name;
use crate::fake::{EXPOSED, Fake};

/// Patterns that are tried.
const PATTERNS: u32 = 400;

/// Intervals between failures, in milliseconds: below, at and above every limit that there is or was.
const INTERVALS: [u64; 14] = [
    1, 100, 1_000, 19_000, 29_000, 31_000, 33_000, 45_000, 59_000, 61_000, 90_000, 119_000,
    121_000, 300_000,
];

/// A run without a failure for so long is left alone.
const QUIET_US: u64 = 1_200_000_000;

/// Runs after which a pattern that fails still is left alone.
const RUNS: usize = 40;

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// It sleeps.
    Harmless,
    /// The supervisor fails in its start function.
    InStart,
    /// In its main, after so many milliseconds.
    InMain(u64),
    /// In its handler, at an interrupt each so many milliseconds.
    InHandler(u64),
}

/// What happens to a device.
#[derive(Debug, Default)]
struct Pattern {
    /// Containers and whether they start at boot; those that do not have been started by the operator.
    containers: Vec<(Kind, bool)>,
    /// The supervisor fails while it executes nobody, after so many milliseconds.
    idle: Option<u64>,
    /// It fails while it reads the store, so often.
    reading: usize,
}

fn image(label: &str, kind: Kind) -> Vec<u8> {
    let has_interrupts = label != crate::fake::SILENT;
    let (import, register) = if has_interrupts {
        (
            format!(
                r#"(import "irq:{label}" "register"
                     (func $register (param i32 i32 i32 i32) (result i32)))"#
            ),
            "(drop (call $register (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 0)))",
        )
    } else {
        (String::new(), "")
    };
    let (start, main) = match kind {
        Kind::InStart => ("(call $fatal)", String::new()),
        Kind::InMain(ms) => (
            "",
            format!("(call $sleep (i64.const {})) (call $fatal)", ms * 1000),
        ),
        Kind::Harmless | Kind::InHandler(_) => ("", String::new()),
    };
    let handle = if matches!(kind, Kind::InHandler(_)) {
        "(call $fatal)"
    } else {
        ""
    };
    wat::parse_str(format!(
        r#"(module
          (import "mmio:{label}" "claim" (func $claim (result i32)))
          (import "mmio" "read32" (func $read (param i32 i32) (result i32)))
          (import "berth" "sleep_us" (func $sleep (param i64)))
          {import}
          (memory (export "memory") 64 (pagesize 1))
          (table (export "__indirect_function_table") 2 funcref)
          (elem (i32.const 1) $handle)
          (func $fatal (drop (call $read (call $claim) (i32.const 12))))
          (func $handle (param i32 i32) {handle})
          (func $start {start})
          (start $start)
          (func (export "_start")
            {register} {main}
            (loop $again (call $sleep (i64.const 1000000)) (br $again))))"#
    ))
    .unwrap()
}

fn name(block: usize) -> Name {
    Name::new(EXPOSED[block].0).unwrap()
}

/// A device on which all containers of the pattern run.
fn device(pattern: &Pattern) -> Fake {
    let fake = Fake::default();
    fake.0.flash.replace(Some(Simulated::new(64)));
    fake.0.no_region.set(true);
    let mut supervisor = Supervisor::new(fake.clone());
    let containers = &mut supervisor.service.containers;
    for (block, (kind, boot)) in pattern.containers.iter().enumerate() {
        let image = image(EXPOSED[block].0, *kind);
        let parameters = Parameters {
            boot: Some(*boot),
            restart: Some(Restart::Always { backoff_ms: 100 }),
            ..Parameters::default()
        };
        let hash = ImageHash::of(&image);
        containers
            .store(name(block), image, hash, parameters)
            .unwrap();
        containers.start(block).unwrap();
    }
    fake.0.fatal.set(true);
    fake
}

/// What one run of the supervisor came to.
#[derive(Debug, PartialEq)]
enum Run {
    /// It failed before it could answer.
    Boot,
    /// It failed.
    Failed,
    /// It did not.
    Quiet,
}

struct Witness<'a> {
    pattern: &'a Pattern,
    fake: Fake,
    /// Containers in whose code the supervisor has failed.
    culprits: BTreeSet<usize>,
    /// Failures while nobody's code was executed.
    nobody: usize,
    booted: usize,
}

impl Witness<'_> {
    fn run(&mut self) -> Run {
        let fake = self.fake.clone();
        let reading = self.booted < self.pattern.reading;
        fake.0.fatal_flash.set(reading);
        self.booted += 1;
        let mut supervisor = Supervisor::new(fake.clone());
        if fake.0.failed.get() {
            return Run::Boot;
        }
        fake.0.output.take();
        fake.0.input.borrow_mut().extend(b"info\r");
        let began = fake.0.now_us.get();
        let fails_at = self.pattern.idle.map(|ms| began + ms * 1000);
        let mut interrupts = [began; 3];
        while fake.0.now_us.get() < began + QUIET_US {
            self.look(&supervisor);
            let active: Vec<_> = supervisor
                .service
                .containers
                .iter()
                .filter(|(_, container)| container.state().is_active())
                .map(|(slot, _)| slot)
                .collect();
            let busy = supervisor.poll();
            self.answered();
            if fake.0.failed.get() {
                // Whoever was executed is to blame; it was active, or about to be started.
                let slot = supervisor.service.containers.last_turn();
                assert!(self.pattern.containers.len() > slot || active.is_empty());
                return Run::Failed;
            }
            let now = fake.0.now_us.get();
            if fails_at.is_some_and(|at| at <= now) {
                self.nobody += 1;
                fake.fail_now();
                return Run::Failed;
            }
            for (block, (kind, _)) in self.pattern.containers.iter().enumerate() {
                if let Kind::InHandler(ms) = kind
                    && interrupts[block] + ms * 1000 <= now
                {
                    interrupts[block] = now;
                    fake.raise(block as u32, 0);
                }
            }
            if !busy {
                let wake = supervisor.deadline().unwrap_or(u64::MAX);
                let step = wake.min(now + 500_000).min(fails_at.unwrap_or(u64::MAX));
                fake.0.now_us.set(step.max(now + 1));
            }
        }
        Run::Quiet
    }

    /// Did the shell answer by now?
    fn answered(&self) {
        let output = self.fake.0.output.borrow();
        let text = String::from_utf8_lossy(&output);
        assert!(text.contains("restarts,"), "no shell: {:?}", self.pattern);
    }

    /// Nobody who was to blame is started, and everybody can see why.
    fn look(&mut self, supervisor: &Supervisor<Fake>) {
        let containers = &supervisor.service.containers;
        let before = containers.before();
        for (slot, container) in containers.iter() {
            if before.blames(container.tag()) {
                self.culprits.insert(slot);
            }
            if self.culprits.contains(&slot) {
                let state = container.state();
                assert_eq!(state, State::Quarantined, "{:?}", self.pattern);
            }
            if before.safe_mode {
                assert!(!container.state().is_active(), "{:?}", self.pattern);
            }
        }
    }
}

/// Let a device live with a pattern until it is quiet. Returns in whose code the supervisor failed.
fn live(pattern: &Pattern) -> BTreeSet<usize> {
    let fake = device(pattern);
    // The first run ended as the device was switched off and on.
    fake.begin_again();
    fake.0.notes_before.take();
    let mut witness = Witness {
        pattern,
        fake: fake.clone(),
        culprits: BTreeSet::new(),
        nobody: 0,
        booted: 0,
    };
    let (mut without_shell, mut by_containers) = (0, 0);
    for run in 0.. {
        let nobody = witness.nobody;
        let outcome = witness.run();
        fake.begin_again();
        match outcome {
            Run::Quiet => break,
            Run::Boot => without_shell += 1,
            Run::Failed => {
                without_shell = 0;
                by_containers += usize::from(nobody == witness.nobody);
            }
        }
        assert!(without_shell <= 3, "no shell: {pattern:?}");
        // Each container gets one chance.
        let guilty = pattern.containers.iter();
        let guilty = guilty.filter(|(kind, _)| *kind != Kind::Harmless).count();
        assert!(by_containers <= guilty, "again: {pattern:?}");
        if run >= RUNS {
            // Only what nobody on the device can be blamed for goes on for ever.
            assert!(pattern.idle.is_some(), "{pattern:?}");
            break;
        }
    }
    witness.culprits
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % sides
    }

    fn interval(&mut self) -> u64 {
        INTERVALS[self.roll(INTERVALS.len())]
    }
}

#[test]
fn no_pattern_of_failures_leaves_the_device_without_its_shell() {
    let mut dice = Dice(7);
    let mut blamed = 0;
    for _ in 0..PATTERNS {
        let mut pattern = Pattern::default();
        let count = dice.roll(EXPOSED.len() + 1);
        for (label, _) in EXPOSED.iter().take(count) {
            let kind = match dice.roll(4) {
                0 => Kind::Harmless,
                // A start function that is fatal is so at the operator's start, too; see below.
                1 | 2 => Kind::InMain(dice.interval()),
                _ if *label == crate::fake::SILENT => Kind::Harmless,
                _ => Kind::InHandler(dice.interval()),
            };
            pattern.containers.push((kind, dice.roll(3) > 0));
        }
        if dice.roll(3) == 0 {
            pattern.idle = Some(dice.interval());
        }
        if dice.roll(4) == 0 {
            pattern.reading = [1, 2, 3, 5, usize::MAX][dice.roll(5)];
        }
        blamed += live(&pattern).len();
    }
    std::println!("{PATTERNS} patterns, {blamed} containers quarantined");
    assert!(blamed > 50, "{blamed}");
}

/// What was reported: each of these evaded safe mode, or reached the kernel's limit before it.
#[test]
fn a_failure_each_33_seconds_or_between_30_and_60_happens_once() {
    for ms in [33_000, 31_000, 45_000, 59_000] {
        let pattern = Pattern {
            containers: [(Kind::InMain(ms), true), (Kind::Harmless, true)].into(),
            ..Pattern::default()
        };
        assert_eq!(live(&pattern), BTreeSet::from([0]), "{ms}");
    }
    let alternating = Pattern {
        containers: [
            (Kind::InMain(33_000), true),
            (Kind::InHandler(45_000), true),
        ]
        .into(),
        ..Pattern::default()
    };
    assert_eq!(live(&alternating), BTreeSet::from([0, 1]));
}

#[test]
fn one_that_fails_in_its_start_function_is_quarantined_from_the_boot_list() {
    let pattern = Pattern {
        containers: [(Kind::InStart, true), (Kind::Harmless, true)].into(),
        ..Pattern::default()
    };
    assert_eq!(live(&pattern), BTreeSet::from([0]));
}

#[test]
fn a_store_that_cannot_be_read_leaves_a_shell_and_comes_back_when_it_can() {
    let pattern = Pattern {
        containers: [(Kind::Harmless, true)].into(),
        reading: usize::MAX,
        ..Pattern::default()
    };
    live(&pattern);
    let fake = device(&pattern);
    fake.0.fatal_flash.set(true);
    for _ in 0..3 {
        fake.begin_again();
        drop(Supervisor::new(fake.clone()));
        assert!(fake.0.failed.get());
    }
    fake.begin_again();
    let supervisor = Supervisor::new(fake.clone());
    assert!(!fake.0.failed.get(), "it was not asked");
    assert!(supervisor.service.containers.before().without_store);
    assert_eq!(supervisor.service.containers.iter().count(), 0);
    drop(supervisor);
    // A reset, after which it can be read.
    fake.0.fatal_flash.set(false);
    fake.0.notes_before.take();
    fake.begin_again();
    let supervisor = Supervisor::new(fake);
    let names: Vec<_> = supervisor
        .service
        .containers
        .iter()
        .map(|(_, container)| container.name().to_string())
        .collect();
    assert_eq!(names, ["fpgaio"]);
}

/// A person without `berth` can do the same.
#[test]
fn the_shell_says_what_is_quarantined_and_lifts_it() {
    let pattern = Pattern {
        containers: [(Kind::InMain(1), true)].into(),
        ..Pattern::default()
    };
    let fake = device(&pattern);
    fake.begin_again();
    fake.0.notes_before.take();
    let mut supervisor = Supervisor::new(fake.clone());
    while !fake.0.failed.get() {
        fake.0.now_us.set(fake.0.now_us.get() + 1_000);
        supervisor.poll();
    }
    drop(supervisor);
    fake.begin_again();
    fake.0.fatal.set(false);
    let mut supervisor = Supervisor::new(fake.clone());
    let mut typed = |text: &str| {
        fake.0.output.take();
        fake.0.input.borrow_mut().extend(text.bytes());
        for _ in 0..4 {
            supervisor.poll();
        }
        String::from_utf8_lossy(&fake.0.output.borrow()).into_owned()
    };
    assert!(typed("ps\r").contains("quarantined"));
    let refused = typed("start fpgaio\r");
    assert!(refused.contains("error: quarantined"), "{refused}");
    assert!(typed("help\r").contains("lift NAME"));
    assert!(typed("lift fpgaio\r").contains("ok"));
    assert!(typed("start fpgaio\r").contains("ok"));
    assert!(typed("ps\r").contains("running"));
}
