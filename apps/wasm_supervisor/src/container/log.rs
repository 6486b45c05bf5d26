//! The log of one container: a ring of lines with honest numbers.
//!
//! A container can say more than anybody reads. It may say [`BURST_LINES`] at once and one line every
//! 20 ms in the long run; the rest is dropped, before it costs anything, and counted
//! by the numbers that it would have had.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;

use berth_protocol::{LOG_TEXT_MAX, Level, cut, cut_bytes, is_plain};

pub use crate::sizes::LOG_BYTES;

/// Level, length of the text, sequence number, time.
const HEAD_BYTES: usize = 1 + 1 + 4 + 8;

/// A container may say a line in so many microseconds for long.
const LINE_US: u64 = 20_000;
/// It may say so many lines at once.
const BURST_LINES: u64 = 100;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Counted from 0 since the container was stored. A line that was dropped has
    /// a number, too, so a gap tells how many were.
    pub sequence: u32,
    /// How important.
    pub level: Level,
    /// Microseconds since the device started.
    pub time_us: u64,
    /// At most [`LOG_TEXT_MAX`] bytes, no control characters.
    pub text: &'a str,
}

/// Lines, oldest first, in one block of memory.
#[derive(Debug)]
pub struct Log {
    /// Counts the logs of this run of the supervisor.
    number: u32,
    records: Vec<u8>,
    /// Lines that are kept.
    kept: u32,
    /// Sequence number of the next line.
    next: u32,
    /// Lines less important than this are not wanted.
    least: Level,
    /// When all that was said would have been said at the rate allowed.
    paid_us: u64,
}

impl Log {
    /// An empty log that takes all levels, the `number`-th of this run of the supervisor.
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    pub fn new(number: u32) -> Result<Self, TryReserveError> {
        let mut records = Vec::new();
        records.try_reserve_exact(LOG_BYTES)?;
        Ok(Self {
            number,
            records,
            kept: 0,
            next: 0,
            least: Level::Trace,
            paid_us: 0,
        })
    }

    /// Take only lines that are at least as important as `least`; the others are neither
    /// kept nor counted.
    pub const fn set_level(&mut self, least: Level) {
        self.least = least;
    }

    /// Returns what tells it from other logs of this run of the supervisor.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Sequence number that the next line will have.
    #[must_use]
    pub const fn next_sequence(&self) -> u32 {
        self.next
    }

    /// Lines that were said and are no longer here, or never were because there were too
    /// many in too short a time.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.next.wrapping_sub(self.kept)
    }

    /// Append what a container says, within the rate it is allowed. Each line of `text` is one of the
    /// log; a long one is several. Bytes that are not UTF-8 and characters that change how
    /// others are read ([`is_plain`]) are replaced, so that no line can end another, begin a frame, or look as another.
    pub fn append(&mut self, level: Level, time_us: u64, text: &[u8]) {
        if level > self.least {
            return;
        }
        for line in lines(text) {
            let paid_us = self.paid_us.max(time_us);
            if paid_us - time_us > LINE_US * (BURST_LINES - 1) {
                self.next = self.next.wrapping_add(1);
            } else {
                self.paid_us = paid_us + LINE_US;
                self.write(level, time_us, line);
            }
        }
    }

    /// Append what the supervisor has to say about the container, always.
    pub fn say(&mut self, level: Level, time_us: u64, text: &[u8]) {
        for line in lines(text) {
            self.write(level, time_us, line);
        }
    }

    fn write(&mut self, level: Level, time_us: u64, line: &[u8]) {
        let mut clean = Clean::new();
        for chunk in line.utf8_chunks() {
            for character in chunk.valid().chars() {
                if !clean.push(character) {
                    self.push(level, time_us, clean.text());
                    clean = Clean::new();
                    let _ = clean.push(character);
                }
            }
            if !chunk.invalid().is_empty() {
                let _ = clean.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.push(level, time_us, clean.text());
    }

    fn push(&mut self, level: Level, time_us: u64, text: &str) {
        let text = cut(text, LOG_TEXT_MAX);
        let length = HEAD_BYTES + text.len();
        while self.records.len() + length > LOG_BYTES {
            let oldest = record_length(&self.records);
            self.records.drain(..oldest.min(self.records.len()));
            self.kept = self.kept.saturating_sub(1);
        }
        self.records.push(level as u8);
        self.records.push(text.len() as u8);
        self.records.extend_from_slice(&self.next.to_le_bytes());
        self.records.extend_from_slice(&time_us.to_le_bytes());
        self.records.extend_from_slice(text.as_bytes());
        self.next = self.next.wrapping_add(1);
        self.kept += 1;
    }

    /// The first line that is not older than `from`.
    #[must_use]
    pub fn line(&self, from: u32) -> Option<Line<'_>> {
        // Asked every turn, and mostly there is nothing new.
        if from >= self.next {
            return None;
        }
        let mut rest = self.records.as_slice();
        while !rest.is_empty() {
            let (record, behind) = rest.split_at_checked(record_length(rest))?;
            let (head, text) = record.split_at_checked(HEAD_BYTES)?;
            let sequence = u32::from_le_bytes(head.get(2..6)?.try_into().ok()?);
            if sequence >= from {
                return Some(Line {
                    sequence,
                    level: Level::from_number(u32::from(*head.first()?)),
                    time_us: u64::from_le_bytes(head.get(6..)?.try_into().ok()?),
                    text: core::str::from_utf8(text).ok()?,
                });
            }
            rest = behind;
        }
        None
    }
}

