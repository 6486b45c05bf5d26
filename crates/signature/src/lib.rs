//! The signature of a container package: where it stands, what it claims, what is signed.
//!
//! ```text
//!   \0asm … sections … "berth" …  │ 0, length, 9, "berth-sig", claims │ signature
//!   ◄───────────── SHA-256 of all of this ──────────────────────────► │ 64 bytes, the file's last
//!                     └──► [`message`]: "berth-sig v1", hash ── Ed25519 ──┘
//! ```
//!
//! A signed package is a WebAssembly module whose last section is a custom section named [`SECTION`]. Nothing follows it, so
//! that its last 64 bytes, the signature, are the file's. The signature is an ordinary one of Ed25519 (RFC 8032) of
//! the [`MESSAGE_BYTES`] bytes of [`message`].
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | [`FORMAT`] |
//! | 8 | key id: the first of the SHA-256 of the public key |
//! | 4 | counter, little endian: which version of the package this is |
//! | 1, n | name of the package, 1 to [`NAME_MAX`] bytes |
//! | 1 | number of labels, at most [`LABELS_MAX`] |
//! | 1, n each | a label that it may claim, 1 to [`LABEL_MAX`] bytes |
//! | 64 | signature |
//!
//! Names and labels are ASCII without blanks and control characters. Whoever reads a package looks at its sections from the first
//! one on: there is one way to read a file, whatever bytes stand in it. [`Search`] does so one section at a time, for who must not be kept.

#![no_std]
#![deny(unsafe_code)]

#[cfg(test)]
extern crate std;

mod claims;
pub mod revocation;
mod search;

pub use claims::{Claims, KeyId, Labels, NewClaims};
pub use search::{Search, Signed, Step, find};

/// Name of the custom section.
pub const SECTION: &str = "berth-sig";

/// Number of the format, the first byte of the section's contents.
pub const FORMAT: u8 = 1;

/// Bytes of a key id.
pub const KEY_ID_BYTES: usize = 8;

/// Bytes of a SHA-256.
pub const HASH_BYTES: usize = 32;

/// Bytes of a public key of Ed25519.
pub const PUBLIC_BYTES: usize = 32;

/// Bytes of a signature of Ed25519.
pub const SIGNATURE_BYTES: usize = 64;

/// Most bytes of a package's name: a container's.
pub const NAME_MAX: usize = 32;

/// Most bytes of a label: an exposure's.
pub const LABEL_MAX: usize = 32;

/// Most labels: as many blocks as a container can claim.
pub const LABELS_MAX: usize = 8;

/// What every signed message begins with.
pub const CONTEXT: &[u8; 12] = b"berth-sig v1";

/// Bytes that are signed.
pub const MESSAGE_BYTES: usize = CONTEXT.len() + HASH_BYTES;

/// Most bytes of a section, from its number to the signature's last.
pub const SECTION_MAX: usize = 3
    + 1
    + SECTION.len()
    + 1
    + KEY_ID_BYTES
    + 4
    + 1
    + NAME_MAX
    + 1
    + LABELS_MAX * (1 + LABEL_MAX)
    + SIGNATURE_BYTES;

/// Returns what is signed, where `hash` is the SHA-256 of all bytes of the file but the last [`SIGNATURE_BYTES`].
#[must_use]
pub fn message(hash: &[u8; HASH_BYTES]) -> [u8; MESSAGE_BYTES] {
    let mut message = [0; MESSAGE_BYTES];
    let (context, rest) = message.split_at_mut(CONTEXT.len());
    context.copy_from_slice(CONTEXT);
    rest.copy_from_slice(hash);
    message
}

/// Why a signature cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The file is not a row of sections of a WebAssembly module.
    Module,
    /// Something follows the section.
    NotLast,
    /// The section is of another format, or empty.
    Format,
    /// The claims are not what this format has.
    Claims,
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Module => "not a WebAssembly module",
            Self::NotLast => "something follows the package's signature",
            Self::Format => "the package's signature is of a format that is not known",
            Self::Claims => "the package's signature is damaged",
        })
    }
}

impl core::error::Error for Malformed {}

#[cfg(test)]
mod tests;
