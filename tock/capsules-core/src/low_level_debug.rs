//! Debug output that needs nothing of the process: no buffer, no subscription.
//!
//! ```text
//!   process ── command ──► LowLevelDebug ── hil::uart::Transmit ──► a UartDevice
//! ```
//!
//! For the first steps of a runtime, or for the last before it dies.
//!
//! | command | arguments | prints |
//! |---|---|---|
//! | 0 | | nothing: driver is there |
//! | 1 | code | an alert; see below |
//! | 2 | x | one number |
//! | 3 | x, y | two numbers |
//!
//! Alert codes below 0x80 have meanings of their own: 1, the process panicked;
//! 2, it was installed at an address it was not linked for. All return success.
//!
//! Each message is one line, whole. A process may be eight messages ahead of the
//! line; what it sends beyond is dropped, and the next line says how many were. Lines that wait are
//! the processes' own work: with [`LowLevelDebug::with_passes`] each is sent in a pass of a process that has some.
//! While those of [`PROCESSES_MAX`](crate::PROCESSES_MAX) others wait, a process's are dropped.

use crate::driver;
use crate::passes::Passes;
use crate::waiting::Waiting;
use core::cell::Cell;
use kernel::ErrorCode;
use kernel::deferred_call::{DeferredCall, DeferredCallClient};
use kernel::grant::{AllowRoCount, AllowRwCount, Grant, UpcallCount};
use kernel::hil::uart::{Transmit, TransmitClient};
use kernel::process::{self, ProcessId};
use kernel::syscall::{CommandReturn, SyscallDriver};
use kernel::utilities::cells::TakeCell;

/// The driver's number.
pub const DRIVER_NUM: usize = driver::NUM::LowLevelDebug as usize;

/// A transmit buffer of this many bytes holds every line.
pub const BUF_LEN: usize = 96;

/// Messages of a process that wait at most.
const WAITING_MAX: usize = 8;

/// One message.
#[derive(Clone, Copy)]
enum Message {
    Alert(u32),
    One(u32),
    Two(u32, u32),
}

/// What the driver keeps for each process.
#[derive(Default)]
pub struct AppData {
    /// In the order they came; the first `None` ends them.
    waiting: [Option<Message>; WAITING_MAX],
    dropped: u32,
}

impl AppData {
    /// Returns whether it is the only one.
    fn add(&mut self, message: Message) -> bool {
        let is_first = !self.has_some();
        match self.waiting.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(message),
            None => self.dropped = self.dropped.saturating_add(1),
        }
        is_first
    }

    fn has_some(&self) -> bool {
        self.waiting.first().is_some_and(Option::is_some)
    }

    fn next(&mut self) -> Option<(Message, u32)> {
        let message = self.waiting.first_mut()?.take()?;
        // By cells: `rotate_left` brings a kilobyte and a half of code for long slices.
        let waiting = Cell::from_mut(&mut self.waiting[..]).as_slice_of_cells();
        for (place, following) in waiting.iter().zip(waiting.iter().skip(1)) {
            place.swap(following);
        }
        Some((message, core::mem::take(&mut self.dropped)))
    }
}

/// The grant a board creates for the driver.
pub type LowLevelDebugGrant = Grant<AppData, UpcallCount<0>, AllowRoCount<0>, AllowRwCount<0>>;

/// The driver. It must be the transmit client of its UART, and registered for its
/// deferred call.
pub struct LowLevelDebug<'a, U: Transmit<'a>> {
    buffer: TakeCell<'static, [u8]>,
    uart: &'a U,
    grant: LowLevelDebugGrant,
    /// The process whose line went out last.
    last: Cell<Option<ProcessId>>,
    /// Those that have lines waiting: one of each in turn.
    waiting: Waiting,
    /// Who asks for passes, if the board has that.
    passes: Option<&'a dyn Passes>,
    /// Starts the next line once the last has left the UART to others.
    next_line: DeferredCall,
}

