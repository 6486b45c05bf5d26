//! A device in this process: speaks the protocol over a unix socket, and can be made to
//! lose, repeat, damage and delay what it sends and hears.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of several test programs, each using another part"
)]

use berth_protocol::{
    Access, CHUNK_MAX, Container, Device, DeviceError, Event, Exposure, FRAME_MAX, Fault,
    FrameDecoder, Heap, Holder, ImageHash, Level, MissingWhy, Op, PROTOCOL_VERSION, Parameters,
    Reply, Request, Response, State, encode_frame,
};
use std::{
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

/// What the line does to frames. Frames are counted from 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Every n-th request is not heard.
    pub lose_request: Option<u32>,
    /// Every n-th answer is not sent.
    pub lose_answer: Option<u32>,
    /// Every n-th answer is sent twice.
    pub repeat_answer: Option<u32>,
    /// Every n-th answer has a byte changed.
    pub damage_answer: Option<u32>,
    /// Every n-th answer has log text in front of it.
    pub text_before_answer: Option<u32>,
    /// Each answer comes so late.
    pub delay: Duration,
    /// The line ends after so many requests.
    pub close_after: Option<u32>,
    /// Never answer.
    pub silent: bool,
    /// Say this protocol version.
    pub protocol: Option<u16>,
    /// Announce that what arrived is damaged.
    pub bad_hash: bool,
}

#[derive(Debug)]
struct Stored {
    name: String,
    image: Vec<u8>,
    state: State,
    parameters: Parameters,
}

/// What the device keeps over connections.
#[derive(Debug, Default)]
pub struct Memory {
    containers: Vec<Stored>,
    upload: Option<(String, u32, ImageHash, Parameters, Vec<u8>)>,
    /// Id and frame of the last answer.
    cache: Option<(u32, Vec<u8>)>,
    refused: Option<u32>,
    /// Requests executed, by name.
    pub executed: Vec<String>,
    heard: u32,
    sent: u32,
}

impl Memory {
    pub fn image(&self, name: &str) -> Option<&[u8]> {
        self.containers
            .iter()
            .find(|c| c.name == name)
            .map(|c| &c.image[..])
    }
}

/// Imports of images that begin with `MISSING`.
pub const MISSING: [(&str, &str, MissingWhy); 3] = [
    ("mmio:flash", "claim", MissingWhy::NotExposed),
    ("env", "malloc", MissingWhy::UnknownModule),
    ("berth", "fly", MissingWhy::UnknownFunction),
];

/// Largest image it takes.
pub const LIMIT: u32 = 100_000;

pub struct FakeDevice {
    pub folder: TempDir,
    pub memory: Arc<Mutex<Memory>>,
    path: PathBuf,
}

impl FakeDevice {
    /// Listens until the test program ends.
    pub fn new(faults: Faults) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("line");
        let listener = UnixListener::bind(&path).unwrap();
        let memory = Arc::new(Mutex::new(Memory::default()));
        let shared = Arc::clone(&memory);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), faults, &shared);
            }
        });
        Self {
            folder,
            memory,
            path,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn address(&self) -> String {
        format!("unix:{}", self.path.display())
    }
}

fn is_nth(every: Option<u32>, count: u32) -> bool {
    every.is_some_and(|n| count.is_multiple_of(n))
}

/// A device on the other side of a pseudo-terminal; the path is its serial port. The second
/// value must live as long as the port is used.
pub fn serial_device(faults: Faults) -> (PathBuf, impl Sized) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let device_side = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&device_side).unwrap();
    unlockpt(&device_side).unwrap();
    let path = PathBuf::from(
        ptsname(&device_side, Vec::new())
            .unwrap()
            .into_string()
            .unwrap(),
    );
    // While nobody has the port open, reads of the device's side fail.
    let keep_open = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let device_side = std::fs::File::from(device_side);
    std::thread::spawn(move || serve(device_side, faults, &Mutex::default()));
    (path, keep_open)
}

/// A device behind a TCP port; its address for `--device`.
pub fn tcp_device(faults: Faults) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let memory = Mutex::default();
        for stream in listener.incoming() {
            serve(stream.unwrap(), faults, &memory);
        }
    });
    address
}

