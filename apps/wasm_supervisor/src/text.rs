//! Short text in a buffer of its own: nothing the supervisor says may need memory.

use core::fmt;

/// At most `N` bytes of text; what does not fit is cut off.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    /// What has been written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = berth_protocol::cut(text, N - self.length);
        let end = self.length + fits.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(fits.as_bytes());
            self.length = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write;

    #[test]
    fn what_does_not_fit_is_cut_between_characters() {
        let mut text = Text::<8>::new();
        write!(text, "{}-", 1234).unwrap();
        assert_eq!(text.bytes(), b"1234-");
        text.write_str("aé").unwrap();
        assert_eq!(text.bytes(), "1234-aé".as_bytes());
        text.write_str("bc").unwrap();
        assert_eq!(text.bytes(), "1234-aé".as_bytes());
    }
}
