//! One line, many clients.
//!
//! ```text
//!   clients ──(unix socket)──► whole frames, one request at a time ──► line
//!   clients ◄── everything the device says ──────────────────────────┤
//!   text sink ◄── what is text ──────────────────────────────────────┘
//! ```
//!
//! Frames of clients are passed on whole; the next request waits until the one before
//! is answered, as the device wants it. Every client hears everything: an answer is known
//! by its id, so the others ignore it. Text that a client sends goes through as typed.

use crate::{Transport, lock::shared_marker, transport::is_tick};
use berth_protocol::{Event, FRAME_MAX, FRAME_TIMEOUT_MS, FrameDecoder, frame_message, message_id};
use std::{
    fs, io,
    io::{ErrorKind, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How long the next request waits for the answer to the one before. The client
/// repeats its request long before; this only bounds what a silent device costs others.
const TURN: Duration = Duration::from_secs(2);

/// A client that does not read for so long is disconnected.
const CLIENT_PATIENCE: Duration = Duration::from_secs(1);

/// How long threads sleep or read before they look whether they are to end.
const TICK: Duration = Duration::from_millis(50);

/// Owns a line and shares it. Ends, with all its threads, when dropped.
pub struct Mux {
    shared: Arc<Shared>,
    socket: Option<PathBuf>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    line: Mutex<Box<dyn Transport>>,
    clients: Mutex<Vec<UnixStream>>,
    /// Ids of answers, for whoever has the turn.
    answered: Mutex<Receiver<u32>>,
    ending: AtomicBool,
    /// The line has ended.
    broken: AtomicBool,
}

impl Mux {
    /// Share `line`. Text of the device goes to `text`; clients are served at `socket`.
    ///
    /// # Errors
    /// If the socket cannot be made or the line has no second handle.
    pub fn start(
        line: Box<dyn Transport>,
        socket: Option<&Path>,
        text: impl FnMut(&[u8]) + Send + 'static,
    ) -> io::Result<Self> {
        let from_line = line.second_handle()?;
        let (answer, answered) = mpsc::channel();
        let shared = Arc::new(Shared {
            line: Mutex::new(line),
            clients: Mutex::new(Vec::new()),
            answered: Mutex::new(answered),
            ending: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        });
        let mut mux = Self {
            shared: Arc::clone(&shared),
            socket: None,
            threads: Vec::new(),
        };
        if let Some(path) = socket {
            let listener = listen(path)?;
            mux.socket = Some(path.to_owned());
            fs::write(shared_marker(path), "")?;
            let shared = Arc::clone(&shared);
            mux.threads
                .push(std::thread::spawn(move || accept(&shared, &listener)));
        }
        mux.threads.push(std::thread::spawn(move || {
            pass_from_line(&shared, from_line, &answer, text);
            shared.broken.store(true, Ordering::Relaxed);
            // Nobody is to wait for an answer that cannot come.
            for client in hold(&shared.clients).iter() {
                Transport::shut_down(client);
            }
        }));
        Ok(mux)
    }

    /// Send text, as a person types it.
    ///
    /// # Errors
    /// If the line broke.
    pub fn type_text(&self, text: &[u8]) -> io::Result<()> {
        self.shared.write(text)
    }

    /// Has the line ended?
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.shared.broken.load(Ordering::Relaxed)
    }
}

impl Drop for Mux {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        hold(&self.shared.line).shut_down();
        for client in hold(&self.shared.clients).iter() {
            Transport::shut_down(client);
        }
        for thread in self.threads.drain(..) {
            // A panic there was reported there.
            let _ = thread.join();
        }
        if let Some(path) = &self.socket {
            // Already gone is as good.
            let _ = fs::remove_file(shared_marker(path));
            let _ = fs::remove_file(path);
        }
    }
}

