//! A device that loses its power at random moments while its operator uploads, updates, edits and
//! deletes: what was acknowledged is there and runs, what was not committed never does.
//!
//! Four times in five the emulator is killed (SIGKILL) at a random moment, also while the device starts; else the
//! power goes in the middle of a word programmed or a page erased, which is then neither old nor new.
//!
//! `KILLS` sets how often the emulator is killed in the middle of an operation (`make soak`: 500 times), `KILLS_SEED`
//! what is random. Moments are the host's, so a seed brings back the operations but not the instants.

#[path = "line/guests.rs"]
mod guests;
mod line;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use berth_e2e::{Device, Flash};
use berth_emulator::{Ending, PowerCut};
use berth_protocol::{ImageHash, Op, Parameters, Update};
use guests::{Guest, with_custom_section};
use line::Line;
use rustix::process::{Pid, Signal, kill_process};

/// Where the partition lies in the image, and bytes of its pages.
const STORE: usize = 0x14_1000;
const PAGE: usize = 0x1000;

/// Most bytes that an image is made longer by.
const PADDING_MAX: u32 = 6_000;
/// Longest time from the first operation to the kill.
const LATEST_MS: u32 = 500;
/// Longest time from power-on to a kill while the device starts.
const START_MS: u32 = 600;
/// Most steps (words and pages) before the power is cut in the middle of one.
const STEPS_MAX: u32 = 12_000;
/// A trial that ends, and one that is still under way when the power goes.
const SHORT_MS: u32 = 5;
const LONG_MS: u32 = 600_000;
/// How long a container that starts with the device may take to say something.
const PATIENCE: Duration = Duration::from_secs(20);

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn setting(name: &str, or: u32) -> u32 {
    let value = std::env::var(name).ok().and_then(|text| text.parse().ok());
    value.unwrap_or(or)
}

/// Xorshift.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 4) % limit
    }
}

/// What a container is: the number of its image, and its share.
type Stored = BTreeMap<&'static str, (u32, u8)>;

