//! The look a second: which devices are not what they are to be, and whether roll-outs go on.

use super::{
    reconcile::{TRIAL, Target, reconcile},
    spec::Spec,
};
use crate::{
    Again, Error, Failed, Lines, Standing, State,
    lines::Known,
    state::{Holds, Rollout, RolloutDevice},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Between two looks.
const TICK: Duration = Duration::from_secs(1);

/// A device that could not be made what it is to be is tried again so often.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// How long one device may take; one image takes seconds.
const PATIENCE: Duration = Duration::from_secs(600);

/// Lines that are looked through for the one that a container has to write: more than a device keeps.
const LINES_MAX: usize = 1000;

/// Devices that are worked on at a time: uploads cost the gateway little, and each has a line of its own.
const AT_ONCE: usize = 64;

/// Which version of which set a device is to have.
type Wanted = Vec<(String, i64)>;

/// What is known of a device beside the state.
struct Kept {
    wanted: Wanted,
    at: Instant,
    /// Why it could not be made so.
    failed: Option<String>,
}

/// What is not in the state: it is found out again after a start.
#[derive(Default)]
pub(super) struct Memory {
    devices: HashMap<String, Kept>,
    busy: HashSet<String>,
    /// Since when a stage is complete, by roll-out and stage. By the clock that only goes forward: a new start watches it anew.
    pub(super) complete: HashMap<(i64, i64), Instant>,
    /// Containers that have written the line that they have to: roll-out, device, container.
    pub(super) lines: HashSet<(i64, String, String)>,
    /// When a question of a roll-out was heard of, by roll-out and question.
    pub(super) asked: HashMap<(i64, i64), Instant>,
    images: HashMap<String, Arc<Vec<u8>>>,
}

impl Memory {
    /// Drops what no set and no roll-out needs any more.
    fn forget(&mut self, sets: &[Holds], under_way: &[UnderWay]) {
        let specs = || sets.iter().flat_map(|set| set.specs.values());
        let is_used = |sha256: &str| {
            let mut containers = specs().flat_map(|spec| spec.containers.values());
            containers.any(|container| container.sha256 == *sha256)
        };
        self.images.retain(|sha256, _| is_used(sha256));
        let goes_on = |id: i64| under_way.iter().any(|this| this.rollout.id == id);
        self.lines.retain(|(id, ..)| goes_on(*id));
        self.complete.retain(|(id, _), _| goes_on(*id));
        self.asked.retain(|(id, _), _| goes_on(*id));
    }
}

/// Makes devices what they are to be, for ever.
pub(crate) async fn run(state: Arc<State>, lines: Arc<Lines>, check_every: Duration) {
    let engine = Arc::new(Engine {
        state,
        lines,
        memory: Mutex::default(),
        check_every,
        places: Arc::new(Semaphore::new(AT_ONCE)),
    });
    loop {
        let look = Arc::clone(&engine);
        match tokio::task::spawn_blocking(move || look.look()).await {
            Ok(Ok(work)) => {
                for work in work {
                    let engine = Arc::clone(&engine);
                    tokio::spawn(async move { engine.work(work).await });
                }
            }
            // A database that is away says so itself.
            Ok(Err(error)) if error.is_away() => {}
            Ok(Err(error)) => eprintln!("berth-serve: {error}"),
            Err(_) => return,
        }
        tokio::time::sleep(TICK).await;
    }
}

pub(super) struct Engine {
    pub(super) state: Arc<State>,
    pub(super) lines: Arc<Lines>,
    memory: Mutex<Memory>,
    /// A device that is as it is to be is looked at again so often.
    check_every: Duration,
    places: Arc<Semaphore>,
}

/// A device that is to be made something.
struct Work {
    known: Known,
    wanted: Wanted,
    targets: BTreeMap<String, Target>,
    /// Containers that are of a set already, and those of them that are to go.
    own: BTreeSet<String>,
    too_much: Vec<String>,
    /// Whose a container is.
    whose: BTreeMap<String, (String, i64)>,
    /// Lines that containers have to write: roll-out, container, text.
    lines: Vec<(i64, String, String)>,
}

/// What came of it.
struct Noted {
    device: String,
    wanted: Wanted,
    whose: BTreeMap<String, (String, i64)>,
    /// The image that each container is to have.
    images: BTreeMap<String, String>,
    made: Result<Made, Failed>,
    /// Does the history have it already?
    placed: AtomicBool,
}

/// What was done and why not all, and which containers of which roll-out have written what they have to.
type Made = ((super::reconcile::Done, Option<String>), Vec<(i64, String)>);

/// A roll-out with its devices.
pub(super) struct UnderWay {
    pub(super) rollout: Rollout,
    pub(super) devices: BTreeMap<String, RolloutDevice>,
}

impl Engine {
    pub(super) fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        crate::line::hold(&self.memory)
    }

    /// Moves roll-outs on, and finds the devices that are to be worked on.
    fn look(&self) -> Result<Vec<Work>, Error> {
        let sets = self.state.sets()?;
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let mut under_way = Vec::new();
        for rollout in self.state.rollouts_under_way()? {
            let devices = self.state.rollout_devices(rollout.id)?;
            let devices = devices
                .into_iter()
                .map(|device| (device.device.clone(), device));
            under_way.push(UnderWay {
                rollout,
                devices: devices.collect(),
            });
        }
        self.memory().forget(&sets, &under_way);
        let all = self.lines.all();
        let clock = if under_way.is_empty() {
            0
        } else {
            self.state.clock()?
        };
        for this in &mut under_way {
            let set = sets.iter().find(|set| set.name == this.rollout.set);
            let spec = set.and_then(|set| set.specs.get(&this.rollout.version));
            if let Some(spec) = spec {
                self.note_facts(this, spec, &all, clock)?;
                self.judge(this, spec)?;
            }
        }
        let mut work = Vec::new();
        for known in all {
            if !matches!(known.line.standing(), Standing::Here(_)) {
                continue;
            }
            work.extend(self.work_of(known, &sets, &under_way)?);
        }
        Ok(work)
    }

    /// What there is to do with a device that is there.
    fn work_of(
        &self,
        known: Known,
        sets: &[Holds],
        under_way: &[UnderWay],
    ) -> Result<Option<Work>, Error> {
        let name = &known.device.name;
        let mut wanted = Wanted::new();
        let mut specs: Vec<(&str, i64, &Spec)> = Vec::new();
        let mut lines = Vec::new();
        for set in sets {
            let this = under_way.iter().find(|this| this.rollout.set == set.name);
            let comes = this.filter(|this| {
                let device = this.devices.get(name);
                device.is_some_and(|device| device.stage <= this.rollout.stage)
            });
            let version = comes.map_or(set.version, |this| this.rollout.version);
            // Who is in no stage of it has what holds.
            let Some(spec) = set.specs.get(&version) else {
                continue;
            };
            if !spec.is_for(&known.device) && comes.is_none() {
                continue;
            }
            if let Some(this) = comes {
                let texts = spec.rollout.logs.iter();
                lines.extend(
                    texts.map(|(container, text)| {
                        (this.rollout.id, container.clone(), text.clone())
                    }),
                );
            }
            wanted.push((set.name.clone(), version));
            specs.push((&set.name, version, spec));
        }
        {
            let memory = self.memory();
            if memory.busy.contains(name) {
                return Ok(None);
            }
            lines.retain(|(rollout, container, _)| {
                let seen = (*rollout, name.clone(), container.clone());
                !memory.lines.contains(&seen)
            });
            let as_it_was = memory.devices.get(name).is_some_and(|kept| {
                let pause = if kept.failed.is_some() {
                    RETRY_AFTER
                } else {
                    self.check_every
                };
                kept.wanted == wanted && kept.at.elapsed() < pause
            });
            if as_it_was && lines.is_empty() {
                return Ok(None);
            }
        }
        let placed = self.state.placed(name)?;
        if wanted.is_empty() && placed.is_empty() {
            // It is of no set.
            let nothing = Kept {
                wanted,
                at: Instant::now(),
                failed: None,
            };
            self.memory().devices.insert(name.clone(), nothing);
            return Ok(None);
        }
        let mut targets = BTreeMap::new();
        let mut whose = BTreeMap::new();
        for (set, version, spec) in specs {
            for (container, is) in &spec.containers {
                let image = self.image(&is.sha256)?;
                if let Some(target) = image.and_then(|image| Target::of(is, image)) {
                    targets.insert(container.clone(), target);
                    whose.insert(container.clone(), (set.to_owned(), version));
                }
            }
        }
        let own = BTreeSet::from_iter(placed);
        let too_much = own.iter().filter(|name| !targets.contains_key(*name));
        let too_much = too_much.cloned().collect();
        self.memory().busy.insert(name.clone());
        Ok(Some(Work {
            known,
            wanted,
            targets,
            own,
            too_much,
            whose,
            lines,
        }))
    }

    fn image(&self, sha256: &str) -> Result<Option<Arc<Vec<u8>>>, Error> {
        if let Some(image) = self.memory().images.get(sha256) {
            return Ok(Some(Arc::clone(image)));
        }
        let image = self.state.image(sha256)?.map(Arc::new);
        if let Some(image) = &image {
            let mut memory = self.memory();
            memory.images.insert(sha256.to_owned(), Arc::clone(image));
        }
        Ok(image)
    }

    async fn work(self: Arc<Self>, work: Work) {
        // It is never closed.
        let _place = Arc::clone(&self.places).acquire_owned().await;
        let name = work.known.device.name.clone();
        let (targets, own, too_much) = (work.targets, work.own, work.too_much);
        let images = targets.iter();
        let images = images.map(|(name, target)| (name.clone(), target.sha256.clone()));
        let images = images.collect();
        let texts = work.lines.clone();
        let watch = Arc::clone(work.known.line.watch());
        let made = work.known.line.change(Again::No, PATIENCE, move |client| {
            let made = reconcile(client, &targets, (&own, &too_much), &watch)?;
            let mut seen = Vec::new();
            if made.1.is_none() && !texts.is_empty() {
                let begun = Begun::of(client)?;
                for (rollout, container, text) in &texts {
                    if has_written(client, container, text, begun.since(container))? {
                        seen.push((*rollout, container.clone()));
                    }
                }
            }
            Ok((made, seen))
        });
        let noted = Arc::new(Noted {
            device: name.clone(),
            wanted: work.wanted,
            whose: work.whose,
            images,
            made: made.await,
            placed: AtomicBool::new(false),
        });
        loop {
            let (engine, noting) = (Arc::clone(&self), Arc::clone(&noted));
            match tokio::task::spawn_blocking(move || engine.note(&noting)).await {
                // What was done by who owns the device no more is found by who does.
                Ok(Err(Error::LeaseLost(_))) => break,
                // It was done, so it is written as soon as there is a database again.
                Ok(Err(error)) if error.is_away() => tokio::time::sleep(TICK).await,
                Ok(Err(error)) => {
                    eprintln!("berth-serve: {error}");
                    break;
                }
                Ok(Ok(())) | Err(_) => break,
            }
        }
        self.memory().busy.remove(&name);
    }

    fn note(&self, noted: &Noted) -> Result<(), Error> {
        let device = noted.device.as_str();
        let Ok(((done, failed), seen)) = &noted.made else {
            // The line broke, or it is away: nobody knows how far it came, and it is looked at again.
            self.memory().devices.remove(device);
            return Ok(());
        };
        if !noted.placed.load(Ordering::SeqCst) {
            let mut done = done.clone();
            if failed.is_none() {
                // A gateway that was killed has done it and not written it.
                let placed = self.state.placed(device)?;
                for (container, sha256) in &noted.images {
                    let is_new = done.iter().all(|(name, ..)| name != container);
                    if is_new && !placed.contains(container) {
                        done.push((container.clone(), sha256.clone(), "found"));
                    }
                }
            }
            self.state.note_placed(device, &done, &noted.whose)?;
            noted.placed.store(true, Ordering::SeqCst);
        }
        for rollout in self.state.rollouts_under_way()? {
            let version = (rollout.set.clone(), rollout.version);
            if noted.wanted.contains(&version) {
                match failed {
                    None => self.state.note_updated(rollout.id, device)?,
                    Some(why) => self.state.note_failed(rollout.id, device, why)?,
                }
            }
        }
        if failed.is_none() {
            self.state.note_back(device)?;
        }
        let mut memory = self.memory();
        for (rollout, container) in seen {
            let line = (*rollout, device.to_owned(), container.clone());
            memory.lines.insert(line);
        }
        memory.devices.insert(
            device.to_owned(),
            Kept {
                wanted: noted.wanted.clone(),
                at: Instant::now(),
                failed: failed.clone(),
            },
        );
        Ok(())
    }
}

