//! Receiving all the time, on any console.
//!
//! Berth's console keeps what arrives while nobody reads ([`super::kept`]). Then a read of one byte wakes the process, and
//! a long one, aborted at once, takes what is kept.
//!
//! Upstream Tock's keeps nothing: a byte that comes between two reads lies in the UART until the next one has come. There
//!
//! * a read of the whole buffer is under way whenever the process works; it is ended and begun anew in one go, each
//!   2 ms, and copied only then, so that the UART has to bridge no more than a few system calls;
//! * what it brought is kept by the receiver until it is asked for, also while the process waits for something else
//!   ([`Receiver::keep`]);
//! * before the process sleeps and nothing has come for 20 ms, it becomes a read of one byte, which wakes it.
//!
//! At 115200 baud a buffer of 64 bytes (upstream's own has no more) is full after 5.5 ms. A process that lets
//! [`Receiver::look_by`] pass by 3 ms loses what follows.

use super::Reader;
use crate::{ErrorCode, EventSlot, yield_no_wait};

/// How long a read of the whole buffer goes on before it is looked what has come.
const LOOK_US: u64 = 2_000;
/// After so long without a byte a read of one byte is enough.
const QUIET_US: u64 = 20_000;

/// While another process reads a console that keeps what comes, this one asks for it so often.
const RETRY_US: u64 = 100_000;

/// Bytes that one look brings at most.
const LOOK_BYTES: usize = 64;

/// How often a read that was aborted is asked for its end, before others get their turn. It takes an interrupt or two.
const PATIENCE: usize = 100;

/// Receives all the time.
pub struct Receiver {
    reader: Reader,
    /// Does the console keep what nobody reads?
    is_kept: bool,
    /// The read under way is one of the whole buffer.
    is_long: bool,
    /// It was aborted, and its end has not come.
    is_aborted: bool,
    /// When it began.
    since_us: u64,
    /// When a byte came last.
    heard_us: u64,
    /// What came when nobody asked.
    store: &'static mut [u8],
    stored: usize,
}

impl Receiver {
    /// Begin to receive into `buffer`, which has 64 bytes at least. What comes fills `slot`. Where the console keeps nothing
    /// (`is_kept`), nothing can be received before there is a store for it ([`Self::keep_in`]).
    ///
    /// # Errors
    ///
    /// `NoDevice` without a console.
    pub fn new(
        buffer: &'static mut [u8],
        slot: &'static EventSlot,
        is_kept: bool,
    ) -> Result<Self, ErrorCode> {
        let mut receiver = Self {
            reader: Reader::new(buffer, slot)?,
            is_kept,
            is_long: false,
            is_aborted: false,
            since_us: 0,
            heard_us: 0,
            store: &mut [],
            stored: 0,
        };
        match receiver.begin(!is_kept, 0) {
            // Another process reads now: tried again at each look.
            Ok(()) | Err(ErrorCode::Busy) => Ok(receiver),
            Err(code) => Err(code),
        }
    }

    /// Does the console keep what nobody reads? Then no call depends on the time.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Put what comes into `store`, which has 128 bytes at least, until it is asked for. A console that keeps what comes
    /// needs none.
    pub const fn keep_in(&mut self, store: &'static mut [u8]) {
        self.store = store;
        self.stored = 0;
    }

    /// Until when [`receive`](Self::receive) or [`keep`](Self::keep) is to be called, or bytes may be lost: `u64::MAX` if
    /// the console keeps them.
    #[must_use]
    pub const fn look_by(&self) -> u64 {
        if self.is_kept() {
            u64::MAX
        } else if !self.reader.is_reading() || self.is_long && !self.is_aborted {
            self.since_us.saturating_add(LOOK_US)
        } else {
            0
        }
    }