fn serve(mut stream: impl Read + Write, faults: Faults, memory: &Mutex<Memory>) {
    let mut decoder = FrameDecoder::new();
    let mut buffer = [0; 512];
    let mut heard_here = 0;
    loop {
        let Ok(count @ 1..) = stream.read(&mut buffer) else {
            return;
        };
        for byte in &buffer[..count] {
            let Event::Message(message) = decoder.push(*byte) else {
                continue;
            };
            let mut memory = memory.lock().unwrap();
            memory.heard += 1;
            heard_here += 1;
            if faults.close_after.is_some_and(|n| heard_here > n) {
                return;
            }
            if faults.silent || is_nth(faults.lose_request, memory.heard) {
                continue;
            }
            let frame = memory.answer(message, faults);
            memory.sent += 1;
            let sent = memory.sent;
            drop(memory);
            std::thread::sleep(faults.delay);
            if is_nth(faults.lose_answer, sent) {
                continue;
            }
            let mut bytes = Vec::new();
            if is_nth(faults.text_before_answer, sent) {
                bytes.extend(b"[other] a line of text\n");
            }
            bytes.extend(&frame);
            if is_nth(faults.damage_answer, sent) {
                let middle = bytes.len() - frame.len() / 2;
                bytes[middle] ^= 0x55;
            }
            if is_nth(faults.repeat_answer, sent) {
                bytes.extend(&frame);
            }
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

impl Memory {
    fn answer(&mut self, message: &[u8], faults: Faults) -> Vec<u8> {
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
        let result = self.execute(request, faults);
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
                uptime_us: 1_500_000,
            })),
            Op::Heap => Ok(Reply::Heap(Heap {
                total: 200_000,
                free: 150_000,
                largest_free: 100_000,
                containers: self.containers.len() as u16,
                containers_max: 8,
            })),
            Op::UploadBegin {
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
                if length > LIMIT {
                    return Err(DeviceError::TooLarge { limit: LIMIT });
                }
                if let Some((n, l, h, p, bytes)) = &self.upload
                    && (n.as_str(), *l, *h, *p) == (name, length, hash, parameters)
                {
                    return Ok(Reply::Upload {
                        offset: bytes.len() as u32,
                    });
                }
                self.upload = Some((name.to_owned(), length, hash, parameters, Vec::new()));
                Ok(Reply::Upload { offset: 0 })
            }
            Op::UploadChunk { offset, bytes } => {
                assert!(bytes.len() <= CHUNK_MAX);
                let (.., image) = self.upload.as_mut().ok_or(DeviceError::NoUpload)?;
                let expected = image.len() as u32;
                if offset > expected {
                    return Err(DeviceError::BadOffset { expected });
                }
                image.truncate(offset as usize);
                image.extend(bytes);
                Ok(Reply::Upload {
                    offset: image.len() as u32,
                })
            }
            Op::UploadCommit => {
                let (name, length, hash, parameters, image) =
                    self.upload.take().ok_or(DeviceError::NoUpload)?;
                if image.len() as u32 != length {
                    let expected = image.len() as u32;
                    return Err(DeviceError::Incomplete { expected });
                }
                if ImageHash::of(&image) != hash || faults.bad_hash {
                    return Err(DeviceError::HashMismatch);
                }
                if image.starts_with(b"INVALID") {
                    return Err(DeviceError::InvalidModule {
                        offset: 3,
                        what: "not a module",
                    });
                }
                self.containers.push(Stored {
                    name,
                    image,
                    state: State::Stored,
                    parameters,
                });
                Ok(Reply::Done)
            }
            Op::UploadAbort => {
                self.upload = None;
                Ok(Reply::Done)
            }
            Op::Start { name } => {
                let c = self.find(name)?;
                if c.state.is_active() {
                    return Err(DeviceError::WrongState { state: c.state });
                }
                if c.image.starts_with(b"MISSING") {
                    return Err(DeviceError::MissingImports {
                        count: MISSING.len() as u16,
                    });
                }
                c.state = State::Running;
                Ok(Reply::Done)
            }
            Op::Stop { name } | Op::Kill { name } => {
                let killed = matches!(request.op, Op::Kill { .. });
                let c = self.find(name)?;
                if !c.state.is_active() {
                    return Err(DeviceError::WrongState { state: c.state });
                }
                c.state = if killed {
                    State::Faulted {
                        fault: Fault::Unreachable,
                    }
                } else {
                    State::Stopped
                };
                Ok(Reply::Done)
            }
            Op::Remove { name } => {
                let state = self.find(name)?.state;
                if state.is_active() {
                    return Err(DeviceError::WrongState { state });
                }
                self.containers.retain(|c| c.name != name);
                Ok(Reply::Done)
            }
            Op::Containers { cursor } => {
                let Some(c) = self.containers.get(usize::from(cursor)) else {
                    return Ok(Reply::End);
                };
                let more = self.containers.len() > usize::from(cursor) + 1;
                Ok(Reply::Container {
                    item: Container {
                        name: &c.name,
                        state: c.state,
                        image_bytes: c.image.len() as u32,
                        uptime_us: if c.state.is_active() { 61_000_000 } else { 0 },
                        fuel_used: 1234,
                        memory_used: 9876,
                        memory_limit: c.parameters.limit.unwrap_or(16_384),
                        share: c.parameters.share.unwrap_or(1),
                        cpu_permille: 250,
                        memory_high: 9999,
                        stack_high: Some(512),
                        interrupts: 7,
                        interrupts_dropped: 1,
                        restarts: 2,
                    },
                    next: more.then_some(cursor + 1),
                })
            }
            Op::Log { name, from } => {
                self.find(name)?;
                // Lines 2 to 4 of a log whose first two are gone.
                let sequence = from.max(2);
                if sequence > 4 {
                    return Ok(Reply::End);
                }
                Ok(Reply::LogLine {
                    sequence,
                    dropped: sequence - from,
                    time_us: u64::from(sequence) * 1_000_250,
                    level: Level::Info,
                    text: ["two", "three \x1b[2J", "four"][sequence as usize - 2],
                })
            }
            Op::Exposures { cursor } => {
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
                    0 => exposure(
                        "fpgaio",
                        Access::Mediated,
                        Holder::Container("blink"),
                        Some(1),
                    ),
                    1 => exposure("uart1", Access::Mapped, Holder::Firmware, Some(7)),
                    _ => exposure("i2c_shield1", Access::Mediated, Holder::Free, None),
                }
            }
            Op::Detail { of, index } => {
                let missing = MISSING
                    .get(usize::from(index))
                    .filter(|_| self.refused == Some(of));
                match missing {
                    Some(&(module, name, why)) => Ok(Reply::Missing { module, name, why }),
                    None => Err(DeviceError::NoDetail),
                }
            }
            _ => Err(DeviceError::Unsupported),
        }
    }

    fn find(&mut self, name: &str) -> Result<&mut Stored, DeviceError<'static>> {
        self.containers
            .iter_mut()
            .find(|c| c.name == name)
            .ok_or(DeviceError::UnknownName)
    }
}