/// Something that an operator does and that must outlive the power.
#[derive(Clone, Copy, Debug)]
enum Step {
    Upload(&'static str, u32),
    Update(&'static str, u32, u32),
    Edit(&'static str, u8),
    Remove(&'static str),
}

impl Step {
    fn note(self, stored: &mut Stored) {
        match self {
            Self::Upload(name, version) => drop(stored.insert(name, (version, 50))),
            Self::Update(_, _, LONG_MS) => {}
            Self::Update(name, version, _) => {
                if let Some(container) = stored.get_mut(name) {
                    container.0 = version;
                }
            }
            Self::Edit(name, share) => {
                if let Some(container) = stored.get_mut(name) {
                    container.1 = share;
                }
            }
            Self::Remove(name) => drop(stored.remove(name)),
        }
    }

    /// Do it and wait until the device has acknowledged it; where an upload went on.
    fn apply(self, line: &mut Line) -> Result<usize> {
        match self {
            Self::Upload(name, version) => {
                let parameters = Parameters {
                    share: Some(50),
                    boot: Some(true),
                    ..Parameters::default()
                };
                let from = line.install(name, &image(version)?, parameters)?;
                line.done(Op::Start { name })?;
                return Ok(from);
            }
            Self::Update(name, version, trial_ms) => {
                let mut update = line.update(name, &image(version)?, trial_ms)?;
                while let Update::Trial { .. } = update {
                    update = line.update_status(name)?;
                }
                ensure!(matches!(update, Update::Kept { .. }), "{update:?}");
            }
            Self::Edit(name, share) => line.done(Op::Edit {
                name,
                parameters: Parameters {
                    share: Some(share),
                    ..Parameters::default()
                },
                restart: false,
            })?,
            Self::Remove(name) => {
                line.done(Op::Kill { name })?;
                line.done(Op::Remove { name })?;
            }
        }
        Ok(0)
    }
}

/// Every version has another length.
fn image(version: u32) -> Result<Vec<u8>> {
    let padding = version.wrapping_mul(2_654_435_761) % PADDING_MAX;
    Ok(with_custom_section(
        Guest::version(version).image()?,
        padding as usize,
    ))
}

/// What happened in all.
#[derive(Debug, Default)]
struct Counts {
    kills: u32,
    starts_killed: u32,
    cuts: u32,
    acknowledged: u32,
    interrupted: u32,
    found_done: u32,
    trials_interrupted: u32,
    resumed: u32,
}

/// The device's flash, and what must be on it.
struct Scene {
    flash: Flash,
    stored: Stored,
    /// What was under way when the power went.
    doubtful: Option<Step>,
    next: u32,
    random: Random,
    counts: Counts,
}

impl Scene {
    /// The power is on again: what was acknowledged is there, whole, and runs; nothing else is. The
    /// step that was interrupted, if it was not done.
    fn check(&mut self, device: &Device) -> Result<Option<Step>> {
        let mut line = Line::open(device)?;
        let images = line.images()?;
        let is = |stored: &Stored| -> Result<bool> {
            let mut same = images.len() == stored.len();
            for (name, (version, share)) in stored {
                let hash = ImageHash::of(&image(*version)?);
                let found = images.get(*name);
                same &= found.is_some_and(|(h, p)| *h == hash && p.share == Some(*share));
            }
            Ok(same)
        };
        let mut undone = self.doubtful.take();
        if let Some(Step::Update(_, _, LONG_MS)) = undone {
            self.counts.trials_interrupted += 1;
        }
        if !is(&self.stored)? {
            let mut other = self.stored.clone();
            let step = undone.take();
            let step = step.with_context(|| format!("{:?}: {images:?}", self.stored))?;
            step.note(&mut other);
            ensure!(is(&other)?, "{:?}, {step:?}: {images:?}", self.stored);
            self.stored = other;
            self.counts.found_done += 1;
        }
        // Not only what the directory says: the image itself lies in flash, from the start of a page on.
        let bytes = self.flash.bytes()?;
        let store = bytes.get(STORE..).context("the image has no store")?;
        for (name, (version, _)) in &self.stored {
            let image = image(*version)?;
            let mut pages = (0..store.len()).step_by(PAGE);
            let whole = pages.any(|page| store[page..].starts_with(&image));
            ensure!(whole, "{name}: version {version} is not whole");
            self.runs(&mut line, name, *version)?;
        }
        Ok(undone)
    }

    /// The container was started with the device, from this image.
    fn runs(&self, line: &mut Line, name: &str, version: u32) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let right = Guest::says(version, None);
        loop {
            if let Some((_, said)) = line.log(name, 0)?.first() {
                // An image that was updated has left it a state.
                ensure!(said[..16] == right[..16], "{name}: {said}, not {right}");
                return Ok(());
            }
            ensure!(Instant::now() < until, "{name} says nothing");
        }
    }

    /// Operations without end, until the power goes.
    fn work(&mut self, device: &Device, first: Option<Step>, may_wait: bool) -> Result<()> {
        let mut line = Line::open(device)?;
        let mut first = first.filter(|step| matches!(step, Step::Upload(..)));
        loop {
            let again = first.take();
            let step = again.unwrap_or_else(|| self.random_step(may_wait));
            self.doubtful = Some(step);
            match step.apply(&mut line) {
                Ok(from) => self.counts.resumed += u32::from(from > 0),
                Err(error) if has_ended(&error) => break,
                Err(error) => return Err(error.context(format!("{step:?}"))),
            }
            step.note(&mut self.stored);
            self.doubtful = None;
            self.counts.acknowledged += 1;
        }
        self.counts.interrupted += 1;
        Ok(())
    }

    fn random_step(&mut self, may_wait: bool) -> Step {
        self.next += 1;
        let name = NAMES[self.random.below(5) as usize];
        if !self.stored.contains_key(name) {
            return Step::Upload(name, self.next);
        }
        match self.random.below(8) {
            0 => Step::Edit(name, self.random.below(100) as u8 + 1),
            1..4 => Step::Remove(name),
            4..6 if may_wait => Step::Update(name, self.next, LONG_MS),
            _ => Step::Update(name, self.next, SHORT_MS),
        }
    }

    /// One life of the device, killed at a random moment.
    fn killed(&mut self) -> Result<()> {
        let device = Device::power_on(&self.flash)?;
        if self.random.below(4) == 0 {
            let ms = self.random.below(START_MS);
            self.counts.starts_killed += 1;
            std::thread::sleep(Duration::from_millis(ms.into()));
            // Dropping kills it.
            return Ok(());
        }
        ensure!(has_started(&device)?, "it has ended");
        let undone = self.check(&device)?;
        let id = Pid::from_raw(device.board.process_id() as i32).context("a process id")?;
        let ms = self.random.below(LATEST_MS);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(ms.into()));
            kill_process(id, Signal::KILL)
        });
        let worked = self.work(&device, undone, true);
        match killer.join() {
            Ok(Ok(())) => {
                self.counts.kills += 1;
                worked
            }
            other => bail!("{other:?}, {worked:?}"),
        }
    }