/// The lines of a text, which end with LF or CR LF. Bounded: what would push itself out of the ring is left out.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = cut_bytes(text, LOG_BYTES);
    text.strip_suffix(b"\n")
        .unwrap_or(text)
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn record_length(records: &[u8]) -> usize {
    HEAD_BYTES + usize::from(records.get(1).copied().unwrap_or(0))
}

/// A line being cleaned.
struct Clean {
    bytes: [u8; LOG_TEXT_MAX],
    length: usize,
}

impl Clean {
    const fn new() -> Self {
        Self {
            bytes: [0; LOG_TEXT_MAX],
            length: 0,
        }
    }

    /// Add a character. Returns `false` if the line is full.
    fn push(&mut self, character: char) -> bool {
        let character = match character {
            '\t' => ' ',
            c if !is_plain(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        };
        let mut buffer = [0; 4];
        let encoded = character.encode_utf8(&mut buffer).as_bytes();
        match self.bytes.get_mut(self.length..self.length + encoded.len()) {
            Some(place) => {
                place.copy_from_slice(encoded);
                self.length += encoded.len();
                true
            }
            None => false,
        }
    }

    fn text(&self) -> &str {
        self.bytes
            .get(..self.length)
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(log: &Log) -> Vec<(u32, String)> {
        let mut from = 0;
        let mut lines = Vec::new();
        while let Some(line) = log.line(from) {
            lines.push((line.sequence, line.text.to_owned()));
            from = line.sequence + 1;
        }
        lines
    }

    #[test]
    fn lines_come_back_in_order_with_their_numbers() {
        let mut log = Log::new(0).unwrap();
        log.append(Level::Warn, 7, b"one\ntwo\n");
        log.append(Level::Info, 8, b"three");
        let texts: Vec<_> = kept(&log).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["one", "two", "three"]);
        let second = log.line(1).unwrap();
        assert_eq!((second.level, second.time_us), (Level::Warn, 7));
        assert_eq!(log.line(3), None);
    }

    #[test]
    fn old_lines_give_way_and_keep_their_numbers() {
        let mut log = Log::new(0).unwrap();
        for number in 0..1000 {
            log.append(
                Level::Info,
                u64::from(number) * LINE_US,
                format!("line {number}").as_bytes(),
            );
            let lines = kept(&log);
            let (last, text) = lines.last().unwrap();
            assert_eq!((*last, text.as_str()), (number, &*format!("line {number}")));
            assert!(lines.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0));
            assert!(log.records.len() <= LOG_BYTES && log.records.capacity() == LOG_BYTES);
        }
        assert!(kept(&log).len() > 25);
        assert_eq!(log.dropped() as usize, 1000 - kept(&log).len());
        // Asked for one that is gone: the oldest kept, whose number tells.
        assert_eq!(log.line(0).unwrap().sequence, kept(&log)[0].0);
    }

