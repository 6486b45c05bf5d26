//! An input read as numbers and parts; where it ends, everything is 0 and empty.

/// The rest of an input.
#[derive(Clone, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// Returns whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the next byte.
    pub fn byte(&mut self) -> u8 {
        self.part(1).first().copied().unwrap_or(0)
    }

    /// Returns the next two bytes as a number.
    pub fn half(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Returns the next four bytes as a number.
    pub fn word(&mut self) -> u32 {
        u32::from(self.half()) | u32::from(self.half()) << 16
    }

    /// Returns a number below `end`, which is at least 1 and at most 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// Returns the next bytes, fewer where the input ends.
    pub fn part(&mut self, length: usize) -> &'a [u8] {
        let (part, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        part
    }

    /// Returns a part with its length, one byte, in front.
    pub fn counted(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        self.part(length)
    }
}

/// Returns a part with its length in front, as [`Bytes::counted`] reads it.
///
/// # Panics
///
/// If it is longer than 255 bytes.
#[must_use]
pub fn counted(part: &[u8]) -> Vec<u8> {
    let length = u8::try_from(part.len()).unwrap();
    [&[length], part].concat()
}