/// When the containers of a device have begun as what they are now. A log is kept over an update: what is before is of the old image.
struct Begun(BTreeMap<String, u64>);

impl Begun {
    fn of(client: &mut berth::Client) -> Result<Self, berth::Error> {
        let mut all = BTreeMap::new();
        let (mut log, mut from) = (None, 0);
        // What has ended says no more since when it was there.
        for _ in 0..LINES_MAX {
            let Some(event) = berth::event(client, log, from)? else {
                break;
            };
            (log, from) = (Some(event.log), event.sequence + 1);
            let begun_us = match event.event {
                "started" => event.time_us,
                // That is said when its trial is over.
                "updated" => event
                    .time_us
                    .saturating_sub(u64::try_from(TRIAL.as_micros()).unwrap_or(0)),
                _ => continue,
            };
            if let Some(name) = event.name {
                all.insert(name.to_string(), begun_us);
            }
        }
        let now_us = berth::hello(client)?.uptime_us;
        for container in berth::containers(client)? {
            if container.is_active() {
                let begun_us = now_us.saturating_sub(container.uptime_us);
                all.insert(container.name.to_string(), begun_us);
            }
        }
        Ok(Self(all))
    }

    /// In microseconds since the device started.
    fn since(&self, container: &str) -> u64 {
        self.0.get(container).copied().unwrap_or(0)
    }
}

/// Has a container written a line with this text in it since then, as far as the device still has its log?
fn has_written(
    client: &mut berth::Client,
    container: &str,
    text: &str,
    since_us: u64,
) -> Result<bool, berth::Error> {
    let (mut log, mut from) = (None, 0);
    // One that writes without end is read further at the next look.
    for _ in 0..LINES_MAX {
        match berth::log_line(client, container, log, from) {
            Ok(Some(line)) if line.time_us >= since_us && line.text.contains(text) => {
                return Ok(true);
            }
            Ok(Some(line)) => (log, from) = (Some(line.log), line.sequence + 1),
            Ok(None) | Err(berth::Error::Refused(_)) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
