//! Requests and their answers over one line.
//!
//! A [`Listener`] reads the line and takes it apart, mostly in a thread of its own; answers come through a channel. A
//! request that is not answered is sent again with the same id, so the device can tell
//! a repetition from a new request. Answers with another id (late ones, or those of
//! other clients behind a multiplexer) are ignored.

use crate::{
    Error, Heard, Listener, Transport,
    listener::Shared,
    session::{self, Operator, Session},
    transport::is_tick,
};
use berth_protocol::{
    CHUNK_MAX, DeviceError, FRAME_MAX, MESSAGE_MAX, Op, Reply, Request, Response, Right,
    SEALED_CHUNK_MAX, encode_frame, frame_message, message_id,
};
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io::ErrorKind,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, Receiver, RecvTimeoutError, TryRecvError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How long to wait for an answer in all, unless the user says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Thousandths of that time after which a request is repeated (the last: given up). The
/// first is short enough that a lost frame is hardly noticed and long enough for
/// two whole frames at 115200 baud (45 ms) and a busy device. They are so many because on a line
/// that changes one bit in a thousand a fourth of all short requests is lost, with their answers.
const REPEAT_AFTER: [u32; 14] = [
    15, 30, 50, 75, 100, 150, 200, 270, 350, 450, 550, 700, 850, 1000,
];

/// Operations that make the device load or check a whole module, during which it reads
/// nothing, may take so many times longer.
const LONG_FACTOR: u32 = 3;

/// Messages that wait for whoever has asked. One answer is outstanding at a time, so more are repetitions of it.
const WAITING_MAX: usize = 64;

/// Before a request is repeated, what has come on the line by then is heard, for at most this part of the time that an answer may
/// take: who talks without an end must not keep the request from being repeated.
const DRAIN_PART: u32 = 10;

/// Between two looks whether all was heard.
const DRAIN_WAIT: Duration = Duration::from_millis(2);

/// Hands a frame to a device in this program, and gives its answer; `None`: there is none.
pub type Exchange = Box<dyn FnMut(&[u8]) -> Option<Vec<u8>> + Send>;

/// A connection to a device.
pub struct Client {
    way: Way,
    next_id: u32,
    timeout: Duration,
    /// When whoever has asked has no use of an answer any more.
    deadline: Option<Instant>,
    /// How long an answer is waited for at most.
    patience: Option<Duration>,
    repetitions: u32,
    /// Who logs in when it is needed.
    operator: Option<Operator>,
    /// Where a session is open: what is asked in it.
    session: Option<Session>,
}

/// How requests reach the device.
enum Way {
    Line(Line),
    /// It is in this program.
    Here(Exchange),
}

/// A line, and what comes on it.
struct Line {
    writer: Box<dyn Transport>,
    answers: Receiver<Vec<u8>>,
    shared: Arc<Shared>,
    /// The thread that reads it, if the client has one.
    reader: Option<JoinHandle<()>>,
}

impl Client {
    /// Talk over `line`, which a thread of the client's own reads. Sends a zero, which ends whatever somebody left unfinished there.
    ///
    /// # Errors
    /// [`Error::Line`].
    pub fn new(line: Box<dyn Transport>) -> Result<Self, Error> {
        let (mut client, mut listener) = Self::heard(line)?;
        if let Way::Line(line) = &mut client.way {
            line.reader = Some(std::thread::spawn(
                move || {
                    while listener.hear() != Heard::End {}
                },
            ));
        }
        Ok(client)
    }

    /// The same, where somebody else has the listener read.
    ///
    /// # Errors
    /// [`Error::Line`].
    pub fn heard(mut line: Box<dyn Transport>) -> Result<(Self, Listener), Error> {
        let from_line = line.second_handle().map_err(Error::Line)?;
        line.write_all(&[0]).map_err(Error::Line)?;
        let shared = Arc::new(Shared::default());
        let (found, answers) = mpsc::sync_channel(WAITING_MAX);
        let listener = Listener::new(from_line, Arc::clone(&shared), found);
        let client = Self::on(Way::Line(Line {
            writer: line,
            answers,
            shared,
            reader: None,
        }));
        Ok((client, listener))
    }

    /// Talk to a device in this program.
    #[must_use]
    pub fn here(exchange: Exchange) -> Self {
        Self::on(Way::Here(exchange))
    }

    fn on(way: Way) -> Self {
        Self {
            way,
            // Random, so that no device takes the first request of this client for a
            // repetition of another client's.
            next_id: RandomState::new().build_hasher().finish() as u32,
            timeout: DEFAULT_TIMEOUT,
            deadline: None,
            patience: None,
            repetitions: 0,
            operator: None,
            session: None,
        }
    }

