//! Requests and their answers.

use berth_protocol::{
    CHUNK_MAX, Chosen, DeviceError, FRAME_MAX, MissingWhy, Op, Parameters, Reply, Request,
    TEXT_MAX, cut,
};

use berth_session::Challenge;

use super::errors::{About, error};
use super::exposures::exposure;
use super::frames::FrameSink;
use super::upload::{self, Announced, Commit};
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
            Op::UploadBegin { .. } | Op::UpdateBegin { .. } | Op::Announce { .. } => {
                if let Some(announced) = Announced::of(&request.op) {
                    self.begin(id, announced, sink);
                }
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
            } => self.part(id, (upload, offset), bytes, sink),
            Op::UploadCommit { upload } => self.commit(id, upload, Commit::default(), sink),
            Op::RunCommit { upload } => {
                let commit = Commit {
                    starts: true,
                    takes_older: false,
                };
                self.commit(id, upload, commit, sink);
            }
            Op::Commit {
                upload,
                starts,
                downgrade,
            } => {
                let commit = Commit {
                    starts,
                    takes_older: downgrade,
                };
                self.commit(id, upload, commit, sink);
            }
            Op::UploadAbort { upload } => self.abort(id, upload, sink),
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
            Op::Revoke { draft, length } => self.revoke(id, draft, length, sink),
            Op::Revocations => sink.take(id, &Ok(self.containers.revocations())),
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
    pub(super) fn refuse(&mut self, id: u32, about: About, refused: Refused, sink: &mut dyn Sink) {
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
