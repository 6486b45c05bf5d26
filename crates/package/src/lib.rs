//! What a container package says about itself.
//!
//! ```text
//!   module.wasm ──pack──► \0asm … sections … "berth": version, Manifest  [ "berth-sig" ]
//!                              still a valid WebAssembly module ──► device, any other runtime
//! ```
//!
//! A package is a WebAssembly module with one custom section named [`SECTION`]: one byte
//! [`FORMAT`], then a [`Manifest`] as postcard. It says how the container wants to be run
//! where its operator says nothing. A signed package has a section `berth-sig` behind it, the
//! last one, which covers all bytes before it (`crates/signature`).
//!
//! Formats are numbered and never changed; a reader of an older number says so.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod sections;

use berth_protocol::Restart;
use serde::{Deserialize, Serialize};

pub use sections::custom_section;

/// Name of the custom section with the manifest.
pub const SECTION: &str = "berth";

/// Number of the format that is written, the section's first byte.
pub const FORMAT: u8 = 1;

/// Longest description in bytes.
pub const DESCRIPTION_MAX: usize = 200;

/// Longest version in bytes.
pub const VERSION_MAX: usize = 32;

/// Most bytes of a section with a manifest.
pub const MANIFEST_MAX: usize = 320;

/// What a package says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest<'a> {
    /// Name of the container unless the operator gives another
    /// ([`is_valid_name`](berth_protocol::is_valid_name)).
    pub name: &'a str,
    /// Version, as its author counts; may be empty.
    pub version: &'a str,
    /// One line for people; may be empty.
    pub description: &'a str,
    /// Bytes of linear memory at the start; 0 without a memory.
    pub memory: u32,
    /// The shadow stack in linear memory, if `pack` could tell where it lies.
    pub stack: Option<Stack>,
    /// Most bytes that the linear memory may grow to.
    pub memory_limit: Option<u32>,
    /// Most bytes of the interpreter's value stack.
    pub value_stack: Option<u32>,
    /// Share of the CPU relative to other containers, 1 to 100.
    pub share: Option<u8>,
    /// When it is started again after it ended.
    pub restart: Option<Restart>,
}

/// Where the shadow stack of a module lies. It grows downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// Lowest address that belongs to it.
    pub bottom: u32,
    /// First address above it, where it begins.
    pub top: u32,
}

/// Why a manifest could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestError {
    /// The sections of the file are not those of a WebAssembly module.
    NotAModule,
    /// The section is of another format.
    Format {
        /// Its number.
        number: u8,
    },
    /// The section is damaged.
    Malformed,
}

impl core::fmt::Display for ManifestError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotAModule => f.write_str("not a WebAssembly module"),
            Self::Format { number } => write!(
                f,
                "packed in format {number}, this program knows format {FORMAT}"
            ),
            Self::Malformed => f.write_str("the package's manifest is damaged"),
        }
    }
}

impl core::error::Error for ManifestError {}

impl<'a> Manifest<'a> {
    /// The manifest in `image`. Returns `None` if it is no package.
    ///
    /// # Errors
    ///
    /// If `image` is no module, or its manifest cannot be read.
    pub fn of(image: &'a [u8]) -> Result<Option<Self>, ManifestError> {
        custom_section(image, SECTION)?
            .map(Self::decode)
            .transpose()
    }

    /// Read the contents of a section named [`SECTION`].
    ///
    /// # Errors
    ///
    /// If it is of another format or damaged.
    pub fn decode(section: &'a [u8]) -> Result<Self, ManifestError> {
        match section.split_first() {
            Some((&FORMAT, rest)) => match postcard::take_from_bytes(rest) {
                Ok((manifest, [])) => Ok(manifest),
                _ => Err(ManifestError::Malformed),
            },
            Some((&number, _)) => Err(ManifestError::Format { number }),
            None => Err(ManifestError::Malformed),
        }
    }

    /// Write the contents of a section named [`SECTION`]. `None` if it does not fit
    /// `buffer`; [`MANIFEST_MAX`] bytes hold every manifest within the limits above.
    #[must_use]
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let (format, rest) = buffer.split_first_mut()?;
        *format = FORMAT;
        let length = postcard::to_slice(self, rest).ok()?.len();
        buffer.get(..=length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;

    const FULL: Manifest<'_> = Manifest {
        name: "blink",
        version: "1.2.0",
        description: "an LED",
        memory: 2048,
        stack: Some(Stack {
            bottom: 0,
            top: 512,
        }),
        memory_limit: Some(4096),
        value_stack: None,
        share: Some(30),
        restart: Some(Restart::OnFailure {
            limit: 3,
            backoff_ms: 500,
        }),
    };

    #[test]
    fn the_bytes_of_a_manifest_stay_what_they_are() {
        // A package of today is read by the devices of the next fifteen years.
        let mut buffer = [0; MANIFEST_MAX];
        assert_eq!(
            FULL.encode(&mut buffer).unwrap(),
            b"\x01\x05blink\x051.2.0\x06an LED\x80\x10\x01\x00\x80\x04\x01\x80\x20\x00\x01\x1e\x01\x01\x03\xf4\x03"
        );
    }

    #[test]
    fn an_unknown_format_and_damage_are_told_apart() {
        let mut buffer = [0; MANIFEST_MAX];
        let bytes = FULL.encode(&mut buffer).unwrap();
        assert_eq!(Manifest::decode(bytes), Ok(FULL));
        for cut in 0..bytes.len() {
            assert_eq!(
                Manifest::decode(&bytes[..cut]),
                Err(ManifestError::Malformed)
            );
        }
        assert_eq!(
            Manifest::decode(&[9, 0]),
            Err(ManifestError::Format { number: 9 })
        );
        assert!(FULL.encode(&mut [0; 8]).is_none());
        assert!(FULL.encode(&mut []).is_none());
    }

    #[test]
    fn the_largest_manifest_fits() {
        let long = "x".repeat(DESCRIPTION_MAX);
        let largest = Manifest {
            name: &long[..berth_protocol::NAME_MAX],
            version: &long[..VERSION_MAX],
            description: &long,
            memory: u32::MAX,
            stack: Some(Stack {
                bottom: u32::MAX,
                top: u32::MAX,
            }),
            memory_limit: Some(u32::MAX),
            value_stack: Some(u32::MAX),
            share: Some(100),
            restart: Some(Restart::OnFailure {
                limit: u8::MAX,
                backoff_ms: u16::MAX,
            }),
        };
        let mut buffer = [0; MANIFEST_MAX];
        let bytes = largest.encode(&mut buffer).unwrap();
        assert_eq!(Manifest::decode(bytes), Ok(largest));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in "[a-z]{1,32}", description in ".{0,60}", memory: u32,
            share in proptest::option::of(1u8..=100), stack: Option<(u32, u32)>,
        ) {
            let description: String = description;
            let manifest = Manifest {
                name: &name,
                description: &description,
                memory,
                share,
                stack: stack.map(|(bottom, top)| Stack { bottom, top }),
                ..Manifest::default()
            };
            let mut buffer = [0; MANIFEST_MAX];
            prop_assert_eq!(Manifest::decode(manifest.encode(&mut buffer).unwrap()), Ok(manifest));
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Manifest::decode(&bytes);
            let _ = Manifest::of(&bytes);
            let mut module = b"\0asm\x01\0\0\0".to_vec();
            module.extend(bytes);
            let _ = Manifest::of(&module);
        }
    }
}
