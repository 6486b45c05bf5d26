//! Requests and their answers.

use berth_protocol::{
    CHUNK_MAX, Chosen, DeviceError, FRAME_MAX, MissingWhy, Op, Parameters, Reply, Request,
    TEXT_MAX, cut,
};

use berth_session::Challenge;

use super::errors::{About, error};
use super::exposures::exposure;
use super::frames::FrameSink;
use super::upload::{self, Announced, Begin, Failed, Upload};
use super::{Service, answers};
use crate::admission::{HostFunction, Import, Module, imports};
use crate::answering::{Answering, Sink};
use crate::arena;
use crate::container::belongings::Change;
use crate::container::table::tag;
use crate::container::{Container, Containers, Refused};
use crate::platform::{COMPILES, DESCRIPTION_MAX, Platform};

/// So long what an image lacks that was refused as a live update can be asked for, in microseconds.
const REFUSED_US: u64 = 5_000_000;

/// What is done with the container in a slot.
type Action<'a, P> = &'a dyn Fn(&mut Containers<P>, usize) -> Result<(), Refused>;

// A chunk is read from the message in place; nothing here depends on its size.
const _: () = assert!(CHUNK_MAX < FRAME_MAX);

impl<P: Platform + 'static> Service<P> {
    /// Answer a message that came in a frame.
    pub(crate) fn take_message(&mut self, message: &[u8]) {
        let shared = self.shared.clone();
        let mut sink = FrameSink::new(&shared.platform);
        let (request, behind) = match Request::decode_sealed(message) {
            Ok(decoded) => decoded,
            // Without an id there is nobody to answer.
            Err(error) => {
                if let Some(id) = error.id {
                    sink.take(id, &Err(DeviceError::Unsupported));
                }
                return;
            }
        };
        let mut is_repeated = false;
        self.asking = None;
        if !behind.is_empty() {
            match self.unseal(message, behind) {
                Ok(asked) => {
                    is_repeated = asked.is_repeated;
                    self.asking = Some(asked.session);
                    sink.seal = Some(asked.seal);
                }
                Err(error) => return sink.take(request.id, &Err(error)),
            }
        }
        self.take_request(&request, message, is_repeated, &mut sink);
        self.asking = None;
    }

    /// Answer a request, or give the answer that it had.
    fn take_request(
        &mut self,
        request: &Request<'_>,
        message: &[u8],
        is_repeated: bool,
        sink: &mut FrameSink<'_, P>,
    ) {
        if let Err(error) = self.may(&request.op) {
            return sink.take(request.id, &Err(error));
        }
        // Clients begin to count anywhere, so no two runs of the supervisor have the same number.
        self.session.get_or_insert(request.id);
        let changes = answers::changes(&request.op);
        if changes && let Some(known) = self.answers.find(request.id, message) {
            self.shared.platform.write(known);
            return;
        }
        // What can be done twice is; of all else the answer is known for a while.
        if changes && is_repeated {
            return sink.take(request.id, &Err(DeviceError::Replayed));
        }
        if let Op::Login {
            operator,
            epoch,
            number,
            one_time,
            signature,
        } = request.op
        {
            let challenge = Challenge { epoch, number };
            let answer =
                self.login(&operator, challenge, one_time, signature)
                    .map(|(reply, seal)| {
                        sink.seal = seal.or(sink.seal.take());
                        reply
                    });
            return sink.take(request.id, &answer);
        }
        self.answer(request, sink);
        if changes {
            self.answers.keep(request.id, message, sink.frame());
        }
    }
}