    /// Log in with this key when something is to be changed, or read where reading is closed.
    pub fn set_operator(&mut self, operator: Operator) {
        self.operator = Some(operator);
    }

    /// Ask in this session from now on.
    pub(crate) fn set_session(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// Returns the session, if there is one.
    pub(crate) const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Returns how many bytes of an image a request has room for.
    pub(crate) const fn chunk_max(&self) -> usize {
        if self.session.is_some() || self.operator.is_some() {
            SEALED_CHUNK_MAX
        } else {
            CHUNK_MAX
        }
    }

    /// Log in, if that is to be and has not been.
    ///
    /// # Errors
    /// As every request, and those of the login.
    pub(crate) fn log_in(&mut self) -> Result<(), Error> {
        let Some(operator) = self.operator.take() else {
            return Ok(());
        };
        let is_open = self.session.as_ref().is_some_and(|open| !open.is_stale());
        let opened = if is_open {
            Ok(())
        } else {
            session::open(self, &operator).map(|session| self.session = session)
        };
        self.operator = Some(operator);
        opened
    }

    /// Wait so long for an answer, repetitions included (default: 10 s; three times as long
    /// for operations that check or load a whole module).
    pub const fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Wait for no answer after this moment, whatever was asked before; `None` (the default): as the timeout says. An
    /// operation that takes many requests ends by then.
    pub const fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Wait no longer than that for each answer; a request is repeated when it would be without it. `None` (the default): as the
    /// timeout says.
    pub const fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    /// Returns how many requests were sent again because no answer came.
    #[must_use]
    pub const fn repetitions(&self) -> u32 {
        self.repetitions
    }

    /// Do `op` and hand the answer to `read`. `what` names the operation in errors.
    /// Returns the id too, because details of a refusal are asked for by it.
    ///
    /// # Errors
    /// [`Error::Line`], [`Error::TimedOut`], [`Error::Unexpected`].
    pub fn request<T>(
        &mut self,
        what: &'static str,
        op: Op<'_>,
        read: impl FnOnce(Result<Reply<'_>, DeviceError<'_>>) -> T,
    ) -> Result<(u32, T), Error> {
        let (id, answer) = self.answer(what, op)?;
        match Response::decode(&answer) {
            Ok(response) => Ok((id, read(response.result))),
            Err(_) => Err(Error::Unexpected { to: what }),
        }
    }

    /// Returns the answer to a request, which is asked in a session if it must be.
    fn answer(&mut self, what: &'static str, op: Op<'_>) -> Result<(u32, Vec<u8>), Error> {
        if op.right() == Right::Change {
            self.log_in()?;
        }
        let epoch = self.session.as_ref().map(Session::epoch);
        match self.once(what, op) {
            Ok((_, answer))
                if op.right() == Right::Read
                    && self.session.is_none()
                    && self.operator.is_some()
                    && needs_session(&answer) =>
            {
                self.log_in()?;
                self.once(what, op)
            }
            // The device has begun anew, and knows of no session. (Of the same run, it may have done what was asked.)
            Err(error) if error.is_refusal("no-session") && self.operator.is_some() => {
                self.session = None;
                self.log_in()?;
                if self.session.as_ref().map(Session::epoch) == epoch {
                    return Err(error);
                }
                self.once(what, op)
            }
            answered => answered,
        }
    }

    fn once(&mut self, what: &'static str, op: Op<'_>) -> Result<(u32, Vec<u8>), Error> {
        let Some(mut session) = self.session.take_if(|_| op.right() != Right::Nothing) else {
            return self.plain(what, op);
        };
        let answer = self.sealed(what, op, &mut session);
        self.session = Some(session);
        answer
    }

    fn sealed(
        &mut self,
        what: &'static str,
        op: Op<'_>,
        session: &mut Session,
    ) -> Result<(u32, Vec<u8>), Error> {
        let id = self.new_id();
        let mut message = [0; MESSAGE_MAX];
        let request = encoded(what, &Request { id, op }, &mut message)?;
        let answer = self.exchange_sealed(what, (id, is_long(&op)), request, session)?;
        Ok((id, answer))
    }

    /// Returns the answer to a request that is asked in this session.
    fn exchange_sealed(
        &mut self,
        what: &'static str,
        about: (u32, bool),
        request: &[u8],
        session: &mut Session,
    ) -> Result<Vec<u8>, Error> {
        let sealed = session.seal(request)?;
        let mut buffer = [0; FRAME_MAX];
        let frame = frame_message(&sealed.message, &mut buffer).map_err(|_| too_long(what))?;
        let answer = self.exchange(what, about, frame)?;
        session.open(what, &sealed, answer)
    }

    /// Returns the answer to a request that is asked in no session.
    pub(crate) fn plain(
        &mut self,
        what: &'static str,
        op: Op<'_>,
    ) -> Result<(u32, Vec<u8>), Error> {
        let id = self.new_id();
        let mut buffer = [0; FRAME_MAX];
        let frame = encode_frame(&Request { id, op }, &mut buffer).map_err(|_| too_long(what))?;
        Ok((id, self.exchange(what, (id, is_long(&op)), frame)?))
    }

    const fn new_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    /// Pass on a request that another client has made, and give back the device's answer as it comes. What is sealed stays so; of what is not, this client's own
    /// session takes care.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is no request of ours; [`Error::Line`], [`Error::TimedOut`], and those of the session.
    pub fn forward(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let wrong = || Error::Usage("this is no request to a device".into());
        let (request, behind) = Request::decode_sealed(message).map_err(|_| wrong())?;
        let about = (request.id, is_long(&request.op));
        let what = "the request";
        if behind.is_empty() && request.op.right() == Right::Change {
            self.log_in()?;
        }
        let own = behind.is_empty() && request.op.right() != Right::Nothing;
        let Some(mut session) = self.session.take_if(|_| own) else {
            let mut buffer = [0; FRAME_MAX];
            let frame = frame_message(message, &mut buffer).map_err(|_| wrong())?;
            return self.exchange(what, about, frame);
        };
        // With the seal behind it less of an image fits; the device says where the next part begins.
        let mut shorter = [0; MESSAGE_MAX];
        let message = match request.op {
            Op::UploadChunk {
                upload,
                offset,
                bytes,
            } if bytes.len() > SEALED_CHUNK_MAX => {
                let bytes = bytes.get(..SEALED_CHUNK_MAX).unwrap_or_default();
                let op = Op::UploadChunk {
                    upload,
                    offset,
                    bytes,
                };
                encoded(what, &Request { op, ..request }, &mut shorter)
            }
            _ => Ok(message),
        };
        let answer =
            message.and_then(|message| self.exchange_sealed(what, about, message, &mut session));
        // One that is over is opened anew for the next request.
        if !matches!(&answer, Err(error) if error.is_refusal("no-session")) {
            self.session = Some(session);
        }
        answer
    }

    /// Send a frame, and again if it must be, until the answer with its id comes.
    fn exchange(
        &mut self,
        what: &'static str,
        (id, is_long): (u32, bool),
        frame: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let timeout = if is_long {
            self.timeout * LONG_FACTOR
        } else {
            self.timeout
        };
        let line = match &mut self.way {
            Way::Line(line) => line,
            Way::Here(exchange) => {
                let message = exchange(frame).filter(|message| message_id(message) == Some(id));
                return message.ok_or(Error::Unexpected { to: what });
            }
        };
        line.await_id(id)?;
        let asked = Instant::now();
        let (deadline, allowed) = (self.deadline, timeout);
        let timeout = deadline.map_or(timeout, |deadline| {
            timeout.min(deadline.saturating_duration_since(asked))
        });
        let timeout = self
            .patience
            .map_or(timeout, |patience| timeout.min(patience));
        let late = || Error::TimedOut {
            to: what,
            after: timeout,
        };
        for (round, part) in REPEAT_AFTER.into_iter().enumerate() {
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Err(late());
            }
            // The steps are those of the device, however little time is left.
            let until = (asked + allowed * part / 1000).min(asked + timeout);
            if round > 0 {
                let patience = (Instant::now() + allowed / DRAIN_PART).min(asked + timeout);
                if let Some(message) = line.drain(id, patience)? {
                    return Ok(message);
                }
                // That took longer than this step.
                if until <= Instant::now() {
                    continue;
                }
                self.repetitions += 1;
            }
            line.writer
                .write_all(frame)
                .and_then(|()| line.writer.flush())
                .map_err(|error| {
                    let blocked = || ErrorKind::TimedOut.into();
                    Error::of_line(if is_tick(&error) { blocked() } else { error })
                })?;
            while let Some(message) = line.next_message(until)? {
                if message_id(&message) == Some(id) {
                    return Ok(message);
                }
            }
        }
        Err(late())
    }
}

