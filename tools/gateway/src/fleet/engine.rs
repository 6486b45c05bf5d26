//! The look a second: which devices are not what they are to be, and whether roll-outs go on.

use super::{
    reconcile::{Target, reconcile},
    spec::Spec,
};
use crate::{
    Again, By, Error, Failed, Lines, Standing, State,
    lines::Known,
    state::{Holds, Rollout, RolloutDevice},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex},
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
struct Memory {
    devices: HashMap<String, Kept>,
    busy: HashSet<String>,
    /// Since when a stage is complete, by roll-out and stage. By the clock that only goes forward: a new start watches it anew.
    complete: HashMap<(i64, i64), Instant>,
    /// Containers that have written the line that they have to: roll-out, device, container.
    lines: HashSet<(i64, String, String)>,
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
            Ok(Err(error)) => eprintln!("berth-serve: {error}"),
            Err(_) => return,
        }
        tokio::time::sleep(TICK).await;
    }
}

struct Engine {
    state: Arc<State>,
    lines: Arc<Lines>,
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
    too_much: Vec<String>,
    /// Whose a container is.
    whose: BTreeMap<String, (String, i64)>,
    /// Lines that containers have to write: roll-out, container, text.
    lines: Vec<(i64, String, String)>,
}

/// A roll-out with its devices.
struct UnderWay {
    rollout: Rollout,
    devices: BTreeMap<String, RolloutDevice>,
}

