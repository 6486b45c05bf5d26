//! What the fake device does with requests.

use super::Faults;
use berth_protocol::{
    Access, CHUNK_MAX, Chosen, CodeStatus, Container, DRAFT_PART_MAX, Device, DeviceError, Engine,
    Entry, Erases, Exposure, FRAME_MAX, Fault, FaultReport, Happening, Heap, Holder, HostCall,
    Image, ImageHash, Inspection, Level, MissingWhy, Op, Operators, PROTOCOL_VERSION, Parameters,
    Place, Reply, Request, Response, Source, State, Status, StoreStatus, Trust, Update,
    encode_frame,
};

use berth_protocol::configuration::{ENGINE, value};
use std::time::{Duration, Instant};

/// Imports of images that begin with `MISSING`.
pub const MISSING: [(&str, &str, MissingWhy); 3] = [
    ("mmio:flash", "claim", MissingWhy::NotExposed),
    ("env", "malloc", MissingWhy::UnknownModule),
    ("berth", "fly", MissingWhy::UnknownFunction),
];

/// An upload from which nothing has come for so long gives way to another.
const IDLE: Duration = Duration::from_secs(4);

/// Largest image it takes.
pub const LIMIT: u32 = 100_000;

#[derive(Debug)]
struct Stored {
    name: String,
    image: Vec<u8>,
    state: State,
    parameters: Parameters,
    /// As the protocol has it, and the limit of named values.
    configuration: Vec<u8>,
    values: Option<u32>,
    update: Update,
}

#[derive(Debug)]
struct Upload {
    number: u32,
    /// When something came of it last.
    active: Instant,
    name: String,
    length: u32,
    hash: ImageHash,
    parameters: Parameters,
    /// For a live update: its trial in milliseconds.
    trial: Option<u32>,
    chosen: Chosen,
    image: Vec<u8>,
}

/// What the device keeps over connections.
#[derive(Debug, Default)]
pub struct Memory {
    containers: Vec<Stored>,
    upload: Option<Upload>,
    draft: (u32, Vec<u8>),
    /// Id and frame of the last answer.
    cache: Option<(u32, Vec<u8>)>,
    refused: Option<u32>,
    /// Requests executed, by name.
    pub executed: Vec<String>,
    pub(super) heard: u32,
    pub(super) sent: u32,
}

impl Memory {
    pub fn image(&self, name: &str) -> Option<&[u8]> {
        self.containers
            .iter()
            .find(|c| c.name == name)
            .map(|c| &c.image[..])
    }

    pub fn parameters(&self, name: &str) -> Option<Parameters> {
        self.containers
            .iter()
            .find(|c| c.name == name)
            .map(|c| c.parameters)
    }

    pub(super) fn answer(&mut self, message: &[u8], faults: Faults) -> Vec<u8> {
        let request = Request::decode(message).unwrap();
        if let Some((id, frame)) = &self.cache
            && *id == request.id
        {
            return frame.clone();
        }
        let what = format!("{:?}", request.op);
        self.executed
            .push(what.split([' ', '(']).next().unwrap().to_owned());
        let mut buffer = [0; FRAME_MAX];
        let result = match (faults.refuse, request.op) {
            (Some(error), op) if !matches!(op, Op::Hello { .. } | Op::Detail { .. }) => Err(error),
            _ => self.execute(request, faults),
        };
        let response = Response {
            id: request.id,
            result,
        };
        let frame = encode_frame(&response, &mut buffer).unwrap().to_vec();
        if matches!(response.result, Err(DeviceError::MissingImports { .. })) {
            self.refused = Some(request.id);
        }
        self.cache = Some((request.id, frame.clone()));
        frame
    }

