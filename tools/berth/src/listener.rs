//! What comes on a client's line, taken apart.

use crate::Transport;
use crate::transport::is_tick;
use berth_protocol::{Event, FRAME_TIMEOUT_MS, FrameDecoder, message_id};
use std::{
    io::{self, ErrorKind},
    os::fd::RawFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError},
    },
    time::{Duration, Instant},
};

/// No id of a request.
pub(crate) const NOBODY: u64 = u64::MAX;

/// What a client and the listener of its line have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The client is gone.
    pub(crate) ending: AtomicBool,
    /// Id of the request whose answer is waited for, or [`NOBODY`].
    pub(crate) awaited: AtomicU64,
    /// Why nothing comes any more.
    ended: Mutex<Option<io::Error>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            ending: AtomicBool::new(false),
            awaited: AtomicU64::new(NOBODY),
            ended: Mutex::new(None),
        }
    }
}

impl Shared {
    /// Returns why nothing comes any more: the reason once, then that it is so.
    pub(crate) fn why_ended(&self) -> io::Error {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended
            .take()
            .unwrap_or_else(|| ErrorKind::UnexpectedEof.into())
    }
}

/// Reads a client's line, in a thread of the client's own ([`Client::new`](crate::Client::new)) or whenever somebody sees that there is
/// something to be read ([`Client::heard`](crate::Client::heard)). Without it the client hears nothing.
pub struct Listener {
    line: Box<dyn Transport>,
    shared: Arc<Shared>,
    found: SyncSender<Vec<u8>>,
    decoder: FrameDecoder,
    quiet_since: Instant,
}

/// What came of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// So many bytes; 0: there were none.
    Bytes(usize),
    /// Nothing will come any more, or nobody wants it: the listener can be dropped.
    End,
}

impl Listener {
    pub(crate) fn new(
        line: Box<dyn Transport>,
        shared: Arc<Shared>,
        found: SyncSender<Vec<u8>>,
    ) -> Self {
        Self {
            line,
            shared,
            found,
            decoder: FrameDecoder::new(),
            quiet_since: Instant::now(),
        }
    }

    /// Returns what the system calls the line, so that it can tell when there is something; `None` where it cannot.
    #[must_use]
    pub fn descriptor(&self) -> Option<RawFd> {
        self.line.descriptor()
    }

    /// Returns whether there are bytes on the line.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.line.has_unread()
    }

    /// Reads once. Waits for a moment if there is nothing.
    pub fn hear(&mut self) -> Heard {
        if self.shared.ending.load(Ordering::Relaxed) {
            return Heard::End;
        }
        let mut buffer = [0; 1024];
        let count = match self.line.read(&mut buffer) {
            Ok(0) => {
                return self.end(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "closed by the other side",
                ));
            }
            Ok(count) => count,
            Err(error) if is_tick(&error) => {
                self.expire();
                return Heard::Bytes(0);
            }
            Err(error) => return self.end(error),
        };
        self.expire();
        self.quiet_since = Instant::now();
        for byte in buffer.get(..count).unwrap_or_default() {
            if let Event::Message(message) = self.decoder.push(*byte)
                && message_id(message).map(u64::from)
                    == Some(self.shared.awaited.load(Ordering::Relaxed))
                // What there is no room for is lost, as on the line; a request is repeated.
                && let Err(TrySendError::Disconnected(_)) = self.found.try_send(message.to_vec())
            {
                return Heard::End;
            }
        }
        Heard::Bytes(count)
    }

    /// Forgets what was begun a while ago.
    fn expire(&mut self) {
        if self.quiet_since.elapsed() > Duration::from_millis(FRAME_TIMEOUT_MS.into()) {
            self.decoder.expire();
        }
    }

    fn end(&self, why: io::Error) -> Heard {
        let mut ended = self
            .shared
            .ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *ended = Some(why);
        drop(ended);
        Heard::End
    }
}
