//! What is seen of a device without anybody asking for it: how it and its containers are, its events, and the logs that
//! somebody follows.
//!
//! ```text
//!   owner thread ── every 10 s (2 s while it is on somebody's page), after a change, twice a second if somebody follows ──► device
//!        │
//!        ├── Seen, replaced whole ──────────► list of devices, metrics
//!        ├── figures of the last looks ─────► pages
//!        ├── events since the last look ────► who follows them, counts of faults
//!        └── lines since the last look ─────► who follows them
//! ```
//!
//! However many look or follow, the device is asked once.

use crate::{history::History, line::hold};
use berth::{Client, Container, DeviceEvent, DeviceInfo, DeviceStatus, HeapInfo, LogLine};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::broadcast;

/// How often a device is looked at, and what somebody follows is read.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// How often a device is looked at that somebody has on a page, and how long he has it who has asked for it once.
const VIEW_EVERY: Duration = Duration::from_secs(2);
const VIEW_LASTS: Duration = Duration::from_secs(8);

/// Until a device is looked at after something was changed.
const LOOK_AFTER_CHANGE: Duration = Duration::from_millis(200);

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Items that one look reads of one log, so that a device that writes without end keeps nobody else out.
const ITEMS_MAX: usize = 64;

/// Items that wait for a follower; who is slower misses some, and is told.
const BEHIND_MAX: usize = 256;

/// Events that are kept.
const EVENTS_MAX: usize = 256;

/// Kinds of faults, of all containers of a device, that are counted apart.
const COUNTS_MAX: usize = 1024;

/// A device as it was.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) heap: HeapInfo,
    /// `None`: its firmware cannot tell.
    pub(crate) status: Option<DeviceStatus>,
    pub(crate) containers: Vec<Container>,
}

/// What can be followed: an event, or a line of a log.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Item {
    Event(DeviceEvent),
    Line(LogLine),
}

impl Item {
    /// Of which log it is, and its number there.
    pub(crate) const fn place(&self) -> (u32, u32) {
        match self {
            Self::Event(event) => (event.log, event.sequence),
            Self::Line(line) => (line.log, line.sequence),
        }
    }
}

/// How far a log was read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) log: Option<u32>,
    pub(crate) next: u32,
}

impl Place {
    pub(crate) const fn after(item: &Item) -> Self {
        let (log, sequence) = item.place();
        Self {
            log: Some(log),
            next: sequence.saturating_add(1),
        }
    }

    /// Is it at or behind this place of the same log, or of another one?
    pub(crate) fn is_before(self, item: &Item) -> bool {
        let (log, sequence) = item.place();
        self.log != Some(log) || sequence >= self.next
    }
}

#[derive(Debug)]
struct Followed {
    place: Place,
    sender: broadcast::Sender<Arc<Item>>,
}

/// What the owner thread and those who ask have in common.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: Mutex<Option<Arc<Seen>>>,
    logs: Mutex<HashMap<String, Followed>>,
    events: Mutex<Events>,
    counts: Mutex<BTreeMap<(String, String), u64>>,
    history: Mutex<History>,
    /// Until when somebody has it on a page.
    viewed: Mutex<Option<Instant>>,
    carried: Mutex<Option<Carried>>,
    uploaded: Mutex<Uploaded>,
}

/// An image on its way to the device.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    /// The container's name.
    pub(crate) name: String,
    /// Bytes that the device has, and bytes of the image.
    pub(crate) done: u32,
    pub(crate) total: u32,
}

/// Images that came to a device, and how long they took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Uploaded {
    pub(crate) images: u64,
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

/// Tells of an image on its way until it is dropped.
pub(crate) struct Carrying {
    watch: Arc<Watch>,
    name: String,
    total: u32,
    began: Instant,
    is_there: AtomicBool,
}

impl Carrying {
    pub(crate) fn begin(watch: &Arc<Watch>, name: &str, total: usize) -> Self {
        let this = Self {
            watch: Arc::clone(watch),
            name: name.to_owned(),
            total: u32::try_from(total).unwrap_or(u32::MAX),
            began: Instant::now(),
            is_there: AtomicBool::new(false),
        };
        this.has(0);
        this
    }

    /// The device has so many bytes of it.
    pub(crate) fn has(&self, done: u32) {
        *hold(&self.watch.carried) = Some(Carried {
            name: self.name.clone(),
            done,
            total: self.total,
        });
        if done >= self.total && !self.is_there.swap(true, Ordering::Relaxed) {
            self.watch.has_come(self.total, self.began.elapsed());
        }
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        *hold(&self.watch.carried) = None;
    }
}

#[derive(Debug)]
struct Events {
    place: Place,
    kept: VecDeque<Arc<Item>>,
    sender: broadcast::Sender<Arc<Item>>,
}

impl Events {
    fn from(&self, place: Place) -> Vec<Arc<Item>> {
        let kept = self.kept.iter().filter(|item| place.is_before(item));
        kept.cloned().collect()
    }
}

