//! What the test processes share: lines of text, and settings.
//!
//! The console never breaks into a write, so a line that is written at once stays
//! one line whatever the other processes print.

#![no_std]
#![forbid(unsafe_code)]

pub mod conveying;
pub mod holding;
pub mod interrupting;
pub mod own;
pub mod programming;
pub mod report;
mod setting;

use libtock::{ErrorCode, allow, command, console, wait_for};

pub use setting::Setting;

/// Longest line; more is cut off.
const LENGTH_MAX: usize = 128;

/// A line under construction.
///
/// ```
/// let mut line = test_apps::Line::new();
/// line.text("register ").decimal(3).text(" = 0x").hex(0xff);
/// assert_eq!(line.as_bytes(), b"register 3 = 0xff");
/// ```
pub struct Line {
    bytes: [u8; LENGTH_MAX],
    length: usize,
}

impl Line {
    /// An empty line.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; LENGTH_MAX],
            length: 0,
        }
    }

    /// Append text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.append(text.as_bytes())
    }

    /// Append a number in decimal.
    pub fn decimal(&mut self, value: u32) -> &mut Self {
        self.number(value, 10)
    }

    /// Append a number in hexadecimal, as many digits as it needs.
    pub fn hex(&mut self, value: u32) -> &mut Self {
        self.number(value, 16)
    }

    /// The line so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Print the line and its end. What the console answers is ignored: there is
    /// no other place to complain.
    pub fn print(&mut self) {
        self.length = self.length.min(LENGTH_MAX - 1);
        self.text("\n");
        let _ = print(self.as_bytes());
    }

    fn number(&mut self, mut value: u32, radix: u32) -> &mut Self {
        let mut digits = [0; 10];
        let mut start = digits.len();
        for (index, digit) in digits.iter_mut().enumerate().rev() {
            let next = (value % radix) as u8;
            *digit = if next < 10 {
                b'0' + next
            } else {
                b'a' + next - 10
            };
            value /= radix;
            start = index;
            if value == 0 {
                break;
            }
        }
        self.append(digits.get(start..).unwrap_or_default())
    }

    fn append(&mut self, bytes: &[u8]) -> &mut Self {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        for (place, byte) in room.iter_mut().zip(bytes) {
            *place = *byte;
            self.length += 1;
        }
        self
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

/// Upcall of the console: bytes are written.
const WRITTEN: usize = 1;
/// Buffer of the console: what to write.
const TO_WRITE: usize = 1;
/// Command of the console: write so many bytes.
const WRITE: usize = 1;

/// Prints `bytes`; all other events stay queued, as the tests of upcalls need it. So it waits for this
/// one alone, which the supervisor's console does not do.
fn print(bytes: &[u8]) -> Result<(), ErrorCode> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = allow::with_read_only(console::DRIVER_NUM, TO_WRITE, rest, || {
            command(console::DRIVER_NUM, WRITE, rest.len(), 0).success()?;
            let [written, ..] = wait_for(console::DRIVER_NUM, WRITTEN);
            Ok::<usize, ErrorCode>(written)
        })??;
        rest = match rest.get(written..) {
            Some(left) if written > 0 => left,
            _ => return Err(ErrorCode::Fail),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let mut line = Line::new();
        line.decimal(0).text(" ").decimal(u32::MAX).text(" ");
        line.hex(0).text(" ").hex(u32::MAX);
        assert_eq!(line.as_bytes(), b"0 4294967295 0 ffffffff");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_still_ended() {
        let mut line = Line::new();
        for _ in 0..LENGTH_MAX {
            line.text("xy");
        }
        line.print();
        assert_eq!(line.as_bytes().len(), LENGTH_MAX);
        assert_eq!(line.as_bytes().last(), Some(&b'\n'));
    }
}
