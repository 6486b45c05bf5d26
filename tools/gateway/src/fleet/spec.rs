//! What a set of containers is to be, in a file and in the state.

use crate::{Error, settings::Wanted, state};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};
use utoipa::ToSchema;

/// Most containers of a set: more than any device has.
const CONTAINERS_MAX: usize = 64;

/// How long a stage is watched, unless the set says otherwise, and at most.
const WATCH_S: u32 = 30;
const WATCH_MAX_S: u32 = 7 * 24 * 3600;

/// A set: what is to run on some devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    /// Devices that it is for, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) devices: Vec<String>,
    /// Groups of devices that it is for, whoever is in them when it is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<String>,
    /// What is to run there, by name.
    #[serde(default)]
    pub(crate) containers: BTreeMap<String, Container>,
    /// How a new version comes to the devices.
    #[serde(default)]
    pub(crate) rollout: Gate,
}

/// A container of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Container {
    /// SHA-256 of its image, in hexadecimal; the gateway has the image.
    pub(crate) sha256: String,
    /// Is it to run?
    #[serde(default = "yes")]
    pub(crate) start: bool,
    /// How it is to run.
    #[serde(default)]
    pub(crate) parameters: Wanted,
}

const fn yes() -> bool {
    true
}

/// How a new version comes to the devices, and what stops it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Gate {
    /// How many devices have it after each stage: `1`, `5%`, `all`. The last is `all`, said or not.
    pub(crate) stages: Vec<String>,
    /// Seconds for which the devices of a stage are watched before the next.
    pub(crate) watch_s: u32,
    /// Devices that may fail before everything is taken back.
    pub(crate) failures_max: u32,
    /// A line that a container has to write in the stage, by container: some text in it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) logs: BTreeMap<String, String>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            stages: ["1", "5%", "25%", "all"].map(str::to_owned).to_vec(),
            watch_s: WATCH_S,
            failures_max: 0,
            logs: BTreeMap::new(),
        }
    }
}

impl Gate {
    pub(crate) fn watch(&self) -> Duration {
        Duration::from_secs(self.watch_s.into())
    }
}

/// Sizes of the stages of a roll-out.
pub(crate) struct Stages(Vec<Size>);

#[derive(Clone, Copy)]
enum Size {
    Count(usize),
    Percent(usize),
}

impl Stages {
    /// Reads `1`, `5%`, `all`.
    ///
    /// # Errors
    /// What is none.
    pub(crate) fn read(words: &[String]) -> Result<Self, String> {
        let mut sizes = Vec::new();
        for word in words {
            let size = match word.strip_suffix('%') {
                _ if word == "all" => Some(Size::Percent(100)),
                Some(percent) => percent
                    .parse()
                    .ok()
                    .filter(|percent| (1..=100).contains(percent))
                    .map(Size::Percent),
                None => word
                    .parse()
                    .ok()
                    .filter(|&count| count > 0)
                    .map(Size::Count),
            };
            sizes.push(size.ok_or_else(|| {
                format!("stages: \"{word}\" is none; expected a number of devices, a share such as 5%, or all")
            })?);
        }
        sizes.push(Size::Percent(100));
        Ok(Self(sizes))
    }

    /// How many of so many devices have the new version after each stage. Each stage has one more at least.
    pub(crate) fn of(&self, devices: usize) -> Vec<usize> {
        let mut ends = Vec::new();
        let mut last = 0;
        for size in &self.0 {
            let end = match *size {
                Size::Count(count) => count.min(devices),
                Size::Percent(percent) => (devices * percent).div_ceil(100),
            };
            if end > last {
                ends.push(end);
                last = end;
            }
        }
        ends
    }
}

impl Spec {
    /// Returns whether a device is one of those that it is for.
    pub(crate) fn is_for(&self, device: &crate::Device) -> bool {
        self.devices.contains(&device.name)
            || self
                .groups
                .iter()
                .any(|group| device.groups.contains(group))
    }

