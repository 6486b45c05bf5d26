//! How a container is to run: its parameters, its configuration, and how much it may keep.

use berth_pack::printable;
use berth_protocol::configuration::CONFIGURATION_MAX;
use berth_protocol::{Chosen, ImageHash, Parameters, is_plain, is_valid_name};
use std::collections::BTreeMap;

/// How a container is to run. What is left out is left to the device, or stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What every device knows.
    pub parameters: Parameters,
    /// What changes of its configuration.
    pub configuration: Changes,
    /// Most bytes of flash that its named values may take.
    pub values: Option<u32>,
    /// Its image may be an older version of its package than one that the device has had.
    pub older: bool,
}

impl From<Parameters> for Terms {
    fn from(parameters: Parameters) -> Self {
        Self {
            parameters,
            ..Self::default()
        }
    }
}

impl Terms {
    /// Is there nothing but parameters?
    pub(crate) fn is_plain(&self) -> bool {
        self.configuration.is_empty() && self.values.is_none()
    }

    /// What a request says of the rest, whose changes are these bytes.
    pub(crate) fn chosen(&self, changes: &[u8]) -> Chosen {
        let [a, b, c, d, ..] = ImageHash::of(changes).0;
        Chosen {
            draft: u32::from_le_bytes([a, b, c, d]),
            length: u16::try_from(changes.len()).unwrap_or(u16::MAX),
            values: self.values,
        }
    }
}

/// Changes of a configuration, by name: a value, or none any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<String, Option<String>>);

impl Changes {
    /// Give a name a value, or remove it (`None`).
    ///
    /// # Errors
    /// If the name or the value cannot be, or the name is changed already.
    pub fn add(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        if !is_valid_name(name) {
            return Err(format!(
                "\"{}\" is no name of a setting: 1 to 32 of a-z A-Z 0-9 . _ -, beginning with a letter or digit",
                printable(name)
            ));
        }
        if let Some(value) = value
            && !value.chars().all(is_plain)
        {
            return Err(format!(
                "{name}: a value has only characters that can be shown, in one line"
            ));
        }
        let value = value.map(str::to_owned);
        match self.0.insert(name.to_owned(), value) {
            None => self.fits(),
            Some(_) => Err(format!("{name} is changed twice")),
        }
    }

    /// Is what is set no longer than a device takes?
    fn fits(&self) -> Result<(), String> {
        let set = self.0.iter().filter(|(_, value)| value.is_some());
        let bytes: usize = set
            .map(|(name, value)| length(name, value.as_deref()))
            .sum();
        if bytes > CONFIGURATION_MAX {
            return Err(format!(
                "the configuration has {bytes} bytes, of each setting its name, its value and two more; \
                 it may have {CONFIGURATION_MAX}"
            ));
        }
        Ok(())
    }

    /// Does nothing change?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is a configuration what these changes make of it?
    #[must_use]
    pub fn are_in(&self, configuration: &BTreeMap<String, String>) -> bool {
        let mut all = self.0.iter();
        all.all(|(name, value)| configuration.get(name) == value.as_ref())
    }

    /// As they are sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in &self.0 {
            bytes.extend(name.bytes());
            if let Some(value) = value {
                bytes.push(b'=');
                bytes.extend(value.bytes());
            }
            bytes.push(0);
        }
        bytes
    }
}

fn length(name: &str, value: Option<&str>) -> usize {
    name.len() + value.map_or(0, |value| 1 + value.len()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_those_of_the_protocol_and_wrong_ones_are_said() {
        let mut changes = Changes::default();
        changes.add("period_ms", Some("500")).unwrap();
        changes.add("address", None).unwrap();
        changes.add("empty", Some("")).unwrap();
        assert_eq!(changes.bytes(), b"address\0empty=\0period_ms=500\0");
        berth_protocol::configuration::check_changes(&changes.bytes()).unwrap();
        let is = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(a, b)| (a.to_string(), b.to_string()));
            changes.are_in(&pairs.collect())
        };
        assert!(is(&[("period_ms", "500"), ("empty", ""), ("other", "1")]));
        assert!(!is(&[
            ("period_ms", "500"),
            ("empty", ""),
            ("address", "1")
        ]));
        assert!(!is(&[("period_ms", "501"), ("empty", "")]));
        for (name, value) in [
            ("", "1"),
            ("a b", "1"),
            ("-a", "1"),
            ("a", "\n"),
            ("empty", "2"),
        ] {
            assert!(changes.add(name, Some(value)).is_err(), "{name}={value}");
        }
        let long = "x".repeat(CONFIGURATION_MAX - 3);
        assert_eq!(Changes::default().add("a", Some(&long)), Ok(()));
        let longer = Changes::default().add("ab", Some(&long)).unwrap_err();
        assert!(longer.contains("513 bytes"), "{longer}");
    }
}
