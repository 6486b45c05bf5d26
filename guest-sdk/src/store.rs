//! Values that the device keeps for the container by name, in flash: a calibration, a counter.
//!
//! ```
//! use berth_guest::store;
//!
//! let starts = store::number("starts").unwrap_or(0) + 1;
//! if let Err(why) = store::set_number("starts", starts) {
//!     berth_guest::warn!("not counted: {}", why);
//! }
//! ```
//!
//! What was set is in flash when the call returns, and is there after a fault, a reset or an update, until it is removed or the
//! container is deleted. If the power goes meanwhile, the old value or the new one is there. The operator decides how much there
//! may be (4 KiB if he says nothing) and how often a day something is written (four times): a value that is the same is not
//! written again and costs nothing. Calls suspend main for a moment, so handlers, and the function that
//! [`pause!`](crate::pause) names, make none.

use crate::{LINE_MAX, Line, Show, Style, imports};

/// Why a value was not set or removed. What was there is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError {
    /// The writes of the day are used up, or the image is on trial: not before so many milliseconds.
    Later {
        /// When to try again; `i32::MAX` stands for never, too.
        after_ms: u32,
    },
    /// With it there would be more than the container may have.
    TooMuch,
    /// It is no name: 1 to 32 of `a-z A-Z 0-9 . _ -`, beginning with a letter or digit.
    BadName,
    /// The device has no memory or no flash for it now.
    NoRoom,
    /// The flash failed.
    Failed,
}

/// In words for a log line, with the option of `berth edit` that changes it.
impl Show for SetError {
    fn show(&self, line: &mut Line<LINE_MAX>, _: Style) {
        let text = match self {
            Self::Later { after_ms } => {
                line.text("not before ").unsigned(*after_ms);
                " ms (--writes)"
            }
            Self::TooMuch => "more than it may keep (--values)",
            Self::BadName => "not a name",
            Self::NoRoom => "no room on the device",
            Self::Failed => "the flash failed",
        };
        line.text(text);
    }
}

/// Copy the value of a name to the front of `buffer`. Returns how long it is, which may be more than what fits; `None` if
/// there is none.
#[must_use]
pub fn get(name: &str, buffer: &mut [u8]) -> Option<usize> {
    usize::try_from(imports::value_get(name.as_bytes(), buffer)).ok()
}

/// Give a name a value.
///
/// # Errors
///
/// See [`SetError`].
pub fn set(name: &str, value: &[u8]) -> Result<(), SetError> {
    outcome(imports::value_set(name.as_bytes(), value))
}

/// Remove a name and its value. It need not be there.
///
/// # Errors
///
/// See [`SetError`].
pub fn remove(name: &str) -> Result<(), SetError> {
    outcome(imports::value_remove(name.as_bytes()))
}

/// A value that [`set_number`] has set.
#[must_use]
pub fn number(name: &str) -> Option<u64> {
    let mut bytes = [0; 8];
    let length = get(name, &mut bytes)?;
    (length == bytes.len()).then(|| u64::from_le_bytes(bytes))
}

/// Give a name a number: eight bytes, the lowest first.
///
/// # Errors
///
/// See [`SetError`].
pub fn set_number(name: &str, number: u64) -> Result<(), SetError> {
    set(name, &number.to_le_bytes())
}

const fn outcome(result: i32) -> Result<(), SetError> {
    Err(match result {
        0 => return Ok(()),
        imports::INVALID => SetError::BadName,
        imports::SIZE => SetError::TooMuch,
        imports::NOMEM => SetError::NoRoom,
        later if later < 0 => SetError::Later {
            after_ms: later.unsigned_abs(),
        },
        _ => SetError::Failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_changes_it() {
        let shown = |why: SetError| {
            let mut line = Line::new();
            why.show(&mut line, Style::PLAIN);
            std::string::String::from(line.as_str())
        };
        assert_eq!(
            shown(SetError::Later { after_ms: 7 }),
            "not before 7 ms (--writes)"
        );
        let all = [SetError::TooMuch, SetError::BadName, SetError::NoRoom];
        assert_eq!(
            all.map(shown),
            [
                "more than it may keep (--values)",
                "not a name",
                "no room on the device"
            ]
        );
        assert_eq!(shown(SetError::Failed), "the flash failed");
    }
}
