//! What the store has for a container beside its image and its state: its configuration, and the values that it gives
//! names to.
//!
//! ```text
//!   configuration   an object under a key that the image's metadata names    set by the operator
//!   named values    one object for all of a container's                      set by the container
//!                   length of the name (1 byte), of the value (2), name, value; …
//! ```
//!
//! Both are replaced as a whole, so whenever the power goes the old or the new is there.

use alloc::vec::Vec;

use berth_protocol::VALUES_DEFAULT;
use berth_protocol::configuration::{self, CONFIGURATION_MAX};
use berth_store::{Error, Key};

use super::name::CONTAINERS_MAX;
use super::refused::Refused;
use super::run::Run;
use super::storage::{
    Belongings, COUNTERS_KEY, OPERATORS_KEY, REVOKED_KEY, configuration_keys, values_key,
};
use super::table::Containers;
use crate::platform::{COMPILES, Platform};

/// Bytes in front of each name.
const HEAD: usize = 3;

/// What is to change of a container's belongings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change<'a> {
    /// Changes of its configuration that [can be](configuration::check_changes).
    pub configuration: &'a [u8],
    /// Most bytes of flash that its named values may take, if that changes.
    pub values: Option<u32>,
}

/// A named value, as it is stored.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    /// All of it.
    whole: &'a [u8],
}

/// Returns the values that are stored in `bytes`.
pub(super) fn values(bytes: &[u8]) -> impl Iterator<Item = Value<'_>> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let ([name, low, high], _) = rest.split_first_chunk::<HEAD>()?;
        let middle = HEAD + usize::from(*name);
        let end = middle + usize::from(u16::from_le_bytes([*low, *high]));
        let (whole, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(Value {
            name: whole.get(HEAD..middle)?,
            value: whole.get(middle..)?,
            whole,
        })
    })
}

/// Returns how many bytes a value takes in the store.
pub(super) const fn stored_bytes(name: &[u8], value: &[u8]) -> usize {
    HEAD + name.len() + value.len()
}

/// Returns all values but the one called `name`, and behind them this one, in place of `old`; `None` if there is no memory.
pub(super) fn with_value(old: &[u8], name: &[u8], value: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let new = value.map_or(0, |value| stored_bytes(name, value));
    all.try_reserve_exact(old.len() + new).ok()?;
    for kept in values(old).filter(|kept| kept.name != name) {
        all.extend_from_slice(kept.whole);
    }
    if let Some(value) = value {
        let [low, high] = (value.len() as u16).to_le_bytes();
        all.extend_from_slice(&[name.len() as u8, low, high]);
        all.extend_from_slice(name);
        all.extend_from_slice(value);
    }
    Some(all)
}

/// Returns the configuration that a change makes of `before`, in `buffer`.
fn merged<'b>(
    before: &[u8],
    change: Change<'_>,
    buffer: &'b mut [u8; CONFIGURATION_MAX],
) -> Result<&'b [u8], Refused> {
    let length = configuration::merge(before, change.configuration, buffer);
    let length = length.map_err(Refused::Configuration)?;
    Ok(buffer.get(..length).unwrap_or_default())
}

impl Belongings {
    /// Returns how many bytes of flash named values may take.
    pub(crate) fn values_limit(&self) -> u32 {
        self.values.unwrap_or(VALUES_DEFAULT)
    }

    /// Returns what its operator chose of that.
    pub(crate) const fn values_chosen(&self) -> Option<u32> {
        self.values
    }
}

