//! Containers' names, and how many there can be.

use berth_protocol::NAME_MAX;

pub use crate::sizes::CONTAINERS_MAX;

/// A container name, checked when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; NAME_MAX],
    length: u8,
}

impl Name {
    /// `None` if it is not a container name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        if !berth_protocol::is_valid_name(name) {
            return None;
        }
        let mut bytes = [0; NAME_MAX];
        bytes
            .get_mut(..name.len())?
            .copy_from_slice(name.as_bytes());
        Some(Self {
            bytes,
            length: name.len() as u8,
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.length))
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}
