//! The device's console on this terminal, shared with other berth calls.

use crate::{Error, Mux, Transport, share::closed};
use berth_protocol::is_plain;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{self, OptionalActions, Termios},
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::{
    io::{self, IsTerminal, Read, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Ctrl-]: leaves, as in other serial terminals.
const LEAVE: u8 = 0x1d;
/// Ctrl-A, then x: leaves too, as in QEMU and picocom.
const PREFIX: u8 = 0x01;

/// How long to listen on after the end of an input that is no terminal.
const LINGER: Duration = Duration::from_secs(1);

/// How a session at the console came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a signal is to be obeyed"]
pub enum Left {
    /// The person left, or the input ended.
    ByChoice,
    /// A signal asked the program to end: its number. Terminal and socket are as before.
    BySignal(i32),
}

impl Left {
    /// End the program by the signal that asked for it, so that whoever waits for the program
    /// sees that; return if there was none. Whatever must still be put in order is dropped
    /// before this is called.
    pub fn obey(self) {
        if let Self::BySignal(signal) = self {
            // Should the signal not end it, the program ends of itself.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
}

/// Connect terminal and device until the person leaves, the input ends, a signal asks for the
/// end or the line breaks. If `socket` is given, other berth calls use the line there meanwhile;
/// `served` hears when they can.
///
/// # Errors
/// [`Error::Line`] if the line breaks.
pub fn run(
    line: Box<dyn Transport>,
    socket: Option<&Path>,
    served: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<Left, Error> {
    // Before the terminal is changed: from here on no signal leaves it so.
    let asked = Asked::listen().map_err(Error::Line)?;
    let raw = RawTerminal::enter();
    let mut shown = Shown::default();
    let mux = Mux::start(line, socket, move |text| {
        let mut out = io::stdout().lock();
        // With the terminal gone there is nobody to show it to.
        let _ = out.write_all(&shown.take(text));
        let _ = out.flush();
    })
    .map_err(Error::Line)?;
    if let Some(path) = socket {
        served(path).map_err(Error::Line)?;
    }
    if raw.is_some() {
        eprint!("Leave with Ctrl-] or Ctrl-A x.\r\n");
    }
    if let Some(path) = socket {
        // They may be in other folders.
        let whole = std::path::absolute(path).map_err(Error::Line)?;
        eprint!(
            "Other terminals: berth --device unix:{} ps\r\n",
            whole.display()
        );
    }
    pass_input(&mux, &asked)
}

/// Pass on what is typed.
fn pass_input(mux: &Mux, asked: &Asked) -> Result<Left, Error> {
    let mut input = io::stdin();
    let interactive = input.is_terminal();
    let mut keys = Keys::default();
    let mut buffer = [0; 256];
    loop {
        if let Some(signal) = asked.signal() {
            return Ok(Left::BySignal(signal));
        }
        if mux.is_broken() {
            return Err(closed());
        }
        if !wait_readable(&input)? {
            continue;
        }
        let count = match input.read(&mut buffer) {
            // The person's terminal is gone, which is no fault of the line.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => 0,
            other => other.map_err(Error::Line)?,
        };
        if count == 0 {
            // The end of a script: the device may still be answering its last line.
            std::thread::sleep(LINGER);
            return Ok(Left::ByChoice);
        }
        let typed = buffer.get(..count).unwrap_or_default();
        if !interactive {
            mux.type_text(typed).map_err(Error::Line)?;
            continue;
        }
        let (pass, leave) = keys.take(typed);
        mux.type_text(&pass).map_err(Error::Line)?;
        if leave {
            return Ok(Left::ByChoice);
        }
    }
}

/// Wait a moment for input, so that a broken line is noticed meanwhile.
fn wait_readable(input: &io::Stdin) -> Result<bool, Error> {
    const TICK: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: Duration::from_millis(100).as_nanos() as _,
    };
    let mut fds = [PollFd::new(input, PollFlags::IN)];
    match poll(&mut fds, Some(&TICK)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(Error::Line(error.into())),
    }
}

/// Remembers the last signal that asked the program to end. Ctrl-C is not one of them at a raw
/// terminal, where it is a key for the device.
struct Asked(Arc<AtomicUsize>);

impl Asked {
    fn listen() -> io::Result<Self> {
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGTERM, SIGHUP, SIGINT] {
            signal_hook::flag::register_usize(signal, Arc::clone(&last), signal as usize)?;
        }
        Ok(Self(last))
    }

    fn signal(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }
}

/// Finds the keys that leave.
#[derive(Default)]
struct Keys {
    after_prefix: bool,
}

impl Keys {
    /// What of `typed` goes to the device, and whether to leave after it.
    fn take(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut pass = Vec::new();
        for key in typed {
            match (self.after_prefix, *key) {
                (false, LEAVE) | (true, b'x' | b'X' | 0x18) => return (pass, true),
                (false, PREFIX) => self.after_prefix = true,
                // Typed zeros would open frames.
                (_, 0) => self.after_prefix = false,
                (_, key) => {
                    self.after_prefix = false;
                    pass.push(key);
                }
            }
        }
        (pass, false)
    }
}

/// What the device says, as it goes to the terminal. Whoever runs on the device says what it likes: it must not title windows, fill
/// clipboards, or begin a line that reads as another's.
#[derive(Default)]
struct Shown {
    /// The beginning of a character whose end has not come.
    begun: Vec<u8>,
}

impl Shown {
    /// Newlines as a raw terminal needs them, what the shell's editor draws with, and what is plain; zeros of stray frames are left
    /// out, and a mark stands for all else.
    fn take(&mut self, said: &[u8]) -> Vec<u8> {
        const MARK: &str = "\u{fffd}";
        self.begun.extend(said);
        let mut shown = String::with_capacity(self.begun.len() + 8);
        let mut rest = self.begun.as_slice();
        let mut begun = 0;
        for chunk in self.begun.utf8_chunks() {
            rest = rest.get(chunk.valid().len()..).unwrap_or_default();
            for character in chunk.valid().chars() {
                match character {
                    '\0' => {}
                    '\n' => shown.push_str("\r\n"),
                    '\r' | '\t' | '\x08' => shown.push(character),
                    plain if is_plain(plain) => shown.push(plain),
                    _ => shown.push_str(MARK),
                }
            }
            let invalid = chunk.invalid();
            // At the end, and it may go on.
            if !invalid.is_empty() && rest == invalid && may_go_on(invalid) {
                begun = invalid.len();
            } else if !invalid.is_empty() {
                shown.push_str(MARK);
            }
            rest = rest.get(invalid.len()..).unwrap_or_default();
        }
        self.begun.drain(..self.begun.len() - begun);
        shown.into_bytes()
    }
}

/// Returns whether more bytes would make a character of these.
fn may_go_on(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// Passes every key on at once, and puts the terminal back when dropped.
struct RawTerminal(Termios);

impl RawTerminal {
    /// `None` if the input is no terminal.
    fn enter() -> Option<Self> {
        let before = termios::tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Nothing can be done if the terminal is gone.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_leave_work_and_other_keys_pass() {
        let take = |keys: &mut Keys, typed: &[u8]| keys.take(typed);
        assert_eq!(
            take(&mut Keys::default(), b"ps\r"),
            (b"ps\r".to_vec(), false)
        );
        assert_eq!(take(&mut Keys::default(), b"a\x1db"), (b"a".to_vec(), true));
        let mut keys = Keys::default();
        assert_eq!(take(&mut keys, b"a\x01"), (b"a".to_vec(), false));
        assert_eq!(take(&mut keys, b"x"), (vec![], true));
        assert_eq!(
            take(&mut Keys::default(), b"\x01a\x00b"),
            (b"ab".to_vec(), false)
        );
    }

    #[test]
    fn newlines_return_the_carriage() {
        assert_eq!(Shown::default().take(b"a\nb\0"), b"a\r\nb");
    }

    /// In one piece and byte by byte, a title, a clipboard, the C1 forms of both, a direction, and what is cut off.
    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let said = "\x1b]0;title\x07\x1b]52;c;eA==\x07\u{9d}0;t\u{9c}\u{9b}2Jgrün\t\x08\u{202e}µ\n";
        let mut bytes = said.as_bytes().to_vec();
        bytes.splice(0..0, [0x9b, 0xc2, b'x', 0xe2, 0x82]);
        let whole = Shown::default().take(&bytes);
        let mut shown = Shown::default();
        let pieces: Vec<u8> = bytes.iter().flat_map(|byte| shown.take(&[*byte])).collect();
        assert_eq!(whole, pieces);
        let text = String::from_utf8(whole).unwrap();
        let allowed = |c: char| is_plain(c) || "\r\n\t\x08".contains(c);
        assert!(text.chars().all(allowed), "{text:?}");
        assert!(text.contains("grün\t\x08\u{fffd}µ\r\n"), "{text:?}");
    }
}
