//! Frames: how a message is told apart from text, and a whole one from a broken one.
//!
//! A frame is `0x00`, body, `0x00`. The body is COBS-encoded (so it contains no
//! zero) and carries the message and its CRC-32. [`FRAME_MAX`] keeps the body so
//! short that COBS needs exactly one code byte in front: encoding and decoding
//! happen in place.
//!
//! The decoder's rule: a broken frame costs only itself. The zero that ends one is
//! also taken as the possible beginning of the next, so after any noise the next
//! whole frame is found. What turns out to be no frame is handed out as
//! [`Event::Dropped`]; it may have been text.

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use serde::Serialize;

/// Longest frame in bytes, both zeros included.
pub const FRAME_MAX: usize = 256;

/// Longest encoded body.
const BODY_MAX: usize = FRAME_MAX - 2;

/// Bytes of the CRC behind the message, little endian.
const CRC_LEN: usize = 4;

/// Longest message (postcard bytes) that fits a frame: one byte of COBS, four of CRC.
pub const MESSAGE_MAX: usize = BODY_MAX - 1 - CRC_LEN;

/// A frame that is not complete this many milliseconds after its first zero is
/// dropped: call [`FrameDecoder::expire`].
pub const FRAME_TIMEOUT_MS: u32 = 500;

/// CRC-32 as in Ethernet and zip. Without a table: a frame at 115200 baud takes 500,000
/// cycles of a small device to arrive, and the table is a KiB of flash.
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// The message is too long for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError;

/// Write the frame of `message` (a [`Request`](crate::Request) or
/// [`Response`](crate::Response)) into `buffer`; return the frame.
///
/// # Errors
/// If the message is longer than [`MESSAGE_MAX`].
pub fn encode_frame<'b, T: Serialize>(
    message: &T,
    buffer: &'b mut [u8; FRAME_MAX],
) -> Result<&'b [u8], EncodeError> {
    let length = postcard::to_slice(message, &mut buffer[MESSAGE..MESSAGE + MESSAGE_MAX])
        .map_err(|_| EncodeError)?
        .len();
    Ok(close_frame(buffer, length))
}

/// As [`encode_frame`], of a message that is bytes already: for programs that pass
/// messages on without looking at them.
///
/// # Errors
/// If the message is longer than [`MESSAGE_MAX`].
pub fn frame_message<'b>(
    message: &[u8],
    buffer: &'b mut [u8; FRAME_MAX],
) -> Result<&'b [u8], EncodeError> {
    buffer[MESSAGE..MESSAGE + MESSAGE_MAX]
        .get_mut(..message.len())
        .ok_or(EncodeError)?
        .copy_from_slice(message);
    Ok(close_frame(buffer, message.len()))
}

/// Where the message stands in a frame: behind the zero and the COBS code byte.
const MESSAGE: usize = 2;

/// Put what belongs around the `length` (at most [`MESSAGE_MAX`]) bytes of message at
/// [`MESSAGE`].
fn close_frame(buffer: &mut [u8; FRAME_MAX], length: usize) -> &[u8] {
    let crc = MESSAGE + length;
    let end = crc + CRC_LEN;
    let sum = CRC.checksum(&buffer[MESSAGE..crc]).to_le_bytes();
    buffer[crc..end].copy_from_slice(&sum);
    buffer[0] = 0;
    cobs_encode(&mut buffer[1..end]);
    buffer[end] = 0;
    &buffer[..=end]
}

/// COBS in place: the first byte is free for the code; at most 254 bytes in all, so
/// that no second code byte is needed.
fn cobs_encode(block: &mut [u8]) {
    debug_assert!(block.len() <= BODY_MAX);
    // Backwards: a zero becomes the distance to the next zero (or the end).
    let mut distance: u8 = 1;
    for byte in block.iter_mut().skip(1).rev() {
        if *byte == 0 {
            *byte = distance;
            distance = 0;
        }
        distance += 1;
    }
    if let Some(code) = block.first_mut() {
        *code = distance;
    }
}

