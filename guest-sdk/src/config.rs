//! The container's configuration: names and texts that its operator sets (`berth upload --set period_ms=500`, `berth edit`).
//!
//! ```
//! use berth_guest::config;
//!
//! let mut watch = config::Watch::new();
//! let mut period_ms = 500;
//! for _ in 0..3 {
//!     if watch.changed() {
//!         period_ms = config::number("period_ms").unwrap_or(500);
//!     }
//!     berth_guest::sleep_ms(period_ms);
//! }
//! ```
//!
//! Asking suspends main for a moment, so a handler, or the function that [`pause!`](crate::pause) names, asks for nothing: keep
//! what they need in a static. What was changed is seen by the next call. Nothing here brings `core::fmt`.

use crate::imports;

/// Most bytes of all settings of a container, of each its name, its value, and two more.
pub const CONFIGURATION_MAX: usize = 512;

/// Most bytes of a value that [`get`] brings; [`read`] has no limit.
pub const VALUE_MAX: usize = 64;

/// A value, of which there are at most [`VALUE_MAX`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    bytes: [u8; VALUE_MAX],
    length: usize,
}

impl Value {
    /// Returns it as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        // The device takes text only.
        core::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Returns it as a number: decimal digits, or hexadecimal ones behind `0x`, with a sign or without. `None` if it is none, or
    /// too large for its type.
    #[must_use]
    pub fn number<T: TryFrom<i64>>(&self) -> Option<T> {
        T::try_from(integer(self.as_str().as_bytes())?).ok()
    }

    /// Returns it as yes or no: `true`, `yes`, `on`, `1` or `false`, `no`, `off`, `0`.
    #[must_use]
    pub fn flag(&self) -> Option<bool> {
        match self.as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        }
    }
}

/// The value of a setting. `None` if there is none of this name, or it has more than [`VALUE_MAX`] bytes.
#[must_use]
pub fn get(name: &str) -> Option<Value> {
    let mut bytes = [0; VALUE_MAX];
    let length = read(name, &mut bytes).filter(|length| *length <= VALUE_MAX)?;
    Some(Value { bytes, length })
}

/// A setting that is a number, as [`Value::number`] reads it.
#[must_use]
pub fn number<T: TryFrom<i64>>(name: &str) -> Option<T> {
    get(name)?.number()
}

/// A setting that is yes or no, as [`Value::flag`] reads it.
#[must_use]
pub fn flag(name: &str) -> Option<bool> {
    get(name)?.flag()
}

/// Copy the value of a setting to the front of `buffer`. Returns how long it is, which may be more than what fits; `None` if
/// there is none of this name.
#[must_use]
pub fn read(name: &str, buffer: &mut [u8]) -> Option<usize> {
    usize::try_from(imports::config_get(name.as_bytes(), buffer)).ok()
}

/// Tells whether the configuration was changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    seen: Option<u32>,
}

impl Watch {
    /// One that has seen nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { seen: None }
    }

    /// Was it changed since this was asked last? The first time it was, so that what is read then is read in one place. Costs
    /// little, and suspends nobody.
    pub fn changed(&mut self) -> bool {
        let now = Some(imports::config_changes());
        let changed = self.seen != now;
        self.seen = now;
        changed
    }
}

fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        rest => (10, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for byte in digits {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' if base == 16 => byte - b'a' + 10,
            b'A'..=b'F' if base == 16 => byte - b'A' + 10,
            _ => return None,
        };
        let digit = if negative {
            -i64::from(digit)
        } else {
            i64::from(digit)
        };
        value = value.checked_mul(base)?.checked_add(digit)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        let mut bytes = [0; VALUE_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let length = text.len();
        Value { bytes, length }
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal_and_fit_their_type() {
        for (text, number) in [
            ("500", 500),
            ("0x48", 72),
            ("-7", -7),
            ("+7", 7),
            ("-0xF", -15),
        ] {
            assert_eq!(value(text).number::<i64>(), Some(number), "{text}");
        }
        assert_eq!(value("255").number::<u8>(), Some(255));
        assert_eq!(value("256").number::<u8>(), None);
        assert_eq!(value("-1").number::<u32>(), None);
        assert_eq!(value("-9223372036854775808").number(), Some(i64::MIN));
        for wrong in ["", "-", "0x", "5 ", "1.5", "ff", "9223372036854775808"] {
            assert_eq!(value(wrong).number::<i64>(), None, "{wrong}");
        }
        assert_eq!(
            [value("on").flag(), value("0").flag()],
            [Some(true), Some(false)]
        );
        assert_eq!(value("maybe").flag(), None);
        assert_eq!(value("grün").as_str(), "grün");
    }
}
