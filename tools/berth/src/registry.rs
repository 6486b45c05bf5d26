//! The devices that the operator gave names: one file, made to be edited by hand too.
//!
//! ```toml
//! selected = "bench"
//!
//! [devices]
//! bench = "/dev/ttyACM0"
//! roof = "gateway.example:4000"
//! ```

use crate::{Address, Error, address::looks_like_address, lock};
use berth_pack::write_whole;
use etcetera::base_strategy::{BaseStrategy, Xdg};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, io, path::PathBuf};

/// The file's contents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// The device that is meant if nobody says which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<String>,
    /// Addresses by name.
    #[serde(default)]
    pub devices: BTreeMap<String, String>,
}

/// Who decided which device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// `--device` or `BERTH_DEVICE`.
    Words,
    /// `berth select`.
    Selection,
    /// It is the only one in the registry.
    Only,
    /// There is none in the registry, and only this one answers.
    Answer,
}

impl ChosenBy {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Words => "given with --device or BERTH_DEVICE",
            Self::Selection => "chosen with `berth select`",
            Self::Only => "the only configured device",
            Self::Answer => "the only device that answers",
        }
    }
}

/// Where the file is: `berth/devices.toml` below `$XDG_CONFIG_HOME` or `~/.config`.
///
/// # Errors
/// [`Error::Usage`] if there is no home folder.
pub fn path() -> Result<PathBuf, Error> {
    let folders = Xdg::new().map_err(|error| {
        Error::Usage(format!(
            "no folder for the list of devices: {error}; set HOME"
        ))
    })?;
    Ok(folders.config_dir().join("berth").join("devices.toml"))
}

impl Registry {
    /// What the file says; an absent file is an empty registry.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Config`].
    pub fn load() -> Result<Self, Error> {
        let path = path()?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Error::File { path, source }),
        };
        toml::from_str(&text).map_err(|error| Error::Config {
            why: error.to_string().trim_end().to_owned(),
            path,
        })
    }

    /// Write the file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self) -> Result<(), Error> {
        let path = path()?;
        let failed = |source| Error::Written {
            path: path.clone(),
            source,
        };
        let text = toml::to_string(self).map_err(|error| failed(io::Error::other(error)))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        write_whole(&path, text).map_err(failed)
    }

    /// Which device is meant, if `wanted` are the user's words.
    ///
    /// # Errors
    /// [`Error::NoDevice`], [`Error::UnknownDevice`], [`Error::WhichDevice`], or that the
    /// address makes no sense.
    pub fn choose(&self, wanted: Option<&str>) -> Result<(Address, ChosenBy), Error> {
        let (name, by) = match wanted {
            Some(text) if looks_like_address(text) => {
                return Ok((text.parse()?, ChosenBy::Words));
            }
            Some(name) => (name, ChosenBy::Words),
            None => match (&self.selected, self.devices.len()) {
                (Some(name), _) => (name.as_str(), ChosenBy::Selection),
                (None, 0) => return Err(Error::NoDevice),
                (None, 1) => (self.names().next().unwrap_or_default(), ChosenBy::Only),
                (None, _) => {
                    return Err(Error::WhichDevice {
                        names: self.names().map(str::to_owned).collect(),
                    });
                }
            },
        };
        let address = self
            .devices
            .get(name)
            .ok_or_else(|| Error::UnknownDevice { name: name.into() })?;
        Ok((address.parse()?, by))
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.devices.keys().map(String::as_str)
    }

    /// The name of the device at `address`.
    #[must_use]
    pub fn name_of(&self, address: &Address) -> Option<&str> {
        self.devices
            .iter()
            .find(|(_, place)| {
                let place = place.parse::<Address>();
                place.is_ok_and(|place| lock::line_name(&place) == lock::line_name(address))
            })
            .map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(text: &str) -> Registry {
        toml::from_str(text).unwrap()
    }

    const TWO: &str = "[devices]\nbench = \"/dev/ttyACM0\"\nroof = \"gateway:4000\"\n";

    #[test]
    fn never_one_of_several_without_a_word() {
        let error = registry(TWO).choose(None).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("bench, roof"), "{error}");
    }

    #[test]
    fn words_then_selection_then_the_only_one() {
        let selected = registry(&format!("selected = \"roof\"\n{TWO}"));
        let place = |registry: &Registry, wanted| {
            let (address, by) = registry.choose(wanted).unwrap();
            (address.to_string(), by)
        };
        assert_eq!(
            place(&selected, Some("bench")),
            ("/dev/ttyACM0".into(), ChosenBy::Words)
        );
        assert_eq!(
            place(&selected, Some("unix:/x")),
            ("unix:/x".into(), ChosenBy::Words)
        );
        assert_eq!(
            place(&selected, None),
            ("tcp:gateway:4000".into(), ChosenBy::Selection)
        );
        let one = registry("[devices]\nbench = \"/dev/ttyACM0\"\n");
        assert_eq!(place(&one, None), ("/dev/ttyACM0".into(), ChosenBy::Only));
        assert!(matches!(
            Registry::default().choose(None),
            Err(Error::NoDevice)
        ));
    }

    #[test]
    fn a_name_that_nobody_configured_is_said() {
        for (text, wanted) in [(TWO, Some("attic")), ("selected = \"attic\"\n", None)] {
            let error = registry(text).choose(wanted).unwrap_err();
            assert_eq!(error.exit_code(), 3);
            assert!(error.to_string().contains("attic"), "{error}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let before = registry(&format!("selected = \"roof\"\n{TWO}"));
        let after: Registry = toml::from_str(&toml::to_string(&before).unwrap()).unwrap();
        assert_eq!(before, after);
    }
}