    /// One life of the device, whose power goes in the middle of a word or an erase.
    fn cut(&mut self) -> Result<()> {
        let short = self.random.below(3) == 0;
        let most = if short { 100 } else { STEPS_MAX };
        let cut = PowerCut {
            after: self.random.below(most),
            seed: self.random.below(u32::MAX),
        };
        let device = Device::power_on_board(&self.flash, |board| {
            board.limit(Duration::from_secs(120)).cut_power(cut)
        })?;
        // The first steps may be those of its start.
        if has_started(&device)? {
            let before = (self.stored.clone(), self.doubtful);
            match self.check(&device) {
                Ok(undone) => self.work(&device, undone, false)?,
                // Or those of what runs from its start on: whoever looks is cut off, and has found nothing out.
                Err(error) if has_ended(&error) => (self.stored, self.doubtful) = before,
                Err(error) => return Err(error),
            }
        }
        let ending = device.board.wait(Duration::from_secs(30))?;
        ensure!(ending == Ending::Exited(Some(PowerCut::STATUS)), "{ending}");
        self.counts.cuts += 1;
        Ok(())
    }
}

/// Wait until the device is ready, or has ended.
fn has_started(device: &Device) -> Result<bool> {
    let until = Instant::now() + PATIENCE;
    while !device.board.console.text().contains("type help") {
        if device.board.ending().is_some() {
            return Ok(false);
        }
        ensure!(Instant::now() < until, "it does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(true)
}

/// Is it the line's end? A refusal, and silence, would be mistakes.
fn has_ended(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected, UnexpectedEof};
    let ends = [BrokenPipe, ConnectionReset, NotConnected, UnexpectedEof];
    let found = error.downcast_ref::<std::io::Error>();
    found.is_some_and(|error| ends.contains(&error.kind()))
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_uncommitted_runs() -> Result<()> {
    let kills = setting("KILLS", 50);
    let seed = setting(
        "KILLS_SEED",
        std::process::id().wrapping_mul(2_654_435_761) | 1,
    );
    println!("KILLS_SEED={seed}");
    let mut scene = Scene {
        flash: Flash::new()?,
        stored: Stored::new(),
        doubtful: None,
        next: 1,
        random: Random(seed),
        counts: Counts::default(),
    };
    for life in 1.. {
        // On a busy host less is acknowledged until a kill comes.
        if scene.counts.kills.min(scene.counts.acknowledged) >= kills {
            break;
        }
        let lived = if life % 5 == 0 {
            scene.cut()
        } else {
            scene.killed()
        };
        lived.with_context(|| format!("KILLS_SEED={seed}, life {life}, {:?}", scene.counts))?;
    }
    let device = Device::boot_with(&scene.flash)?;
    scene.check(&device)?;
    println!("{:?}", scene.counts);
    Ok(())
}
