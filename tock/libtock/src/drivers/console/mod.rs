//! Console: bytes to and from the serial line (driver 0x1).

#![cfg_attr(test, allow(unsafe_code))]

mod receiver;

pub use receiver::Receiver;

use crate::syscalls::subscribe::while_subscribed;
use crate::{
    ErrorCode, EventSlot, SharedBuffer, SharedText, allow, command, subscribe, yield_wait,
};

/// Driver number.
pub const DRIVER_NUM: usize = 0x1;

mod commands {
    pub(super) const EXISTS: usize = 0;
    pub(super) const WRITE: usize = 1;
    pub(super) const READ: usize = 2;
    pub(super) const ABORT_READ: usize = 3;
    /// Not one of Tock's.
    pub(super) const KEPT: usize = 4;
}

/// Event numbers.
mod upcall {
    /// `(bytes written, 0, 0)`
    pub(super) const WRITTEN: usize = 1;
    /// `(status, bytes received, 0)`
    pub(super) const RECEIVED: usize = 2;
}

const RO_WRITE: usize = 1;
const RW_READ: usize = 1;

/// Is there a console?
pub fn exists() -> Result<(), ErrorCode> {
    command(DRIVER_NUM, commands::EXISTS, 0, 0).success()
}

/// How many bytes the console keeps while nobody reads: 0 if it loses them, as upstream Tock's.
#[must_use]
pub fn kept() -> u32 {
    command(DRIVER_NUM, commands::KEPT, 0, 0)
        .success_u32()
        .unwrap_or(0)
}

/// Write all of `bytes`; sleeps until the driver has sent them.
///
/// Events that come meanwhile fill their slots.
///
/// # Errors
///
/// `NoDevice` without a console, `Busy` if the process has a write under way,
/// `Fail` if the driver stops taking bytes.
pub fn write_all(bytes: &[u8]) -> Result<(), ErrorCode> {
    while_subscribed(DRIVER_NUM, upcall::WRITTEN, |sent| write(bytes, sent))?
}

/// Write all of `bytes` and sleep until they are sent, also if a write is under way: for a process that is about
/// to end and has to say why. A [`Writer`] never learns of the end of its write.
///
/// # Errors
///
/// As [`write_all`], `Busy` apart.
pub fn last_words(bytes: &[u8]) -> Result<(), ErrorCode> {
    while_subscribed(DRIVER_NUM, upcall::WRITTEN, |sent| {
        loop {
            match write(bytes, sent) {
                Err(ErrorCode::Busy) => wait(sent),
                other => return other.map(|_| ()),
            };
        }
    })?
}

/// Write all of `bytes`; the ends of writes arrive in `sent`.
fn write(bytes: &[u8], sent: &EventSlot) -> Result<(), ErrorCode> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = allow::with_read_only(DRIVER_NUM, RO_WRITE, rest, || {
            command(DRIVER_NUM, commands::WRITE, rest.len(), 0).success()?;
            let [written, ..] = wait(sent);
            Ok(written)
        })??;
        rest = match rest.get(written..) {
            Some(left) if written > 0 => left,
            _ => return Err(ErrorCode::Fail),
        };
    }
    Ok(())
}

/// Sleep until the slot has something.
fn wait(slot: &EventSlot) -> [usize; 3] {
    loop {
        if let Some(event) = slot.take() {
            return event.arguments;
        }
        yield_wait();
    }
}

/// Read exactly `buffer.len()` bytes; sleeps until they have come.
///
/// # Errors
///
/// `NoDevice` without a console, `Busy` if the process has a read under way,
/// or what the driver reports; bytes received before are lost then.
pub fn read_exact(buffer: &mut [u8]) -> Result<(), ErrorCode> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let length = rest.len();
        let [status, received, _] = while_subscribed(DRIVER_NUM, upcall::RECEIVED, |came| {
            allow::with_read_write(DRIVER_NUM, RW_READ, rest, || {
                command(DRIVER_NUM, commands::READ, length, 0).success()?;
                Ok(wait(came))
            })?
        })??;
        ErrorCode::from_status(status)?;
        if received == 0 || received > length {
            return Err(ErrorCode::Fail);
        }
        filled += received;
    }
    Ok(())
}

/// Writing in the background, for a process that has other things to do.
///
/// While a write is under way ([`Writer::is_writing`]), [`write_all`] answers `Busy`.
pub struct Writer {
    slot: &'static EventSlot,
    state: Writing,
}

