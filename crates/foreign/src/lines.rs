//! Text in pieces becomes lines.
//!
//! The log of a container has lines; `print` and `fd_write` have pieces of them. What has not
//! been ended yet waits here, outside the container's memory, and takes none of the device's
//! while there is nothing to wait for.

use alloc::vec::Vec;

use berth_protocol::LOG_TEXT_MAX;

/// The line that a container has not ended.
#[derive(Debug, Default)]
pub struct OpenLine(Vec<u8>);

impl OpenLine {
    /// Nothing said yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Take a piece of text and give each line that it ends to `line`. A line is
    /// at most [`LOG_TEXT_MAX`] bytes long; longer ones are several. Without memory
    /// for it, what is said is lost.
    pub fn say(&mut self, text: &[u8], line: &mut dyn FnMut(&[u8])) {
        // Byte by byte: this is small, and a line is printed more slowly than this anyway.
        for byte in text {
            let ends = *byte == b'\n';
            if ends || self.0.len() == LOG_TEXT_MAX {
                line(&self.0);
                self.0.clear();
            }
            let has_room = self.0.capacity() > 0 || self.0.try_reserve_exact(LOG_TEXT_MAX).is_ok();
            if !ends && has_room {
                self.0.push(*byte);
            }
        }
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }

    /// Give out what waits, as a line: nothing will follow.
    pub fn end(&mut self, line: &mut dyn FnMut(&[u8])) {
        if !self.0.is_empty() {
            self.say(b"\n", line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn said(pieces: &[&str]) -> Vec<String> {
        let mut open = OpenLine::new();
        let mut lines = Vec::new();
        let mut take = |line: &[u8]| lines.push(String::from_utf8(line.to_vec()).unwrap());
        for piece in pieces {
            open.say(piece.as_bytes(), &mut take);
        }
        open.end(&mut take);
        lines
    }

    #[test]
    fn pieces_are_joined_up_to_the_end_of_the_line() {
        assert_eq!(
            said(&["Counter: ", "7", "\n", "next\nlast"]),
            ["Counter: 7", "next", "last"]
        );
        assert_eq!(said(&["\n", "", "\n\n"]), ["", "", ""]);
        assert_eq!(said(&[]), [""; 0]);
    }

    #[test]
    fn a_long_line_is_several() {
        let long = "x".repeat(2 * LOG_TEXT_MAX + 5);
        let lines = said(&["ab", &long, "\n"]);
        let lengths: Vec<_> = lines.iter().map(String::len).collect();
        assert_eq!(lengths, [LOG_TEXT_MAX, LOG_TEXT_MAX, 7]);
        assert_eq!(lines.concat(), ["ab", &long].concat());
        // Exactly full is not more than one.
        let full = "y".repeat(LOG_TEXT_MAX);
        assert_eq!(said(&[&full, "\n"]), [full.as_str()]);
    }
}
