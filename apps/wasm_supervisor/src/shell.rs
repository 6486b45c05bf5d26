//! Text on the serial line: lines that people type, and what they get.
//!
//! Everything goes out in whole lines, so that no two things mix; nothing that
//! came from a container contains a control character ([`crate::container::log`]).

use alloc::format;
use alloc::string::String;

use berth_protocol::{DeviceError, Holder, cut};

use crate::arena::{self, ArenaId};
use crate::container::{Containers, Refused};
use crate::platform::{DESCRIPTION_MAX, Platform};
use crate::service::exposures::exposure;
use crate::service::requests::explain;
use crate::service::{Supervisor, VERSION};

/// Longest line a person can type.
const LINE_MAX: usize = 80;

/// What `help` prints.
const HELP: &str = "\
help             this
ps               containers and their states
start NAME       stop NAME        pause NAME       resume NAME
rm NAME          delete a container that is not running
logs NAME        what it said
exposures        what this device exposes, and who has it
heap [NAME]      memory of the device, or of one container
";

/// A line being typed.
pub struct LineBuffer {
    bytes: [u8; LINE_MAX],
    length: usize,
}

impl LineBuffer {
    /// An empty line.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; LINE_MAX],
            length: 0,
        }
    }

    /// Add a character; `false` if the line is full.
    fn push(&mut self, byte: u8) -> bool {
        match self.bytes.get_mut(self.length) {
            Some(place) => {
                *place = byte;
                self.length += 1;
                true
            }
            None => false,
        }
    }

    /// Remove the last character; `false` if there is none.
    fn pop(&mut self) -> bool {
        let any = self.length > 0;
        self.length = self.length.saturating_sub(1);
        any
    }

    /// The line, which is empty afterwards.
    fn take(&mut self) -> String {
        let line = self.bytes.get(..self.length).unwrap_or_default();
        let text = String::from_utf8_lossy(line).into_owned();
        self.length = 0;
        text
    }
}

impl Default for LineBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// The first line after start.
pub fn greet<P: Platform>(platform: &P) {
    let (board, kernel) = platform.names();
    let text = format!("berth supervisor {VERSION} on {board}, kernel {kernel}; type help\r\n");
    platform.write(text.as_bytes());
}

/// One line that a container said.
pub fn print_log_line<P: Platform>(platform: &P, name: &str, text: &str) {
    platform.write(format!("[{name}] {text}\r\n").as_bytes());
}

impl<P: Platform + 'static> Supervisor<P> {
    /// A byte that somebody typed.
    pub(crate) fn take_text(&mut self, byte: u8) {
        let platform = &self.shared.platform;
        match byte {
            b'\r' | b'\n' => {
                let line = self.line.take();
                if !line.is_empty() || byte == b'\r' {
                    platform.write(b"\r\n");
                }
                self.execute(&line);
            }
            0x08 | 0x7f if self.line.pop() => platform.write(b"\x08 \x08"),
            0x20..=0x7e if self.line.push(byte) => platform.write(&[byte]),
            _ => {}
        }
    }

    fn print(&self, text: &str) {
        self.shared
            .platform
            .write(text.replace('\n', "\r\n").as_bytes());
    }

    fn execute(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let Some(verb) = words.next() else {
            return;
        };
        match (verb, words.next(), words.next()) {
            ("help" | "?", None, None) => self.print(HELP),
            ("ps" | "showactive", None, None) => self.print_containers(),
            ("exposures", None, None) => self.print_exposures(),
            ("heap", None, None) => self.print_heap(),
            ("heap", Some(name), None) => self.print_arena(name),
            ("start", Some(name), None) => self.apply(name, Containers::start),
            ("stop", Some(name), None) => self.apply(name, Containers::stop),
            ("kill", Some(name), None) => self.apply(name, Containers::kill),
            ("pause", Some(name), None) => self.apply(name, Containers::pause),
            ("resume" | "unpause", Some(name), None) => self.apply(name, Containers::resume),
            ("rm" | "delete", Some(name), None) => self.apply(name, Containers::remove),
            ("logs", Some(name), None) => self.print_log(name),
            _ => self.print("what? (type help)\n"),
        }
    }

    fn apply(
        &mut self,
        name: &str,
        action: impl FnOnce(&mut Containers<P>, usize) -> Result<(), Refused>,
    ) {
        let Some(slot) = self.containers.find(name) else {
            return self.print(&format!("error: {}\n", DeviceError::UnknownName));
        };
        match action(&mut self.containers, slot) {
            Ok(()) => self.print("ok\n"),
            Err(refused) => {
                let error = explain(&self.containers, slot, refused);
                self.print(&format!("error: {error}\n"));
                if matches!(refused, Refused::Missing(_)) {
                    self.print_missing(slot);
                }
            }
        }
    }

    fn print_missing(&self, slot: usize) {
        use crate::admission::{Module, imports};
        let Some(container) = self.containers.get(slot) else {
            return;
        };
        let Ok(module) = Module::scan(container.image()) else {
            return;
        };
        for (import, why) in imports::unavailable(&module, &self.shared.platform) {
            let (from, name) = (printable(import.module), printable(import.name));
            self.print(&format!("  {from}.{name}: {why}\n"));
        }
    }

    fn print_containers(&self) {
        if self.containers.before().safe_mode {
            let suspect = self.suspect().unwrap_or("unknown");
            self.print(&format!("safe mode, nothing starts; suspect: {suspect}\n"));
        }
        self.print("NAME             STATE                  MEMORY      FUEL\n");
        for (slot, _) in self.containers.iter() {
            if let Some(container) = self.describe(slot) {
                self.print(&format!(
                    "{:<16} {:<20} {:>8} {:>9}\n",
                    container.name,
                    format!("{}", container.state),
                    container.memory_used,
                    container.fuel_used
                ));
            }
        }
    }

    fn print_exposures(&self) {
        let platform = &self.shared.platform;
        let mut index = 0;
        let mut buffer = [0; DESCRIPTION_MAX];
        while let Some(item) = exposure(&self.containers, platform, index, &mut buffer) {
            let holder = match item.holder {
                Holder::Free => "free",
                Holder::Firmware => "used by the firmware",
                Holder::Container(name) => name,
            };
            self.print(&format!(
                "{:<16} {:>6} bytes, {}, {holder}\n",
                item.label,
                item.length,
                item.access.word()
            ));
            index += 1;
        }
    }

    fn print_heap(&self) {
        let heap = self.heap();
        self.print(&format!(
            "{} bytes, {} free, {} in one piece; {} of {} containers\n",
            heap.total, heap.free, heap.largest_free, heap.containers, heap.containers_max
        ));
    }

    fn print_arena(&self, name: &str) {
        let Some(id) = self.containers.find(name).and_then(ArenaId::of_container) else {
            return self.print(&format!("error: {}\n", DeviceError::UnknownName));
        };
        let usage = arena::usage(id);
        self.print(&format!(
            "{} bytes held, {} used in {} blocks, most held {}\n",
            usage.held_bytes, usage.used_bytes, usage.blocks, usage.peak_bytes
        ));
    }

    fn print_log(&self, name: &str) {
        let Some(slot) = self.containers.find(name) else {
            return self.print(&format!("error: {}\n", DeviceError::UnknownName));
        };
        let platform = &self.shared.platform;
        self.shared.with_log(slot, |log| {
            let mut from = 0;
            while let Some(line) = log.line(from) {
                print_log_line(platform, name, line.text);
                from = line.sequence + 1;
            }
        });
    }
}

/// A name from a module, fit to be printed.
fn printable(name: &str) -> String {
    cut(name, berth_protocol::TEXT_MAX)
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
