//! The devices that the state names, each with its line.

use crate::{Device, Error, Line};
use berth::Address;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

/// A device and its line.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) device: Device,
    pub(crate) line: Arc<Line>,
}

/// All of them, by name.
#[derive(Debug, Default)]
pub struct Lines(RwLock<BTreeMap<String, Known>>);

impl Lines {
    /// Opens what is new, drops what is gone, and leaves alone whose address is as it was.
    ///
    /// # Errors
    /// The first that cannot be; the others are there.
    pub fn follow(&self, devices: Vec<Device>) -> Result<(), Error> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        let mut failed = None;
        for device in devices {
            let address: Address = match device.address.parse() {
                Ok(address) => address,
                Err(error) => {
                    failed = failed.or(Some(Error::Usage(format!("{}: {error}", device.name))));
                    continue;
                }
            };
            let line = match before.remove(&device.name) {
                Some(Known { line, .. }) if *line.address() == address => Ok(line),
                _ => Line::open(&device.name, address).map(Arc::new),
            };
            match line {
                Ok(line) => {
                    known.insert(device.name.clone(), Known { device, line });
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Known> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.values().cloned().collect()
    }

    /// The device of this name, or the default one.
    pub(crate) fn get(&self, name: Option<&str>) -> Option<Known> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match name {
            Some(name) => known.get(name).cloned(),
            None => known.values().find(|known| known.device.default).cloned(),
        }
    }
}