    fn execute(
        &mut self,
        request: Request<'_>,
        faults: Faults,
    ) -> Result<Reply<'_>, DeviceError<'_>> {
        match request.op {
            Op::Hello { .. } => Ok(Reply::Hello(Device {
                protocol: faults.protocol.unwrap_or(PROTOCOL_VERSION),
                board: "fake",
                kernel: "0.1.0",
                supervisor: "0.1.0",
                uptime_us: 4_500_000,
            })),
            Op::Heap => Ok(Reply::Heap(Heap {
                total: 200_000,
                free: 150_000,
                largest_free: 100_000,
                containers: self.containers.len() as u16,
                containers_max: 8,
            })),
            Op::Status if faults.old => Err(DeviceError::Unsupported),
            Op::Status => Ok(Reply::Status(Status {
                safe_mode: faults.safe_mode,
                without_store: false,
                suspect: faults.safe_mode.then_some("greedy"),
                restarts: if faults.safe_mode { 3 } else { 0 },
                longest_stall_us: 12_345,
                minimal_bytes: 10_432,
                store: Some(StoreStatus {
                    total: 524_288,
                    free: 400_000,
                    largest_free: 98_304,
                    wear_max: 3,
                    wear_mean: 2,
                    erases: Some(Erases {
                        left: 250,
                        most: 256,
                        period_s: 86_400,
                        refused: 0,
                    }),
                }),
            })),
            Op::UploadBegin {
                upload,
                name,
                length,
                hash,
                parameters,
            } => {
                if let Some(old) = self.containers.iter().find(|c| c.name == name) {
                    return if ImageHash::of(&old.image) == hash && old.parameters == parameters {
                        Ok(Reply::Unchanged)
                    } else {
                        Err(DeviceError::NameTaken)
                    };
                }
                let chosen = Chosen::default();
                self.begin(upload, name, length, hash, parameters, (None, chosen))
            }
            Op::UpdateBegin {
                upload,
                name,
                length,
                hash,
                parameters,
                trial_ms,
            } => {
                let old = self.find(name)?;
                if ImageHash::of(&old.image) == hash {
                    return Ok(Reply::Unchanged);
                }
                let chosen = Chosen::default();
                let how = (Some(trial_ms), chosen);
                self.begin(upload, name, length, hash, parameters, how)
            }
            Op::Draft {
                draft,
                offset,
                bytes,
            } => {
                assert!(bytes.len() <= DRAFT_PART_MAX);
                if offset == 0 {
                    self.draft = (draft, Vec::new());
                }
                assert_eq!(
                    (draft, usize::from(offset)),
                    (self.draft.0, self.draft.1.len())
                );
                self.draft.1.extend(bytes);
                Ok(Reply::Done)
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
                let changes = self.changes(chosen)?;
                let old = self.containers.iter().find(|c| c.name == name);
                match (old, trial_ms) {
                    (None, None) => {}
                    (None, Some(_)) => return Err(DeviceError::UnknownName),
                    (Some(old), _)
                        if ImageHash::of(&old.image) == hash
                            && merged(&old.configuration, &changes) == old.configuration =>
                    {
                        return Ok(Reply::Unchanged);
                    }
                    (Some(_), None) => return Err(DeviceError::NameTaken),
                    (Some(_), Some(_)) => {}
                }
                self.begin(upload, name, length, hash, parameters, (trial_ms, chosen))
            }
            Op::Change {
                name,
                parameters,
                restart,
                chosen,
            } => {
                let changes = self.changes(chosen)?;
                let c = self.find(name)?;
                c.configuration = merged(&c.configuration, &changes);
                c.values = chosen.values.or(c.values);
                let op = Op::Edit {
                    name,
                    parameters,
                    restart,
                };
                self.execute(Request { op, ..request }, faults)
            }
            Op::Engine { .. } | Op::Code if faults.old => Err(DeviceError::Unsupported),
            Op::Engine { name } => {
                let c = self.find(name)?;
                let chosen = value(&c.configuration, ENGINE.as_bytes());
                let (engine, why) = match chosen {
                    Some(_) => (Engine::Interpreter, Some("it was chosen")),
                    None if name == "paused" => (Engine::Interpreter, Some("no room for its code")),
                    None => (Engine::Compiled, None),
                };
                let engine = c.state.is_active().then_some(engine);
                Ok(Reply::Engine { engine, why })
            }
            Op::Code => Ok(Reply::Code(Some(CodeStatus {
                total: 122_880,
                free: 81_920,
                largest_free: 40_960,
                objects: 3,
                erased: 77,
                erases: None,
            }))),
            Op::Kept { .. } if faults.old => Err(DeviceError::Unsupported),
            Op::Kept { name, offset } => {
                let c = self.find(name)?;
                let rest = &c.configuration[usize::from(offset)..];
                // In parts that end in the middle of something.
                let part = &rest[..rest.len().min(5)];
                Ok(Reply::Kept(berth_protocol::Kept {
                    changes: 1,
                    part,
                    left: (rest.len() - part.len()) as u16,
                    values: 3,
                    values_bytes: 120,
                    values_limit: c.values.unwrap_or(berth_protocol::VALUES_DEFAULT),
                    values_chosen: c.values,
                }))
            }
            Op::UploadChunk {
                upload: number,
                offset,
                bytes,
            } => {
                assert!(bytes.len() <= CHUNK_MAX);
                let upload = self.upload.as_mut().filter(|u| u.number == number);
                let upload = upload.ok_or(DeviceError::NoUpload)?;
                upload.active = Instant::now();
                let expected = upload.image.len() as u32;
                if offset > expected {
                    return Err(DeviceError::BadOffset { expected });
                }
                let known = (expected - offset) as usize;
                upload.image.extend(bytes.iter().skip(known));
                Ok(Reply::Upload {
                    offset: upload.image.len() as u32,
                })
            }
            Op::Commit { upload, starts, .. } => {
                let op = match starts {
                    true => Op::RunCommit { upload },
                    false => Op::UploadCommit { upload },
                };
                self.execute(Request { op, ..request }, faults)
            }
            Op::Trust
            | Op::Signature { .. }
            | Op::Revoke { .. }
            | Op::Revocations
            | Op::Operators
                if faults.old =>
            {
                Err(DeviceError::Unsupported)
            }
            Op::Trust => Ok(Reply::Trust(Trust {
                keys: 2,
                refuses_unsigned: faults.safe_mode,
                packages: 3,
                packages_max: 64,
            })),
            Op::Revoke { .. } => Err(DeviceError::NoDraft),
            Op::Revocations => Ok(Reply::Revocations {
                counter: Some(4),
                entries: 2,
                is_valid: !faults.safe_mode,
            }),
            Op::Operators => Ok(Reply::Operators(Operators {
                keys: if faults.safe_mode { 2 } else { 0 },
                closes_reading: false,
                is_provisioned: true,
                sessions: 1,
            })),
            Op::Challenge | Op::Login { .. } | Op::Provision { .. } | Op::Logout => {
                Err(DeviceError::Unsupported)
            }
            Op::Signature { name, label } => {
                self.find(name)?;
                Ok(match name {
                    "blink" => Reply::Signature {
                        key: [0xab; 8],
                        counter: 7,
                        package: "lamp",
                        label: ["fpgaio", "uart1"].get(usize::from(label)).copied(),
                    },
                    _ => Reply::End,
                })
            }
            Op::UploadCommit { upload } => self.commit(upload, faults),
            Op::RunCommit { upload } => {
                let pending = self.upload.as_ref().filter(|u| u.number == upload);
                let (name, is_missing, exits) = pending
                    .map(|u| {
                        let begins = |with: &[u8]| u.image.starts_with(with);
                        (u.name.clone(), begins(b"MISSING"), begins(b"EXITS"))
                    })
                    .ok_or(DeviceError::NoUpload)?;
                if self.find(&name)?.state.is_active() {
                    return self.commit(upload, faults);
                }
                if is_missing {
                    self.upload = None;
                    return Err(DeviceError::MissingImports {
                        count: MISSING.len() as u16,
                    });
                }
                self.commit(upload, faults)?;
                let c = self.find(&name)?;
                c.update = Update::Kept {
                    stopped_first: false,
                };
                if exits {
                    c.state = State::Exited { code: 7 };
                }
                Ok(Reply::Update(c.update))
            }
            Op::UploadAbort { upload } => {
                let own = self.upload.take_if(|u| u.number == upload);
                own.map(|_| Reply::Done).ok_or(DeviceError::NoUpload)
            }
            Op::UpdateStatus { name, .. } => {
                let c = self.find(name)?;
                let now = c.update;
                // The next question finds the trial over.
                if let Update::Trial { stopped_first, .. } = now {
                    c.update = if c.image.starts_with(b"BROKEN") {
                        Update::RolledBack {
                            fault: Some(Fault::MemoryBounds),
                        }
                    } else {
                        Update::Kept { stopped_first }
                    };
                }
                Ok(Reply::Update(now))
            }
            Op::Start { name } => {
                let c = self.find(name)?;
                if c.state == State::Quarantined {
                    return Err(DeviceError::Quarantined);
                }
                if c.state.is_active() {
                    return Err(DeviceError::WrongState { state: c.state });
                }
                if c.image.starts_with(b"MISSING") {
                    return Err(DeviceError::MissingImports {
                        count: MISSING.len() as u16,
                    });
                }
                c.state = if c.image.starts_with(b"EXITS") {
                    State::Exited { code: 7 }
                } else {
                    State::Running
                };
                Ok(Reply::Done)
            }
            Op::Stop { name } => self.change(name, State::is_active, State::Stopped),
            Op::Kill { name } => {
                let fault = Fault::Unreachable;
                self.change(name, State::is_active, State::Faulted { fault })
            }
            Op::Pause { name } => self.change(name, |s| s == State::Running, State::Paused),
            Op::Resume { name } => self.change(name, |s| s == State::Paused, State::Running),
            Op::Remove { name } => {
                let state = self.find(name)?.state;
                if state.is_active() {
                    return Err(DeviceError::WrongState { state });
                }
                self.containers.retain(|c| c.name != name);
                Ok(Reply::Done)
            }
            Op::Edit {
                name, parameters, ..
            } => {
                let old = &mut self.find(name)?.parameters;
                *old = Parameters {
                    stack: parameters.stack.or(old.stack),
                    memory: parameters.memory.or(old.memory),
                    limit: parameters.limit.or(old.limit),
                    share: parameters.share.or(old.share),
                    restart: parameters.restart.or(old.restart),
                    boot: parameters.boot.or(old.boot),
                    log_level: parameters.log_level.or(old.log_level),
                    service: parameters.service.or(old.service),
                    writes: parameters.writes.or(old.writes),
                };
                Ok(Reply::Done)
            }
            Op::Containers { cursor } => {
                let Some((c, next)) = self.at(cursor) else {
                    return Ok(Reply::End);
                };
                Ok(Reply::Container {
                    item: Container {
                        name: &c.name,
                        state: c.state,
                        image_bytes: c.image.len() as u32,
                        uptime_us: if c.state.is_active() { 61_000_000 } else { 0 },
                        fuel_used: 1_234_567,
                        memory_used: 9876,
                        memory_limit: c.parameters.limit.unwrap_or(16_384),
                        share: c.parameters.share.unwrap_or(1),
                        cpu_permille: 253,
                        memory_high: 9999,
                        stack_high: c.parameters.stack.map(|_| 512),
                        interrupts: 7,
                        interrupts_dropped: 1,
                        restarts: 2,
                    },
                    next,
                })
            }
            Op::Images { cursor } => {
                let Some((c, next)) = self.at(cursor) else {
                    return Ok(Reply::End);
                };
                Ok(Reply::Image {
                    item: Image {
                        name: &c.name,
                        bytes: c.image.len() as u32,
                        hash: ImageHash::of(&c.image),
                        parameters: c.parameters,
                        persistent: true,
                    },
                    next,
                })
            }
            Op::Inspect { name } => {
                let c = self.find(name)?;
                let fault = match c.state {
                    State::Faulted { fault } => Some(FaultReport {
                        fault,
                        entry: Entry::Handler { source: 2 },
                        last_call: Some(HostCall {
                            name: "mmio.write32",
                            arguments: [1, 0x104],
                        }),
                        fuel_used: 4321,
                        memory_used: 9876,
                        restarts: 1,
                        time_us: 3_700_000,
                    }),
                    _ => None,
                };
                Ok(Reply::Inspection(Inspection {
                    hash: ImageHash::of(&c.image),
                    parameters: c.parameters,
                    saved_bytes: 16,
                    log_dropped: 2,
                    fault,
                }))
            }
            Op::Sources { name, cursor } => {
                self.find(name)?;
                let source = |label, taken, next| {
                    Ok(Reply::Source {
                        item: Source {
                            label,
                            priority: 3,
                            taken,
                            dropped: 1,
                            merged: 0,
                            longest_fuel: 250,
                            longest_us: 40,
                        },
                        next,
                    })
                };
                match cursor {
                    _ if faults.old => Err(DeviceError::Unsupported),
                    0 => source("uart1", 5, Some(1)),
                    _ => source("timer0", 2, None),
                }
            }
            Op::Events { from, .. } => self.event(from),
            Op::Lift { name } => {
                let c = self.find(name)?;
                if c.state == State::Quarantined {
                    c.state = State::Stored;
                }
                Ok(Reply::Done)
            }
            Op::Log { name, from, .. } => {
                self.find(name)?;
                if name == CHATTY {
                    return Ok(Reply::LogLine {
                        log: 6,
                        sequence: from,
                        dropped: 0,
                        time_us: 4_400_000 + u64::from(from) * 20_000,
                        level: Level::Info,
                        text: "and",
                    });
                }
                // Lines 2 to 4 of a log whose first two are gone.
                let sequence = from.max(2);
                if sequence > 4 {
                    return Ok(Reply::End);
                }
                Ok(Reply::LogLine {
                    log: 5,
                    sequence,
                    dropped: sequence - from,
                    time_us: u64::from(sequence) * 1_000_250,
                    level: Level::Info,
                    text: ["two", "three \x1b[2J", "four"][sequence as usize - 2],
                })
            }
            Op::Exposures { cursor } => exposure(cursor),
            Op::Blocks { name, cursor } => {
                self.find(name)?;
                Ok(if name == HOLDER && cursor == 0 {
                    Reply::Block {
                        label: HELD,
                        access: Access::Mediated,
                        next: None,
                    }
                } else {
                    Reply::End
                })
            }
            Op::FaultBlock { name } => {
                self.find(name)?;
                Ok(Reply::FaultBlock {
                    label: Some("uart1"),
                })
            }
            Op::FaultPlace { name } => {
                self.find(name)?;
                Ok(Reply::FaultPlace {
                    place: Some(Place {
                        number: 3,
                        image: 0x1a2b_3c4d,
                    }),
                })
            }
            Op::Reset { .. } => {
                for container in &mut self.containers {
                    container.state = State::Stored;
                }
                Ok(Reply::Done)
            }
            Op::ReadImage { name, offset } => {
                let image = &self.find(name)?.image;
                let rest = image.get(offset as usize..).unwrap_or_default();
                // What arrives is not what the device has told of.
                if faults.bad_hash {
                    return Ok(Reply::ImagePart { bytes: b"?" });
                }
                Ok(Reply::ImagePart {
                    bytes: &rest[..rest.len().min(CHUNK_MAX)],
                })
            }
            Op::Detail { of, index } => {
                let missing = MISSING
                    .get(usize::from(index))
                    .filter(|_| self.refused == Some(of) || faults.refuse.is_some());
                match missing {
                    Some(&(module, name, why)) => Ok(Reply::Missing { module, name, why }),
                    None => Err(DeviceError::NoDetail),
                }
            }
        }
    }