impl Line {
    /// Let answers to this request through, and forget repetitions of answers before.
    fn await_id(&self, id: u32) -> Result<(), Error> {
        self.shared.awaited.store(id.into(), Ordering::Relaxed);
        for _ in 0..WAITING_MAX {
            match self.answers.try_recv() {
                Ok(_) => {}
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(self.ended()),
            }
        }
        Ok(())
    }

    /// Hear what is on the line already, in which the answer to `id` may be. Returns that; `None` if it is not there, or there is
    /// still more at `until`.
    fn drain(&self, id: u32, until: Instant) -> Result<Option<Vec<u8>>, Error> {
        loop {
            // Looked at before the wait, so that what was taken from the line meanwhile is heard.
            let is_last = !self.writer.has_unread() || Instant::now() >= until;
            while let Some(message) = self.next_message(Instant::now() + DRAIN_WAIT)? {
                if message_id(&message) == Some(id) {
                    return Ok(Some(message));
                }
            }
            if is_last {
                return Ok(None);
            }
        }
    }

    /// The next message; `None` if there is none until then.
    fn next_message(&self, until: Instant) -> Result<Option<Vec<u8>>, Error> {
        let left = until.saturating_duration_since(Instant::now());
        match self.answers.recv_timeout(left) {
            Ok(message) => Ok(Some(message)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// Why nothing comes any more.
    fn ended(&self) -> Error {
        Error::of_line(self.shared.why_ended())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        self.writer.shut_down();
        if let Some(reader) = self.reader.take() {
            // It cannot panic; if it did, there is nobody left to tell.
            let _ = reader.join();
        }
    }
}

/// Writes a request.
fn encoded<'b>(
    what: &'static str,
    request: &Request<'_>,
    buffer: &'b mut [u8; MESSAGE_MAX],
) -> Result<&'b [u8], Error> {
    match postcard::to_slice(request, buffer) {
        Ok(message) => Ok(message),
        Err(_) => Err(too_long(what)),
    }
}

fn too_long(what: &str) -> Error {
    Error::Usage(format!("{what}: the text is too long to send"))
}

/// Does the device want a session for what was asked?
fn needs_session(answer: &[u8]) -> bool {
    let answer = Response::decode(answer).map(|response| response.result);
    matches!(answer, Ok(Err(DeviceError::SessionNeeded)))
}

/// Does the device check or load a whole module before it answers?
const fn is_long(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::Start { .. }
            | Op::Edit { .. }
            | Op::UploadCommit { .. }
            | Op::RunCommit { .. }
            | Op::Commit { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_protocol::{Event, FrameDecoder, Op, Reply, encode_frame};
    use std::{
        io::{self, Read, Write},
        sync::Mutex,
    };

    /// A line whose answer has come, and is read only when somebody has asked whether there is anything.
    #[derive(Clone, Default)]
    struct Behind(Arc<Mutex<State>>);

    #[derive(Default)]
    struct State {
        requests: u32,
        /// The answer, as long as it is on the line.
        answer: Vec<u8>,
        is_asked_for: bool,
    }

    impl Read for Behind {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(DRAIN_WAIT);
            let mut state = self.0.lock().unwrap();
            if !state.is_asked_for || state.answer.is_empty() {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = state.answer.len().min(16).min(buffer.len());
            buffer[..count].copy_from_slice(&state.answer[..count]);
            state.answer.drain(..count);
            Ok(count)
        }
    }

    impl Write for Behind {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut decoder = FrameDecoder::new();
            for byte in bytes {
                if let Event::Message(message) = decoder.push(*byte) {
                    let id = Request::decode(message).unwrap().id;
                    let mut buffer = [0; FRAME_MAX];
                    let answer = Response {
                        id,
                        result: Ok(Reply::Done),
                    };
                    let mut state = self.0.lock().unwrap();
                    state.requests += 1;
                    state.answer = [
                        b"text ".repeat(8),
                        encode_frame(&answer, &mut buffer).unwrap().to_vec(),
                    ]
                    .concat();
                }
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Transport for Behind {
        fn second_handle(&self) -> io::Result<Box<dyn Transport>> {
            Ok(Box::new(self.clone()))
        }

        fn shut_down(&self) {}

        fn has_unread(&self) -> bool {
            let mut state = self.0.lock().unwrap();
            state.is_asked_for = true;
            !state.answer.is_empty()
        }
    }

    #[test]
    fn nothing_is_repeated_before_what_has_come_is_heard() {
        let line = Behind::default();
        let mut client = Client::new(Box::new(line.clone())).unwrap();
        let op = Op::Stop { name: "pump" };
        client
            .request("stop", op, |reply| assert!(reply.is_ok()))
            .unwrap();
        assert_eq!(
            (client.repetitions(), line.0.lock().unwrap().requests),
            (0, 1)
        );
    }
}
