//! What outlives a reset: images, their parameters, saved state.
//!
//! ```text
//!   table: slots          key of the store
//!   image of slot n       n            name and parameters as its metadata
//!   saved state of n      16 + n
//!                         32           an image that is kept back during a live update
//! ```
//!
//! An image in the store is read where it lies; the store may move it whenever it is changed, so
//! nobody keeps more of it than its key. Without flash, images are kept in memory and end with
//! the supervisor ([`super::images`]).

use berth_protocol::Parameters;
use berth_store::{Key, META_MAX, Store};

use super::name::{CONTAINERS_MAX, Name};

/// Most pages of flash that the store can have: 512 KiB of the reference part.
const PAGES: usize = 128;
/// Two for each slot, one for a live update, and the store's own.
const KEYS: usize = 2 * CONTAINERS_MAX + 2;

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

impl Image {
    /// Returns the key of it, as an image of the container in `slot`.
    pub(super) const fn key(self, slot: usize) -> Key {
        match self {
            Self::Stored => image_key(slot),
            Self::Candidate => CANDIDATE_KEY,
        }
    }
}

/// What is stored with an image.
pub struct Meta {
    bytes: [u8; META_MAX],
    length: usize,
}

impl Meta {
    /// Of a container with this name and these parameters.
    #[must_use]
    pub fn new(name: Name, parameters: Parameters) -> Self {
        Self::marked(name, parameters, false)
    }

    /// The same, and whether the container is quarantined.
    #[must_use]
    pub fn marked(name: Name, parameters: Parameters, quarantined: bool) -> Self {
        let mut bytes = [0; META_MAX];
        // At most 33 bytes of name, 50 of parameters, and one.
        let length = postcard::to_slice(&(name.as_str(), parameters, quarantined), &mut bytes)
            .map_or(0, |encoded| encoded.len());
        Self { bytes, length }
    }

    /// As it is stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Name, parameters and quarantine; `None` if these bytes are not what [`marked`](Self::marked) makes. What an older
    /// supervisor has written is shorter: what it did not know reads as not chosen.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<(Name, Parameters, bool)> {
        let mut whole = [0; META_MAX];
        whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let (name, parameters, quarantined) =
            postcard::from_bytes::<(&str, Parameters, bool)>(&whole).ok()?;
        Some((Name::new(name)?, parameters, quarantined))
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
        for (parameters, quarantined) in [(all, true), (Parameters::default(), false)] {
            let meta = Meta::marked(name, parameters, quarantined);
            let (found, read, marked) = Meta::read(meta.bytes()).unwrap();
            assert_eq!((found.as_str(), read), (name.as_str(), parameters));
            assert_eq!(marked, quarantined);
        }
        // As it was before there were `writes` and quarantine: two bytes less.
        let meta = Meta::new(
            name,
            Parameters {
                writes: None,
                ..all
            },
        );
        let (old, _) = meta.bytes().split_at(meta.bytes().len() - 2);
        let (found, read, marked) = Meta::read(old).unwrap();
        assert_eq!((found.as_str(), marked), (name.as_str(), false));
        assert_eq!((read.service, read.writes), (all.service, None));
        assert!(Meta::read(&[]).is_none());
        assert!(Meta::read(&[1, b' ', 0, 0, 0, 0, 0, 0, 0, 0]).is_none());
    }
}
