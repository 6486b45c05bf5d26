//! A driver that is given something to send, says when it is done, and has put what came where it was told: in the background, for
//! a process that has other things to do.

use crate::{ErrorCode, EventSlot, SharedBuffer, SharedText, command, subscribe};

/// The transfers of a driver, one after the other.
pub struct Background {
    driver: usize,
    /// Allow numbers of what is sent (if the driver has one for that) and of where to put what comes.
    numbers: (Option<usize>, usize),
    done: &'static EventSlot,
    state: State,
}

/// Who has the buffers: that of what is sent, and that of what comes.
enum State {
    Idle(&'static mut [u8], &'static mut [u8]),
    UnderWay(Sent, SharedBuffer),
    /// Both were taken back; the driver has not said yet that it is done.
    Ending(&'static mut [u8], &'static mut [u8]),
    /// Only while a method moves them from one side to the other.
    Moving,
}

/// What is sent: by a driver that has an Allow number for it, or not.
enum Sent {
    Lent(SharedText),
    Kept(&'static mut [u8]),
}

impl Sent {
    fn take_back(self) -> &'static mut [u8] {
        match self {
            Self::Lent(shared) => shared.take_back(),
            Self::Kept(buffer) => buffer,
        }
    }
}

impl Background {
    /// The transfers of `driver`, whose ends are upcall `upcall` and fill `done`. Allow `sent` takes what is sent; `None`: what is
    /// sent stands where what comes is put.
    ///
    /// # Errors
    ///
    /// `NoDevice` without such a driver.
    pub fn new(
        driver: usize,
        upcall: usize,
        done: &'static EventSlot,
        sent: (Option<usize>, &'static mut [u8]),
        room: (usize, &'static mut [u8]),
    ) -> Result<Self, ErrorCode> {
        subscribe(driver, upcall, done)?;
        Ok(Self {
            driver,
            numbers: (sent.0, room.0),
            done,
            state: State::Idle(sent.1, room.1),
        })
    }

    /// Begin a transfer of `bytes`, or of as many as fit, by this command.
    ///
    /// # Errors
    ///
    /// `Busy` while another one is under way or ends; what the driver answers.
    pub fn start(
        &mut self,
        bytes: &[u8],
        number: usize,
        first: usize,
        second: usize,
    ) -> Result<(), ErrorCode> {
        if !self.is_idle() {
            return Err(ErrorCode::Busy);
        }
        let (sent, room) = match core::mem::replace(&mut self.state, State::Moving) {
            State::Idle(sent, room) => (sent, room),
            other => {
                self.state = other;
                return Err(ErrorCode::Busy);
            }
        };
        let (of_sent, of_room) = self.numbers;
        let target = if of_sent.is_some() {
            &mut *sent
        } else {
            &mut *room
        };
        for (place, byte) in target.iter_mut().zip(bytes) {
            *place = *byte;
        }
        let sent = match of_sent {
            None => Sent::Kept(sent),
            Some(allow) => match SharedText::lend(self.driver, allow, sent) {
                Ok(shared) => Sent::Lent(shared),
                Err((code, sent)) => {
                    self.state = State::Idle(sent, room);
                    return Err(code);
                }
            },
        };
        let room = match SharedBuffer::lend(self.driver, of_room, room) {
            Ok(room) => room,
            Err((code, room)) => {
                self.state = State::Idle(sent.take_back(), room);
                return Err(code);
            }
        };
        let begun = command(self.driver, number, first, second).success();
        self.state = match begun {
            Ok(()) => State::UnderWay(sent, room),
            Err(_) => State::Idle(sent.take_back(), room.take_back()),
        };
        begun
    }

    /// What the driver said at the end of the transfer that is under way, if it is over. Then what came is in
    /// [`received`](Self::received).
    pub fn end(&mut self) -> Option<[usize; 3]> {
        if !matches!(self.state, State::UnderWay(..)) {
            return None;
        }
        let event = self.done.take()?;
        if let State::UnderWay(sent, room) = core::mem::replace(&mut self.state, State::Moving) {
            self.state = State::Idle(sent.take_back(), room.take_back());
        }
        Some(event.arguments)
    }

    /// Nobody waits for the transfer that is under way any more: it ends where the driver finds nothing left.
    pub fn cancel(&mut self) {
        match core::mem::replace(&mut self.state, State::Moving) {
            State::UnderWay(sent, room) => {
                self.state = State::Ending(sent.take_back(), room.take_back());
            }
            other => self.state = other,
        }
    }

    /// Is nothing under way?
    pub fn is_idle(&mut self) -> bool {
        match core::mem::replace(&mut self.state, State::Moving) {
            State::Ending(sent, room) if self.done.take().is_some() => {
                self.state = State::Idle(sent, room);
            }
            other => self.state = other,
        }
        matches!(self.state, State::Idle(..))
    }

    /// Is a transfer over that [`end`](Self::end) would tell?
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::UnderWay(..)) && self.done.is_filled()
    }

    /// What came with the last transfer.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        match &self.state {
            State::Idle(_, room) | State::Ending(_, room) => room,
            State::UnderWay(..) | State::Moving => &[],
        }
    }
}