impl<'a, U: Transmit<'a>> LowLevelDebug<'a, U> {
    /// A driver that formats lines in `buffer`, of [`BUF_LEN`] bytes; a shorter one
    /// cuts them.
    pub fn new(buffer: &'static mut [u8], uart: &'a U, grant: LowLevelDebugGrant) -> Self {
        Self {
            buffer: TakeCell::new(buffer),
            uart,
            grant,
            last: Cell::new(None),
            waiting: Waiting::default(),
            passes: None,
            next_line: DeferredCall::new(),
        }
    }

    /// Send lines that waited in passes of this board.
    #[must_use]
    pub fn with_passes(mut self, passes: &'a dyn Passes) -> Self {
        self.passes = Some(passes);
        self
    }

    /// Do one pass of work: send a line, if one waits and the last is gone. Returns whether the last line was another's
    /// than that of `process`, whose pass it is.
    pub fn pass(&self, process: ProcessId) -> bool {
        self.send_next();
        self.last.get() != Some(process)
    }

    fn print(&self, process: ProcessId, message: Message) -> CommandReturn {
        match self.grant.enter(process, |app, _| app.add(message)) {
            Ok(is_first) => {
                // Behind all others, whose lines came before, once the one under way is gone.
                let is_sending = self.buffer.is_none() && self.last.get() == Some(process);
                if is_first && !is_sending {
                    self.wait(process);
                }
                self.send_next();
                CommandReturn::success()
            }
            Err(error) => error.into(),
        }
    }

    /// Has a process that has lines wait for the UART behind the others. Without room they are dropped.
    fn wait(&self, process: ProcessId) {
        if !self.waiting.push(process, &|other| self.has_some(other)) {
            let _ = self.grant.enter(process, |app, _| {
                while let Some((_, dropped)) = app.next() {
                    app.dropped = dropped.saturating_add(1);
                }
            });
        }
    }

    /// Send a waiting line, if the buffer is here.
    fn send_next(&self) {
        let Some(buffer) = self.buffer.take() else {
            return;
        };
        let Some((process, message, dropped)) = self.next_message() else {
            self.buffer.replace(buffer);
            return;
        };
        let mut line = Line::new(buffer);
        line.message(process.id(), message, dropped);
        let (buffer, length) = line.end();
        if let Err((_, buffer)) = self.uart.transmit_buffer(buffer, length) {
            // The line is lost; the next call tries the next one.
            self.take_back(buffer);
        }
    }

    /// A line is gone: its process waits behind the others if it has more.
    fn take_back(&self, buffer: &'static mut [u8]) {
        self.buffer.replace(buffer);
        let last = self.last.get();
        if let Some(process) = last.filter(|process| self.has_some(*process)) {
            self.wait(process);
        }
    }

    /// Whether a process has lines that wait.
    fn has_some(&self, process: ProcessId) -> bool {
        let has_some = self.grant.enter(process, |app, _| app.has_some());
        has_some.unwrap_or(false)
    }

    /// The next message: of the process that has waited longest.
    fn next_message(&self) -> Option<(ProcessId, Message, u32)> {
        loop {
            let process = self.waiting.pop()?;
            let next = self.grant.enter(process, |app, _| app.next());
            // One that is gone has none.
            let Ok(Some((message, dropped))) = next else {
                continue;
            };
            self.last.set(Some(process));
            return Some((process, message, dropped));
        }
    }
}

/// A line being written; what does not fit is cut, its end never.
struct Line {
    buffer: &'static mut [u8],
    used: usize,
}

const LINE_END: &[u8] = b"\r\n";

impl Line {
    fn new(buffer: &'static mut [u8]) -> Self {
        Self { buffer, used: 0 }
    }

    fn message(&mut self, process: usize, message: Message, dropped: u32) {
        self.text(b"process ");
        self.decimal(process);
        match message {
            Message::Alert(code) => {
                self.text(b" alert ");
                self.hex(code);
                self.text(match code {
                    1 => b": panicked",
                    2 => b": linked for another address",
                    _ => b"",
                });
            }
            Message::One(x) => {
                self.text(b" prints ");
                self.hex(x);
            }
            Message::Two(x, y) => {
                self.text(b" prints ");
                self.hex(x);
                self.text(b" ");
                self.hex(y);
            }
        }
        if dropped != 0 {
            self.text(b" (");
            self.decimal(dropped as usize);
            self.text(b" dropped)");
        }
    }

    fn text(&mut self, text: &[u8]) {
        let limit = self.buffer.len().saturating_sub(LINE_END.len());
        self.put(text, limit);
    }

    fn put(&mut self, text: &[u8], limit: usize) {
        let room = self.buffer.get_mut(self.used..limit).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(text) {
            *to = *from;
            self.used += 1;
        }
    }