    /// Take what has come, at most `out`, which has room for 64 bytes; how many.
    pub fn receive(&mut self, now_us: u64, out: &mut [u8]) -> usize {
        run_upcalls();
        if self.is_kept() {
            return self.receive_kept(out);
        }
        self.keep(now_us);
        let stored = self.store.get(..self.stored).unwrap_or_default();
        let count = copy(stored, out);
        self.store.copy_within(count..self.stored, 0);
        self.stored -= count;
        count
    }

    /// Keep what has come, if it is time to look: the process works or waits for something else.
    pub fn keep(&mut self, now_us: u64) {
        let is_due = self.reader.has_ended() || now_us >= self.look_by();
        if is_due && self.store.len() - self.stored >= LOOK_BYTES {
            self.look(now_us, true);
        }
    }

    /// The process is about to sleep. When it has to wake to look at what has come; `None`: a byte wakes it.
    pub fn before_sleep(&mut self, now_us: u64) -> Option<u64> {
        if self.is_kept() {
            // Another process reads.
            return (!self.reader.is_reading()).then_some(now_us + RETRY_US);
        }
        if !self.reader.is_reading() {
            // Another process reads.
            let _ = self.begin(true, now_us);
            return Some(now_us + LOOK_US);
        }
        if self.is_long {
            if now_us.saturating_sub(self.heard_us) < QUIET_US {
                return Some(now_us + LOOK_US);
            }
            self.look(now_us, false);
        }
        if self.stored > 0 || self.is_long {
            return Some(now_us);
        }
        None
    }

    /// The process is awake again. Whatever has woken it, it works now, and a byte that comes may not be the only one.
    pub fn after_sleep(&mut self, now_us: u64) {
        if !self.is_long {
            self.keep(now_us);
        }
    }

    /// End the read under way, begin the next one at once, and keep what has come.
    fn look(&mut self, now_us: u64, long: bool) {
        if self.reader.is_reading() {
            if !self.reader.has_ended() && !self.is_aborted {
                // It cannot fail but by having ended just now.
                let _ = self.reader.abort();
                self.is_aborted = true;
            }
            let mut patience = PATIENCE;
            while !self.reader.has_ended() {
                if patience == 0 {
                    return;
                }
                patience -= 1;
                yield_no_wait();
            }
            if let Some(outcome) = self.reader.poll() {
                let room = self.store.get_mut(self.stored..).unwrap_or_default();
                self.stored += copy(outcome.bytes, room);
            }
        }
        if self.stored > 0 {
            self.heard_us = now_us;
        }
        // If another process reads, the next look tries again.
        let _ = self.begin(long || self.stored > 0, now_us);
    }

    fn begin(&mut self, long: bool, now_us: u64) -> Result<(), ErrorCode> {
        self.is_long = long;
        self.is_aborted = false;
        self.since_us = now_us;
        self.reader.start(if long { LOOK_BYTES } else { 1 })
    }

    /// A read of one byte is always under way and wakes the process. When it
    /// has come, a longer read, aborted at once, takes what is kept.
    fn receive_kept(&mut self, out: &mut [u8]) -> usize {
        let reader = &mut self.reader;
        if !reader.is_reading() {
            // Another process had it.
            let _ = reader.start(1);
        }
        let Some(first) = reader.poll() else {
            return 0;
        };
        let mut count = copy(first.bytes, out);
        let rest = out.get_mut(count..).unwrap_or_default();
        if !rest.is_empty() && reader.start(rest.len()).is_ok() {
            // Refused if all of it was kept and the read is complete.
            let _ = reader.abort();
            run_upcalls();
            if let Some(more) = reader.poll() {
                count += copy(more.bytes, rest);
            }
        }
        // Fails only while a read is under way, which is as good.
        let _ = reader.start(1);
        count
    }
}

/// Run all upcalls that are pending.
fn run_upcalls() {
    while yield_no_wait() {}
}

/// Copy to the front of `out`; how many bytes.
fn copy(bytes: &[u8], out: &mut [u8]) -> usize {
    let count = bytes.len().min(out.len());
    for (place, byte) in out.iter_mut().zip(bytes) {
        *place = *byte;
    }
    count
}

#[cfg(test)]
mod tests;
