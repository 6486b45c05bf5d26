//! What the manufacturer's build wrote about the exposures (`exposures.json`): names, masks and
//! interrupts, which the device itself does not carry.

use crate::Error;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// The list.
pub(crate) struct Manufacturer {
    exposures: Vec<(Listed, Value)>,
}

/// One block, as far as tables show it.
#[derive(Deserialize)]
pub(crate) struct Listed {
    label: String,
    /// The exposed registers; `None`: all of the block.
    pub(crate) registers: Option<Vec<Register>>,
    /// All registers whose names are known.
    #[serde(default)]
    pub(crate) map: Vec<Bits>,
    #[serde(default)]
    interrupts: Vec<Named>,
}

/// Where a register is.
#[derive(Deserialize)]
pub(crate) struct Bits {
    pub(crate) name: String,
    /// Bytes from the start of the block.
    pub(crate) offset: u32,
    /// Bits.
    pub(crate) size: u32,
}

/// A register of which only some bits are exposed.
#[derive(Deserialize)]
pub(crate) struct Register {
    #[serde(flatten)]
    pub(crate) place: Bits,
    /// Bits that may be read.
    pub(crate) read: u32,
    /// Bits that may be written.
    pub(crate) write: u32,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Manufacturer {
    /// Read the file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Usage`] if it is no such list.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        let wrong = |why: String| {
            Error::Usage(format!(
                "{} does not list exposures: {why}",
                crate::error::shown(path)
            ))
        };
        let value: Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        let Some(items) = value.get("exposures").and_then(Value::as_array) else {
            return Err(wrong("no list \"exposures\"".to_owned()));
        };
        let exposures = items
            .iter()
            .map(|item| Ok((Listed::deserialize(item)?, item.clone())))
            .collect::<Result<_, serde_json::Error>>()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { exposures })
    }

    /// What it says of a label.
    pub(crate) fn listed(&self, label: &str) -> Option<&Listed> {
        self.find(label).map(|(listed, _)| listed)
    }

    /// The same, as it stands there.
    pub(crate) fn document(&self, label: &str) -> Option<&Value> {
        self.find(label).map(|(_, value)| value)
    }

    fn find(&self, label: &str) -> Option<&(Listed, Value)> {
        self.exposures.iter().find(|(e, _)| e.label == label)
    }
}

impl Listed {
    /// The names of its interrupts.
    pub(crate) fn interrupts_text(&self) -> String {
        if self.interrupts.is_empty() {
            return "-".to_owned();
        }
        let names: Vec<_> = self.interrupts.iter().map(|i| i.name.as_str()).collect();
        names.join(", ")
    }
}