impl Shared {
    /// One write is never interleaved with another.
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut line = hold(&self.line);
        line.write_all(bytes)?;
        line.flush()
    }

    fn ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Send a request and wait for its answer, so that only one is outstanding.
    fn take_turn(&self, message: &[u8]) -> io::Result<()> {
        let mut buffer = [0; FRAME_MAX];
        let (Some(id), Ok(frame)) = (message_id(message), frame_message(message, &mut buffer))
        else {
            return Ok(());
        };
        let answered = hold(&self.answered);
        while answered.try_recv().is_ok() {}
        self.write(frame)?;
        let until = Instant::now() + TURN;
        while !self.ending() {
            match answered.recv_timeout(until.saturating_duration_since(Instant::now()).min(TICK)) {
                Ok(answer) if answer == id => break,
                Ok(_) => {}
                Err(_) if Instant::now() >= until => break,
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// A mutex whose holder panicked is still good: it guards no half-done change.
pub(crate) fn hold<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listen at `path`, replacing what a dead multiplexer left there.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            if UnixStream::connect(path).is_ok() {
                return Err(error);
            }
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        other => other,
    }
}

fn accept(shared: &Arc<Shared>, listener: &UnixListener) {
    if listener.set_nonblocking(true).is_err() {
        return;
    }
    let mut threads = Vec::new();
    while !shared.ending() {
        match listener.accept() {
            Ok((client, _)) => {
                let shared = Arc::clone(shared);
                threads.push(std::thread::spawn(move || {
                    // A client that breaks off harms nobody else.
                    let _ = serve(&shared, client);
                }));
                threads.retain(|thread| !thread.is_finished());
            }
            Err(_) => std::thread::sleep(TICK),
        }
    }
    for thread in threads {
        // A panic there was reported there.
        let _ = thread.join();
    }
}

/// Pass on what one client sends.
fn serve(shared: &Shared, mut client: UnixStream) -> io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(TICK))?;
    client.set_write_timeout(Some(CLIENT_PATIENCE))?;
    hold(&shared.clients).push(client.try_clone()?);
    if shared.broken.load(Ordering::Relaxed) {
        Transport::shut_down(&client);
    }
    let mut decoder = FrameDecoder::new();
    let mut text = Vec::new();
    let mut quiet_since = Instant::now();
    let mut buffer = [0; 1024];
    while !shared.ending() {
        let count = match client.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if is_tick(&error) => {
                if quiet_since.elapsed() > Duration::from_millis(FRAME_TIMEOUT_MS.into()) {
                    decoder.expire();
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        quiet_since = Instant::now();
        for byte in buffer.get(..count).unwrap_or_default() {
            match decoder.push(*byte) {
                Event::Text(byte) => text.push(byte),
                Event::Message(message) => shared.take_turn(message)?,
                // Damaged on a local socket: the client will repeat it.
                Event::Dropped(_) | Event::Nothing => {}
            }
        }
        if !text.is_empty() {
            shared.write(&text)?;
            text.clear();
        }
    }
    Ok(())
}

/// Pass on what the device says, until the line ends.
fn pass_from_line(
    shared: &Shared,
    mut line: Box<dyn Transport>,
    answer: &Sender<u32>,
    mut text: impl FnMut(&[u8]),
) {
    let mut decoder = FrameDecoder::new();
    let mut quiet_since = Instant::now();
    let mut buffer = [0; 4096];
    let mut shown = Vec::new();
    while !shared.ending() {
        match line.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                quiet_since = Instant::now();
                let bytes = buffer.get(..count).unwrap_or_default();
                hold(&shared.clients).retain_mut(|client| client.write_all(bytes).is_ok());
                for byte in bytes {
                    match decoder.push(*byte) {
                        Event::Nothing => {}
                        Event::Text(byte) => shown.push(byte),
                        Event::Dropped(bytes) => shown.extend_from_slice(bytes),
                        Event::Message(message) => {
                            if let Some(id) = message_id(message) {
                                // The receiver lives as long as `shared`.
                                let _ = answer.send(id);
                            }
                        }
                    }
                }
            }
            Err(error) if is_tick(&error) => {
                if quiet_since.elapsed() > Duration::from_millis(FRAME_TIMEOUT_MS.into())
                    && let Event::Dropped(bytes) = decoder.expire()
                {
                    shown.extend_from_slice(bytes);
                }
            }
            Err(_) => return,
        }
        if !shown.is_empty() {
            text(&shown);
            shown.clear();
        }
    }
}