impl Engine {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
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
        for this in &under_way {
            let set = sets.iter().find(|set| set.name == this.rollout.set);
            let spec = set.and_then(|set| set.specs.get(&this.rollout.version));
            if let Some(spec) = spec {
                self.judge(this, spec, &all)?;
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
        let too_much = placed
            .into_iter()
            .filter(|name| !targets.contains_key(name));
        let too_much = too_much.collect();
        self.memory().busy.insert(name.clone());
        Ok(Some(Work {
            known,
            wanted,
            targets,
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
        let (targets, too_much) = (work.targets, work.too_much);
        let texts = work.lines.clone();
        let made = work.known.line.change(Again::No, PATIENCE, move |client| {
            let made = reconcile(client, &targets, &too_much)?;
            let mut seen = Vec::new();
            if made.1.is_none() {
                for (rollout, container, text) in &texts {
                    if has_written(client, container, text)? {
                        seen.push((*rollout, container.clone()));
                    }
                }
            }
            Ok((made, seen))
        });
        let made = made.await;
        let engine = Arc::clone(&self);
        let (wanted, whose) = (work.wanted, work.whose);
        let device = name.clone();
        let noted = tokio::task::spawn_blocking(move || engine.note(&device, wanted, &whose, made));
        if let Ok(Err(error)) = noted.await {
            eprintln!("berth-serve: {error}");
        }
        self.memory().busy.remove(&name);
    }

    #[expect(clippy::type_complexity, reason = "what comes of one question")]
    fn note(
        &self,
        device: &str,
        wanted: Wanted,
        whose: &BTreeMap<String, (String, i64)>,
        made: Result<((super::reconcile::Done, Option<String>), Vec<(i64, String)>), Failed>,
    ) -> Result<(), Error> {
        let Ok(((done, failed), seen)) = made else {
            // The line broke, or it is away: nobody knows how far it came, and it is looked at again.
            self.memory().devices.remove(device);
            return Ok(());
        };
        self.state.note_placed(device, &done, whose)?;
        for rollout in self.state.rollouts_under_way()? {
            if wanted.contains(&(rollout.set.clone(), rollout.version)) {
                match &failed {
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
            memory.lines.insert((rollout, device.to_owned(), container));
        }
        memory.devices.insert(
            device.to_owned(),
            Kept {
                wanted,
                at: Instant::now(),
                failed,
            },
        );
        Ok(())
    }

    /// Looks whether a roll-out goes on, or has to be stopped.
    fn judge(&self, this: &UnderWay, spec: &Spec, all: &[Known]) -> Result<(), Error> {
        let rollout = &this.rollout;
        if rollout.state != "running" {
            self.memory().complete.remove(&(rollout.id, rollout.stage));
            return Ok(());
        }
        let stage = this
            .devices
            .values()
            .filter(|device| device.stage <= rollout.stage);
        let mut failed = Vec::new();
        let (mut updated, mut waiting) = (0, 0);
        for device in stage {
            let known = all.iter().find(|known| known.device.name == device.device);
            match &*device.state {
                "failed" => failed.push(format!("{}: {}", device.device, device.why)),
                "updated" | "good" => {
                    match known.and_then(|known| self.sickness(known, spec, device)) {
                        Some(why) => {
                            self.state.note_failed(rollout.id, &device.device, &why)?;
                            failed.push(format!("{}: {why}", device.device));
                        }
                        None => {
                            updated += 1;
                            waiting +=
                                usize::from(!self.has_said_all(rollout.id, &device.device, spec));
                        }
                    }
                }
                _ => {
                    // Who is away gets it when he comes back.
                    let here = known.is_some_and(|known| {
                        matches!(known.line.standing(), Standing::Here(_) | Standing::Looking)
                    });
                    waiting += usize::from(here);
                }
            }
        }
        if failed.len() > spec.rollout.failures_max as usize {
            let why = failed.join("; ");
            return self
                .state
                .end_rollout(rollout.id, "stopped", &why, By::GATEWAY);
        }
        let key = (rollout.id, rollout.stage);
        if waiting > 0 || updated == 0 {
            self.memory().complete.remove(&key);
            return Ok(());
        }
        let since = *self
            .memory()
            .complete
            .entry(key)
            .or_insert_with(Instant::now);
        let over = since + spec.rollout.watch();
        if Instant::now() < over {
            return Ok(());
        }
        // Seen once more, so that nothing of the time that was watched is missed.
        let mut is_seen = true;
        for device in this.devices.values() {
            let known = all.iter().find(|known| known.device.name == device.device);
            if let Some(known) = known
                && matches!(&*device.state, "updated" | "good")
                && matches!(known.line.standing(), Standing::Here(_))
                && known.line.seen().is_none_or(|seen| seen.at < over)
            {
                known.line.glance();
                is_seen = false;
            }
        }
        if !is_seen {
            return Ok(());
        }
        self.memory().complete.remove(&key);
        self.state.advance(rollout.id, rollout.stage)
    }

    /// Why a device that has the new version is not well, by what was seen of it since.
    fn sickness(&self, known: &Known, spec: &Spec, device: &RolloutDevice) -> Option<String> {
        let seen = known.line.seen()?;
        let since = crate::state::now_ms().saturating_sub(device.at_ms);
        // Of before it was updated.
        if i64::try_from(seen.at.elapsed().as_millis()).unwrap_or(i64::MAX) > since.max(0) {
            return None;
        }
        if seen.status.as_ref().is_some_and(|status| status.safe_mode) {
            return Some("it is in safe mode".into());
        }
        for (name, wanted) in &spec.containers {
            let Some(container) = seen.containers.iter().find(|is| is.name == **name) else {
                return Some(format!("{name} is not there"));
            };
            use berth_protocol::State::{Faulted, Quarantined, Restarting};
            if matches!(
                container.state,
                Faulted { .. } | Quarantined | Restarting { .. }
            ) {
                return Some(format!("{name} is {}", container.state));
            }
            if wanted.start && container.restarts > 0 {
                return Some(format!("{name} was restarted {} times", container.restarts));
            }
        }
        None
    }

    fn has_said_all(&self, rollout: i64, device: &str, spec: &Spec) -> bool {
        let memory = self.memory();
        let mut containers = spec.rollout.logs.keys();
        containers.all(|container| {
            memory
                .lines
                .contains(&(rollout, device.to_owned(), container.clone()))
        })
    }
}

/// Has a container written a line with this text in it, as far as the device still has its log?
fn has_written(
    client: &mut berth::Client,
    container: &str,
    text: &str,
) -> Result<bool, berth::Error> {
    let (mut log, mut from) = (None, 0);
    // One that writes without end is read further at the next look.
    for _ in 0..LINES_MAX {
        match berth::log_line(client, container, log, from) {
            Ok(Some(line)) if line.text.contains(text) => return Ok(true),
            Ok(Some(line)) => (log, from) = (Some(line.log), line.sequence + 1),
            Ok(None) | Err(berth::Error::Refused(_)) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
