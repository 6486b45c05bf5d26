//! A device in this process: speaks the protocol over a unix socket, and can be made to
//! lose, repeat, damage and delay what it sends and hears.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of several test programs, each using another part"
)]

pub mod memory;
pub mod refusals;
pub mod run;

pub use memory::Memory;

use berth_protocol::{DeviceError, Event, FrameDecoder, message_id};
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
    /// The line ends after so many requests, repetitions apart.
    pub close_after: Option<u32>,
    /// Never answer.
    pub silent: bool,
    /// Say this protocol version.
    pub protocol: Option<u16>,
    /// Announce that what arrived is damaged.
    pub bad_hash: bool,
    /// Refuse everything but `Hello` for this reason.
    pub refuse: Option<DeviceError<'static>>,
    /// Be firmware that does not know how it is doing, or what happened.
    pub old: bool,
    /// Be in safe mode.
    pub safe_mode: bool,
    /// Another operator sends the same, and has started a first image by the time that it is stored.
    pub outrun: bool,
}

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
    let device_side =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
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

/// Serve a device behind a TCP port. Returns its address for `--device`.
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
    let mut last_id = None;
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
            // A busy computer may make a client repeat itself.
            let id = message_id(message);
            if id != last_id {
                heard_here += 1;
            }
            last_id = id;
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
