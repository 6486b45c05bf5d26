//! What the device tells of itself and of its containers: all that changes nothing.

use berth_flash::Flash as _;
use berth_protocol::{
    DRAFT_PART_MAX, Device, DeviceError, FaultReport, Heap, Image, Inspection, Kept, LOG_TEXT_MAX,
    PROTOCOL_VERSION, Reply, Status, StoreStatus, TEXT_MAX, cut,
};

use super::Service;
use super::exposures::access;
use crate::VERSION;
use crate::answering::Sink;
use crate::arena;
use crate::container::{CONTAINERS_MAX, Container};
use crate::platform::{Platform, told};

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
                fault: container.fault().map(|fault| FaultReport {
                    time_us: self.since_start(fault.time_us),
                    ..fault
                }),
            })),
        };
        sink.take(id, &result);
    }

    /// What the signature of the container called `name` claims, with its label of this number.
    pub(super) fn signature(&self, id: u32, name: &str, label: u8, sink: &mut dyn Sink) {
        let slot = self.containers.find(name).ok_or(DeviceError::UnknownName);
        let result = slot.map(|slot| match self.containers.claims(slot) {
            None => Reply::End,
            Some(claims) => Reply::Signature {
                key: claims.key.0,
                counter: claims.counter,
                package: claims.name,
                label: claims.labels.iter().nth(label.into()),
            },
        });
        sink.take(id, &result);
    }

    /// What is kept for the container called `name`, its configuration from `offset` on.
    pub(super) fn kept(&self, id: u32, name: &str, offset: u16, sink: &mut dyn Sink) {
        let found = self.containers.find(name);
        let found = found.and_then(|slot| Some((slot, self.containers.get(slot)?)));
        let result = match found {
            None => Err(DeviceError::UnknownName),
            Some((slot, container)) => {
                let all = self.containers.configuration(slot);
                let rest = all.get(usize::from(offset)..).unwrap_or_default();
                let part = rest.get(..DRAFT_PART_MAX).unwrap_or(rest);
                let end = part.iter().rposition(|byte| *byte == 0);
                let part = end.map_or(part, |end| part.get(..=end).unwrap_or(part));
                let (values, values_bytes) = self.containers.values(slot);
                let belongings = container.belongings();
                Ok(Reply::Kept(Kept {
                    changes: self.shared.changes(slot),
                    part,
                    left: (rest.len() - part.len()) as u16,
                    values,
                    values_bytes,
                    values_limit: belongings.values_limit(),
                    values_chosen: belongings.values_chosen(),
                }))
            }
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

    /// What the device is.
    pub(super) fn device(&self) -> Device<'_> {
        let (board, kernel) = self.shared.platform.names();
        Device {
            protocol: PROTOCOL_VERSION,
            board: cut(board, TEXT_MAX),
            kernel: cut(kernel, TEXT_MAX),
            supervisor: VERSION,
            uptime_us: self.since_start(self.shared.platform.now_us()),
        }
    }

    /// A moment as it is told: everybody's clock begins with this run of the supervisor, so that what is told of different things can be
    /// compared.
    const fn since_start(&self, us: u64) -> u64 {
        us.saturating_sub(self.started_us)
    }

    /// Memory of the device.
    pub(crate) fn heap(&self) -> Heap {
        // What answers and log lines needed for a moment is free again.
        arena::trim(arena::ArenaId::SUPERVISOR);
        let space = arena::space();
        Heap {
            total: space.total_bytes,
            free: space.free_bytes,
            largest_free: space.largest_bytes,
            containers: self.containers.iter().count() as u16,
            containers_max: CONTAINERS_MAX as u16,
        }
    }

    /// The container in `slot`, as `ps` shows it.
    pub(crate) fn describe(&self, slot: usize) -> Option<berth_protocol::Container<'_>> {
        let container = self.containers.get(slot)?;
        let (memory_used, memory_limit) = self.containers.memory(slot);
        let now = self.shared.platform.now_us();
        let (interrupts, interrupts_dropped) = self.containers.interrupts(slot);
        Some(berth_protocol::Container {
            name: container.name(),
            state: container.state(),
            image_bytes: self.containers.image(slot).len() as u32,
            uptime_us: if container.state().is_active() {
                now.saturating_sub(container.started_us())
            } else {
                0
            },
            fuel_used: container.fuel_used(),
            memory_used,
            memory_limit,
            share: container.share(),
            cpu_permille: container.cpu_permille(),
            memory_high: container.memory_high(),
            stack_high: container.stack_high(self.containers.image(slot)),
            interrupts,
            interrupts_dropped,
            restarts: container.restarts().total,
        })
    }

    /// The first container in or behind slot `cursor`.
    pub(super) fn container(&self, cursor: u16) -> Reply<'_> {
        let mut slots = (usize::from(cursor)..CONTAINERS_MAX)
            .filter(|slot| self.containers.get(*slot).is_some());
        match slots.next().and_then(|slot| self.describe(slot)) {
            Some(item) => Reply::Container {
                item,
                next: slots.next().map(|slot| slot as u16),
            },
            None => Reply::End,
        }
    }

    /// The first line of a container's log that is not older than number `from`.
    pub(super) fn log_line(
        &self,
        id: u32,
        name: &str,
        (wanted, from): (Option<u32>, u32),
        sink: &mut dyn Sink,
    ) {
        let Some(slot) = self.containers.find(name) else {
            return sink.take(id, &Err(DeviceError::UnknownName));
        };
        self.shared
            .with_log(slot, |log| {
                let own = self.session().wrapping_add(log.number());
                if wanted.is_some_and(|wanted| wanted != own) {
                    return sink.take(id, &Err(DeviceError::OtherLog));
                }
                let reply = match log.line(from) {
                    Some(line) => Reply::LogLine {
                        log: own,
                        sequence: line.sequence,
                        dropped: line.sequence - from,
                        time_us: self.since_start(line.time_us),
                        level: line.level,
                        text: cut(line.text, LOG_TEXT_MAX),
                    },
                    None => Reply::End,
                };
                sink.take(id, &Ok(reply))
            })
            .unwrap_or_default()
    }

    /// The interrupt source at `cursor` of the container called `name`.
    pub(super) fn source(&self, id: u32, name: &str, cursor: u16, sink: &mut dyn Sink) {
        let Some(slot) = self.containers.find(name) else {
            return sink.take(id, &Err(DeviceError::UnknownName));
        };
        let reply = match self.containers.source(slot, cursor) {
            Some((item, more)) => Reply::Source {
                item,
                next: more.then_some(cursor + 1),
            },
            None => Reply::End,
        };
        sink.take(id, &Ok(reply))
    }

    /// The block at `cursor` of the container called `name`.
    pub(super) fn block(&mut self, id: u32, name: &str, cursor: u16, sink: &mut dyn Sink) {
        let Some(slot) = self.containers.find(name) else {
            return sink.take(id, &Err(DeviceError::UnknownName));
        };
        let reply = match self.containers.block(slot, cursor) {
            Some((block, label, more)) => Reply::Block {
                label,
                access: access(block.access, block.window.is_some()),
                next: more.then_some(cursor + 1),
            },
            None => Reply::End,
        };
        sink.take(id, &Ok(reply))
    }

    /// What is known of the container called `name`, beside its record.
    pub(super) fn about(
        &self,
        id: u32,
        name: &str,
        what: fn(&Container<P>) -> Reply<'_>,
        sink: &mut dyn Sink,
    ) {
        let found = self.containers.find(name);
        let reply = match found.and_then(|slot| self.containers.get(slot)) {
            Some(container) => Ok(what(container)),
            None => Err(DeviceError::UnknownName),
        };
        sink.take(id, &reply);
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
                time_us: self.since_start(record.time_us),
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
                    erases: store.flash().erases().map(told),
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
