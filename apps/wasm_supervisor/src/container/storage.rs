//! What outlives a reset: images, their parameters, saved state.
//!
//! ```text
//!   table: slots          key of the store
//!   image of slot n       n            name and parameters as its metadata
//!   saved state of n      16 + n
//!                         32           an image that is kept back during a live update
//!                         33 to 50     configurations: the metadata of an image names its one
//!   named values of n     51 + n
//!                         67           counters of packages
//!                         68           the list of what is revoked
//!                         69           what operators' sessions need
//! ```
//!
//! A configuration is written under a key that nobody names, and then the metadata that names it: so parameters and
//! configuration change together, with the image or without. What nobody names is removed ([`super::belongings`]).
//! (Before there were configurations key 33 was that of the upload. One that was interrupted by an update of the
//! firmware is removed as a configuration that nobody names: `supervisor/tests/older.rs`. Before there were counters 67 was; what
//! is there and is none is removed as well.)
//!
//! An image in the store is read where it lies; the store may move it whenever it is changed, so
//! nobody keeps more of it than its key. Without flash, images are kept in memory and end with
//! the supervisor ([`super::images`]).

use berth_protocol::Parameters;
use berth_store::{Key, META_MAX, Store};

use super::name::{CONTAINERS_MAX, Name};

/// Most pages of flash that the store can have: 512 KiB of the reference part.
const PAGES: usize = 128;
/// Configurations there can be at once: one for each container, one for a live update, one that is to be another's.
const CONFIGURATIONS: usize = CONTAINERS_MAX + 2;
/// Three for each slot, one for a live update, those of configurations, one for counters, one for what is revoked, one for operators, and the store's own.
pub(super) const KEYS: usize = 3 * CONTAINERS_MAX + CONFIGURATIONS + 5;

/// The store of a device.
pub type ImageStore<F> = Store<F, PAGES, KEYS>;

/// Under which key a container's image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// Under that of its slot.
    Stored,
    /// Under that of the candidate of a live update.
    Candidate,
}

/// Where the image of a live update is stored until its trial is over.
pub(super) const CANDIDATE_KEY: Key = 2 * CONTAINERS_MAX as Key;

/// Where the image of the container in `slot` is stored.
pub(super) const fn image_key(slot: usize) -> Key {
    slot as Key
}

/// Where the saved state of the container in `slot` is stored.
pub(super) const fn saved_key(slot: usize) -> Key {
    (CONTAINERS_MAX + slot) as Key
}

/// The keys of configurations.
pub(super) const fn configuration_keys() -> core::ops::Range<Key> {
    let first = CANDIDATE_KEY + 1;
    first..first + CONFIGURATIONS as Key
}

/// Where the named values of the container in `slot` are stored.
pub(super) const fn values_key(slot: usize) -> Key {
    configuration_keys().end + slot as Key
}

/// Where the counters of packages are stored.
pub(super) const COUNTERS_KEY: Key = values_key(CONTAINERS_MAX);

/// Where the list of what is revoked is stored.
pub(super) const REVOKED_KEY: Key = COUNTERS_KEY + 1;

/// Where that is stored what operators' sessions need.
pub(super) const OPERATORS_KEY: Key = REVOKED_KEY + 1;

/// What an operator has chosen for a container beside its parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Belongings {
    /// Key of its configuration; `None`: it has none.
    pub(super) configuration: Option<Key>,
    /// Most bytes of flash that its named values may take, if that was chosen.
    pub(super) values: Option<u32>,
}

impl Image {
    /// Returns the key of it, as an image of the container in `slot`.
    pub(super) const fn key(self, slot: usize) -> Key {
        match self {
            Self::Stored => image_key(slot),
            Self::Candidate => CANDIDATE_KEY,
        }
    }
}

/// What follows name and parameters.
type Rest = (bool, Option<Key>, Option<u32>);

/// What is stored with an image.
pub struct Meta {
    bytes: [u8; META_MAX],
    length: usize,
}

impl Meta {
    /// Of a container with this name and these parameters.
    #[must_use]
    pub fn new(name: Name, parameters: Parameters, belongings: Belongings) -> Self {
        Self::marked(name, parameters, false, belongings)
    }

    /// The same, and whether the container is quarantined.
    #[must_use]
    pub fn marked(
        name: Name,
        parameters: Parameters,
        quarantined: bool,
        belongings: Belongings,
    ) -> Self {
        let mut bytes = [0; META_MAX];
        // At most 33 bytes of name, 43 of parameters, one, and eight.
        let Belongings {
            configuration,
            values,
        } = belongings;
        let all = (
            name.as_str(),
            parameters,
            (quarantined, configuration, values),
        );
        let length = postcard::to_slice(&all, &mut bytes).map_or(0, |encoded| encoded.len());
        Self { bytes, length }
    }

    /// As it is stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Name, parameters, quarantine and belongings; `None` if these bytes are not what [`marked`](Self::marked) makes. What an older
    /// supervisor has written is shorter: what it did not know reads as not chosen.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<(Name, Parameters, bool, Belongings)> {
        let mut whole = [0; META_MAX];
        whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let (name, parameters, (quarantined, configuration, values)) =
            postcard::from_bytes::<(&str, Parameters, Rest)>(&whole).ok()?;
        let belongings = Belongings {
            configuration,
            values,
        };
        Some((Name::new(name)?, parameters, quarantined, belongings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_protocol::{Level, Restart, Service};

    #[test]
    fn the_longest_name_and_parameters_fit() {
        let name = Name::new(&"n".repeat(berth_protocol::NAME_MAX)).unwrap();
        let all = Parameters {
            stack: Some(u32::MAX),
            memory: Some(u32::MAX),
            limit: Some(u32::MAX),
            share: Some(u8::MAX),
            restart: Some(Restart::OnFailure {
                limit: u8::MAX,
                backoff_ms: u16::MAX,
            }),
            boot: Some(true),
            log_level: Some(Level::Error),
            service: Some(Service {
                period_ms: u16::MAX,
                budget: u32::MAX,
            }),
            writes: Some(u16::MAX),
        };
        let most = Belongings {
            configuration: Some(Key::MAX),
            values: Some(u32::MAX),
        };
        for (parameters, quarantined, belongings) in [
            (all, true, most),
            (Parameters::default(), false, Belongings::default()),
        ] {
            let meta = Meta::marked(name, parameters, quarantined, belongings);
            let (found, read, marked, kept) = Meta::read(meta.bytes()).unwrap();
            assert_eq!((found.as_str(), read), (name.as_str(), parameters));
            assert_eq!((marked, kept), (quarantined, belongings));
        }
        // As it was before there were `writes`, quarantine, and belongings: four bytes less.
        let meta = Meta::new(
            name,
            Parameters {
                writes: None,
                ..all
            },
            Belongings::default(),
        );
        let (old, _) = meta.bytes().split_at(meta.bytes().len() - 4);
        let (found, read, marked, kept) = Meta::read(old).unwrap();
        assert_eq!((found.as_str(), marked), (name.as_str(), false));
        assert_eq!(kept, Belongings::default());
        assert_eq!((read.service, read.writes), (all.service, None));
        assert!(Meta::read(&[]).is_none());
        assert!(Meta::read(&[1, b' ', 0, 0, 0, 0, 0, 0, 0, 0]).is_none());
    }
}
