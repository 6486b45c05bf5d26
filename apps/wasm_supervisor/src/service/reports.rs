//! What the device tells of itself and of its containers, beside what `ps` shows.

use berth_flash::Flash as _;
use berth_protocol::{DeviceError, Erases, Image, Inspection, Reply, Status, StoreStatus};

use super::Service;
use crate::answering::Sink;
use crate::container::{CONTAINERS_MAX, Container};
use crate::platform::Platform;

impl<P: Platform + 'static> Service<P> {
    /// All that is known of the container called `name`.
    pub(super) fn inspect(&self, id: u32, name: &str, sink: &mut dyn Sink) {
        let found = self
            .containers
            .find(name)
            .and_then(|slot| Some((slot, self.containers.get(slot)?)));
        let result = match found {
            None => Err(DeviceError::UnknownName),
            Some((slot, container)) => Ok(Reply::Inspection(Inspection {
                hash: container.hash(),
                parameters: container.parameters(),
                saved_bytes: self.shared.with_saved(slot, |saved| saved.bytes().len()) as u32,
                log_dropped: self.shared.with_log(slot, |log| log.dropped()).unwrap_or(0),
                fault: container.fault(),
            })),
        };
        sink.take(id, &result);
    }

    /// The image in or behind slot `cursor`.
    pub(super) fn image(&self, cursor: u16) -> Reply<'_> {
        let mut slots = (usize::from(cursor)..CONTAINERS_MAX)
            .filter_map(|slot| Some((slot, self.containers.get(slot)?)));
        match slots.next() {
            Some((slot, container)) => Reply::Image {
                item: Image {
                    name: container.name(),
                    bytes: self.containers.image(slot).len() as u32,
                    hash: container.hash(),
                    parameters: container.parameters(),
                    persistent: self.containers.images().flash().is_some(),
                },
                next: slots.next().map(|(slot, _)| slot as u16),
            },
            None => Reply::End,
        }
    }

    /// What tells the logs and events of this run of the supervisor from those of others.
    pub(super) fn session(&self) -> u32 {
        self.session.unwrap_or(0)
    }

    /// The first event that is not older than number `from`, of the list that was read before if it was one.
    pub(super) fn event(
        &self,
        wanted: Option<u32>,
        from: u32,
    ) -> Result<Reply<'_>, DeviceError<'_>> {
        let log = self.session();
        if wanted.is_some_and(|wanted| wanted != log) {
            return Err(DeviceError::OtherLog);
        }
        Ok(match self.containers.events().first_from(from) {
            Some((sequence, record)) => Reply::Event {
                log,
                sequence,
                dropped: sequence - from,
                time_us: record.time_us,
                name: record.name.as_ref().map(|name| name.as_str()),
                what: record.what,
            },
            None => Reply::End,
        })
    }

    /// Returns how the device is.
    pub(super) fn status(&self) -> Status<'_> {
        let before = self.containers.before();
        Status {
            safe_mode: before.safe_mode,
            without_store: before.without_store,
            suspect: self.suspect(),
            restarts: u16::try_from(before.failures).unwrap_or(u16::MAX),
            longest_stall_us: self.containers.longest_stall_us(),
            minimal_bytes: berth_protocol::MINIMAL_BYTES,
            store: self.containers.images().flash().map(|store| {
                let (space, wear) = (store.space(), store.wear());
                StoreStatus {
                    total: space.total,
                    free: space.free,
                    largest_free: space.largest,
                    wear_max: wear.most,
                    wear_mean: wear.total / wear.pages.max(1),
                    erases: store.flash().erases().map(|erases| Erases {
                        left: erases.left,
                        most: erases.most,
                        period_s: erases.period_s,
                        refused: erases.refused,
                    }),
                }
            }),
        }
    }

    /// The container that was being executed when the supervisor failed last.
    pub(crate) fn suspect(&self) -> Option<&str> {
        self.containers
            .iter()
            .find(|(_, container)| self.containers.before().suspects(container.tag()))
            .map(|(_, container)| Container::name(container))
    }
}
