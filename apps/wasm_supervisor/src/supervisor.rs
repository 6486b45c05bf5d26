//! The supervisor itself: the serial line on one side, containers on the other.
//!
//! ```text
//!   bytes ─► FrameDecoder ─┬─ messages ─► service ──► containers
//!                          └─ text ─────► shell ───►     │
//!   bytes ◄─ answers, text ◄── logs ◄────────────────────┘
//! ```
//!
//! [`Supervisor::poll`] does a bounded amount of work: it takes what has
//! arrived, runs interrupt handlers that wait, gives one container one slice, and prints
//! what containers said.
//! The process calls it for ever, and sleeps when there was nothing to do. So
//! a container in an endless loop delays an answer by one slice.

mod rest;
#[cfg(test)]
mod tests;

use berth_protocol::{Event, FRAME_TIMEOUT_MS, FrameDecoder, MESSAGE_MAX};

use crate::container::CONTAINERS_MAX;
use crate::platform::Platform;
use crate::service::Service;
use crate::shell::{self, Shell};

use rest::{Heard, Rest};

/// Most bytes that one look at the line brings.
const RECEIVE_MAX: usize = 64;
/// Most looks in a row before containers get their turn. A turn may last 10 ms, in which 115,200 baud bring 115 bytes, and
/// on the board every second look brings one byte only: the next has what is kept behind it.
const LOOKS_MAX: usize = 8;

/// The whole supervisor.
pub struct Supervisor<P: Platform + 'static> {
    /// Carries out requests, and has the containers.
    pub(crate) service: Service<P>,
    /// Speaks with people.
    shell: Shell,
    /// Tells frames from text in what arrives.
    decoder: FrameDecoder,
    /// When the frame that is arriving began, in microseconds.
    frame_since_us: u64,
    /// Tells typing from what is left of a frame.
    rest: Rest,
    /// For each container: the log line to be printed next.
    printed: [u32; CONTAINERS_MAX],
    /// The slot whose container had a line printed last.
    printing: usize,
    /// Nanoseconds of everybody's time that the kernel takes for a byte that is printed.
    byte_ns: u64,
}

