//! The answers given last, so that a repeated request is not executed twice.
//!
//! Kept are answers to requests that change something and cannot be done twice. Others are carried out again, and so
//! what one operator reads or uploads cannot push out the answer that another one waits for.

use berth_protocol::{Op, Right};

/// Answers kept: how many requests of other operators may change something before one is repeated.
const KEPT: usize = 8;

/// Longest answer that is kept in bytes of its frame. An answer to such a request is `Done`, how an update went, or
/// a refusal with a name and a reason.
const ANSWER_MAX: usize = 128;

/// Would this request, carried out again, do something else or say something else than it did?
pub const fn changes(op: &Op<'_>) -> bool {
    // Those that can be done twice. (A reset says itself which run it means.)
    let is_again = matches!(
        op,
        Op::UploadBegin { .. }
            | Op::UpdateBegin { .. }
            | Op::Announce { .. }
            | Op::UploadChunk { .. }
            | Op::Draft { .. }
            | Op::Reset { .. }
    );
    matches!(op.right(), Right::Change) && !is_again
}

#[derive(Clone, Copy)]
struct Answer {
    id: u32,
    /// Of the request, so that another one with the same id is not mistaken for it.
    digest: u32,
    frame: [u8; ANSWER_MAX],
    length: u16,
}

/// The last few answers.
pub struct AnswerCache {
    answers: [Option<Answer>; KEPT],
    next: usize,
}

impl AnswerCache {
    /// Nothing answered yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            answers: [None; KEPT],
            next: 0,
        }
    }

    /// The frame that answered this request before.
    #[must_use]
    pub fn find(&self, id: u32, request: &[u8]) -> Option<&[u8]> {
        let digest = digest(request);
        self.answers
            .iter()
            .flatten()
            .find(|answer| answer.id == id && answer.digest == digest)
            .and_then(|answer| answer.frame.get(..usize::from(answer.length)))
    }

    /// Remember the frame that answers this request.
    pub fn keep(&mut self, id: u32, request: &[u8], frame: &[u8]) {
        let mut answer = Answer {
            id,
            digest: digest(request),
            frame: [0; ANSWER_MAX],
            length: frame.len() as u16,
        };
        if let Some(place) = answer.frame.get_mut(..frame.len()) {
            place.copy_from_slice(frame);
            if let Some(slot) = self.answers.get_mut(self.next) {
                *slot = Some(answer);
            }
            self.next = (self.next + 1) % KEPT;
        }
    }
}

impl Default for AnswerCache {
    fn default() -> Self {
        Self::new()
    }
}

/// FNV-1a. Only accidents are to be told apart here.
fn digest(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_request_finds_its_answer() {
        let mut cache = AnswerCache::new();
        cache.keep(7, b"start a", b"done");
        assert_eq!(cache.find(7, b"start a"), Some(&b"done"[..]));
        assert_eq!(cache.find(7, b"start b"), None);
        assert_eq!(cache.find(8, b"start a"), None);
        for id in 0..KEPT as u32 {
            cache.keep(100 + id, b"x", b"y");
        }
        assert_eq!(cache.find(7, b"start a"), None);
    }
}
