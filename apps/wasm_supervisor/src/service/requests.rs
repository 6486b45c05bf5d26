//! Requests and their answers.

use berth_protocol::{
    CHUNK_MAX, Device, DeviceError, FRAME_MAX, Heap, LOG_TEXT_MAX, MissingWhy, Op,
    PROTOCOL_VERSION, Reply, Request, Response, TEXT_MAX, cut, encode_frame,
};

use super::exposures::exposure;
use super::upload::{self, Announced, Begin, Failed, NotBegun, Upload};
use super::{Supervisor, VERSION, answers};
use crate::admission::{HostFunction, Import, Module, imports};
use crate::arena;
use crate::container::table::tag;
use crate::container::{CONTAINERS_MAX, Container, Containers, Refused};
use crate::platform::{DESCRIPTION_MAX, Platform};

/// So long what an image lacks that was refused as a live update can be asked for, in microseconds.
const REFUSED_US: u64 = 5_000_000;

// A chunk is read from the message in place; nothing here depends on its size.
const _: () = assert!(CHUNK_MAX < FRAME_MAX);

impl<P: Platform + 'static> Supervisor<P> {
    /// Answer a message that came in a frame.
    pub(super) fn take_message(&mut self, message: &[u8]) {
        let mut frame = [0; FRAME_MAX];
        let request = match Request::decode(message) {
            Ok(request) => request,
            // Without an id there is nobody to answer.
            Err(error) => {
                if let Some(id) = error.id {
                    let answer = Err(DeviceError::Unsupported);
                    self.send(id, answer, &mut frame);
                }
                return;
            }
        };
        let changes = answers::changes(&request.op);
        if changes && let Some(known) = self.answers.find(request.id, message) {
            self.shared.platform.write(known);
            return;
        }
        let length = self.answer(&request, &mut frame);
        if changes {
            let sent = frame.get(..length).unwrap_or_default();
            self.answers.keep(request.id, message, sent);
        }
    }

    /// Encode and send one answer; the length of its frame. The shell's answers are said instead,
    /// and have none.
    pub(super) fn send(
        &self,
        id: u32,
        result: Result<Reply<'_>, DeviceError<'_>>,
        frame: &mut [u8; FRAME_MAX],
    ) -> usize {
        if self.shell.takes(&self.shared.platform, &result) {
            return 0;
        }
        let response = Response { id, result };
        let encoded = match encode_frame(&response, frame) {
            Ok(encoded) => encoded.len(),
            Err(_) => {
                let what = "answer too long";
                let result = Err(DeviceError::Internal { what });
                encode_frame(&Response { id, result }, frame).map_or(0, <[u8]>::len)
            }
        };
        self.shared
            .platform
            .write(frame.get(..encoded).unwrap_or_default());
        encoded
    }

    /// Do what is asked, and answer; the length of the answer's frame.
    pub(crate) fn answer(&mut self, request: &Request<'_>, frame: &mut [u8; FRAME_MAX]) -> usize {
        let id = request.id;
        let upload_id = request.op.upload_id().unwrap_or_default();
        self.forget_refused();
        match request.op {
            Op::Hello { .. } => self.send(id, Ok(Reply::Hello(self.device())), frame),
            Op::Heap => self.send(id, Ok(Reply::Heap(self.heap())), frame),
            Op::UploadBegin {
                name,
                length,
                hash,
                parameters,
            } => {
                let announced = Announced {
                    id: upload_id,
                    name,
                    length,
                    hash,
                    parameters,
                    trial_ms: None,
                };
                self.begin(id, announced, frame)
            }
            Op::UpdateBegin {
                name,
                length,
                hash,
                parameters,
                trial_ms,
            } => {
                let announced = Announced {
                    id: upload_id,
                    name,
                    length,
                    hash,
                    parameters,
                    trial_ms: Some(trial_ms),
                };
                self.begin(id, announced, frame)
            }
            Op::UpdateStatus { name } => {
                let slot = self.containers.find(name).ok_or(DeviceError::UnknownName);
                let result = slot.map(|slot| Reply::Update(self.containers.update_status(slot)));
                self.send(id, result, frame)
            }
            Op::UploadChunk {
                upload,
                offset,
                bytes,
            } => {
                let now = self.shared.platform.now_us();
                let result = match self.upload.as_mut().filter(|own| own.id() == upload) {
                    Some(own) => own
                        .chunk(&mut self.containers, offset, bytes, now)
                        .map(|offset| Reply::Upload { offset }),
                    None => Err(DeviceError::NoUpload),
                };
                self.send(id, result, frame)
            }
            Op::UploadCommit { upload } => {
                let committed = match self.upload.take_if(|own| own.id() == upload) {
                    Some(upload) => upload.commit(&mut self.containers),
                    None => Err(DeviceError::NoUpload.into()),
                };
                arena::trim(arena::ArenaId::SUPERVISOR);
                let result = match committed {
                    Ok(None) => Ok(Reply::Done),
                    Ok(Some(update)) => Ok(Reply::Update(update)),
                    Err(Failed::Upload(error)) => Err(error),
                    Err(Failed::Update(slot, refused)) => {
                        return self.refuse(id, slot, refused, true, frame);
                    }
                };
                self.send(id, result, frame)
            }
            Op::UploadAbort { upload } => {
                let own = self.upload.take_if(|own| own.id() == upload);
                let result = own.map_or(Ok(()), |_| upload::abort(&mut self.containers));
                arena::trim(arena::ArenaId::SUPERVISOR);
                self.send(id, result.map(|()| Reply::Done), frame)
            }
            Op::Start { name } => self.act(id, name, Containers::start, frame),
            Op::Stop { name } => self.act(id, name, Containers::stop, frame),
            Op::Kill { name } => self.act(id, name, Containers::kill, frame),
            Op::Pause { name } => self.act(id, name, Containers::pause, frame),
            Op::Resume { name } => self.act(id, name, Containers::resume, frame),
            Op::Edit {
                name,
                parameters,
                restart,
            } => match upload::check(parameters) {
                Ok(()) => {
                    let edit = |containers: &mut Containers<P>, slot| {
                        containers.edit(slot, parameters, restart)
                    };
                    self.act(id, name, edit, frame)
                }
                Err(error) => self.send(id, Err(error), frame),
            },
            Op::Remove { name } => self.act(id, name, Containers::remove, frame),
            Op::Containers { cursor } => self.send(id, Ok(self.container(cursor)), frame),
            Op::Log { name, from } => self.log_line(id, name, from, frame),
            Op::Exposures { cursor } => {
                let mut buffer = [0; DESCRIPTION_MAX];
                let mut scrap = [0; DESCRIPTION_MAX];
                let platform = &self.shared.platform;
                let more = platform
                    .describe(u32::from(cursor) + 1, &mut scrap)
                    .is_some();
                let reply =
                    match exposure(&self.containers, platform, u32::from(cursor), &mut buffer) {
                        Some(item) => Reply::Exposure {
                            item,
                            next: more.then_some(cursor + 1),
                        },
                        None => Reply::End,
                    };
                self.send(id, Ok(reply), frame)
            }
            Op::Detail { of, index } => self.detail(id, of, index, frame),
            Op::Inspect { name } => self.inspect(id, name, frame),
            Op::Images { cursor } => self.send(id, Ok(self.image(cursor)), frame),
            Op::Events { from } => self.send(id, Ok(self.event(from)), frame),
            Op::Status => self.send(id, Ok(Reply::Status(self.status())), frame),
            Op::Sources { name, cursor } => self.source(id, name, cursor, frame),
        }
    }

    fn begin(&mut self, id: u32, announced: Announced<'_>, frame: &mut [u8; FRAME_MAX]) -> usize {
        let now = self.shared.platform.now_us();
        let begun = Upload::begin(&mut self.containers, &mut self.upload, announced, now);
        let result = match &begun {
            Ok(Begin::Unchanged) => Ok(Reply::Unchanged),
            Ok(Begin::At(offset)) => Ok(Reply::Upload { offset: *offset }),
            Err(NotBegun::Busy(name)) => Err(DeviceError::UploadBusy {
                name: name.as_str(),
            }),
            Err(NotBegun::Refused(error)) => Err(*error),
        };
        self.send(id, result, frame)
    }

    /// Forget the image that was refused as a live update when its time is over, or another has taken its place.
    fn forget_refused(&mut self) {
        if !self.containers.has_refused() {
            self.refusals.forget_update();
        } else if self.shared.platform.now_us() >= self.refused_until_us {
            self.containers.forget_refused();
            self.refusals.forget_update();
        }
    }

    /// Do something with the container called `name`.
    fn act(
        &mut self,
        id: u32,
        name: &str,
        action: impl FnOnce(&mut Containers<P>, usize) -> Result<(), Refused>,
        frame: &mut [u8; FRAME_MAX],
    ) -> usize {
        let Some(slot) = self.containers.find(name) else {
            return self.send(id, Err(DeviceError::UnknownName), frame);
        };
        match action(&mut self.containers, slot) {
            Ok(()) => {
                arena::trim(arena::ArenaId::SUPERVISOR);
                self.send(id, Ok(Reply::Done), frame)
            }
            Err(refused) => self.refuse(id, slot, refused, false, frame),
        }
    }

    /// Say why something was not done with the container in `slot`, or with the image that was to
    /// replace it.
    fn refuse(
        &mut self,
        id: u32,
        slot: usize,
        refused: Refused,
        update: bool,
        frame: &mut [u8; FRAME_MAX],
    ) -> usize {
        if update {
            self.refused_until_us = self.shared.platform.now_us() + REFUSED_US;
        }
        if let (Refused::Missing(_), Some(container)) = (refused, self.containers.get(slot)) {
            self.refusals.keep(id, container.own_name(), update);
        }
        let error = explain(&self.containers, slot, refused, update);
        self.send(id, Err(error), frame)
    }

    fn device(&self) -> Device<'_> {
        let (board, kernel) = self.shared.platform.names();
        Device {
            protocol: PROTOCOL_VERSION,
            board: cut(board, TEXT_MAX),
            kernel: cut(kernel, TEXT_MAX),
            supervisor: VERSION,
            uptime_us: self.shared.platform.now_us() - self.started_us,
        }
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
            interrupts: self.containers.interrupts(slot).0,
            interrupts_dropped: self.containers.interrupts(slot).1,
            restarts: container.restarts().total,
        })
    }

    /// The first container in or behind slot `cursor`.
    fn container(&self, cursor: u16) -> Reply<'_> {
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

    fn log_line(&self, id: u32, name: &str, from: u32, frame: &mut [u8; FRAME_MAX]) -> usize {
        let Some(slot) = self.containers.find(name) else {
            return self.send(id, Err(DeviceError::UnknownName), frame);
        };
        self.shared
            .with_log(slot, |log| {
                let reply = match log.line(from) {
                    Some(line) => Reply::LogLine {
                        sequence: line.sequence,
                        dropped: line.sequence - from,
                        time_us: line.time_us,
                        level: line.level,
                        text: cut(line.text, LOG_TEXT_MAX),
                    },
                    None => Reply::End,
                };
                self.send(id, Ok(reply), frame)
            })
            .unwrap_or(0)
    }

    fn source(&self, id: u32, name: &str, cursor: u16, frame: &mut [u8; FRAME_MAX]) -> usize {
        let Some(slot) = self.containers.find(name) else {
            return self.send(id, Err(DeviceError::UnknownName), frame);
        };
        let reply = match self.containers.source(slot, cursor) {
            Some((item, more)) => Reply::Source {
                item,
                next: more.then_some(cursor + 1),
            },
            None => Reply::End,
        };
        self.send(id, Ok(reply), frame)
    }

    /// The container that holds the label which `import` claims, if it is one.
    pub(crate) fn holder_name(&self, import: &Import<'_>) -> Option<&str> {
        let label = HostFunction::named(import).ok()?.label()?;
        self.containers
            .holder(label)
            .and_then(|slot| self.containers.get(slot))
            .map(Container::name)
    }

    /// The list is not kept: the module says it again.
    fn detail(&self, id: u32, of: u32, index: u16, frame: &mut [u8; FRAME_MAX]) -> usize {
        let refused = self.refusals.find(of).and_then(|refusal| {
            let slot = self.containers.find(refusal.name.as_str())?;
            let image = self.containers.refused_image(slot, refusal.update)?;
            Some((slot, Module::scan(image).ok()?))
        });
        let result = match refused {
            None => Err(DeviceError::NoDetail),
            Some((slot, module)) => {
                let unavailable = imports::unavailable(&module, &self.shared.platform, tag(slot))
                    .nth(usize::from(index));
                Ok(match unavailable {
                    Some((import, MissingWhy::InUse)) => Reply::Held {
                        module: cut(import.module, TEXT_MAX),
                        name: cut(import.name, TEXT_MAX),
                        holder: self.holder_name(&import),
                    },
                    Some((import, why)) => Reply::Missing {
                        module: cut(import.module, TEXT_MAX),
                        name: cut(import.name, TEXT_MAX),
                        why,
                    },
                    None => Reply::End,
                })
            }
        };
        self.send(id, result, frame)
    }
}