/// Undo [`cobs_encode`] in place; the decoded bytes are those behind the first.
/// `None` if `block` is not the encoding of anything.
fn cobs_decode(block: &mut [u8]) -> Option<&[u8]> {
    let mut next_code = 0usize;
    let mut at = 0usize;
    while at < block.len() {
        if at == next_code {
            let code = core::mem::take(block.get_mut(at)?);
            if code == 0 {
                return None;
            }
            next_code = at + usize::from(code);
        }
        at += 1;
    }
    // The last distance must point exactly behind the end.
    (next_code == block.len()).then(|| block.get(1..)).flatten()
}

/// What a byte brought to light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Nothing yet.
    Nothing,
    /// A byte outside any frame.
    Text(u8),
    /// A whole frame; its message.
    Message(&'a [u8]),
    /// These bytes stood after a zero but are no frame: a damaged one, or text after
    /// the rest of one. Decoding goes on.
    Dropped(&'a [u8]),
}

/// Takes the line apart, byte by byte, into text and messages.
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    /// One more than a body has, so that an overflow keeps its last byte too.
    buffer: [u8; BODY_MAX + 1],
    /// `None`: outside a frame. Else: bytes of the body so far.
    body: Option<usize>,
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameDecoder {
    /// A decoder at the beginning of a line's life: outside a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer: [0; BODY_MAX + 1],
            body: None,
        }
    }

    /// Is a frame open? If it stays so for [`FRAME_TIMEOUT_MS`], call
    /// [`expire`](Self::expire).
    #[must_use]
    pub const fn in_frame(&self) -> bool {
        self.body.is_some()
    }

    /// Take the next byte of the line.
    pub fn push(&mut self, byte: u8) -> Event<'_> {
        match (self.body, byte) {
            (None, 0) => {
                self.body = Some(0);
                Event::Nothing
            }
            (None, text) => Event::Text(text),
            // Two zeros in a row: the second one opens.
            (Some(0), 0) => Event::Nothing,
            (Some(length), 0) => self.close(length),
            (Some(length), byte) => {
                if let Some(place) = self.buffer.get_mut(length) {
                    *place = byte;
                }
                if length < BODY_MAX {
                    self.body = Some(length + 1);
                    Event::Nothing
                } else {
                    // Too long for a frame, so it was none; the line is text again.
                    self.body = None;
                    Event::Dropped(&self.buffer)
                }
            }
        }
    }

    /// The open frame took too long: drop it; the line is text again.
    pub fn expire(&mut self) -> Event<'_> {
        match self.body.take() {
            None | Some(0) => Event::Nothing,
            Some(length) => Event::Dropped(self.buffer.get(..length).unwrap_or_default()),
        }
    }

    /// A zero after `length` bytes of body.
    fn close(&mut self, length: usize) -> Event<'_> {
        let body = self.buffer.get(..length).unwrap_or_default();
        if is_frame_body(body) {
            self.body = None;
            let decoded = self
                .buffer
                .get_mut(..length)
                .and_then(cobs_decode)
                .unwrap_or_default();
            Event::Message(
                decoded
                    .get(..decoded.len().saturating_sub(CRC_LEN))
                    .unwrap_or_default(),
            )
        } else {
            // This zero may be the first of the next frame.
            self.body = Some(0);
            Event::Dropped(self.buffer.get(..length).unwrap_or_default())
        }
    }
}

