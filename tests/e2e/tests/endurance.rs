//! The same again and again on one device: uploads and deletions, live updates. Nothing is left behind and
//! nothing grows.
//!
//! `make soak` (`BERTH_SOAK`) does it 10,000 and 1,000 times.

#[path = "line/guests.rs"]
mod guests;
mod line;

use std::time::Duration;

use anyhow::{Result, ensure};
use berth_e2e::{Device, Flash};
use berth_protocol::{Op, Parameters, Update};
use guests::Guest;
use line::Line;

/// How long the emulator may run.
const LIMIT: Duration = Duration::from_secs(3500);
/// Rounds in which the device finds the sizes of what it keeps: logs, events, answers.
const WARM_UP: u32 = 20;
/// Rounds between two looks: a multiple of those after which the same image runs again.
const LOOK: u32 = 20;
/// Mean erases of a page from which on wear can be judged.
const WORN: u32 = 16;

fn rounds(soak: u32, otherwise: u32) -> u32 {
    let is_soak = std::env::var_os("BERTH_SOAK").is_some();
    if is_soak { soak } else { otherwise }
}

fn boot() -> Result<Device> {
    let device = Device::power_on_for(&Flash::new()?, LIMIT)?;
    device.console("type help")?;
    Ok(device)
}

/// Memory and store, as they are between two rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Free {
    memory: (u32, u32),
    store: (u32, u32),
    images: usize,
}

impl Free {
    fn now(line: &mut Line) -> Result<Self> {
        let store = line.store()?;
        Ok(Self {
            memory: line.memory()?,
            // Which pages are free is another matter: objects move about.
            store: (store.total, store.free),
            images: line.images()?.len(),
        })
    }

    /// Is all of it as it was, but for what is held for a moment?
    fn is_as(&self, before: &Self) -> bool {
        let near = |now: u32, before: u32| now.abs_diff(before) <= PASSING;
        near(self.memory.0, before.memory.0)
            && near(self.memory.1, before.memory.1)
            && (self.store, self.images) == (before.store, before.images)
    }
}

/// Bytes that the device may hold more or less from one look to the next: a container that waits holds two small blocks, and
/// at a look it waits or computes. What is lost in each round is more after some.
const PASSING: u32 = 128;

/// Do it so many times; after the first ones everything is as it was.
fn repeat(
    line: &mut Line,
    rounds: u32,
    mut round: impl FnMut(&mut Line, u32) -> Result<()>,
) -> Result<()> {
    let mut before = None;
    for number in 0..rounds {
        round(line, number)?;
        if number < WARM_UP || number % LOOK != 0 {
            continue;
        }
        let now = Free::now(line)?;
        let before = *before.get_or_insert(now);
        ensure!(
            now.is_as(&before),
            "round {number}: {before:?}, now {now:?}"
        );
    }
    let store = line.store()?;
    let (most, mean) = (store.wear_max, store.wear_mean);
    println!(
        "{rounds} rounds: 0 bytes lost; {most} erases of the most worn page, {mean} in the mean"
    );
    ensure!(mean < WORN || most <= 2 * mean, "{most} of {mean}");
    Ok(())
}

#[test]
fn uploads_and_deletions_leave_nothing_behind() -> Result<()> {
    let device = boot()?;
    let mut line = Line::open(&device)?;
    let images = (0..8)
        .map(|version| Guest::version(version).image())
        .collect::<Result<Vec<_>>>()?;
    repeat(&mut line, rounds(10_001, 101), |line, number| {
        let name = "it";
        let image = &images[number as usize % images.len()];
        line.install(name, image, Parameters::default())?;
        if number % 16 == 0 {
            line.done(Op::Start { name })?;
            line.done(Op::Kill { name })?;
        }
        line.done(Op::Remove { name })
    })
}

#[test]
fn live_updates_leave_nothing_behind() -> Result<()> {
    let device = boot()?;
    let mut line = Line::open(&device)?;
    let good = |version| Guest {
        labels: &["fpgaio"],
        memory: 64 + 1000 * version,
        ..Guest::version(version)
    };
    let images = [
        good(1),
        good(2),
        good(3),
        // Faults in its trial.
        Guest {
            then: "unreachable",
            ..good(4)
        },
    ];
    let images = images
        .iter()
        .map(Guest::image)
        .collect::<Result<Vec<_>>>()?;
    let name = "it";
    line.install(name, &images[0], Parameters::default())?;
    line.done(Op::Start { name })?;
    let (mut kept, mut rolled_back) = (0, 0);
    repeat(&mut line, rounds(1_001, 61), |line, number| {
        let image = &images[(number as usize + 1) % images.len()];
        // The one that faults has time to.
        let trial_ms = if number % 4 == 2 { 60_000 } else { 1 };
        let mut update = line.update(name, image, trial_ms)?;
        while let Update::Trial { .. } = update {
            update = line.update_status(name)?;
        }
        kept += u32::from(matches!(update, Update::Kept { .. }));
        rolled_back += u32::from(matches!(update, Update::RolledBack { .. }));
        Ok(())
    })?;
    println!("{kept} kept, {rolled_back} rolled back");
    ensure!(kept > 2 * rolled_back && rolled_back > 0);
    Ok(())
}