/// A refusal in the words of the protocol.
pub(crate) fn explain<P: Platform + 'static>(
    containers: &Containers<P>,
    slot: usize,
    refused: Refused,
    update: bool,
) -> DeviceError<'_> {
    let label = |claim| {
        let label = containers.label(slot, claim, update);
        cut(label.unwrap_or("?"), TEXT_MAX)
    };
    let free = arena::free();
    match refused {
        Refused::State(state) => DeviceError::WrongState { state },
        Refused::SafeMode => DeviceError::SafeMode,
        Refused::TooMany => DeviceError::TooManyContainers {
            limit: CONTAINERS_MAX as u16,
        },
        Refused::NoRoom => DeviceError::DeviceFull { needed: 0, free },
        Refused::Invalid(malformed) => DeviceError::InvalidModule {
            offset: malformed.offset,
            what: malformed.what,
        },
        Refused::Missing(count) => DeviceError::MissingImports { count },
        Refused::Busy { claim, holder } => DeviceError::LabelBusy {
            label: label(claim),
            holder: holder
                .and_then(|holder| containers.get(holder))
                .map(|container| container.name()),
        },
        Refused::Claim { claim, code } => DeviceError::ClaimRefused {
            label: label(claim),
            code,
        },
        Refused::Store(error) => upload::store_error(error),
        Refused::Memory { needed, room } => DeviceError::OutOfMemory { needed, free: room },
    }
}