    /// Looks whether it makes sense.
    ///
    /// # Errors
    /// [`Error::Usage`] with what does not.
    pub(crate) fn check(&self, name: &str) -> Result<(), Error> {
        let wrong = |why: String| Err(Error::Usage(format!("set {name}: {why}")));
        if self.devices.is_empty() && self.groups.is_empty() {
            return wrong("it is for no devices; say devices or groups".into());
        }
        if self.containers.len() > CONTAINERS_MAX {
            return wrong(format!("it has more than {CONTAINERS_MAX} containers"));
        }
        for container in self.containers.keys() {
            if !state::is_name(container) {
                return wrong(format!("\"{container}\" is no name of a container"));
            }
        }
        for (container, wanted) in &self.containers {
            if let Err(why) = wanted.parameters.terms() {
                return wrong(format!("{container}: {why}"));
            }
        }
        if let Err(why) = Stages::read(&self.rollout.stages) {
            return wrong(why);
        }
        if self.rollout.watch_s > WATCH_MAX_S {
            return wrong(format!("watch_s is at most {WATCH_MAX_S}, a week"));
        }
        let known: BTreeSet<&String> = self.containers.keys().collect();
        match self.rollout.logs.keys().find(|name| !known.contains(name)) {
            Some(other) => wrong(format!("logs: it has no container \"{other}\"")),
            None => Ok(()),
        }
    }
}

/// A file of sets, as its operator writes it: images are files, named from where it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    set: BTreeMap<String, FileSet>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSet {
    #[serde(default)]
    devices: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    containers: BTreeMap<String, FileContainer>,
    #[serde(default)]
    rollout: Gate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileContainer {
    image: String,
    #[serde(default = "yes")]
    start: bool,
    #[serde(default)]
    parameters: Wanted,
}

/// Sets by name, and the images that they need, by hash.
pub(crate) type Read = (BTreeMap<String, Spec>, BTreeMap<String, Vec<u8>>);

/// Reads a file of sets with its images.
///
/// # Errors
/// [`Error::File`], [`Error::Usage`] with what is wrong and where.
pub(crate) fn read(path: &Path) -> Result<Read, Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    let text = std::fs::read_to_string(path).map_err(failed(path))?;
    let file: File = toml::from_str(&text).map_err(|error| {
        Error::Usage(format!(
            "{}: {}",
            path.display(),
            error.to_string().trim_end()
        ))
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut sets, mut images) = (BTreeMap::new(), BTreeMap::new());
    for (name, set) in file.set {
        let mut spec = Spec {
            devices: set.devices,
            groups: set.groups,
            containers: BTreeMap::new(),
            rollout: set.rollout,
        };
        for (container, wanted) in set.containers {
            if !state::is_name(&container) {
                return Err(Error::Usage(format!(
                    "set {name}: \"{container}\" is no name of a container"
                )));
            }
            let image = folder.join(&wanted.image);
            let bytes = std::fs::read(&image).map_err(failed(&image))?;
            let prepared = berth::prepare(bytes, &container)
                .map_err(|error| Error::Usage(format!("{}: {error}", image.display())))?;
            let sha256 = berth::hexadecimal(&berth_protocol::ImageHash::of(&prepared.bytes).0);
            images.insert(sha256.clone(), prepared.bytes);
            let placed = Container {
                sha256,
                start: wanted.start,
                parameters: wanted.parameters,
            };
            spec.containers.insert(container, placed);
        }
        spec.check(&name)?;
        sets.insert(name, spec);
    }
    Ok((sets, images))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_grow_and_end_with_all() {
        let of = |words: &[&str], devices| {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            Stages::read(&words).unwrap().of(devices)
        };
        let usual = ["1", "5%", "25%", "all"];
        assert_eq!(of(&usual, 1000), [1, 50, 250, 1000]);
        assert_eq!(of(&usual, 3), [1, 3]);
        assert_eq!(of(&usual, 10), [1, 3, 10]);
        assert_eq!(of(&usual, 1), [1]);
        assert_eq!(of(&usual, 0), [0; 0]);
        assert_eq!(of(&[], 7), [7]);
        assert_eq!(of(&["2", "2", "1"], 7), [2, 7]);
        for wrong in ["0", "", "-1", "101%", "0%", "%", "some", "1.5"] {
            assert!(Stages::read(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
