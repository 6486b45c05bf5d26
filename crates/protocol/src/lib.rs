//! Messages and frames on the serial line between berth and the supervisor.
//!
//! ```text
//!   berth (host)                                supervisor (device)
//!   Request ──encode_frame──► 0x00 body 0x00 ──FrameDecoder──► Request::decode
//!   Response::decode ◄──FrameDecoder── 0x00 body 0x00 ◄──encode_frame── Response
//!
//!   body  = COBS( postcard(message) ++ CRC-32 of it, little endian )
//!   frame = at most 256 bytes with both zeros; one is outstanding at a time
//! ```
//!
//! Text shares the line: what stands outside two zeros is for people. Every
//! request carries an id and its answer repeats it, so a repeated request can be
//! answered from memory instead of being executed twice. Lists travel one item a
//! request with a cursor, which keeps both ends free of allocation.
//!
//! Compatibility: enum variants are numbered by position, so new ones go to the
//! end and none is ever removed; anything else that changes an encoding raises
//! [`PROTOCOL_VERSION`]. `schema.txt` beside this crate shows the wire as text and
//! a test compares it, so that a change is seen in a diff.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod configuration;
mod container;
mod error;
mod frame;
mod hash;
mod message;
mod plain;
mod report;

#[cfg(test)]
mod schema;

pub use container::{
    Access, Container, Exposure, Fault, Heap, Holder, Level, Parameters, Restart, Service, State,
};
pub use error::{DeviceError, Distrust, MissingWhy};
pub use frame::{
    EncodeError, Event, FRAME_MAX, FRAME_TIMEOUT_MS, FrameDecoder, MESSAGE_MAX, encode_frame,
    frame_message,
};
pub use hash::{ImageHash, ImageHasher};
pub use message::{DecodeError, Device, Op, Reply, Request, Response, Right, message_id};
pub use plain::is_plain;
pub use report::{
    Chosen, CodeStatus, Engine, Entry, Erases, FaultReport, Happening, HostCall, Image, Inspection,
    Kept, Operators, Place, Source, Status, StoreStatus, Trust, Update,
};

/// Version of the message set. Both ends say theirs in `Hello`; they talk on only
/// if they are equal.
pub const PROTOCOL_VERSION: u16 = 3;

/// Bytes of a device's memory that the smallest container takes (`docs/memory.md`).
pub const MINIMAL_BYTES: u32 = 10_500;

/// Longest container name in bytes.
pub const NAME_MAX: usize = 32;

/// Most bytes of an image in one [`Op::UploadChunk`]; the frame limit decides it, and flash is written in words of eight.
pub const CHUNK_MAX: usize = 224;

/// Most bytes of an image in one [`Op::UploadChunk`] of a session: a seal stands behind it.
pub const SEALED_CHUNK_MAX: usize = 200;

/// Most bytes of changes in one [`Op::Draft`], and of a configuration in one [`Reply::Kept`].
pub const DRAFT_PART_MAX: usize = 192;

/// Bytes of flash that the named values of a container may take if its operator chose nothing.
pub const VALUES_DEFAULT: u32 = 4 * 1024;

/// Most that an operator can choose.
pub const VALUES_MAX: u32 = 16 * 1024;

/// Most bytes of text in one [`Reply::LogLine`]; longer lines are several.
pub const LOG_TEXT_MAX: usize = 160;

/// Most bytes of any other text that a device puts into an answer (labels, import
/// names, reasons). Longer ones are cut by [`cut`].
pub const TEXT_MAX: usize = 64;

/// Is this a container name: 1 to [`NAME_MAX`] of `a–z A–Z 0–9 . _ -`, beginning
/// with a letter or digit?
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= NAME_MAX
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// The longest beginning of `text` that has at most `max` bytes and ends at a
/// character border.
#[must_use]
pub fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The same for bytes that should be UTF-8: the longest beginning of at most `max` bytes that does not end
/// within a character.
#[must_use]
pub fn cut_bytes(text: &[u8], max: usize) -> &[u8] {
    let Some(cut) = text.get(..max) else {
        return text;
    };
    // What is cut off must begin a character; one has at most four bytes, three of them are of this form.
    let mut end = max;
    while end > 0 && max - end < 3 && text.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    match text.get(end) {
        // No character at all: where it is cut is the same.
        Some(byte) if byte & 0xc0 == 0x80 => cut,
        _ => text.get(..end).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words() {
        for good in ["a", "blink", "Blink-2.led_x", "0", &"x".repeat(NAME_MAX)] {
            assert!(is_valid_name(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "-x",
            "a b",
            "a/b",
            "ä",
            "a\n",
            "a\0",
            &"x".repeat(NAME_MAX + 1),
        ] {
            assert!(!is_valid_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn cutting_respects_characters() {
        assert_eq!(cut("grün", 3), "gr");
        assert_eq!(cut("grün", 4), "grü");
        assert_eq!(cut("grün", 99), "grün");
        assert_eq!(cut("", 0), "");
        for text in ["", "grün", "a€b", "🦀🦀", "éééé"] {
            for max in 0..12 {
                assert_eq!(cut_bytes(text.as_bytes(), max), cut(text, max).as_bytes());
            }
        }
        // What is no text is cut where it has to be.
        assert_eq!(cut_bytes(&[0x80; 9], 4), [0x80; 4]);
        assert_eq!(cut_bytes(&[0x80; 2], 1), [0x80; 1]);
    }
}
