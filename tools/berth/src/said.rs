//! Text that a device has said.
//!
//! Firmware may lie, or be somebody's by now. Whatever it says becomes a [`Said`] where it comes in (`device/`), and stays one until it is
//! printed: escapes that control a terminal, line ends that begin a line of their own, and letters that nobody sees are
//! shown as such. The text as it came is in JSON only, which has escapes of its own.

use berth_pack::printable;
use serde::{Serialize, Serializer};
use std::{fmt, ops::Deref};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Said {
    /// As it may stand on a terminal.
    shown: Box<str>,
    /// As it came, if that is something else.
    came: Option<Box<str>>,
}

impl Said {
    /// What a device has said, as it may stand on a terminal.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let shown = printable(text);
        let came = (shown != text).then(|| text.into());
        Self {
            shown: shown.into(),
            came,
        }
    }
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.came.as_deref().unwrap_or(&self.shown))
    }
}

/// Text, as it came.
#[cfg(feature = "schema")]
impl utoipa::PartialSchema for Said {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <String as utoipa::PartialSchema>::schema()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Said {}

impl From<&str> for Said {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

impl Deref for Said {
    type Target = str;

    fn deref(&self) -> &str {
        &self.shown
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown)
    }
}

impl PartialEq<str> for Said {
    fn eq(&self, other: &str) -> bool {
        *self.shown == *other
    }
}

impl PartialEq<&str> for Said {
    fn eq(&self, other: &&str) -> bool {
        *self.shown == **other
    }
}

impl From<Said> for String {
    fn from(said: Said) -> Self {
        said.shown.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_moves_a_terminal_or_begins_a_line() {
        let evil = "a\u{1b}[31m\nerror: b\r\u{202e}\u{9b}31m\u{2028}";
        let said = Said::of(evil);
        assert!(said.chars().all(|c| !c.is_control()), "{said}");
        assert!(!said.contains('\u{202e}') && !said.contains('\u{2028}'));
        assert_eq!(*Said::of(&said), *said);
        assert_eq!(Said::of("plain µ"), *"plain µ");
    }
}
