//! Texts with places for values, taken apart when the container is compiled.
//!
//! ```text
//!   info!("channel {}: {:#06x}", 3, mask)
//!           └ Template: bytes "channel : ", a place at 8, one at 10 with its style
//!             at run time: Line.bytes(..8) ► Show::show(3) ► Line.bytes(8..10) ► Show::show(mask) ► log
//! ```

use crate::Line;

/// Longest line that the logging macros put together, in bytes. What does not fit is left out, a value at a time.
pub const LINE_MAX: usize = 120;

/// How a value is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// In hexadecimal.
    pub hex: bool,
    /// With `0x` in front.
    pub prefix: bool,
    /// At least so many characters, `0x` included; a number gets zeros in front.
    pub width: u8,
    /// Digits behind the point, of a number that has one.
    pub digits: u8,
}

impl Style {
    /// As `{}`.
    pub const PLAIN: Self = Self {
        hex: false,
        prefix: false,
        width: 0,
        digits: 2,
    };
}

/// A value that can stand in a log line.
///
/// ```
/// use berth_guest::{LINE_MAX, Line, Show, Style};
///
/// struct Celsius(i32);
///
/// impl Show for Celsius {
///     fn show(&self, line: &mut Line<LINE_MAX>, style: Style) {
///         self.0.show(line, style);
///         line.text(" degrees");
///     }
/// }
///
/// berth_guest::info!("it has {}", Celsius(21));
/// ```
pub trait Show {
    /// Append it to a line.
    fn show(&self, line: &mut Line<LINE_MAX>, style: Style);
}

impl<T: Show + ?Sized> Show for &T {
    fn show(&self, line: &mut Line<LINE_MAX>, style: Style) {
        (*self).show(line, style);
    }
}

impl Show for str {
    fn show(&self, line: &mut Line<LINE_MAX>, _: Style) {
        line.bytes(self.as_bytes());
    }
}

impl Show for bool {
    fn show(&self, line: &mut Line<LINE_MAX>, _: Style) {
        line.bytes(if *self { b"true" } else { b"false" });
    }
}

