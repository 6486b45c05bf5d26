//! What appeared on the console, and waiting for it.

use crate::Error;
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Most bytes kept; the older half is dropped when they are reached.
const KEEP: usize = 4 << 20;

/// How much of the end an error shows.
const TAIL: usize = 2000;

/// Text of a console, growing while the board runs.
#[derive(Debug, Default)]
pub struct ConsoleText {
    text: Mutex<Kept>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    /// Bytes dropped before them.
    dropped: usize,
}

impl ConsoleText {
    /// Add what the board said.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut kept = self.lock();
        kept.bytes.extend_from_slice(bytes);
        if kept.bytes.len() > KEEP {
            let half = kept.bytes.len() / 2;
            kept.bytes.drain(..half);
            kept.dropped += half;
        }
        self.grown.notify_all();
    }

    /// All that is kept.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    /// Position behind the last byte so far, for [`wait_after`](Self::wait_after).
    #[must_use]
    pub fn position(&self) -> usize {
        let kept = self.lock();
        kept.dropped + kept.bytes.len()
    }

    /// Wait until `text` stands in the console, now or later; return the position behind it.
    ///
    /// # Errors
    /// [`Error::TextMissing`].
    pub fn wait_for(&self, text: &str, limit: Duration) -> Result<usize, Error> {
        self.wait_after(0, text, limit)
    }

    /// As [`wait_for`](Self::wait_for), of what stands behind `position` only.
    ///
    /// # Errors
    /// [`Error::TextMissing`].
    pub fn wait_after(&self, position: usize, text: &str, limit: Duration) -> Result<usize, Error> {
        let wanted = text.as_bytes();
        let until = Instant::now() + limit;
        let mut kept = self.lock();
        // Where the search goes on, so that long logs are not searched again and again.
        let mut searched = position;
        loop {
            let from = searched.saturating_sub(kept.dropped);
            let rest = kept.bytes.get(from..).unwrap_or_default();
            if wanted.is_empty() {
                return Ok(position);
            }
            if let Some(at) = rest.windows(wanted.len()).position(|w| w == wanted) {
                return Ok(kept.dropped + from + at + wanted.len());
            }
            let end = kept.dropped + kept.bytes.len();
            searched = searched.max(end.saturating_sub(wanted.len() - 1));
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let tail = kept.bytes.len().saturating_sub(TAIL);
                return Err(Error::TextMissing {
                    text: text.to_owned(),
                    after: limit,
                    tail: String::from_utf8_lossy(kept.bytes.get(tail..).unwrap_or_default())
                        .into_owned(),
                });
            }
            kept = self
                .grown
                .wait_timeout(kept, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// As [`wait_after`](Self::wait_after), to the end of the line that `text` ends in: who reads what is kept afterwards
    /// finds that line whole. Returns the position behind its end.
    ///
    /// # Errors
    /// [`Error::TextMissing`].
    pub fn line_after(&self, position: usize, text: &str, limit: Duration) -> Result<usize, Error> {
        let until = Instant::now() + limit;
        let behind = self.wait_after(position, text, limit)?;
        let left = until.saturating_duration_since(Instant::now());
        self.wait_after(behind - usize::from(text.ends_with('\n')), "\n", left)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nobody leaves it half changed.
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const SHORT: Duration = Duration::from_millis(30);
    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn a_line_is_waited_for_to_its_end() {
        let console = ConsoleText::default();
        console.push(b"one 1\ntwo");
        assert_eq!(console.line_after(0, "one", SHORT).unwrap(), 6);
        assert_eq!(console.line_after(0, "one 1\n", SHORT).unwrap(), 6);
        assert!(console.line_after(0, "two", SHORT).is_err());
        console.push(b" 2\nthree");
        assert_eq!(console.line_after(0, "two", SHORT).unwrap(), 12);
    }

    #[test]
    fn text_is_found_before_and_while_waiting_and_across_pieces() {
        let console = Arc::new(ConsoleText::default());
        console.push(b"boot ");
        assert_eq!(console.wait_for("boot", SHORT).unwrap(), 4);
        let pusher = {
            let console = Arc::clone(&console);
            std::thread::spawn(move || {
                for piece in ["re", "a", "dy\n"] {
                    std::thread::sleep(Duration::from_millis(5));
                    console.push(piece.as_bytes());
                }
            })
        };
        assert_eq!(console.wait_for("ready", LONG).unwrap(), 10);
        pusher.join().unwrap();
    }

    #[test]
    fn what_stands_before_the_position_does_not_count() {
        let console = ConsoleText::default();
        console.push(b"$ $ ");
        let first = console.wait_for("$ ", SHORT).unwrap();
        let second = console.wait_after(first, "$ ", SHORT).unwrap();
        assert_eq!((first, second), (2, 4));
        let error = console.wait_after(second, "$ ", SHORT).unwrap_err();
        assert!(error.to_string().contains("$ $ "), "{error}");
    }

    #[test]
    fn a_flood_is_kept_in_bounds() {
        let console = ConsoleText::default();
        for _ in 0..3 * KEEP / 1000 {
            console.push(&[b'x'; 1000]);
        }
        console.push(b"end");
        assert!(console.text().len() <= KEEP);
        let end = console.position();
        assert_eq!(console.wait_for("end", SHORT).unwrap(), end);
    }
}
