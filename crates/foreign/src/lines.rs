//! Text in pieces becomes lines.
//!
//! The log of a container has lines; `print` and `fd_write` have pieces of them. What has not
//! been ended yet waits here, outside the container's memory, and takes none of the device's
//! while there is nothing to wait for.

use alloc::vec::Vec;

use berth_protocol::{LOG_TEXT_MAX, cut_bytes};

/// Bytes that wait at most: a whole line, and the CR that may end it.
const LINE_BYTES: usize = LOG_TEXT_MAX + 1;

/// The line that a container has not ended.
#[derive(Debug, Default)]
pub struct OpenLine(Vec<u8>);

impl OpenLine {
    /// Nothing said yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Take a piece of text and give each line that it ends to `line`. A line ends with LF or CR LF and is
    /// at most [`LOG_TEXT_MAX`] bytes long; longer ones are several, cut between characters. Without memory
    /// for it, what is said is lost.
    pub fn say(&mut self, text: &[u8], line: &mut dyn FnMut(&[u8])) {
        // Byte by byte: this is small, and a line is printed more slowly than this anyway.
        for byte in text {
            let ends = *byte == b'\n';
            if ends {
                self.give(line);
            } else if self.0.len() == LINE_BYTES {
                let full = cut_bytes(&self.0, LOG_TEXT_MAX);
                line(full);
                let said = full.len();
                self.0.drain(..said);
            }
            let has_room = self.0.capacity() > 0 || self.0.try_reserve_exact(LINE_BYTES).is_ok();
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

    /// Give out what waits as a line, or as two if it is the one byte longer that may wait.
    fn give(&mut self, line: &mut dyn FnMut(&[u8])) {
        let text = self.0.strip_suffix(b"\r").unwrap_or(&self.0);
        let first = cut_bytes(text, LOG_TEXT_MAX);
        line(first);
        match text.get(first.len()..) {
            None | Some([]) => {}
            Some(rest) => line(rest),
        }
        self.0.clear();
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
        assert_eq!(said(&[&full]), [full.as_str()]);
        assert_eq!(said(&[&full, "\r\n"]), [full.as_str()]);
        assert_eq!(said(&[&full, "z"]), [full.as_str(), "z"]);
        assert_eq!(said(&[&full, "z\n"]), [full.as_str(), "z"]);
        assert_eq!(said(&[&full, "\r", "z\n"]), [full.as_str(), "\rz"]);
    }

    #[test]
    fn a_long_line_is_cut_between_characters_however_it_is_said() {
        for character in ["é", "€", "🦀"] {
            for before in 0..4 {
                let long = "x".repeat(before) + &character.repeat(LOG_TEXT_MAX);
                let pieces: Vec<_> = long.split_inclusive(|_| true).collect();
                for said in [said(&[&long]), said(&pieces)] {
                    assert_eq!(said.concat(), long);
                    assert!(said.iter().all(|line| line.len() <= LOG_TEXT_MAX));
                }
            }
        }
    }

    #[test]
    fn cr_lf_is_one_end_of_a_line() {
        assert_eq!(said(&["a\r\nb\r", "\n\r\n", "c"]), ["a", "b", "", "c"]);
        // A CR elsewhere is the container's own.
        assert_eq!(said(&["a\rb\n"]), ["a\rb"]);
    }
}
