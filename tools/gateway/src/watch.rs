//! What is seen of a device without anybody asking for it: how it and its containers are, its events, and the logs that
//! somebody follows.
//!
//! ```text
//!   owner (look) ── every 10 s (2 s while it is on somebody's page), after a change, twice a second if somebody follows ──► device
//!        │
//!        ├── Seen, replaced whole ──────────► list of devices, metrics
//!        ├── figures of the last looks ─────► pages
//!        ├── events since the last look ────► who follows them, counts of faults
//!        └── lines since the last look ─────► who follows them
//! ```
//!
//! However many look or follow, the device is asked once.

use crate::{history::History, line::hold};
use berth::{Container, DeviceEvent, DeviceStatus, HeapInfo, LogLine};
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

/// How long somebody has a device on a page who has asked for it once.
const VIEW_LASTS: Duration = Duration::from_secs(8);

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

/// What the owner and those who ask have in common.
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

    /// It was looked at.
    pub(crate) fn has_seen(&self, seen: Seen) {
        self.history().add(&seen);
        *hold(&self.seen) = Some(Arc::new(seen));
    }

    pub(crate) fn is_viewed(&self) -> bool {
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

    /// Up to where its events are read.
    pub(crate) fn events_place(&self) -> Place {
        hold(&self.events).place
    }

    /// Its events are read up to there.
    pub(crate) fn events_are_read(&self, place: Place) {
        hold(&self.events).place = place;
    }

    /// The next event was read.
    pub(crate) fn has_happened(&self, item: Item) {
        if let Item::Event(event) = &item
            && event.event == "faulted"
            && let Some(name) = &event.name
        {
            let mut counts = hold(&self.counts);
            let kind = (name.to_string(), event.detail.clone());
            if counts.len() < COUNTS_MAX || counts.contains_key(&kind) {
                *counts.entry(kind).or_default() += 1;
            }
        }
        let item = Arc::new(item);
        let mut events = hold(&self.events);
        events.place = Place::after(&item);
        if events.kept.len() >= EVENTS_MAX {
            events.kept.pop_front();
        }
        events.kept.push_back(Arc::clone(&item));
        // Nobody may follow.
        let _ = events.sender.send(item);
    }

    /// The logs that somebody follows: whose, up to where they are read, and who is told what comes.
    pub(crate) fn followed(&self) -> Vec<(String, Place, broadcast::Sender<Arc<Item>>)> {
        let logs = hold(&self.logs);
        let each = logs.iter();
        each.map(|(name, followed)| (name.clone(), followed.place, followed.sender.clone()))
            .collect()
    }

    /// The log of a container is read up to there.
    pub(crate) fn log_is_read(&self, name: &str, place: Place) {
        if let Some(followed) = hold(&self.logs).get_mut(name) {
            followed.place = place;
        }
    }

    pub(crate) fn is_followed(&self) -> bool {
        let mut logs = hold(&self.logs);
        logs.retain(|_, followed| followed.sender.receiver_count() > 0);
        !logs.is_empty() || hold(&self.events).sender.receiver_count() > 0
    }
}

/// A line for tests.
#[cfg(test)]
pub(crate) fn line(log: u32, sequence: u32) -> Item {
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

#[cfg(test)]
mod tests {
    use super::*;

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
