//! A log line put together from text and numbers, without `core::fmt`.

use crate::{Level, Style, imports};

/// Room for `N` bytes of text, on the stack.
///
/// ```
/// use berth_guest::{Level, Line};
///
/// let mut line = Line::<32>::new();
/// line.text("count ").unsigned(42).text(", mask ").hex(0xf0);
/// assert_eq!(line.as_str(), "count 42, mask 0xf0");
/// line.log(Level::Info);
/// ```
///
/// What does not fit is left out, whole pieces at a time.
pub struct Line<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Line<N> {
    /// An empty line.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    /// Append text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        let end = self.length + text.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(text.as_bytes());
            self.length = end;
        }
        self
    }

    /// Append bytes of a text; from a place that is only known when it runs.
    pub(crate) fn bytes(&mut self, text: &[u8]) -> &mut Self {
        let end = self.length + text.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            copy(room, text);
            self.length = end;
        }
        self
    }

    /// Append a number in decimal.
    pub fn unsigned(&mut self, value: u32) -> &mut Self {
        self.digits(value, 10)
    }

    /// Append a number in decimal, with a minus sign if it is negative.
    pub fn signed(&mut self, value: i32) -> &mut Self {
        if value < 0 {
            self.text("-");
        }
        self.digits(value.unsigned_abs(), 10)
    }

    /// Append a number in hexadecimal, with `0x` in front.
    pub fn hex(&mut self, value: u32) -> &mut Self {
        self.text("0x").digits(value, 16)
    }

    /// The line so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only whole strings and digits were appended, so this is always UTF-8.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Log the line.
    pub fn log(&self, level: Level) {
        // The bytes as they are: checking that they are UTF-8, which they are,
        // would cost 600 bytes of code in every container.
        imports::log(level as i32, self.as_bytes());
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Append `value` in base `radix` (10 or 16). Apart from [`number`](Self::number), which is larger: containers that
    /// put their lines together by hand have this one only.
    fn digits(&mut self, value: u32, radix: u32) -> &mut Self {
        let mut length = 1;
        let mut rest = value / radix;
        while rest > 0 {
            length += 1;
            rest /= radix;
        }
        let end = self.length + length;
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            let mut rest = value;
            for place in room.iter_mut().rev() {
                *place = digit((rest % radix) as u8);
                rest /= radix;
            }
            self.length = end;
        }
        self
    }

    /// Append a number: its sign, its digits, as `style` says.
    pub(crate) fn number(&mut self, value: u64, is_negative: bool, style: Style) -> &mut Self {
        let radix = if style.hex { 16 } else { 10 };
        let front: &[u8] = match (is_negative, style.prefix) {
            (true, _) => b"-",
            (_, true) => b"0x",
            _ => b"",
        };
        let mut length = front.len() + 1;
        let mut rest = value / radix;
        while rest > 0 {
            length += 1;
            rest /= radix;
        }
        let end = self.length + length.max(style.width.into());
        if let Some((sign, digits)) = self
            .bytes
            .get_mut(self.length..end)
            .and_then(|room| room.split_at_mut_checked(front.len()))
        {
            copy(sign, front);
            let mut rest = value;
            for place in digits.iter_mut().rev() {
                *place = digit((rest % radix) as u8);
                rest /= radix;
            }
            self.length = end;
        }
        self
    }
}

/// The character of a digit.
fn digit(digit: u8) -> u8 {
    if digit < 10 {
        b'0' + digit
    } else {
        b'a' + digit - 10
    }
}

/// As `copy_from_slice`, whose message for other lengths would bring 3 KB of `core::fmt`.
fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

impl<const N: usize> Default for Line<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let mut line = Line::<64>::new();
        line.unsigned(0).text(" ").unsigned(u32::MAX).text(" ");
        line.signed(i32::MIN).text(" ").signed(7).text(" ");
        line.hex(0).text(" ").hex(0xdead_beef);
        assert_eq!(line.as_str(), "0 4294967295 -2147483648 7 0x0 0xdeadbeef");
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let mut line = Line::<5>::new();
        line.text("four").unsigned(10).text("é").text("!").text("x");
        assert_eq!(line.as_str(), "four!");
    }
}
