//! Settings: bytes in a process's flash that a test writes before the board starts.
//!
//! So one process does many things without being built many times. A test finds the
//! marker in the flash image and writes behind it.

use core::hint::black_box;

/// Bytes of the marker: `setting:NAME`, filled up with zeros.
const MARKER: usize = 32;

/// `N` bytes in flash behind a marker. Must be a `static` without interior
/// mutability, which is what the linker puts into flash.
#[repr(C)]
pub struct Setting<const N: usize> {
    marker: [u8; MARKER],
    value: [u8; N],
}

impl<const N: usize> Setting<N> {
    /// The setting of the process `name`, and what it is unless a test changes it.
    ///
    /// # Panics
    ///
    /// When compiled, if one of them does not fit.
    #[must_use]
    pub const fn new(name: &str, value: &str) -> Self {
        let mut marker = [0; MARKER];
        copy(&mut marker, 0, b"setting:");
        copy(&mut marker, 8, name.as_bytes());
        let mut bytes = [0; N];
        copy(&mut bytes, 0, value.as_bytes());
        Self {
            marker,
            value: bytes,
        }
    }

    /// What flash holds now, as bytes.
    #[must_use]
    pub fn bytes(&'static self) -> &'static [u8; N] {
        // The compiler knows what was written above, and must not use it. The
        // marker has to stay as well.
        let this = black_box(self);
        black_box(&this.marker);
        &this.value
    }

    /// What flash holds now, as text up to the first zero.
    #[must_use]
    pub fn text(&'static self) -> &'static str {
        let bytes = self.bytes();
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(N);
        core::str::from_utf8(bytes.get(..end).unwrap_or_default()).unwrap_or("?")
    }

    /// The little-endian word number `index`. Returns 0 behind the end.
    #[must_use]
    pub fn word(&'static self, index: usize) -> u32 {
        self.bytes()
            .get(index.saturating_mul(4)..)
            .and_then(|rest| rest.first_chunk())
            .map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }
}

/// Copy `from` to `to` at `offset`.
const fn copy(to: &mut [u8], offset: usize, from: &[u8]) {
    let mut index = 0;
    while index < from.len() {
        to[offset + index] = from[index];
        index += 1;
    }
}
