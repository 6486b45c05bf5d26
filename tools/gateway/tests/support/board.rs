//! A device: the supervisor's library on a board in memory, behind a unix socket. Its line can be pulled and do what lines do.

use berth_protocol::{Event, FrameDecoder, Op, Request};
use std::{
    io::{ErrorKind, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use wasm_supervisor::{fake::Fake, supervisor::Supervisor};

/// What the line does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Does {
    /// It passes what both say.
    #[default]
    Pass,
    /// It ends, and cannot be opened.
    Pulled,
    /// It takes everything, and nothing comes.
    Stall,
    /// It takes nothing, and nothing comes.
    Block,
    /// It sends as much text as fits.
    Flood,
    /// It sends bytes that mean nothing, frames that are none among them.
    Garbage,
}

#[derive(Debug, Default)]
pub struct Line {
    pub does: Does,
    /// The line is pulled after so many parts of an image.
    pub pull_after_chunks: Option<usize>,
    /// Offsets of all parts of images that were heard, repetitions apart.
    pub chunks: Vec<u32>,
    /// Names of all requests that were heard, repetitions apart.
    pub heard: Vec<String>,
    /// How often the line was opened.
    pub opened: usize,
}

pub struct Board {
    _folder: TempDir,
    path: PathBuf,
    pub line: Arc<Mutex<Line>>,
}

impl Board {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("line");
        let listener = UnixListener::bind(&path).unwrap();
        let line = Arc::new(Mutex::new(Line::default()));
        let shared = Arc::clone(&line);
        std::thread::spawn(move || live(&listener, &shared));
        Self {
            _folder: folder,
            path,
            line,
        }
    }

    pub fn address(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    pub fn set(&self, does: Does) {
        self.line.lock().unwrap().does = does;
    }

    pub fn heard(&self, what: &str) -> usize {
        let line = self.line.lock().unwrap();
        line.heard.iter().filter(|heard| *heard == what).count()
    }
}

fn live(listener: &UnixListener, line: &Mutex<Line>) {
    let fake = Fake::default();
    let mut supervisor = Supervisor::new(fake.clone());
    let began = Instant::now();
    listener.set_nonblocking(true).unwrap();
    let mut connected: Option<(UnixStream, FrameDecoder)> = None;
    let mut last_id = None;
    let mut sent = 0_u32;
    loop {
        fake.0.now_us.set(began.elapsed().as_micros() as u64);
        for _ in 0..8 {
            supervisor.poll();
        }
        let said = std::mem::take(&mut *fake.0.output.borrow_mut());
        let does = line.lock().unwrap().does;
        if does == Does::Pulled {
            connected = None;
        }
        let Some((stream, decoder)) = &mut connected else {
            if let Ok((stream, _)) = listener.accept() {
                if does != Does::Pulled {
                    stream.set_nonblocking(false).unwrap();
                    stream
                        .set_read_timeout(Some(Duration::from_millis(1)))
                        .unwrap();
                    stream
                        .set_write_timeout(Some(Duration::from_millis(50)))
                        .unwrap();
                    line.lock().unwrap().opened += 1;
                    connected = Some((stream, FrameDecoder::new()));
                }
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
            continue;
        };
        let noise = match does {
            Does::Pass => said,
            Does::Flood => b"a line of text that nobody has asked for\r\n".repeat(1000),
            Does::Garbage => (0..4096)
                .map(|_| {
                    sent = sent.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // A fourth are zeros, which begin and end frames.
                    if sent >> 30 == 0 {
                        0
                    } else {
                        (sent >> 16) as u8
                    }
                })
                .collect(),
            _ => Vec::new(),
        };
        if does == Does::Block {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        let written = stream.write_all(&noise);
        if written.is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
            connected = None;
            continue;
        }
        let mut buffer = [0; 512];
        match stream.read(&mut buffer) {
            Ok(0) => connected = None,
            Ok(count) => {
                let heard = &buffer[..count];
                let mut line = line.lock().unwrap();
                for byte in heard {
                    if let Event::Message(message) = decoder.push(*byte)
                        && let Ok(request) = Request::decode(message)
                        && last_id.replace(request.id) != Some(request.id)
                    {
                        note(&mut line, &request.op);
                    }
                }
                if line
                    .pull_after_chunks
                    .is_some_and(|most| line.chunks.len() >= most)
                {
                    line.pull_after_chunks = None;
                    line.does = Does::Pulled;
                } else if does == Does::Pass {
                    fake.0.input.borrow_mut().extend(heard);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => connected = None,
        }
    }
}

fn note(line: &mut Line, op: &Op<'_>) {
    if let Op::UploadChunk { offset, .. } = op {
        line.chunks.push(*offset);
    }
    let text = format!("{op:?}");
    let name = text.split([' ', '(']).next().unwrap_or_default();
    line.heard.push(name.to_owned());
}
