//! Names of functions, kept beside the package: the device reports numbers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasmparser::{Name, NameSectionReader};

/// Names of functions by their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(pub BTreeMap<u32, String>);

impl Names {
    /// Read a name section. Names are for people: a damaged section has fewer.
    pub(crate) fn read(section: NameSectionReader<'_>) -> Self {
        let mut names = BTreeMap::new();
        for part in section.into_iter().flatten() {
            if let Name::Function(map) = part {
                let readable = map.into_iter().flatten();
                names.extend(readable.map(|naming| (naming.index, naming.name.to_owned())));
            }
        }
        Self(names)
    }

    /// As they are where `added` functions more stand behind the first `before`.
    pub(crate) fn moved(self, before: u32, added: u32) -> Self {
        let moved = |index| if index < before { index } else { index + added };
        let all = self.0.into_iter();
        Self(all.map(|(index, name)| (moved(index), name)).collect())
    }

    /// The side file: which package, and the name of each function.
    #[must_use]
    pub fn to_json(&self, sha256: &str) -> Value {
        let functions: BTreeMap<String, &str> = self
            .0
            .iter()
            .map(|(index, name)| (index.to_string(), name.as_str()))
            .collect();
        json!({ "sha256": sha256, "functions": functions })
    }
}
