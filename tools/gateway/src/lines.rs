//! The devices that the state names, each with its line.

use crate::{
    Device, Error, Line, Standing,
    ears::Ears,
    state::{Use, Whose},
    turns::Turns,
};
use berth::{Address, session::Operator};
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

/// All of them, what hears their lines, and the turns at looking.
pub struct Lines {
    /// By name.
    known: RwLock<BTreeMap<String, Known>>,
    ears: Arc<Ears>,
    turns: Turns,
    /// Who logs in on devices that have operators.
    operator: Option<Operator>,
}

impl Lines {
    /// None yet.
    ///
    /// # Errors
    /// [`Error::System`].
    pub(crate) fn new(operator: Option<Operator>) -> Result<Self, Error> {
        Ok(Self {
            known: RwLock::default(),
            ears: Ears::new()?,
            turns: Turns::default(),
            operator,
        })
    }

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
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
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
            let opened = |address, fence| {
                let ways = (&self.ears, &self.turns);
                Arc::new(Line::open(address, fence, ways, self.operator.clone()))
            };
            let line = match (before.remove(&device.name), whose) {
                (Some(Known { line, .. }), whose)
                    if *line.address() == address && is_still(&line, whose.as_ref()) =>
                {
                    line
                }
                (_, None) => opened(address, None),
                (_, Some(Whose::Mine(fence))) => opened(address, Some(fence)),
                (_, Some(Whose::Elsewhere(at))) => Arc::new(Line::elsewhere(address, at)),
            };
            known.insert(device.name.clone(), Known { device, line });
        }
        failed.map_or(Ok(()), Err)
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().cloned().collect()
    }

    /// Is there a line that is not what its device's owner makes of it?
    pub(crate) fn are_behind(&self, whose: impl Fn(&str) -> Whose) -> bool {
        let known = self.all();
        let mut known = known.iter();
        known.any(|known| !is_still(&known.line, Some(&whose(&known.device.name))))
    }

    /// What is done with a device now.
    pub(crate) fn is_used(&self, name: &str) -> Use {
        self.get(Some(name))
            .map_or(Use::Idle, |known| known.line.is_used())
    }

    /// The device of this name, or the default one.
    pub(crate) fn get(&self, name: Option<&str>) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A lease that is over and renewed in the moment in which the state is read leaves a line that says of its own device that it is
    /// nobody's; the next turn has to see that.
    #[tokio::test]
    async fn a_line_that_was_nobodys_for_a_moment_is_behind() {
        let lines = Lines::new(None).unwrap();
        let device = Device {
            name: "roof".to_owned(),
            address: "unix:/nowhere/roof".to_owned(),
            groups: Vec::new(),
            default: true,
        };
        let nobodys = Whose::Elsewhere(None);
        let held = |_: &str| Some(nobodys.clone());
        lines.follow(vec![device], held).unwrap();
        assert!(!lines.are_behind(|_| Whose::Elsewhere(None)));
        assert!(lines.are_behind(|_| Whose::Elsewhere(Some("gateway-2".to_owned()))));
        assert!(lines.are_behind(|_| Whose::Mine(crate::state::Fence::for_a_minute())));
    }
}
