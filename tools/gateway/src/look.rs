//! Looks at a device: when it is due, and what is asked then.

use crate::watch::{Item, Place, Seen, Watch};
use berth::{Client, DeviceInfo};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often a device is looked at, and what somebody follows is read.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// How often a device is looked at that somebody has on a page.
const VIEW_EVERY: Duration = Duration::from_secs(2);

/// Until a device is looked at after something was changed.
const LOOK_AFTER_CHANGE: Duration = Duration::from_millis(200);

/// How long a device has for each answer to a look, and for all of them.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_FOR_ALL: Duration = Duration::from_secs(30);

/// Items that one look reads of one log, so that a device that writes without end keeps nobody else out.
const ITEMS_MAX: usize = 64;

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

    /// A job is done. If it has changed something, what was seen is not so any more.
    pub(crate) fn after(&mut self, changes: bool) {
        if changes {
            self.look = self.look.min(Instant::now() + LOOK_AFTER_CHANGE);
        }
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
        client.set_patience(Some(PATIENCE));
        client.set_deadline(Some(Instant::now() + PATIENCE_FOR_ALL));
        let looked = self.look_in_time(watch, client);
        client.set_deadline(None);
        client.set_patience(None);
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
            watch.has_seen(seen);
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
    let mut place = watch.events_place();
    read(
        &mut place,
        |place| Ok(berth::event(client, place.log, place.next)?.map(Item::Event)),
        |item| watch.has_happened(item),
    )?;
    // Where it was begun anew and nothing is there yet, too.
    watch.events_are_read(place);
    Ok(())
}

fn read_logs(watch: &Watch, client: &mut Client) -> Result<(), berth::Error> {
    for (name, mut place, sender) in watch.followed() {
        let done = read(
            &mut place,
            |place| Ok(berth::log_line(client, &name, place.log, place.next)?.map(Item::Line)),
            |item| {
                let _ = sender.send(Arc::new(item));
            },
        );
        watch.log_is_read(&name, place);
        done?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::line;

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
}
