//! Addresses and registers for people.

use core::fmt;

/// Digits of the longest number there is.
const DIGITS: usize = 2 * size_of::<usize>();

/// A number as `{:#010x}` writes it, for reports that the kernel writes while others wait: a sixth of the instructions, and
/// one piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex(pub usize);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'0'; 2 + DIGITS];
        let mut rest = self.0;
        let mut from = text.len();
        for place in text.iter_mut().rev() {
            if rest == 0 && from <= DIGITS + 2 - 8 {
                break;
            }
            let digit = (rest & 0xF) as u8;
            *place = if digit < 10 {
                b'0' + digit
            } else {
                b'a' - 10 + digit
            };
            rest >>= 4;
            from -= 1;
        }
        let from = from - 2;
        if let Some(x) = text.get_mut(from + 1) {
            *x = b'x';
        }
        let text = text.get(from..).unwrap_or_default();
        f.write_str(core::str::from_utf8(text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn as_the_formatter_of_the_library_does() {
        for shift in 0..usize::BITS {
            for number in [0x1234_5678_usize, 0xffff_ffff, 1, 0, 0xdead_beef] {
                let number = number.rotate_left(shift);
                assert_eq!(format!("{}", Hex(number)), format!("{number:#010x}"));
            }
        }
    }
}
