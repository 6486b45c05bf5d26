//! Messages between containers: one bounded queue for each, found by the container's name.
//!
//! Queues are the supervisor's: a message is copied from the memory of the one who sends it
//! into the queue, and from there into the memory of the one who receives it. A queue
//! is open while its container has an engine, and what is in it is lost when that ends.

use alloc::vec::Vec;

use berth_protocol::NAME_MAX;

use super::name::Name;
use crate::errno;

/// Longest message in bytes.
pub const MESSAGE_MAX: usize = 64;

/// Bytes of a queue, heads and names of senders included: at least four messages,
/// some twenty short ones.
const QUEUE_BYTES: usize = 4 * (2 + NAME_MAX + MESSAGE_MAX);

/// Why a message was not taken. Tock's numbers of the same names; containers see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum SendError {
    /// The queue is full: again later (`BUSY`).
    Full = errno::BUSY as i32,
    /// Longer than [`MESSAGE_MAX`] (`SIZE`).
    TooLong = errno::SIZE as i32,
    /// The device has no memory for the queue (`NOMEM`).
    NoMemory = errno::NO_MEMORY as i32,
    /// No container of this name is active (`NODEVICE`).
    NoReceiver = errno::NO_DEVICE as i32,
}

/// The queue of one container.
#[derive(Debug, Default)]
pub struct Mailbox {
    /// The container's name while it can receive.
    name: Option<Name>,
    /// For each message: length of the sender's name, length of the message, both.
    queue: Vec<u8>,
}

impl Mailbox {
    /// Closed and empty.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            name: None,
            queue: Vec::new(),
        }
    }

    /// Open for a container of this name, or close it (`None`), which drops what is in it.
    pub fn set_open(&mut self, name: Option<Name>) {
        if name.is_none() {
            self.queue = Vec::new();
        }
        self.name = name;
    }

    /// The container's name, if it is open.
    #[must_use]
    pub const fn name(&self) -> Option<Name> {
        self.name
    }

    /// Is it open for a container of this name?
    #[must_use]
    pub fn is_of(&self, name: &[u8]) -> bool {
        self.name
            .as_ref()
            .is_some_and(|own| own.as_str().as_bytes() == name)
    }

    /// Is there a message?
    #[must_use]
    pub const fn has_mail(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Append a message.
    ///
    /// # Errors
    ///
    /// Why not; nothing has changed then.
    pub fn put(&mut self, from: &str, message: &[u8]) -> Result<(), SendError> {
        if message.len() > MESSAGE_MAX {
            return Err(SendError::TooLong);
        }
        if self.queue.capacity() == 0 {
            self.queue
                .try_reserve_exact(QUEUE_BYTES)
                .map_err(|_| SendError::NoMemory)?;
        }
        if self.queue.len() + 2 + from.len() + message.len() > QUEUE_BYTES {
            return Err(SendError::Full);
        }
        // Both fit: names have at most `NAME_MAX` bytes.
        self.queue.push(from.len() as u8);
        self.queue.push(message.len() as u8);
        self.queue.extend_from_slice(from.as_bytes());
        self.queue.extend_from_slice(message);
        Ok(())
    }

    /// Put the messages of `old` before those that are here, as far as they fit.
    pub fn take_over(&mut self, old: &mut Self) {
        let own = core::mem::replace(&mut self.queue, core::mem::take(&mut old.queue));
        if self.queue.is_empty() {
            self.queue = own;
        } else if self.queue.len() + own.len() <= QUEUE_BYTES {
            self.queue.extend_from_slice(&own);
        }
    }

    /// Take the oldest message: give name of the sender and message to `take`.
    pub fn get<R>(&mut self, take: impl FnOnce(&[u8], &[u8]) -> R) -> Option<R> {
        let (from, message) = (*self.queue.first()?, *self.queue.get(1)?);
        let middle = 2 + usize::from(from);
        let end = middle + usize::from(message);
        let taken = take(self.queue.get(2..middle)?, self.queue.get(middle..end)?);
        self.queue.drain(..end);
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn open() -> Mailbox {
        let mut mail = Mailbox::new();
        mail.set_open(Name::new("me"));
        mail
    }

    fn get(mail: &mut Mailbox) -> Option<(String, Vec<u8>)> {
        mail.get(|from, message| (String::from_utf8(from.into()).unwrap(), message.into()))
    }

    #[test]
    fn messages_come_in_order_with_their_senders() {
        let mut mail = open();
        assert!(!mail.has_mail());
        mail.put("a", b"one").unwrap();
        mail.put("bb", b"").unwrap();
        mail.put("a", &[7; MESSAGE_MAX]).unwrap();
        assert!(mail.has_mail());
        assert_eq!(get(&mut mail), Some(("a".into(), b"one".into())));
        assert_eq!(get(&mut mail), Some(("bb".into(), b"".into())));
        assert_eq!(get(&mut mail), Some(("a".into(), [7; MESSAGE_MAX].into())));
        assert_eq!(get(&mut mail), None);
    }

    #[test]
    fn a_queue_is_bounded_and_takes_messages_again_when_some_were_taken() {
        let mut mail = open();
        let name = "n".repeat(NAME_MAX);
        for _ in 0..3 {
            let mut count = 0;
            let error = loop {
                match mail.put(&name, &[1; MESSAGE_MAX]) {
                    Ok(()) => count += 1,
                    Err(error) => break error,
                }
            };
            assert_eq!((count, error), (4, SendError::Full));
            assert_eq!(mail.queue.capacity(), QUEUE_BYTES);
            while get(&mut mail).is_some() {}
        }
        assert_eq!(
            mail.put("a", &[1; MESSAGE_MAX + 1]),
            Err(SendError::TooLong)
        );
    }

    #[test]
    fn closing_drops_what_is_in_it_and_names_are_whole_names() {
        let mut mail = open();
        assert!(mail.is_of(b"me") && !mail.is_of(b"m") && !mail.is_of(b"me2") && !mail.is_of(b""));
        mail.put("a", b"x").unwrap();
        mail.set_open(None);
        assert!(!mail.has_mail() && !mail.is_of(b"me"));
        assert_eq!(mail.queue.capacity(), 0);
    }
}