impl<P: Platform + 'static> Supervisor<P> {
    /// A supervisor with the containers that the platform's store has.
    #[must_use]
    pub fn new(platform: P) -> Self {
        Self {
            service: Service::new(platform),
            shell: Shell::new(),
            decoder: FrameDecoder::new(),
            frame_since_us: 0,
            rest: Rest::default(),
            printed: [0; CONTAINERS_MAX],
            printing: 0,
            byte_ns: 0,
        }
    }

    fn platform(&self) -> &P {
        &self.service.shared.platform
    }

    /// Say hello to whoever listens.
    // Never a part of the process's loop: its line would lie below every load.
    #[inline(never)]
    pub fn greet(&mut self) {
        let platform = self.platform();
        self.byte_ns = platform.send_measured(shell::greeting(platform).bytes());
    }

    /// Run for ever.
    pub fn run(&mut self) -> ! {
        loop {
            self.turn();
        }
    }

    /// Do some work, or sleep until there may be some.
    #[inline(always)]
    pub fn turn(&mut self) {
        if !self.poll() {
            let deadline = self.deadline();
            self.service.containers.watch_interrupts();
            self.platform().wait(deadline);
            self.service.containers.ignore_interrupts();
        }
    }

    /// Do some work. Returns whether there was any.
    pub fn poll(&mut self) -> bool {
        self.service.containers.tell_store();
        let handled = self.service.containers.run_handlers();
        let received = self.receive();
        let looked = self.service.look_at_login();
        let started = self.service.containers.start_at_boot();
        let ran = self.service.containers.run_one();
        self.print_logs();
        handled || received || looked || started || ran
    }

    /// When there is something to do again, bytes apart.
    fn deadline(&self) -> Option<u64> {
        let frame = self
            .decoder
            .in_frame()
            .then(|| self.frame_since_us + u64::from(FRAME_TIMEOUT_MS) * 1000);
        match (self.service.containers.next_wake(), frame) {
            (Some(wake), Some(frame)) => Some(wake.min(frame)),
            (wake, frame) => wake.or(frame),
        }
    }

    /// Take what has come, up to [`LOOKS_MAX`] times what one look brings. Returns whether anything had.
    fn receive(&mut self) -> bool {
        let mut bytes = [0; RECEIVE_MAX];
        for looks in 0..LOOKS_MAX {
            let count = self.platform().receive(&mut bytes);
            if count == 0 && (looks > 0 || !self.decoder.in_frame()) {
                return looks > 0;
            }
            let now = self.platform().now_us();
            if count == 0 {
                // What has arrived was perhaps in time, and only looked at late: a load may take longer.
                if now.saturating_sub(self.frame_since_us) > u64::from(FRAME_TIMEOUT_MS) * 1000 {
                    self.decoder.expire();
                    self.rest.begins();
                }
                return false;
            }
            // What is asked for is nobody's time but the operator's.
            self.service.containers.charge_to(None);
            for byte in bytes.get(..count).unwrap_or_default() {
                self.take_byte(*byte, now);
            }
        }
        true
    }

    // Once, for the size.
    #[inline(never)]
    fn take_byte(&mut self, byte: u8, now: u64) {
        let was_open = self.decoder.in_frame();
        match self.decoder.push(byte) {
            Event::Nothing | Event::Dropped(_) => {
                self.rest.passes(now);
                if was_open && !self.decoder.in_frame() {
                    self.rest.begins();
                }
            }
            Event::Text(byte) => {
                let shared = self.service.shared.clone();
                match self.rest.hear(byte, now) {
                    Heard::Typed => self.shell.take(&shared.platform, &mut self.service, byte),
                    Heard::Asked => shared.platform.write(shell::CUT_SHORT),
                    Heard::Nothing => {}
                }
            }
            Event::Message(message) => {
                self.rest.ends();
                // A copy, because answering changes the supervisor.
                let mut copy = [0; MESSAGE_MAX];
                if let Some(copy) = copy.get_mut(..message.len()) {
                    copy.copy_from_slice(message);
                    self.service.take_message(copy);
                }
            }
        }
        // Two zeros in a row open a frame anew.
        if self.decoder.in_frame() && (!was_open || byte == 0) {
            self.frame_since_us = now;
        }
    }

    /// Print what containers have said since the last time: one line of each in turn, and only
    /// while the line takes it. What cannot be printed stays in the logs, so who says much
    /// slows nobody, and loses lines if the line is slower for long.
    fn print_logs(&mut self) {
        if self.service.closes_reading() {
            // They are read in a session. The shell's line stays where it is.
            return;
        }
        let last = self.printing;
        let mut charged = None;
        for step in 1..=CONTAINERS_MAX {
            let slot = (last + step) % CONTAINERS_MAX;
            while !self.platform().is_sending() {
                let before = self.print_line(slot);
                if before.is_none() {
                    break;
                }
                charged = charged.or(before);
                self.printing = slot;
            }
        }
        if let Some(before) = charged {
            self.service.containers.charge_to(before);
        }
        if !self.platform().is_sending() {
            self.shell.restore(&self.service.shared.platform);
        }
    }

    /// Begin to print the next line of the container in `slot`, at its expense. Returns at whose expense all was
    /// before; `None` if there is no line.
    fn print_line(&mut self, slot: usize) -> Option<Option<usize>> {
        let printed = self.printed.get_mut(slot)?;
        let Some(container) = self.service.containers.get(slot) else {
            *printed = 0;
            return None;
        };
        let line = self.service.shared.with_log(slot, |log| {
            let line = log.line(*printed)?;
            let missing = line.sequence - *printed;
            *printed = line.sequence + 1;
            Some(shell::log_line(container.name(), missing, line.text))
        });
        let line = line.flatten()?;
        let containers = &mut self.service.containers;
        let before = containers.charge_to(Some(slot));
        containers.charge_line(slot, self.byte_ns * line.bytes().len() as u64);
        let platform = &self.service.shared.platform;
        self.shell.make_room(platform);
        platform.begin_line(line.bytes());
        Some(before)
    }
}