    #[test]
    fn nothing_a_container_says_can_leave_its_line() {
        let mut log = Log::new(0).unwrap();
        log.append(Level::Info, 0, b"a\0b\rc\x1b[2Jd\te\xff\xfef");
        let (_, text) = &kept(&log)[0];
        assert!(text.bytes().all(|byte| byte >= 0x20 && byte != 0x7f));
        assert!(text.contains("d e"));
        let hidden = "x\u{202e}y\u{2028}z\u{2066}\u{200b}\u{feff}\u{85}\u{e0041}w";
        log.append(Level::Info, 0, hidden.as_bytes());
        let (_, text) = &kept(&log)[1];
        assert_eq!(
            text,
            "x\u{fffd}y\u{fffd}z\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}w"
        );
        log.append(Level::Info, 0, &[b'x'; 500]);
        let sizes: Vec<_> = kept(&log)[2..].iter().map(|(_, t)| t.len()).collect();
        assert_eq!(sizes, [160, 160, 160, 20]);
    }

    #[test]
    fn lines_are_cut_between_characters_and_cr_lf_ends_one() {
        let mut log = Log::new(0).unwrap();
        let texts = |log: &Log| -> Vec<_> { kept(log).into_iter().map(|(_, text)| text).collect() };
        log.append(Level::Info, 0, b"one\r\n\r\ntwo\r\n");
        assert_eq!(texts(&log), ["one", "", "two"]);
        // Longer than the whole ring holds, with characters across every border.
        for before in 0..4 {
            let long = "x".repeat(before) + &"€".repeat(400);
            let mut log = Log::new(0).unwrap();
            log.append(Level::Info, 0, long.as_bytes());
            let texts = texts(&log);
            assert!(texts.iter().all(|line| line.len() <= LOG_TEXT_MAX));
            assert!(
                !texts.concat().contains(char::REPLACEMENT_CHARACTER),
                "{texts:?}"
            );
            assert!(texts.last().is_some_and(|last| last.ends_with('€')));
        }
    }

    #[test]
    fn who_says_too_much_loses_lines_and_the_numbers_tell() {
        let mut log = Log::new(0).unwrap();
        for _ in 0..500 {
            log.append(Level::Info, 1_000_000, b"again");
        }
        assert_eq!(log.next_sequence(), 500);
        assert_eq!(kept(&log).last().unwrap().0, BURST_LINES as u32 - 1);
        // A tenth of a second later five more.
        for _ in 0..20 {
            log.append(Level::Info, 1_100_000, b"later");
        }
        let numbers: Vec<_> = kept(&log).iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers[numbers.len() - 5..], [500, 501, 502, 503, 504]);
        assert_eq!(log.dropped() as usize, 520 - numbers.len());
        // What the supervisor says is never lost to that.
        log.say(Level::Error, 1_100_000, b"faulted");
        assert_eq!(kept(&log).last().unwrap(), &(520, "faulted".to_owned()));
        assert_eq!(log.line(505).unwrap().sequence, 520);
    }

    #[test]
    fn lines_that_are_not_wanted_are_neither_kept_nor_counted() {
        let mut log = Log::new(0).unwrap();
        log.set_level(Level::Warn);
        log.append(Level::Info, 0, b"no");
        log.append(Level::Warn, 0, b"yes");
        log.append(Level::Error, 0, b"yes");
        log.append(Level::Trace, 0, b"no");
        assert_eq!(kept(&log), [(0, "yes".to_owned()), (1, "yes".to_owned())]);
        assert_eq!(log.dropped(), 0);
    }
}
