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

use crate::{LINE_MAX, Line, Show, Style, imports};

/// Most bytes of all settings of a container, of each its name, its value, and two more.
pub const CONFIGURATION_MAX: usize = 512;

/// Most bytes of a value that [`get`] brings; [`get_long`] brings more, and [`read`] has no limit.
pub const VALUE_MAX: usize = 64;

/// A value of at most `N` bytes. It stands on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<const N: usize = VALUE_MAX> {
    bytes: [u8; N],
    length: usize,
}

/// Why a value was not brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoValue {
    /// There is none of this name.
    NotSet,
    /// It has so many bytes, more than there was room for.
    TooLong(usize),
}

/// In words for a log line.
impl Show for NoValue {
    fn show(&self, line: &mut Line<LINE_MAX>, _: Style) {
        match self {
            Self::NotSet => line.text("not set (--set)"),
            Self::TooLong(length) => line
                .text("too long: ")
                .unsigned(*length as u32)
                .text(" bytes"),
        };
    }
}

impl<const N: usize> Value<N> {
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

/// The value of a setting that has at most [`VALUE_MAX`] bytes.
///
/// # Errors
///
/// There is none of this name, or it is longer.
pub fn get(name: &str) -> Result<Value, NoValue> {
    get_long(name)
}

/// The value of a setting that has at most `N` bytes; no setting has more than [`CONFIGURATION_MAX`]. Twice as many bytes may be on
/// the stack meanwhile, which has 1,024 in a project that `berth new` wrote (`-zstack-size`).
///
/// ```
/// use berth_guest::{config, error};
///
/// match config::get_long::<200>("broker") {
///     Ok(broker) => assert!(broker.as_str().contains("://")),
///     Err(why) => error!("broker: {}", why),
/// }
/// ```
///
/// # Errors
///
/// There is none of this name, or it is longer.
pub fn get_long<const N: usize>(name: &str) -> Result<Value<N>, NoValue> {
    let mut bytes = [0; N];
    match read(name, &mut bytes) {
        None => Err(NoValue::NotSet),
        Some(length) if length > N => Err(NoValue::TooLong(length)),
        Some(length) => Ok(Value { bytes, length }),
    }
}

/// The value of a setting that can be a number or a word: smaller than by way of an error.
fn short(name: &str) -> Option<Value> {
    let mut bytes = [0; VALUE_MAX];
    let length = read(name, &mut bytes).filter(|length| *length <= VALUE_MAX)?;
    Some(Value { bytes, length })
}

/// A setting that is a number, as [`Value::number`] reads it.
#[must_use]
pub fn number<T: TryFrom<i64>>(name: &str) -> Option<T> {
    short(name)?.number()
}

/// A setting that is yes or no, as [`Value::flag`] reads it.
#[must_use]
pub fn flag(name: &str) -> Option<bool> {
    short(name)?.flag()
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
    #[cfg(feature = "desk")]
    fn a_value_that_is_too_long_is_not_one_that_is_not_there() {
        let mut bench = crate::desk::Bench::new();
        let long = "x".repeat(100);
        bench.set("broker", Some(&long));
        bench.drive(|| {
            assert_eq!(get("brocer"), Err(NoValue::NotSet));
            assert_eq!(get("broker"), Err(NoValue::TooLong(100)));
            assert_eq!(get_long::<99>("broker"), Err(NoValue::TooLong(100)));
            assert_eq!(get_long::<100>("broker").unwrap().as_str(), long);
            crate::info!("broker {}", get("broker").unwrap_err());
        });
        assert_eq!(bench.log(), ["broker too long: 100 bytes"]);
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
