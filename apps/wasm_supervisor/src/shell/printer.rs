//! Text for the serial line, in whole lines and without memory of its own.

use core::fmt::{self, Write};

use berth_protocol::is_plain;

use crate::platform::Platform;

/// Most bytes of one write: a line, mostly.
const WRITE_MAX: usize = 128;

/// Collects text and sends it line by line; the rest when dropped.
pub(super) struct Printer<'a, P: Platform> {
    platform: &'a P,
    bytes: [u8; WRITE_MAX],
    length: usize,
    column: usize,
}

impl<'a, P: Platform> Printer<'a, P> {
    pub(super) const fn new(platform: &'a P) -> Self {
        Self {
            platform,
            bytes: [0; WRITE_MAX],
            length: 0,
            column: 0,
        }
    }

    /// Add text; a newline becomes one of a terminal.
    pub(super) fn add(&mut self, text: &str) {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.push(b'\r');
                self.push(b'\n');
                self.column = 0;
                self.flush();
            } else {
                self.push(byte);
                self.column += 1;
            }
        }
    }

    /// Go on in this column, but not without a space.
    pub(super) fn column(&mut self, column: usize) {
        self.add(" ");
        while self.column < column {
            self.add(" ");
        }
    }

    /// A number that ends before this column.
    pub(super) fn number(&mut self, end: usize, number: u64) {
        let width = end.saturating_sub(self.column);
        let _ = write!(self, "{number:>width$}");
    }

    /// Text of a module, fit to be printed.
    pub(super) fn printable(&mut self, text: &str) {
        for character in text.chars() {
            // A write to itself cannot fail.
            let _ = self.write_char(if is_plain(character) { character } else { '?' });
        }
    }

    fn push(&mut self, byte: u8) {
        if self.length == WRITE_MAX {
            self.flush();
        }
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn flush(&mut self) {
        if self.length > 0 {
            self.platform
                .write(self.bytes.get(..self.length).unwrap_or_default());
            self.length = 0;
        }
    }
}

impl<P: Platform> Write for Printer<'_, P> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text);
        Ok(())
    }
}

impl<P: Platform> Drop for Printer<'_, P> {
    fn drop(&mut self) {
        self.flush();
    }
}