    /// The changes that a request names.
    fn changes(&self, chosen: Chosen) -> Result<Vec<u8>, DeviceError<'static>> {
        if chosen.length == 0 {
            return Ok(Vec::new());
        }
        let (number, bytes) = &self.draft;
        if (*number, bytes.len()) != (chosen.draft, usize::from(chosen.length)) {
            return Err(DeviceError::NoDraft);
        }
        Ok(bytes.clone())
    }

    fn begin(
        &mut self,
        number: u32,
        name: &str,
        length: u32,
        hash: ImageHash,
        parameters: Parameters,
        (trial, chosen): (Option<u32>, Chosen),
    ) -> Result<Reply<'_>, DeviceError<'_>> {
        if length > LIMIT {
            return Err(DeviceError::TooLarge { limit: LIMIT });
        }
        let same = self.upload.as_ref().is_some_and(|u| {
            (u.number, u.name.as_str(), u.length, u.hash) == (number, name, length, hash)
                && (u.parameters, u.trial) == (parameters, trial)
        });
        let active = |u: &Upload| u.number != number && u.active.elapsed() < IDLE;
        if self.upload.as_ref().is_some_and(active) {
            let name = self.upload.as_ref().map_or("", |u| &u.name);
            return Err(DeviceError::UploadBusy { name });
        }
        if let Some(u) = self.upload.as_mut().filter(|_| same) {
            u.active = Instant::now();
            return Ok(Reply::Upload {
                offset: u.image.len() as u32,
            });
        }
        self.upload = Some(Upload {
            number,
            active: Instant::now(),
            name: name.to_owned(),
            length,
            hash,
            parameters,
            trial,
            chosen,
            image: Vec::new(),
        });
        Ok(Reply::Upload { offset: 0 })
    }

    fn commit(
        &mut self,
        number: u32,
        faults: Faults,
    ) -> Result<Reply<'static>, DeviceError<'static>> {
        let own = self.upload.as_ref().filter(|u| u.number == number);
        let chosen = own.ok_or(DeviceError::NoUpload)?.chosen;
        let changes = self.changes(chosen)?;
        let upload = self.upload.take_if(|u| u.number == number);
        let upload = upload.ok_or(DeviceError::NoUpload)?;
        if upload.image.len() as u32 != upload.length {
            return Err(DeviceError::Incomplete {
                expected: upload.image.len() as u32,
            });
        }
        if ImageHash::of(&upload.image) != upload.hash || faults.bad_hash {
            return Err(DeviceError::HashMismatch);
        }
        if upload.image.starts_with(b"INVALID") {
            return Err(DeviceError::InvalidModule {
                offset: 3,
                what: "not a module",
            });
        }
        if let Some(left_ms) = upload.trial {
            let stopped_first = upload.image.starts_with(b"HUGE");
            let c = self
                .containers
                .iter_mut()
                .find(|c| c.name == upload.name)
                .ok_or(DeviceError::UnknownName)?;
            c.update = if upload.image.starts_with(b"MISSING") {
                Update::RolledBack { fault: None }
            } else {
                c.image = upload.image;
                c.configuration = merged(&c.configuration, &changes);
                c.values = chosen.values.or(c.values);
                c.state = State::Running;
                Update::Trial {
                    left_ms,
                    stopped_first,
                }
            };
            return Ok(Reply::Update(c.update));
        }
        self.containers.push(Stored {
            name: upload.name,
            image: upload.image,
            state: if faults.outrun {
                State::Running
            } else {
                State::Stored
            },
            parameters: upload.parameters,
            configuration: merged(&[], &changes),
            values: chosen.values,
            update: Update::None,
        });
        Ok(Reply::Done)
    }

    /// One of each kind of event, the first two of which are gone.
    fn event(&self, from: u32) -> Result<Reply<'static>, DeviceError<'static>> {
        let kept = Update::Kept {
            stopped_first: false,
        };
        let fault = Fault::StackOverflow;
        let rolled_back = Update::RolledBack { fault: Some(fault) };
        let happenings = [
            (
                None,
                Happening::Boot {
                    restarts: 3,
                    safe_mode: true,
                },
            ),
            (Some("blink"), Happening::Stored),
            (Some("blink"), Happening::Started),
            (Some("blink"), Happening::Paused),
            (Some("blink"), Happening::Resumed),
            (Some("blink"), Happening::Edited),
            (Some("blink"), Happening::Exited { code: 7 }),
            (Some("blink"), Happening::Faulted { fault }),
            (Some("blink"), Happening::Restarting { count: 2 }),
            (Some("blink"), Happening::Updated(kept)),
            (Some("blink"), Happening::Updated(rolled_back)),
            (Some("blink"), Happening::Stopped),
            (Some("blink"), Happening::Removed),
            (Some("blink"), Happening::Quarantined),
            (Some("blink"), Happening::Lifted),
        ];
        let sequence = from.max(2);
        let Some(&(name, what)) = happenings.get(sequence as usize - 2) else {
            return Ok(Reply::End);
        };
        Ok(Reply::Event {
            log: 5,
            sequence,
            dropped: sequence - from,
            time_us: u64::from(sequence) * 500_000,
            name,
            what,
        })
    }

    fn change(
        &mut self,
        name: &str,
        allowed: impl Fn(State) -> bool,
        to: State,
    ) -> Result<Reply<'static>, DeviceError<'static>> {
        let c = self.find(name)?;
        if !allowed(c.state) {
            return Err(DeviceError::WrongState { state: c.state });
        }
        c.state = to;
        Ok(Reply::Done)
    }

    fn at(&self, cursor: u16) -> Option<(&Stored, Option<u16>)> {
        let container = self.containers.get(usize::from(cursor))?;
        let more = self.containers.len() > usize::from(cursor) + 1;
        Some((container, more.then_some(cursor + 1)))
    }

    fn find(&mut self, name: &str) -> Result<&mut Stored, DeviceError<'static>> {
        self.containers
            .iter_mut()
            .find(|c| c.name == name)
            .ok_or(DeviceError::UnknownName)
    }
}

/// A block, and the container that holds it.
const HELD: &str = "fpgaio";
/// What it says has no end.
const CHATTY: &str = "chatty";
const HOLDER: &str = "blink";

fn exposure(cursor: u16) -> Result<Reply<'static>, DeviceError<'static>> {
    let exposure = |label, access, holder, next| {
        Ok(Reply::Exposure {
            item: Exposure {
                label,
                length: 80,
                access,
                registers: 1,
                holder,
            },
            next,
        })
    };
    match cursor {
        0 => exposure(HELD, Access::Mediated, Holder::Container(HOLDER), Some(1)),
        1 => exposure("uart1", Access::Mapped, Holder::Firmware, Some(7)),
        _ => exposure("i2c_shield1", Access::Mediated, Holder::Free, None),
    }
}

/// A configuration with changes.
fn merged(old: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut buffer = [0; berth_protocol::configuration::CONFIGURATION_MAX];
    let length = berth_protocol::configuration::merge(old, changes, &mut buffer).unwrap();
    buffer[..length].to_vec()
}