/// Who has the writer's buffer.
enum Writing {
    Idle(&'static mut [u8]),
    Sending(SharedText),
    /// Only while a method moves the buffer from one side to the other.
    Moving,
}

impl Writer {
    /// A writer that sends from `buffer` and whose completions fill `slot`.
    ///
    /// # Errors
    ///
    /// `NoDevice` without a console.
    pub fn new(buffer: &'static mut [u8], slot: &'static EventSlot) -> Result<Self, ErrorCode> {
        subscribe(DRIVER_NUM, upcall::WRITTEN, slot)?;
        Ok(Self {
            slot,
            state: Writing::Idle(buffer),
        })
    }

    /// Begin to send `bytes`, or as many as fit the buffer.
    ///
    /// # Errors
    ///
    /// `Already` while a write is under way; what the driver answers.
    pub fn start(&mut self, bytes: &[u8]) -> Result<(), ErrorCode> {
        if self.is_writing() {
            return Err(ErrorCode::Already);
        }
        let buffer = match core::mem::replace(&mut self.state, Writing::Moving) {
            Writing::Idle(buffer) => buffer,
            other => {
                self.state = other;
                return Err(ErrorCode::Already);
            }
        };
        let length = bytes.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(bytes) {
            *place = *byte;
        }
        match SharedText::lend(DRIVER_NUM, RO_WRITE, buffer) {
            Ok(shared) => match command(DRIVER_NUM, commands::WRITE, length, 0).success() {
                Ok(()) => {
                    self.state = Writing::Sending(shared);
                    Ok(())
                }
                Err(code) => {
                    self.state = Writing::Idle(shared.take_back());
                    Err(code)
                }
            },
            Err((code, buffer)) => {
                self.state = Writing::Idle(buffer);
                Err(code)
            }
        }
    }

    /// Is a write under way? Its end is seen after a yield.
    pub fn is_writing(&mut self) -> bool {
        if !matches!(self.state, Writing::Sending(_)) {
            return false;
        }
        if self.slot.take().is_none() {
            return true;
        }
        if let Writing::Sending(shared) = core::mem::replace(&mut self.state, Writing::Moving) {
            self.state = Writing::Idle(shared.take_back());
        }
        false
    }
}

/// Reading in the background, for a process that has other things to do.
///
/// ```ignore
/// static RECEIVED: EventSlot = EventSlot::new();
/// static LINE: StaticBuffer<256> = StaticBuffer::new();
///
/// let mut reader = console::Reader::new(LINE.take()?, &RECEIVED)?;
/// reader.start(1)?;
/// loop {
///     libtock::yield_wait();
///     if let Some(outcome) = reader.poll() {
///         handle(outcome.bytes);
///         reader.start(1)?;
///     }
/// }
/// ```
pub struct Reader {
    slot: &'static EventSlot,
    state: State,
}

/// Who has the buffer.
enum State {
    Idle(&'static mut [u8]),
    Reading(SharedBuffer),
    /// Only while a method moves the buffer from one side to the other.
    Moving,
}

/// What a read that ended has brought.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The bytes received, also those before a failure or an abort.
    pub bytes: &'a [u8],
    /// `Err(Cancel)` after [`Reader::abort`], or what the driver reports.
    pub status: Result<(), ErrorCode>,
}

impl Reader {
    /// A reader that receives into `buffer` and whose completions fill `slot`.
    ///
    /// # Errors
    ///
    /// `NoDevice` without a console.
    pub fn new(buffer: &'static mut [u8], slot: &'static EventSlot) -> Result<Self, ErrorCode> {
        subscribe(DRIVER_NUM, upcall::RECEIVED, slot)?;
        Ok(Self {
            slot,
            state: State::Idle(buffer),
        })
    }

    /// Ask for `length` bytes (at most the buffer's length are taken). The read
    /// ends when they have all come, or on [`Reader::abort`].
    ///
    /// # Errors
    ///
    /// `Already` while a read is under way; `Busy` or others from the driver.
    pub fn start(&mut self, length: usize) -> Result<(), ErrorCode> {
        match core::mem::replace(&mut self.state, State::Moving) {
            State::Idle(buffer) => {
                let length = length.min(buffer.len());
                let shared = match SharedBuffer::lend(DRIVER_NUM, RW_READ, buffer) {
                    Ok(shared) => shared,
                    Err((code, buffer)) => {
                        self.state = State::Idle(buffer);
                        return Err(code);
                    }
                };
                self.slot.take();
                match command(DRIVER_NUM, commands::READ, length, 0).success() {
                    Ok(()) => {
                        self.state = State::Reading(shared);
                        Ok(())
                    }
                    Err(code) => {
                        self.state = State::Idle(shared.take_back());
                        Err(code)
                    }
                }
            }
            other => {
                self.state = other;
                Err(ErrorCode::Already)
            }
        }
    }

    /// Is a read under way (or finished and not yet polled)?
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        matches!(self.state, State::Reading(_))
    }

