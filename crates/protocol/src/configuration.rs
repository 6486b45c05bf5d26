//! A container's configuration: names and texts that its operator chose, and changes of them.
//!
//! ```text
//!   configuration   name=value NUL, name=value NUL, …      in the order of the names
//!   changes         name=value NUL (set), name NUL (remove), in any order, each name once
//! ```
//!
//! It is the same on the line, in the store, and in the environment of a WASI program.

use crate::{is_plain, is_valid_name};

/// Most bytes of a container's configuration: of each setting its name, its value, and two more.
pub const CONFIGURATION_MAX: usize = 512;

/// Most bytes of changes at a time: all that can be there removed, and as much put in its place.
pub const CHANGES_MAX: usize = 2 * CONFIGURATION_MAX;

/// What is wrong with changes, or with what they would make.
pub const BAD_SETTING: &str =
    "configuration: names as containers have, values of characters that can be shown";
/// A name is there twice.
pub const SET_TWICE: &str = "configuration: a name is changed twice";
/// It would be longer than [`CONFIGURATION_MAX`].
pub const TOO_LONG: &str = "configuration: at most 512 bytes";

/// The setting that is the device's own: what is to execute the container, from its next start on.
pub const ENGINE: &str = "berth.engine";
/// Its value if the interpreter is to, whatever could be compiled. Any other, or none, leaves it to the device.
pub const INTERPRETER: &str = "interpreter";

/// One setting, or a change of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its value; `None`: it is removed.
    pub value: Option<&'a [u8]>,
    /// All of it, with the NUL at its end.
    pub whole: &'a [u8],
}

/// Returns the settings of a configuration, or the changes among `bytes`.
pub fn settings(bytes: &[u8]) -> impl Iterator<Item = Setting<'_>> {
    bytes.split_inclusive(|byte| *byte == 0).map(|whole| {
        let text = whole.strip_suffix(&[0]).unwrap_or(whole);
        match text.iter().position(|byte| *byte == b'=') {
            Some(at) => Setting {
                name: text.get(..at).unwrap_or_default(),
                value: text.get(at + 1..),
                whole,
            },
            None => Setting {
                name: text,
                value: None,
                whole,
            },
        }
    })
}

/// Returns the value of the setting called `name` in a configuration.
#[must_use]
pub fn value<'a>(configuration: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    settings(configuration)
        .find(|setting| setting.name == name)
        .and_then(|setting| setting.value)
}

/// Looks whether these are changes that can be.
///
/// # Errors
///
/// What is wrong, in words.
pub fn check_changes(changes: &[u8]) -> Result<(), &'static str> {
    let text = core::str::from_utf8(changes).map_err(|_| BAD_SETTING)?;
    let is_whole = text.is_empty() || text.ends_with('\0');
    if !is_whole
        || !text
            .chars()
            .all(|character| character == '\0' || is_plain(character))
    {
        return Err(BAD_SETTING);
    }
    let are_names =
        |change: Setting<'_>| core::str::from_utf8(change.name).is_ok_and(is_valid_name);
    if settings(changes).all(are_names) {
        Ok(())
    } else {
        Err(BAD_SETTING)
    }
}

/// Puts what `changes`, which were [looked at](check_changes), make of the configuration `old` into `buffer`. Returns how
/// long it is.
///
/// # Errors
///
/// [`SET_TWICE`]; [`TOO_LONG`] if it is longer than the buffer.
pub fn merge(
    old: &[u8],
    changes: &[u8],
    buffer: &mut [u8; CONFIGURATION_MAX],
) -> Result<usize, &'static str> {
    let mut length = old.len();
    buffer
        .get_mut(..length)
        .ok_or(TOO_LONG)?
        .copy_from_slice(old);
    // First what goes, which makes room for what comes.
    for change in settings(changes) {
        if let (at, Some(bytes)) = find(buffer, length, change.name) {
            buffer.copy_within(at + bytes..length, at);
            length -= bytes;
        }
    }
    for change in settings(changes).filter(|change| change.value.is_some()) {
        let (at, None) = find(buffer, length, change.name) else {
            return Err(SET_TWICE);
        };
        let end = length + change.whole.len();
        if end > buffer.len() {
            return Err(TOO_LONG);
        }
        buffer.copy_within(at..length, at + change.whole.len());
        let place = buffer.get_mut(at..at + change.whole.len());
        place.ok_or(TOO_LONG)?.copy_from_slice(change.whole);
        length = end;
    }
    Ok(length)
}

/// Returns where the setting called `name` stands in the first `length` bytes, or would stand, and how long it is if it
/// is there.
fn find(buffer: &[u8; CONFIGURATION_MAX], length: usize, name: &[u8]) -> (usize, Option<usize>) {
    let mut at = 0;
    for setting in settings(buffer.get(..length).unwrap_or_default()) {
        if setting.name >= name {
            return (at, (setting.name == name).then_some(setting.whole.len()));
        }
        at += setting.whole.len();
    }
    (at, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn merged(old: &str, changes: &str) -> Result<Vec<u8>, &'static str> {
        check_changes(changes.as_bytes())?;
        let mut buffer = [0; CONFIGURATION_MAX];
        let length = merge(old.as_bytes(), changes.as_bytes(), &mut buffer)?;
        Ok(buffer[..length].to_vec())
    }

    #[test]
    fn changes_set_replace_and_remove() {
        let one = merged("", "b=2\0a=1\0").unwrap();
        assert_eq!(one, b"a=1\0b=2\0");
        let two = merged("a=1\0b=2\0", "b\0c=\0a=x=y\0none\0").unwrap();
        assert_eq!(two, b"a=x=y\0c=\0");
        assert_eq!(merged("a=1\0", "").unwrap(), b"a=1\0");
        assert_eq!(merged("a=1\0", "a\0").unwrap(), b"");
        assert_eq!(value(&two, b"a"), Some(&b"x=y"[..]));
        assert_eq!(value(&two, b"c"), Some(&b""[..]));
        assert_eq!(value(&two, b"b"), None);
    }

    #[test]
    fn what_cannot_be_is_said() {
        for bad in [
            "=1\0",
            "a b=1\0",
            "a=1",
            "a=\n\0",
            "\0",
            "-a=1\0",
            "ä=1\0",
            "a=\u{202e}\0",
        ] {
            assert_eq!(merged("", bad), Err(BAD_SETTING), "{bad:?}");
        }
        assert_eq!(check_changes(b"a=\xff\0"), Err(BAD_SETTING));
        let long_name = std::format!("{}=1\0", "n".repeat(33));
        assert_eq!(merged("", &long_name), Err(BAD_SETTING));
        for twice in ["a=1\0a=2\0", "b=\0a=1\0b=2\0"] {
            assert_eq!(merged("b=3\0", twice), Err(SET_TWICE), "{twice:?}");
        }
        let whole = std::format!("a={}\0", "x".repeat(CONFIGURATION_MAX - 3));
        assert_eq!(merged("", &whole).unwrap().len(), CONFIGURATION_MAX);
        let more = std::format!("a={}\0", "x".repeat(CONFIGURATION_MAX - 2));
        assert_eq!(merged("", &more), Err(TOO_LONG));
        assert_eq!(merged(&whole, "b=\0"), Err(TOO_LONG));
        // What goes makes room for what comes.
        assert_eq!(merged(&whole, "a\0b=1\0").unwrap(), b"b=1\0");
        assert_eq!(merged("", "a=grün\0").unwrap(), "a=grün\0".as_bytes());
    }
}