impl<P: Platform + 'static> Answering for Service<P> {
    fn answer(&mut self, request: &Request<'_>, sink: &mut dyn Sink) {
        let id = request.id;
        if let Err(error) = self.may(&request.op) {
            return sink.take(id, &Err(error));
        }
        // Only these ask what was wrong with an update that was refused.
        if !matches!(request.op, Op::Detail { .. }) {
            self.forget_refused();
        }
        match request.op {
            Op::Hello { .. } => sink.take(id, &Ok(Reply::Hello(self.device()))),
            Op::Heap => sink.take(id, &Ok(Reply::Heap(self.heap()))),
            Op::UploadBegin {
                upload,
                name,
                length,
                hash,
                parameters,
            } => {
                let announced = Announced {
                    id: upload,
                    name,
                    length,
                    hash,
                    parameters,
                    trial_ms: None,
                    chosen: Chosen::default(),
                };
                self.begin(id, announced, sink)
            }
            Op::UpdateBegin {
                upload,
                name,
                length,
                hash,
                parameters,
                trial_ms,
            } => {
                let announced = Announced {
                    id: upload,
                    name,
                    length,
                    hash,
                    parameters,
                    trial_ms: Some(trial_ms),
                    chosen: Chosen::default(),
                };
                self.begin(id, announced, sink)
            }
            Op::Announce {
                upload,
                name,
                length,
                hash,
                parameters,
                trial_ms,
                chosen,
            } => {
                let announced = Announced {
                    id: upload,
                    name,
                    length,
                    hash,
                    parameters,
                    trial_ms,
                    chosen,
                };
                self.begin(id, announced, sink)
            }
            Op::Draft {
                draft,
                offset,
                bytes,
            } => {
                let taken = self.draft.take(draft, offset, bytes);
                sink.take(id, &taken.map(|()| Reply::Done));
            }
            Op::UpdateStatus { name, upload } => {
                let slot = self.containers.find(name).ok_or(DeviceError::UnknownName);
                let result = slot.and_then(|slot| {
                    if upload.is_some_and(|id| self.containers.has_other_update(slot, id)) {
                        return Err(DeviceError::Superseded);
                    }
                    Ok(Reply::Update(self.containers.update_status(slot)))
                });
                sink.take(id, &result);
            }
            Op::UploadChunk {
                upload,
                offset,
                bytes,
            } => {
                let now = self.shared.platform.now_us();
                let taken = match self.upload.as_mut().filter(|own| own.id() == upload) {
                    Some(own) => own.chunk(&mut self.containers, offset, bytes, now),
                    None => Err(DeviceError::NoUpload.into()),
                };
                match taken {
                    Ok(offset) => sink.take(id, &Ok(Reply::Upload { offset })),
                    Err(failed) => self.fail(id, failed, sink),
                }
            }
            Op::UploadCommit { upload } | Op::RunCommit { upload } | Op::Commit { upload, .. } => {
                let starts = matches!(
                    request.op,
                    Op::RunCommit { .. } | Op::Commit { starts: true, .. }
                );
                self.containers.take_older(matches!(
                    request.op,
                    Op::Commit {
                        downgrade: true,
                        ..
                    }
                ));
                let own = self.upload.as_ref().filter(|own| own.id() == upload);
                let chosen = own.map(Upload::chosen).unwrap_or_default();
                // Without it the upload is not over.
                let committed = match self.draft.of(chosen) {
                    Ok(draft) => match self.upload.take_if(|own| own.id() == upload) {
                        Some(upload) => upload.commit(&mut self.containers, starts, draft),
                        None => Err(DeviceError::NoUpload.into()),
                    },
                    Err(error) => Err(error.into()),
                };
                if committed.is_ok() && chosen.length > 0 {
                    self.draft.forget();
                }
                arena::trim(arena::ArenaId::SUPERVISOR);
                match committed {
                    Ok(None) => sink.take(id, &Ok(Reply::Done)),
                    Ok(Some(update)) => sink.take(id, &Ok(Reply::Update(update))),
                    Err(failed) => self.fail(id, failed, sink),
                }
            }
            Op::UploadAbort { upload } => {
                let aborted = match self.upload.take_if(|own| own.id() == upload) {
                    Some(_) => self.containers.images_mut().abort().map_err(Failed::from),
                    None => Err(DeviceError::NoUpload.into()),
                };
                arena::trim(arena::ArenaId::SUPERVISOR);
                match aborted {
                    Ok(()) => sink.take(id, &Ok(Reply::Done)),
                    Err(failed) => self.fail(id, failed, sink),
                }
            }
            Op::Start { name } => self.act(id, name, &Containers::start, sink),
            Op::Stop { name } => self.act(id, name, &Containers::stop, sink),
            Op::Kill { name } => self.act(id, name, &Containers::kill, sink),
            Op::Pause { name } => self.act(id, name, &Containers::pause, sink),
            Op::Resume { name } => self.act(id, name, &Containers::resume, sink),
            Op::Edit {
                name,
                parameters,
                restart,
            } => {
                let what = (parameters, Chosen::default());
                self.edit(id, name, what, restart, sink);
            }
            Op::Change {
                name,
                parameters,
                restart,
                chosen,
            } => self.edit(id, name, (parameters, chosen), restart, sink),
            Op::Engine { .. } | Op::Code if !COMPILES => {
                sink.take(id, &Err(DeviceError::Unsupported));
            }
            Op::Engine { name } => self.about(
                id,
                name,
                |container| {
                    let engine = container.engine();
                    Reply::Engine {
                        engine: engine.map(|(engine, _)| engine),
                        why: engine.and_then(|(_, why)| why),
                    }
                },
                sink,
            ),
            Op::Code => sink.take(id, &Ok(Reply::Code(self.shared.platform.code_status()))),
            Op::Kept { name, offset } => self.kept(id, name, offset, sink),
            Op::Operators => sink.take(id, &Ok(Reply::Operators(self.operators()))),
            Op::Challenge => {
                let answer = self.challenge();
                sink.take(id, &answer);
            }
            Op::Provision {
                operator,
                epoch,
                number,
                secret,
                signature,
            } => {
                let challenge = Challenge { epoch, number };
                let answer = self.provision(&operator, challenge, secret, signature);
                sink.take(id, &answer);
            }
            Op::Logout => {
                let answer = self.logout();
                sink.take(id, &answer);
            }
            // Answered where the answer can be sealed.
            Op::Login { .. } => sink.take(id, &Err(DeviceError::Unsupported)),
            Op::Trust => sink.take(id, &Ok(Reply::Trust(self.containers.trust()))),
            Op::Signature { name, label } => self.signature(id, name, label, sink),
            Op::Remove { name } => self.act(id, name, &Containers::remove, sink),
            Op::Containers { cursor } => sink.take(id, &Ok(self.container(cursor))),
            Op::Log { name, log, from } => self.log_line(id, name, (log, from), sink),
            Op::Lift { name } => self.act(id, name, &Containers::lift, sink),
            Op::Exposures { cursor } => {
                let mut buffer = [0; DESCRIPTION_MAX];
                let platform = &self.shared.platform;
                let reply =
                    match exposure(&self.containers, platform, u32::from(cursor), &mut buffer) {
                        // Whether there is another the kernel is asked when it is asked for.
                        Some(item) => Reply::Exposure {
                            item,
                            next: cursor.checked_add(1),
                        },
                        None => Reply::End,
                    };
                sink.take(id, &Ok(reply))
            }
            Op::Detail { of, index } => self.detail(id, of, index, sink),
            Op::Inspect { name } => self.inspect(id, name, sink),
            Op::Images { cursor } => sink.take(id, &Ok(self.image(cursor))),
            Op::Events { log, from } => sink.take(id, &self.event(log, from)),
            Op::Status => sink.take(id, &Ok(Reply::Status(self.status()))),
            Op::Sources { name, cursor } => self.source(id, name, cursor, sink),
            Op::Blocks { name, cursor } => self.block(id, name, cursor, sink),
            Op::FaultBlock { name } => self.about(
                id,
                name,
                |container| Reply::FaultBlock {
                    label: container.fault_block(),
                },
                sink,
            ),
            Op::FaultPlace { name } => self.about(
                id,
                name,
                |container| Reply::FaultPlace {
                    place: container.fault_place(),
                },
                sink,
            ),
            Op::Reset { uptime_us } => {
                let is_due = self.device().uptime_us >= uptime_us;
                if is_due {
                    self.containers.end_all();
                }
                sink.take(id, &Ok(Reply::Done));
                if is_due {
                    self.shared.platform.restart();
                }
            }
            Op::ReadImage { name, offset } => {
                let slot = self.containers.find(name).ok_or(DeviceError::UnknownName);
                let result = slot.map(|slot| {
                    let image = self.containers.image(slot);
                    let rest = image.get(offset as usize..).unwrap_or_default();
                    let bytes = rest.get(..CHUNK_MAX).unwrap_or(rest);
                    Reply::ImagePart { bytes }
                });
                sink.take(id, &result);
            }
        }
    }
}