impl Default for Events {
    fn default() -> Self {
        Self {
            place: Place::default(),
            kept: VecDeque::new(),
            sender: broadcast::Sender::new(BEHIND_MAX),
        }
    }
}

impl Watch {
    /// The device as it was at the last look.
    pub(crate) fn seen(&self) -> Option<Arc<Seen>> {
        hold(&self.seen).clone()
    }

    /// The figures of the last looks.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        hold(&self.history)
    }

    /// The image that is on its way to the device, if one is.
    pub(crate) fn carried(&self) -> Option<Carried> {
        hold(&self.carried).clone()
    }

    /// An image of so many bytes has come to the device, in that time.
    pub(crate) fn has_come(&self, bytes: u32, time: Duration) {
        let mut uploaded = hold(&self.uploaded);
        uploaded.images += 1;
        uploaded.bytes += u64::from(bytes);
        uploaded.time += time;
    }

    /// The images that came to the device since the gateway knows it.
    pub(crate) fn uploaded(&self) -> Uploaded {
        *hold(&self.uploaded)
    }

    /// Somebody has it on a page, and asks again soon. Returns whether nobody had it before.
    pub(crate) fn view(&self) -> bool {
        let now = Instant::now();
        let before = hold(&self.viewed).replace(now + VIEW_LASTS);
        before.is_none_or(|until| until <= now)
    }

    fn is_viewed(&self) -> bool {
        hold(&self.viewed).is_some_and(|until| until > Instant::now())
    }

    /// How often a container has ended with a fault, by container and fault, since the gateway knows the device.
    pub(crate) fn faults(&self) -> BTreeMap<(String, String), u64> {
        hold(&self.counts).clone()
    }

    /// What has happened from `place` on, and what will.
    pub(crate) fn follow_events(
        &self,
        place: Place,
    ) -> (Vec<Arc<Item>>, broadcast::Receiver<Arc<Item>>) {
        let events = hold(&self.events);
        (events.from(place), events.sender.subscribe())
    }

    /// What has happened from `place` on, as far as it is kept.
    pub(crate) fn events_from(&self, place: Place) -> Vec<Arc<Item>> {
        hold(&self.events).from(place)
    }

    /// What a container will write. Whoever follows first has read up to `place`; gives back from where on it comes.
    pub(crate) fn follow_log(
        &self,
        name: &str,
        place: Place,
    ) -> (Place, broadcast::Receiver<Arc<Item>>) {
        let mut logs = hold(&self.logs);
        let followed = logs.entry(name.to_owned()).or_insert_with(|| Followed {
            place,
            sender: broadcast::Sender::new(BEHIND_MAX),
        });
        (followed.place, followed.sender.subscribe())
    }

    fn is_followed(&self) -> bool {
        let mut logs = hold(&self.logs);
        logs.retain(|_, followed| followed.sender.receiver_count() > 0);
        !logs.is_empty() || hold(&self.events).sender.receiver_count() > 0
    }
}

/// When to look again.
#[derive(Debug)]
pub(crate) struct Due {
    look: Instant,
    /// When it is looked at if somebody has it on a page.
    view: Instant,
    follow: Instant,
}

impl Due {
    pub(crate) fn now() -> Self {
        let now = Instant::now();
        Self {
            look: now,
            view: now,
            follow: now,
        }
    }

    /// Something was changed, so what was seen is not so any more.
    pub(crate) fn after_change(&mut self) {
        self.look = self.look.min(Instant::now() + LOOK_AFTER_CHANGE);
    }

    /// When it is looked at next.
    fn next_look(&self, watch: &Watch) -> Instant {
        if watch.is_viewed() {
            self.look.min(self.view)
        } else {
            self.look
        }
    }

    /// Until the next look.
    pub(crate) fn left(&self, watch: &Watch) -> Duration {
        let look = self.next_look(watch);
        let next = if watch.is_followed() {
            look.min(self.follow)
        } else {
            look
        };
        next.saturating_duration_since(Instant::now())
    }

    /// Looks at what is due. Returns who the device is, if it was looked at.
    ///
    /// # Errors
    /// If the line broke, or nobody answers.
    pub(crate) fn look(
        &mut self,
        watch: &Watch,
        client: &mut Client,
    ) -> Result<Option<DeviceInfo>, berth::Error> {
        client.set_deadline(Some(Instant::now() + PATIENCE));
        let looked = self.look_in_time(watch, client);
        client.set_deadline(None);
        looked
    }

    fn look_in_time(
        &mut self,
        watch: &Watch,
        client: &mut Client,
    ) -> Result<Option<DeviceInfo>, berth::Error> {
        let now = Instant::now();
        let mut info = None;
        if now >= self.next_look(watch) {
            self.look = now + LOOK_EVERY;
            self.view = now + VIEW_EVERY;
            info = Some(berth::hello(client)?);
            let seen = Seen {
                at: now,
                heap: berth::heap(client)?,
                status: unless_refused(berth::status(client))?,
                containers: unless_refused(berth::containers(client))?.unwrap_or_default(),
            };
            watch.history().add(&seen);
            *hold(&watch.seen) = Some(Arc::new(seen));
        }
        if info.is_some() || now >= self.follow {
            self.follow = now + FOLLOW_EVERY;
            read_events(watch, client)?;
            read_logs(watch, client)?;
        }
        Ok(info)
    }
}