/// Is `body` the encoding of a message and its CRC? Leaves it as it is, because what
/// is no frame must be handed out as it came.
fn is_frame_body(body: &[u8]) -> bool {
    let mut copy = [0; BODY_MAX];
    let Some(copy) = copy.get_mut(..body.len()) else {
        return false;
    };
    copy.copy_from_slice(body);
    cobs_decode(copy)
        .and_then(|decoded| decoded.split_last_chunk::<CRC_LEN>())
        .is_some_and(|(message, sum)| CRC.checksum(message) == u32::from_le_bytes(*sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageHash, Op, Parameters, Reply, Request, Response};
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    /// Everything a decoder makes of `bytes`.
    #[derive(Debug, Default, PartialEq)]
    struct Seen {
        text: Vec<u8>,
        messages: Vec<Vec<u8>>,
        dropped: Vec<Vec<u8>>,
    }

    fn feed(decoder: &mut FrameDecoder, bytes: &[u8], seen: &mut Seen) {
        for byte in bytes {
            match decoder.push(*byte) {
                Event::Nothing => {}
                Event::Text(byte) => seen.text.push(byte),
                Event::Message(message) => seen.messages.push(message.to_vec()),
                Event::Dropped(bytes) => seen.dropped.push(bytes.to_vec()),
            }
        }
    }

    fn decode_all(bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        feed(&mut FrameDecoder::new(), bytes, &mut seen);
        seen
    }

    fn chunk(id: u32, bytes: &[u8]) -> Vec<u8> {
        let request = Request {
            id,
            op: Op::UploadChunk {
                upload: 1,
                offset: 0,
                bytes,
            },
        };
        encode_frame(&request, &mut [0; FRAME_MAX])
            .unwrap()
            .to_vec()
    }

    #[test]
    fn the_largest_requests_fit_and_the_next_larger_do_not() {
        let longest = Request {
            id: u32::MAX,
            op: Op::UploadChunk {
                upload: u32::MAX,
                offset: u32::MAX,
                bytes: &[0xff; crate::CHUNK_MAX],
            },
        };
        let mut buffer = [0; FRAME_MAX];
        assert!(encode_frame(&longest, &mut buffer).unwrap().len() <= FRAME_MAX);
        let name = "x".repeat(crate::NAME_MAX);
        let begin = Request {
            id: u32::MAX,
            op: Op::UploadBegin {
                upload: u32::MAX,
                name: &name,
                length: u32::MAX,
                hash: ImageHash([0xff; 32]),
                parameters: Parameters {
                    stack: Some(u32::MAX),
                    memory: Some(u32::MAX),
                    limit: Some(u32::MAX),
                    share: Some(100),
                    restart: Some(crate::Restart::OnFailure {
                        limit: u8::MAX,
                        backoff_ms: u16::MAX,
                    }),
                    boot: Some(true),
                    log_level: Some(crate::Level::Trace),
                    service: Some(crate::Service {
                        period_ms: u16::MAX,
                        budget: u32::MAX,
                    }),
                    writes: Some(u16::MAX),
                },
            },
        };
        encode_frame(&begin, &mut buffer).unwrap();
        let text = "x".repeat(crate::LOG_TEXT_MAX);
        let log = Response {
            id: u32::MAX,
            result: Ok(Reply::LogLine {
                log: u32::MAX,
                sequence: u32::MAX,
                dropped: u32::MAX,
                time_us: u64::MAX,
                level: crate::Level::Trace,
                text: &text,
            }),
        };
        encode_frame(&log, &mut buffer).unwrap();
        let text = "x".repeat(crate::TEXT_MAX);
        let missing = Response {
            id: u32::MAX,
            result: Ok(Reply::Missing {
                module: &text,
                name: &text,
                why: crate::MissingWhy::NotAFunction,
            }),
        };
        encode_frame(&missing, &mut buffer).unwrap();
        let busy = Response {
            id: u32::MAX,
            result: Err(crate::DeviceError::LabelBusy {
                label: &text,
                holder: Some(&text),
            }),
        };
        encode_frame(&busy, &mut buffer).unwrap();
        let too_long = Request {
            id: u32::MAX,
            op: Op::UploadChunk {
                upload: u32::MAX,
                offset: u32::MAX,
                bytes: &[0; MESSAGE_MAX],
            },
        };
        assert_eq!(encode_frame(&too_long, &mut buffer), Err(EncodeError));
        assert_eq!(
            frame_message(&[0; MESSAGE_MAX + 1], &mut buffer),
            Err(EncodeError)
        );
    }

    #[test]
    fn text_and_frames_share_the_line() {
        let mut line = b"hello ".to_vec();
        line.extend(chunk(1, &[0, 1, 0]));
        line.extend(b"world");
        let seen = decode_all(&line);
        assert_eq!(seen.text, b"hello world");
        assert_eq!(seen.messages.len(), 1);
        let request = Request::decode(&seen.messages[0]).unwrap();
        assert_eq!(
            request.op,
            Op::UploadChunk {
                upload: 1,
                offset: 0,
                bytes: &[0, 1, 0]
            }
        );
        assert!(seen.dropped.is_empty());
    }

    #[test]
    fn a_zero_before_a_frame_does_no_harm() {
        let mut line = vec![0, 0, 0];
        line.extend(chunk(1, b"x"));
        assert_eq!(decode_all(&line).messages.len(), 1);
    }

    #[test]
    fn a_lost_zero_costs_one_frame() {
        for lost in ["first", "last"] {
            let mut line = chunk(1, b"one");
            if lost == "first" {
                line.remove(0);
            } else {
                line.pop();
            }
            line.extend(chunk(2, b"two"));
            line.extend(chunk(3, b"three"));
            let ids: Vec<u32> = decode_all(&line)
                .messages
                .iter()
                .map(|m| Request::decode(m).unwrap().id)
                .collect();
            // Without its last zero, the first frame borrows the next one's first.
            let expected: &[u32] = if lost == "first" { &[2, 3] } else { &[1, 3] };
            assert_eq!(ids, expected, "{lost}");
        }
    }

    #[test]
    fn an_expired_frame_is_handed_back_and_the_line_is_text_again() {
        let mut decoder = FrameDecoder::new();
        let mut seen = Seen::default();
        feed(&mut decoder, b"\0help", &mut seen);
        assert!(decoder.in_frame());
        assert_eq!(decoder.expire(), Event::Dropped(b"help"));
        assert!(!decoder.in_frame());
        assert_eq!(decoder.expire(), Event::Nothing);
        feed(&mut decoder, b"ps\n", &mut seen);
        assert_eq!(seen.text, b"ps\n");
    }

    #[test]
    fn an_endless_frame_ends_at_the_maximum_and_loses_no_byte() {
        let mut line = vec![0];
        line.extend([b'x'; FRAME_MAX * 2]);
        let seen = decode_all(&line);
        assert_eq!(seen.dropped, [vec![b'x'; BODY_MAX + 1]]);
        assert_eq!(seen.text.len(), FRAME_MAX * 2 - (BODY_MAX + 1));
    }

    proptest! {
        #[test]
        fn every_part_survives(id: u32, bytes in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..=crate::CHUNK_MAX)) {
            let frame = chunk(id, &bytes);
            prop_assert!(frame[1..frame.len() - 1].iter().all(|b| *b != 0));
            let seen = decode_all(&frame);
            prop_assert_eq!(seen.messages.len(), 1);
            let mut again = [0; FRAME_MAX];
            prop_assert_eq!(frame_message(&seen.messages[0], &mut again), Ok(&frame[..]));
            let request = Request::decode(&seen.messages[0]).unwrap();
            prop_assert_eq!(request, Request { id, op: Op::UploadChunk { upload: 1, offset: 0, bytes: &bytes } });
        }

        #[test]
        fn a_changed_byte_never_passes(bytes in prop::collection::vec(any::<u8>(), 0..60), at: prop::sample::Index, flip in 1u8..) {
            let mut frame = chunk(7, &bytes);
            let inner = frame.len() - 2;
            let at = 1 + at.index(inner);
            frame[at] ^= flip;
            let seen = decode_all(&frame);
            prop_assert!(seen.messages.is_empty(), "{:?}", seen);
        }

        #[test]
        fn after_any_noise_the_next_frame_is_found(noise in prop::collection::vec(any::<u8>(), 0..600)) {
            // Noise may leave a frame open; a client opens with a zero of its own.
            let mut line = noise;
            line.push(0);
            line.extend(chunk(7, b"here"));
            let mut seen = Seen::default();
            let mut decoder = FrameDecoder::new();
            feed(&mut decoder, &line, &mut seen);
            prop_assert_eq!(seen.messages.last().map(|m| Request::decode(m).map(|r| r.id)), Some(Ok(7)));
        }

        #[test]
        fn noise_never_panics_and_no_byte_but_zeros_is_lost(noise in prop::collection::vec(prop_oneof![1 => Just(0u8), 6 => any::<u8>()], 0..2000)) {
            let mut decoder = FrameDecoder::new();
            let mut seen = Seen::default();
            feed(&mut decoder, &noise, &mut seen);
            if let Event::Dropped(rest) = decoder.expire() {
                seen.dropped.push(rest.to_vec());
            }
            prop_assume!(seen.messages.is_empty());
            let kept = seen.text.len() + seen.dropped.iter().map(Vec::len).sum::<usize>();
            prop_assert_eq!(kept, noise.iter().filter(|b| **b != 0).count());
            for message in [&noise[..], &[]] {
                let _ = Request::decode(message);
                let _ = Response::decode(message);
            }
        }
    }
}