impl Show for char {
    fn show(&self, line: &mut Line<LINE_MAX>, _: Style) {
        line.bytes(self.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

macro_rules! integers {
    ($($unsigned:ty, $signed:ty;)*) => {$(
        impl Show for $unsigned {
            fn show(&self, line: &mut Line<LINE_MAX>, style: Style) {
                line.number(*self as u64, false, style);
            }
        }

        impl Show for $signed {
            fn show(&self, line: &mut Line<LINE_MAX>, style: Style) {
                // In hexadecimal its bits, as everywhere.
                if style.hex {
                    line.number(*self as $unsigned as u64, false, style);
                } else {
                    line.number(self.unsigned_abs() as u64, *self < 0, style);
                }
            }
        }
    )*};
}

integers! {
    u8, i8;
    u16, i16;
    u32, i32;
    u64, i64;
    usize, isize;
}

/// With two digits behind the point, or as many as `{:.N}` says; half is rounded away from zero. What has more than 19 digits is
/// shown as `1.50e30`.
impl Show for f32 {
    fn show(&self, line: &mut Line<LINE_MAX>, style: Style) {
        f64::from(*self).show(line, style);
    }
}

impl Show for f64 {
    fn show(&self, line: &mut Line<LINE_MAX>, style: Style) {
        let (mut scale, mut left) = (1_u64, style.digits);
        while left > 0 {
            scale *= 10;
            left -= 1;
        }
        let (mut value, mut exponent) = (self.abs(), 0);
        let mut scaled = (value * scale as f64 + 0.5) as u64;
        // A word has no room for all digits.
        if scaled == u64::MAX {
            while value >= 10.0 && exponent < EXPONENT_MAX {
                value /= 10.0;
                exponent += 1;
            }
            scaled = (value * scale as f64 + 0.5) as u64;
        }
        let is_negative = *self < 0.0;
        if self.is_nan() || exponent >= EXPONENT_MAX {
            line.bytes(match (is_negative, self.is_nan()) {
                (_, true) => b"NaN",
                (true, _) => b"-inf",
                _ => b"inf",
            });
            return;
        }
        let whole = Style {
            hex: false,
            ..style
        };
        // The scale is no zero; so no message about it is in the container.
        let point = |value: Option<u64>| value.unwrap_or(0);
        line.number(point(scaled.checked_div(scale)), is_negative, whole);
        if style.digits > 0 {
            let rest = Style {
                width: style.digits,
                ..Style::PLAIN
            };
            line.bytes(b".")
                .number(point(scaled.checked_rem(scale)), false, rest);
        }
        if exponent > 0 {
            line.bytes(b"e").number(exponent, false, Style::PLAIN);
        }
    }
}

/// More than any number has that is not infinite.
const EXPONENT_MAX: u64 = 400;

/// Most digits behind a point, and most characters of a width.
const DIGITS_MAX: u8 = 9;

/// A text that was taken apart: its bytes without the places, and where the places are.
#[doc(hidden)]
#[derive(Debug)]
pub struct Template<const PLACES: usize, const LENGTH: usize> {
    bytes: [u8; LENGTH],
    length: usize,
    places: [(usize, Style); PLACES],
}

impl<const PLACES: usize, const LENGTH: usize> Template<PLACES, LENGTH> {
    /// Of a text of `LENGTH` bytes with `PLACES` places. What is wrong with it is an error of the compiler.
    #[must_use]
    pub const fn of(text: &str) -> Self {
        let text = text.as_bytes();
        let mut found = Self {
            bytes: [0; LENGTH],
            length: 0,
            places: [(0, Style::PLAIN); PLACES],
        };
        let (mut at, mut place) = (0, 0);
        while at < text.len() {
            let is_double = at + 1 < text.len() && text[at] == text[at + 1];
            match text[at] {
                b'{' | b'}' if is_double => {
                    found.bytes[found.length] = text[at];
                    found.length += 1;
                    at += 2;
                }
                b'{' => {
                    let (style, end) = style(text, at + 1);
                    assert!(place < PLACES, "there are more places than values");
                    found.places[place] = (found.length, style);
                    place += 1;
                    at = end;
                }
                b'}' => panic!(
                    "there is a closing brace without its opening one; a brace itself is written twice"
                ),
                byte => {
                    found.bytes[found.length] = byte;
                    found.length += 1;
                    at += 1;
                }
            }
        }
        assert!(place == PLACES, "there are more values than places");
        found
    }

    /// Append what stands before place `number`, behind the one before it; behind the last one, what is left.
    #[inline(always)]
    pub fn before(&self, number: usize, line: &mut Line<LINE_MAX>) {
        let place = |number: usize| self.places.get(number).map(|(at, _)| *at);
        let start = number.checked_sub(1).and_then(place).unwrap_or(0);
        let end = place(number).unwrap_or(self.length);
        line.bytes(self.bytes.get(start..end).unwrap_or_default());
    }

    /// How the value at place `number` is to be shown.
    #[inline(always)]
    #[must_use]
    pub const fn style(&self, number: usize) -> Style {
        self.places[number].1
    }
}

/// Is a text one without places and without doubled braces?
#[doc(hidden)]
#[must_use]
pub const fn is_plain(text: &str) -> bool {
    let text = text.as_bytes();
    let mut at = 0;
    while at < text.len() {
        if matches!(text[at], b'{' | b'}') {
            return false;
        }
        at += 1;
    }
    true
}

/// The style from `at` on, behind a `{`, and where its `}` ends.
const fn style(text: &[u8], mut at: usize) -> (Style, usize) {
    const WRONG: &str = "a place is {}, {:x}, {:#x}, {:.3} or {:08}, and its value stands behind the text: info!(\"n {}\", n)";
    let mut style = Style::PLAIN;
    if at < text.len() && text[at] == b':' {
        at += 1;
        if at < text.len() && text[at] == b'#' {
            style.prefix = true;
            at += 1;
        }
        if at + 1 < text.len() && text[at] == b'0' && text[at + 1].is_ascii_digit() {
            style.width = text[at + 1] - b'0';
            at += 2;
        }
        if at + 1 < text.len() && text[at] == b'.' && text[at + 1].is_ascii_digit() {
            style.digits = text[at + 1] - b'0';
            at += 2;
        }
        if at < text.len() && text[at] == b'x' {
            style.hex = true;
            at += 1;
        }
        assert!(style.hex || !style.prefix, "{}", WRONG);
    }
    assert!(at < text.len() && text[at] == b'}', "{}", WRONG);
    assert!(style.digits <= DIGITS_MAX);
    (style, at + 1)
}

/// What the logging macros have in common.
#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:expr, $text:literal $(,)?) => {{
        if const { $crate::is_plain($text) } {
            $crate::log($level, $text);
        } else {
            $crate::__log!(@line $level, $text,);
        }
    }};
    ($level:expr, $text:literal, $($value:expr),+ $(,)?) => {
        $crate::__log!(@line $level, $text, $($value),+)
    };
    (@line $level:expr, $text:literal, $($value:expr),*) => {{
        const __PLACES: usize = 0 $(+ $crate::__log!(@one $value))*;
        const __TEMPLATE: $crate::Template<__PLACES, { $text.len() }> = $crate::Template::of($text);
        let mut line = $crate::Line::<{ $crate::LINE_MAX }>::new();
        $crate::__log!(@value line, 0, $($value),*);
        line.log($level);
    }};
    (@one $value:expr) => { 1 };
    (@value $line:ident, $number:expr,) => {
        __TEMPLATE.before($number, &mut $line);
    };
    (@value $line:ident, $number:expr, $value:expr $(, $more:expr)*) => {
        __TEMPLATE.before($number, &mut $line);
        $crate::Show::show(&$value, &mut $line, const { __TEMPLATE.style($number) });
        $crate::__log!(@value $line, $number + 1, $($more),*);
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a macro would log.
    macro_rules! shown {
        ($text:literal $(, $value:expr)*) => {{
            const __PLACES: usize = 0 $(+ $crate::__log!(@one $value))*;
            const __TEMPLATE: Template<__PLACES, { $text.len() }> = Template::of($text);
            let mut line = Line::<LINE_MAX>::new();
            $crate::__log!(@value line, 0, $($value),*);
            std::string::String::from(line.as_str())
        }};
    }

    #[test]
    fn values_stand_where_their_places_are() {
        assert_eq!(shown!("n {}", 3), "n 3");
        assert_eq!(shown!("{}{} and {}.", "a", 'é', true), "aé and true.");
        assert_eq!(shown!("{{{}}}", 1_u8), "{1}");
        assert_eq!(shown!("{{}}"), "{}");
        assert_eq!(
            shown!("{} {}", i64::MIN, u64::MAX),
            "-9223372036854775808 18446744073709551615"
        );
        assert_eq!(shown!("{}", &&7_usize), "7");
    }

    /// As `core::fmt` would have it.
    #[test]
    fn numbers_are_written_as_elsewhere_in_rust() {
        assert_eq!(
            shown!("{:x} {:#x} {:#06x}", 255, 255, 255),
            std::format!("{:x} {:#x} {:#06x}", 255, 255, 255)
        );
        assert_eq!(
            shown!("{:02}:{:02} {:04}", 5, 12, -7),
            std::format!("{:02}:{:02} {:04}", 5, 12, -7)
        );
        assert_eq!(shown!("{:x}", -1_i8), std::format!("{:x}", -1_i8));
        for value in [0.0, -0.27, 25.5, -40.121, 1e6, 0.999] {
            assert_eq!(
                shown!("{:.1} {:.0} {}", value, value, value),
                std::format!("{:.1} {:.0} {:.2}", value, Rounded(value), value),
                "{value}"
            );
        }
    }

    #[test]
    fn numbers_that_are_none_or_large_are_shown_as_what_they_are() {
        assert_eq!(
            shown!("{} {:.1} {}", f32::NAN, f64::INFINITY, f32::NEG_INFINITY),
            "NaN inf -inf"
        );
        assert_eq!(
            shown!("{} {:.0} {:.9}", 1e30, -2.5e30, 123_456_789_012.0),
            "1.00e30 -3e30 1.234567890e11"
        );
        assert_eq!(
            shown!("{:.3} {} {}", f32::MAX, f64::MAX, 9.99e299),
            "3.403e38 1.80e308 9.99e299"
        );
        // With 19 digits all of them are there.
        assert_eq!(
            shown!("{:.0} {:.1} {:.2}", 9e18, 9e17, 9.9e16),
            "9000000000000000000 900000000000000000.0 99000000000000000.00"
        );
    }

    /// Half is rounded away from zero here, to the even number there.
    struct Rounded(f64);

    impl std::fmt::Display for Rounded {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{:.0}", self.0.round())
        }
    }
}