    fn decimal(&mut self, number: usize) {
        let mut digits = [b'0'; 20];
        let mut rest = number;
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            used += 1;
            if rest == 0 {
                break;
            }
        }
        let start = digits.len() - used;
        self.text(digits.get(start..).unwrap_or_default());
    }

    fn hex(&mut self, number: u32) {
        self.text(b"0x");
        let digits = (32 - (number | 1).leading_zeros()).div_ceil(4);
        for digit in (0..digits).rev() {
            let value = (number >> (4 * digit)) as u8 & 0xf;
            self.text(&[if value < 10 {
                b'0' + value
            } else {
                b'a' + value - 10
            }]);
        }
    }

    /// End the line; the buffer, and how much of it to send.
    fn end(mut self) -> (&'static mut [u8], usize) {
        let limit = self.buffer.len();
        self.put(LINE_END, limit);
        (self.buffer, self.used)
    }
}

impl<'a, U: Transmit<'a>> TransmitClient for LowLevelDebug<'a, U> {
    fn transmitted_buffer(
        &self,
        buffer: &'static mut [u8],
        _length: usize,
        _result: Result<(), ErrorCode>,
    ) {
        self.take_back(buffer);
        let Some(passes) = self.passes else {
            return self.next_line.set();
        };
        self.waiting.any(&|process| passes.request(process));
    }
}

impl<U: Transmit<'static>> DeferredCallClient for LowLevelDebug<'static, U> {
    fn handle_deferred_call(&self) {
        self.send_next();
    }

    fn register(&'static self) {
        self.next_line.register(self);
    }
}

impl<'a, U: Transmit<'a>> SyscallDriver for LowLevelDebug<'a, U> {
    fn command(
        &self,
        command_num: usize,
        arg0: usize,
        arg1: usize,
        process_id: ProcessId,
    ) -> CommandReturn {
        // Arguments have 32 bits on the board.
        let (x, y) = (arg0 as u32, arg1 as u32);
        match command_num {
            0 => CommandReturn::success(),
            1 => self.print(process_id, Message::Alert(x)),
            2 => self.print(process_id, Message::One(x)),
            3 => self.print(process_id, Message::Two(x, y)),
            _ => CommandReturn::failure(ErrorCode::NOSUPPORT),
        }
    }

    fn allocate_grant(&self, process_id: ProcessId) -> Result<(), process::Error> {
        self.grant.enter(process_id, |_, _| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::string::String;

    fn line(room: usize, process: usize, message: Message, dropped: u32) -> String {
        let mut line = Line::new(Box::leak(std::vec![0; room].into_boxed_slice()));
        line.message(process, message, dropped);
        let (buffer, length) = line.end();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn lines_read_well() {
        assert_eq!(
            line(BUF_LEN, 0, Message::One(0), 0),
            "process 0 prints 0x0\r\n"
        );
        assert_eq!(
            line(BUF_LEN, 12, Message::Two(0xdead_beef, 0x10), 3),
            "process 12 prints 0xdeadbeef 0x10 (3 dropped)\r\n"
        );
        assert_eq!(
            line(BUF_LEN, 7, Message::Alert(1), 0),
            "process 7 alert 0x1: panicked\r\n"
        );
    }

    #[test]
    fn the_longest_line_fits_and_a_short_buffer_cuts_it() {
        for message in [Message::Alert(2), Message::Two(u32::MAX, u32::MAX)] {
            let longest = line(4 * BUF_LEN, u32::MAX as usize, message, u32::MAX);
            assert!(longest.len() <= BUF_LEN, "{longest}");
        }
        assert_eq!(line(9, 0, Message::One(0), 0), "process\r\n");
        assert_eq!(line(1, 0, Message::One(0), 0), "\r");
        assert_eq!(line(0, 0, Message::One(0), 0), "");
    }

    #[test]
    fn messages_wait_in_order_and_the_rest_is_counted() {
        let mut app = AppData::default();
        for x in 0..WAITING_MAX as u32 + 3 {
            app.add(Message::One(x));
        }
        for x in 0..WAITING_MAX as u32 {
            let (message, dropped) = app.next().unwrap();
            assert!(matches!(message, Message::One(y) if y == x));
            assert_eq!(dropped, if x == 0 { 3 } else { 0 });
        }
        assert!(app.next().is_none());
    }
}