impl<P: Platform + 'static> Service<P> {
    fn begin(&mut self, id: u32, announced: Announced<'_>, sink: &mut dyn Sink) {
        let now = self.shared.platform.now_us();
        let draft = upload::check_values(announced.chosen.values)
            .and_then(|()| self.draft.of(announced.chosen));
        let begun = match draft {
            Ok(draft) => Upload::begin(
                &mut self.containers,
                &mut self.upload,
                announced,
                draft,
                now,
            ),
            Err(error) => Err(error.into()),
        };
        match begun {
            Ok(Begin::Unchanged) => sink.take(id, &Ok(Reply::Unchanged)),
            Ok(Begin::At(offset)) => sink.take(id, &Ok(Reply::Upload { offset })),
            Err(failed) => self.fail(id, failed, sink),
        }
    }

    /// Change how the container called `name` is to run, and what is kept for it.
    fn edit(
        &mut self,
        id: u32,
        name: &str,
        (parameters, chosen): (Parameters, Chosen),
        restart: bool,
        sink: &mut dyn Sink,
    ) {
        let draft = core::mem::take(&mut self.draft);
        let changes = upload::check(parameters)
            .and_then(|()| upload::check_values(chosen.values))
            .and_then(|()| draft.of(chosen));
        match changes {
            Ok(changes) => {
                let beside = Change {
                    configuration: changes,
                    values: chosen.values,
                };
                let edit = |containers: &mut Containers<P>, slot| {
                    containers.edit(slot, parameters, beside, restart)
                };
                self.act(id, name, &edit, sink);
            }
            Err(error) => {
                sink.take(id, &Err(error));
                // What was not used may be another's.
                self.draft = draft;
                return;
            }
        }
        if chosen.length == 0 {
            self.draft = draft;
        }
    }

    /// Say why an upload was refused.
    fn fail(&mut self, id: u32, failed: Failed, sink: &mut dyn Sink) {
        match failed {
            Failed::Request(error) => sink.take(id, &Err(error)),
            Failed::Busy(name) => {
                let name = name.as_str();
                sink.take(id, &Err(DeviceError::UploadBusy { name }));
            }
            Failed::Refused(slot, refused) => {
                let update = slot.is_some();
                self.refuse(id, About { slot, update }, refused, sink);
            }
        }
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
    // Once, not for each action.
    #[inline(never)]
    fn act(&mut self, id: u32, name: &str, action: Action<'_, P>, sink: &mut dyn Sink) {
        let Some(slot) = self.containers.find(name) else {
            return sink.take(id, &Err(DeviceError::UnknownName));
        };
        match action(&mut self.containers, slot) {
            Ok(()) => {
                arena::trim(arena::ArenaId::SUPERVISOR);
                sink.take(id, &Ok(Reply::Done));
            }
            Err(refused) => {
                let about = About {
                    slot: Some(slot),
                    update: false,
                };
                self.refuse(id, about, refused, sink);
            }
        }
    }

    /// Say why something was not done, and keep in mind what is missing if that can be asked for.
    fn refuse(&mut self, id: u32, about: About, refused: Refused, sink: &mut dyn Sink) {
        if about.update {
            self.refused_until_us = match refused {
                Refused::Missing(_) => self.shared.platform.now_us() + REFUSED_US,
                _ => 0,
            };
        }
        let container = about.slot.and_then(|slot| self.containers.get(slot));
        if let (Refused::Missing(_), Some(container)) = (refused, container) {
            self.refusals.keep(id, container.own_name(), about.update);
        }
        sink.take(id, &Err(error(&self.containers, about, refused)));
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
    fn detail(&mut self, id: u32, of: u32, index: u16, sink: &mut dyn Sink) {
        let refused = self.refusals.find(of).and_then(|refusal| {
            let slot = self.containers.find(refusal.name.as_str())?;
            let image = self.containers.refused_image(slot, refusal.update)?;
            Some((slot, Module::scan(image).ok()?, refusal.update))
        });
        let mut all_is_told = false;
        let result = match refused {
            None => Err(DeviceError::NoDetail),
            Some((slot, module, update)) => {
                let mut unavailable =
                    imports::unavailable(&module, &self.shared.platform, tag(slot));
                let item = unavailable.nth(usize::from(index));
                all_is_told = update && unavailable.next().is_none();
                Ok(match item {
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
        sink.take(id, &result);
        if all_is_told {
            // The next request that asks for something else finds the image gone.
            self.refused_until_us = 0;
        }
    }
}