impl<P: Platform + 'static> Containers<P> {
    /// The configuration of the container in `slot`.
    #[must_use]
    pub fn configuration(&self, slot: usize) -> &[u8] {
        let belongings = self.get(slot).map(|container| container.belongings);
        self.configuration_of(belongings.unwrap_or_default())
    }

    pub(super) fn configuration_of(&self, belongings: Belongings) -> &[u8] {
        let key = belongings.configuration;
        key.map_or(&[], |key| self.images.image(key))
    }

    /// How many named values the container in `slot` has, and how many bytes of the store these take.
    #[must_use]
    pub fn values(&self, slot: usize) -> (u16, u32) {
        let bytes = self.images.image(values_key(slot));
        (values(bytes).count() as u16, bytes.len() as u32)
    }

    /// Would this change of the belongings `old` change anything?
    ///
    /// # Errors
    ///
    /// [`Refused::Configuration`].
    pub(crate) fn would_change(
        &self,
        old: Belongings,
        change: Change<'_>,
    ) -> Result<bool, Refused> {
        let before = self.configuration_of(old);
        let mut buffer = [0; CONFIGURATION_MAX];
        Ok(merged(before, change, &mut buffer)? != before
            || change
                .values
                .is_some_and(|values| old.values != Some(values)))
    }

    /// Are these belongings what a change makes of none?
    ///
    /// # Errors
    ///
    /// [`Refused::Configuration`].
    pub(crate) fn has(&self, belongings: Belongings, change: Change<'_>) -> Result<bool, Refused> {
        let mut buffer = [0; CONFIGURATION_MAX];
        let is_same = merged(&[], change, &mut buffer)? == self.configuration_of(belongings);
        Ok(is_same && belongings.values == change.values)
    }

    /// Store what a change makes of the belongings `old`. Until these are a container's, [`sweep`](Self::sweep) takes
    /// them away again.
    ///
    /// # Errors
    ///
    /// [`Refused::Configuration`], [`Refused::Store`].
    pub(crate) fn changed(
        &mut self,
        old: Belongings,
        change: Change<'_>,
    ) -> Result<Belongings, Refused> {
        let mut buffer = [0; CONFIGURATION_MAX];
        let before = self.configuration_of(old);
        let after = merged(before, change, &mut buffer)?;
        let values = change.values.or(old.values);
        let configuration = if after == before {
            old.configuration
        } else if after.is_empty() {
            None
        } else {
            let key = self.spare_key().map_err(Refused::Store)?;
            self.images.put(key, after).map_err(Refused::Store)?;
            Some(key)
        };
        Ok(Belongings {
            configuration,
            values,
        })
    }

    /// Returns the key of a configuration that nobody names. There is one more than there can be named.
    pub(super) fn spare_key(&self) -> Result<Key, Error> {
        let key = configuration_keys().find(|key| !self.is_named(*key));
        key.ok_or(Error::Directory)
    }

    /// Is this the configuration of a container, or of one that may come back?
    fn is_named(&self, key: Key) -> bool {
        let of_trial = self.trial.as_ref().map(|trial| trial.old.belongings);
        self.iter()
            .map(|(_, container)| container.belongings)
            .chain(of_trial)
            .any(|belongings| belongings.configuration == Some(key))
    }

    /// Remove configurations that nobody has, and values of containers that are deleted. What the flash does not take now is
    /// removed the next time.
    #[inline(never)]
    pub(crate) fn sweep(&mut self) {
        for key in configuration_keys() {
            if !self.is_named(key) {
                let _ = self.images.remove(key, None);
            }
        }
        for slot in 0..CONTAINERS_MAX {
            if self.get(slot).is_none() {
                let _ = self.forget_values(slot);
            }
        }
        // The store's own key is the last one, under which an upload is: an older supervisor has left one where there is something else now.
        for (key, is_what_it_should_be) in [
            (COUNTERS_KEY, self.are_counters()),
            (REVOKED_KEY, self.has_list()),
            (OPERATORS_KEY, self.is_operators()),
        ] {
            if !is_what_it_should_be {
                let _ = self.images.remove(key, None);
            }
        }
        if COMPILES {
            self.sweep_code();
        }
    }

    /// Give up the compiled code of images that nobody has any more. That of a run stays as long as this does, whatever image its container
    /// has by now.
    fn sweep_code(&self) {
        let of_trial = self.trial.as_ref().map(|trial| trial.old.hash);
        self.shared.platform.keep_code(&|hash, address| {
            let executes = |run: &Run<P>| run.executed.is_ok_and(|code| code.address() == address);
            of_trial == Some(*hash)
                || self.iter().any(|(_, container)| {
                    container.hash == *hash || container.run.as_ref().is_some_and(executes)
                })
        });
    }

    /// Remove the named values of the container in `slot`.
    ///
    /// # Errors
    ///
    /// If the flash fails.
    pub(super) fn forget_values(&mut self, slot: usize) -> Result<(), Error> {
        self.images.remove(values_key(slot), None)
    }
}