/// `None` if the device answers, and has no answer to that.
fn unless_refused<T>(done: Result<T, berth::Error>) -> Result<Option<T>, berth::Error> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(berth::Error::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads items one after the other until there is none or there were enough; a log that is another one now is begun anew.
pub(crate) fn read(
    place: &mut Place,
    mut one: impl FnMut(Place) -> Result<Option<Item>, berth::Error>,
    mut take: impl FnMut(Item),
) -> Result<(), berth::Error> {
    for _ in 0..ITEMS_MAX {
        match one(*place) {
            Ok(Some(item)) => {
                *place = Place::after(&item);
                take(item);
            }
            Ok(None) => return Ok(()),
            Err(error) if error.is_refusal("other-log") => *place = Place::default(),
            // Deleted, or of firmware that has none.
            Err(berth::Error::Refused(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn read_events(watch: &Watch, client: &mut Client) -> Result<(), berth::Error> {
    let mut place = hold(&watch.events).place;
    read(
        &mut place,
        |place| Ok(berth::event(client, place.log, place.next)?.map(Item::Event)),
        |item| {
            if let Item::Event(event) = &item
                && event.event == "faulted"
                && let Some(name) = &event.name
            {
                let mut counts = hold(&watch.counts);
                let kind = (name.to_string(), event.detail.clone());
                if counts.len() < COUNTS_MAX || counts.contains_key(&kind) {
                    *counts.entry(kind).or_default() += 1;
                }
            }
            let item = Arc::new(item);
            let mut events = hold(&watch.events);
            events.place = Place::after(&item);
            if events.kept.len() >= EVENTS_MAX {
                events.kept.pop_front();
            }
            events.kept.push_back(Arc::clone(&item));
            // Nobody may follow.
            let _ = events.sender.send(item);
        },
    )?;
    // Where it was begun anew and nothing is there yet, too.
    hold(&watch.events).place = place;
    Ok(())
}

fn read_logs(watch: &Watch, client: &mut Client) -> Result<(), berth::Error> {
    let followed: Vec<_> = {
        let logs = hold(&watch.logs);
        let each = logs.iter();
        each.map(|(name, followed)| (name.clone(), followed.place, followed.sender.clone()))
            .collect()
    };
    for (name, mut place, sender) in followed {
        let done = read(
            &mut place,
            |place| Ok(berth::log_line(client, &name, place.log, place.next)?.map(Item::Line)),
            |item| {
                let _ = sender.send(Arc::new(item));
            },
        );
        if let Some(followed) = hold(&watch.logs).get_mut(&name) {
            followed.place = place;
        }
        done?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(log: u32, sequence: u32) -> Item {
        Item::Line(LogLine {
            log,
            sequence,
            dropped: 0,
            time_us: 0,
            level: "info",
            text: "x".into(),
            meaning: None,
        })
    }

    #[test]
    fn a_log_that_is_another_one_is_read_from_its_beginning() {
        let mut place = Place {
            log: Some(1),
            next: 7,
        };
        let mut asked = Vec::new();
        let mut taken = Vec::new();
        read(
            &mut place,
            |place| {
                asked.push((place.log, place.next));
                match (place.log, place.next) {
                    (Some(1), _) => Err(other_log()),
                    (None, 0) => Ok(Some(line(2, 0))),
                    (Some(2), 1) => Ok(Some(line(2, 1))),
                    _ => Ok(None),
                }
            },
            |item| taken.push(item.place()),
        )
        .unwrap();
        assert_eq!(taken, [(2, 0), (2, 1)]);
        assert_eq!(asked.first(), Some(&(Some(1), 7)));
        assert_eq!((place.log, place.next), (Some(2), 2));
    }

    fn other_log() -> berth::Error {
        berth::Error::Refused(berth::Refusal {
            code: "other-log",
            name: None,
            message: "another log".into(),
            to: "logs",
            missing: Vec::new(),
        })
    }

    #[test]
    fn who_follows_hears_what_was_kept_and_not_what_he_has() {
        let watch = Watch::default();
        {
            let mut events = hold(&watch.events);
            for sequence in 0..3 {
                events.kept.push_back(Arc::new(line(5, sequence)));
            }
        }
        let from = |log, next| {
            let (kept, _) = watch.follow_events(Place { log, next });
            kept.iter().map(|item| item.place().1).collect::<Vec<_>>()
        };
        assert_eq!(from(None, 0), [0, 1, 2]);
        assert_eq!(from(Some(5), 2), [2]);
        assert_eq!(from(Some(4), 2), [0, 1, 2]);
        assert!(!watch.is_followed());
        let (_, _receiver) = watch.follow_log("blink", Place::default());
        assert!(watch.is_followed());
    }
}
