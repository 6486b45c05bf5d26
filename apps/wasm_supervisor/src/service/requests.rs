//! Requests and their answers.

use berth_protocol::{
    CHUNK_MAX, Device, DeviceError, FRAME_MAX, Heap, LOG_TEXT_MAX, MissingWhy, Op,
    PROTOCOL_VERSION, Reply, Request, Response, TEXT_MAX, cut, encode_frame,
};

use super::exposures::exposure;
use super::upload::{self, Announced, Begin, Failed, Upload};
use super::{Supervisor, VERSION};
use crate::admission::{HostFunction, Import, Module, imports};
use crate::arena;
use crate::container::table::tag;
use crate::container::{CONTAINERS_MAX, Container, Containers, Refused};
use crate::platform::{DESCRIPTION_MAX, Platform};

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
        if let Some(known) = self.answers.find(request.id, message) {
            self.shared.platform.write(known);
            return;
        }
        let length = self.answer(&request, &mut frame);
        let sent = frame.get(..length).unwrap_or_default();
        self.answers.keep(request.id, message, sent);
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
        // Only these ask what was wrong with an update that was refused.
        if !matches!(request.op, Op::Detail { .. }) {
            self.containers.forget_refused();
        }
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
                    name,
                    length,
                    hash,
                    parameters,
                    trial_ms: None,
                };
                let result = self.begin(announced);
                self.send(id, result, frame)
            }
            Op::UpdateBegin {
                name,
                length,
                hash,
                parameters,
                trial_ms,
            } => {
                let announced = Announced {
                    name,
                    length,
                    hash,
                    parameters,
                    trial_ms: Some(trial_ms),
                };
                let result = self.begin(announced);
                self.send(id, result, frame)
            }
            Op::UpdateStatus { name } => {
                let slot = self.containers.find(name).ok_or(DeviceError::UnknownName);
                let result = slot.map(|slot| Reply::Update(self.containers.update_status(slot)));
                self.send(id, result, frame)
            }
            Op::UploadChunk { offset, bytes } => {
                let result = match &mut self.upload {
                    Some(upload) => upload
                        .chunk(&mut self.containers, offset, bytes)
                        .map(|offset| Reply::Upload { offset }),
                    None => Err(DeviceError::NoUpload),
                };
                self.send(id, result, frame)
            }
            Op::UploadCommit => {
                let committed = match self.upload.take() {
                    Some(upload) => upload.commit(&mut self.containers),
                    None => Err(DeviceError::NoUpload.into()),
                };
                arena::trim(arena::ArenaId::SUPERVISOR);
                let result = match committed {
                    Ok(None) => Ok(Reply::Done),
                    Ok(Some(update)) => Ok(Reply::Update(update)),
                    Err(Failed::Upload(error)) => Err(error),
                    Err(Failed::Update(slot, refused)) => {
                        return self.refuse(id, slot, refused, frame);
                    }
                };
                self.send(id, result, frame)
            }
            Op::UploadAbort => {
                self.upload = None;
                let result = upload::abort(&mut self.containers);
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
            Op::Reset { uptime_us } => {
                let is_due = self.device().uptime_us >= uptime_us;
                if is_due {
                    self.containers.end_all();
                }
                let length = self.send(id, Ok(Reply::Done), frame);
                if is_due {
                    self.shared.platform.restart();
                }
                length
            }
            Op::ReadImage { name, offset } => {
                let slot = self.containers.find(name).ok_or(DeviceError::UnknownName);
                let result = slot.map(|slot| {
                    let image = self.containers.image(slot);
                    let rest = image.get(offset as usize..).unwrap_or_default();
                    let bytes = rest.get(..CHUNK_MAX).unwrap_or(rest);
                    Reply::ImagePart { bytes }
                });
                self.send(id, result, frame)
            }
        }
    }

    fn begin(&mut self, announced: Announced<'_>) -> Result<Reply<'static>, DeviceError<'static>> {
        let current = self.upload.take();
        Ok(
            match Upload::begin(&mut self.containers, current, announced)? {
                Begin::Unchanged => Reply::Unchanged,
                Begin::At(upload, offset) => {
                    self.upload = Some(upload);
                    Reply::Upload { offset }
                }
            },
        )
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
            Err(refused) => self.refuse(id, slot, refused, frame),
        }
    }

    /// Say why something was not done with the container in `slot`, or with the image that was to
    /// replace it.
    fn refuse(
        &mut self,
        id: u32,
        slot: usize,
        refused: Refused,
        frame: &mut [u8; FRAME_MAX],
    ) -> usize {
        if matches!(refused, Refused::Missing(_)) {
            self.detail = Some((id, slot));
        }
        let error = explain(&self.containers, slot, refused);
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
        let refused = self.detail.filter(|(refused, _)| *refused == of);
        let slot = refused.map_or(CONTAINERS_MAX, |(_, slot)| slot);
        let module = refused.and_then(|_| Module::scan(self.containers.refused_image(slot)).ok());
        let result = match module {
            None => Err(DeviceError::NoDetail),
            Some(module) => {
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
) -> DeviceError<'_> {
    let label = |claim| cut(containers.label(slot, claim).unwrap_or("?"), TEXT_MAX);
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