    /// Has a read finished that was not yet polled?
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.is_reading() && self.slot.is_filled()
    }

    /// Ask the driver to end the read now. It still ends through
    /// [`Reader::poll`], after a yield, with what has come so far.
    ///
    /// # Errors
    ///
    /// What the driver answers when there is nothing to abort.
    pub fn abort(&self) -> Result<(), ErrorCode> {
        command(DRIVER_NUM, commands::ABORT_READ, 0, 0).success()
    }

    /// Take what has come so far and do not wait for more.
    ///
    /// A read and an abort; the yield between them and the answer is short, but
    /// other events may fill their slots in it. Use [`Reader::start`] with
    /// length 1 to learn *when* something comes.
    ///
    /// # Errors
    ///
    /// Those of [`Reader::start`] and [`Reader::abort`]; after the latter the
    /// read is still under way.
    pub fn read_available(&mut self) -> Result<&[u8], ErrorCode> {
        self.start(usize::MAX)?;
        self.abort()?;
        while !self.slot.is_filled() {
            yield_wait();
        }
        let outcome = self.poll().ok_or(ErrorCode::BadRVal)?;
        match outcome.status {
            Ok(()) | Err(ErrorCode::Cancel) => Ok(outcome.bytes),
            Err(code) => Err(code),
        }
    }

    /// If the read has ended: what it brought. The reader is idle then.
    pub fn poll(&mut self) -> Option<Outcome<'_>> {
        if !self.is_reading() {
            return None;
        }
        let event = self.slot.take()?;
        let [status, received, _] = event.arguments;
        if let State::Reading(shared) = core::mem::replace(&mut self.state, State::Moving) {
            self.state = State::Idle(shared.take_back());
        }
        let State::Idle(buffer) = &self.state else {
            return None;
        };
        Some(Outcome {
            bytes: buffer.get(..received.min(buffer.len()))?,
            status: ErrorCode::from_status(status),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{class, variant};
    use std::rc::Rc;
    use std::{cell::RefCell, vec::Vec};

    /// A console that takes at most `step` bytes a write.
    fn fake(step: usize) -> Rc<RefCell<Vec<u8>>> {
        let sent = Rc::new(RefCell::new(Vec::new()));
        let log = sent.clone();
        let mut lent = (0, 0);
        let mut written = None;
        let mut subscribed = (0, 0);
        crate::host::install(move |class, registers| {
            let [r0, r1, r2, r3] = registers;
            match class {
                class::SUBSCRIBE => {
                    assert_eq!((r0, r1), (DRIVER_NUM, upcall::WRITTEN));
                    let (function, data) = core::mem::replace(&mut subscribed, (r2, r3));
                    [variant::SUCCESS_2_U32, function, data, r3]
                }
                class::ALLOW_READ_ONLY => {
                    lent = (r2, r3);
                    [variant::SUCCESS_2_U32, 0, 0, r3]
                }
                class::COMMAND => {
                    assert_eq!((r0, r1), (DRIVER_NUM, commands::WRITE));
                    let count = step.min(r2);
                    written = Some(count);
                    // SAFETY: the bytes are lent right now.
                    let bytes = unsafe {
                        core::slice::from_raw_parts(
                            core::ptr::with_exposed_provenance::<u8>(lent.0),
                            lent.1,
                        )
                    };
                    log.borrow_mut().extend(&bytes[..count]);
                    [variant::SUCCESS, r1, r2, r3]
                }
                class::YIELD => {
                    assert_eq!(
                        r0,
                        crate::raw::yield_variant::WAIT,
                        "WaitFor may sleep for ever"
                    );
                    let written = written.take().expect("nothing will ever wake it");
                    // SAFETY: what the subscription gave.
                    unsafe { crate::host::upcall(subscribed.1, [written, 0, 0]) };
                    [r0, r1, r2, r3]
                }
                _ => crate::host::no_device(class, registers),
            }
        });
        sent
    }

    #[test]
    fn a_short_write_is_continued() {
        let sent = fake(3);
        assert_eq!(write_all(b"hello, world"), Ok(()));
        assert_eq!(&*sent.borrow(), b"hello, world");
    }

    #[test]
    fn a_console_that_takes_nothing_is_an_error_not_a_loop() {
        fake(0);
        assert_eq!(write_all(b"hello"), Err(ErrorCode::Fail));
    }

    #[test]
    fn last_words_wait_for_the_write_that_is_under_way() {
        let sent = Rc::new(RefCell::new(Vec::<u8>::new()));
        // A write is under way, and its end has not been told.
        let busy = Rc::new(std::cell::Cell::new(true));
        let (log, is_busy) = (sent.clone(), busy.clone());
        let mut data = 0;
        let mut lent = (0, 0);
        crate::host::install(move |class, [r0, r1, r2, r3]| match class {
            class::SUBSCRIBE => [
                variant::SUCCESS_2_U32,
                0,
                core::mem::replace(&mut data, r3),
                r3,
            ],
            class::ALLOW_READ_ONLY => {
                lent = (r2, r3);
                [variant::SUCCESS_2_U32, 0, 0, r3]
            }
            class::YIELD => {
                is_busy.set(false);
                // SAFETY: what the subscription gave.
                unsafe { crate::host::upcall(data, [lent.1, 0, 0]) };
                [r0, r1, r2, r3]
            }
            _ if is_busy.get() => [variant::FAILURE, ErrorCode::Busy as usize, r2, r3],
            _ => {
                log.borrow_mut().extend(b"sent");
                [variant::SUCCESS, r1, r2, r3]
            }
        });
        assert_eq!(last_words(b"why"), Ok(()));
        assert_eq!(&*sent.borrow(), b"sent");
        busy.set(true);
        assert_eq!(write_all(b"why"), Err(ErrorCode::Busy));
    }

    #[test]
    fn a_background_write_sends_while_other_things_go_on() {
        static SLOT: EventSlot = EventSlot::new();
        let sent = Rc::new(RefCell::new(Vec::<u8>::new()));
        let log = sent.clone();
        let mut lent = (0, 0);
        let written = Rc::new(std::cell::Cell::new(0));
        let data = written.clone();
        crate::host::install(move |class, [_, r1, r2, r3]| match class {
            class::SUBSCRIBE => {
                data.set(r3);
                [variant::SUCCESS_2_U32, 0, 0, r3]
            }
            class::ALLOW_READ_ONLY => {
                let old = core::mem::replace(&mut lent, (r2, r3));
                [variant::SUCCESS_2_U32, old.0, old.1, r3]
            }
            _ => {
                assert_eq!(r1, commands::WRITE);
                // SAFETY: the bytes are lent right now.
                let bytes = unsafe {
                    core::slice::from_raw_parts(
                        core::ptr::with_exposed_provenance::<u8>(lent.0),
                        lent.1,
                    )
                };
                log.borrow_mut().extend(&bytes[..r2]);
                [variant::SUCCESS, r1, r2, r3]
            }
        });
        let buffer = std::vec![0u8; 8].leak();
        let mut writer = Writer::new(buffer, &SLOT).unwrap();
        assert!(!writer.is_writing());
        writer.start(b"hello").unwrap();
        assert!(writer.is_writing());
        assert_eq!(writer.start(b"again"), Err(ErrorCode::Already));
        // SAFETY: what the subscription gave.
        unsafe { crate::host::upcall(written.get(), [5, 0, 0]) };
        assert!(!writer.is_writing());
        writer.start(b"more than fits").unwrap();
        assert_eq!(&*sent.borrow(), b"hellomore tha");
    }

    #[test]
    fn a_background_read_gives_the_bytes_and_is_idle_again() {
        static SLOT: EventSlot = EventSlot::new();
        let mut lent = (0, 0);
        let mut data = 0;
        crate::host::install(move |class, [r0, r1, r2, r3]| match class {
            class::SUBSCRIBE => {
                data = r3;
                [variant::SUCCESS_2_U32, 0, 0, r3]
            }
            class::ALLOW_READ_WRITE => {
                let old = core::mem::replace(&mut lent, (r2, r3));
                [variant::SUCCESS_2_U32, old.0, old.1, r3]
            }
            class::COMMAND => {
                // SAFETY: the buffer is lent right now.
                unsafe {
                    core::ptr::with_exposed_provenance_mut::<u8>(lent.0).write(b'x');
                    crate::host::upcall(data, [ErrorCode::Cancel as usize, 1, 0]);
                }
                [variant::SUCCESS, r1, r2, r3]
            }
            _ => [r0, r1, r2, r3],
        });
        let buffer = std::vec![0u8; 8].leak();
        let mut reader = Reader::new(buffer, &SLOT).unwrap();
        assert_eq!(reader.poll(), None);
        reader.start(8).unwrap();
        // The fake ends the read inside the command; a kernel would later.
        let outcome = reader.poll().unwrap();
        assert_eq!(outcome.bytes, b"x");
        assert_eq!(outcome.status, Err(ErrorCode::Cancel));
        assert!(!reader.is_reading());
        assert_eq!(reader.read_available(), Ok(&b"x"[..]));
        assert_eq!(reader.start(1), Ok(()));
        assert_eq!(reader.start(1), Err(ErrorCode::Already));
    }
}
