//! The devices that the state names, each with its line.

use crate::{
    Device, Error, Line, Standing,
    state::{Use, Whose},
};
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
    /// Opens what is new, drops what is gone, and leaves alone whose address is as it was. A device that is not this gateway's, by
    /// `whose`, is known and not opened; `None`: there is no other gateway.
    ///
    /// # Errors
    /// The first that cannot be; the others are there.
    pub(crate) fn follow(
        &self,
        devices: Vec<Device>,
        whose: impl Fn(&str) -> Option<Whose>,
    ) -> Result<(), Error> {
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
            let whose = whose(&device.name);
            let line = match (before.remove(&device.name), whose) {
                (Some(Known { line, .. }), whose)
                    if *line.address() == address && is_still(&line, whose.as_ref()) =>
                {
                    Ok(line)
                }
                (_, None) => Line::open(&device.name, address, None).map(Arc::new),
                (_, Some(Whose::Mine(fence))) => {
                    Line::open(&device.name, address, Some(fence)).map(Arc::new)
                }
                (_, Some(Whose::Elsewhere(at))) => Ok(Arc::new(Line::elsewhere(address, at))),
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

    /// What is done with a device now.
    pub(crate) fn is_used(&self, name: &str) -> Use {
        self.get(Some(name))
            .map_or(Use::Idle, |known| known.line.is_used())
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

/// Is a line what it is to be, if the device is whose?
fn is_still(line: &Line, whose: Option<&Whose>) -> bool {
    match whose {
        None => true,
        Some(Whose::Mine(_)) => line.is_ours(),
        Some(Whose::Elsewhere(now)) => {
            matches!(line.standing(), Standing::Elsewhere { at } if at == *now)
        }
    }
}
