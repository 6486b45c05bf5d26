//! What operators' sessions need of the store: an epoch that is raised before the first challenge of a run, and the device's secret.
//!
//! They are one object: four bytes that say so, the epoch, and, once it is there, the secret half of a key of X25519 and its public one. Objects are
//! replaced as a whole, so the old or the new is there; an epoch is kept before it is used, so none comes twice, whenever the power goes.

use berth_session::KEY_BYTES;

use super::refused::Refused;
use super::storage::OPERATORS_KEY;
use super::table::Containers;
use crate::platform::Platform;

/// How the object begins.
const MAGIC: [u8; 4] = *b"BOP1";

/// Bytes of the object before there is a secret, and with it.
const EPOCH_END: usize = MAGIC.len() + 4;
const LENGTH: usize = EPOCH_END + 2 * KEY_BYTES;

/// A device's own key of X25519.
#[derive(Clone, Copy)]
pub struct DeviceKey {
    /// Its secret half.
    pub secret: [u8; KEY_BYTES],
    /// Its public half.
    pub public: [u8; KEY_BYTES],
}

impl<P: Platform + 'static> Containers<P> {
    fn kept(&self) -> &[u8] {
        let kept = self.images.image(OPERATORS_KEY);
        kept.strip_prefix(&MAGIC).unwrap_or_default()
    }

    fn epoch(&self) -> u32 {
        let epoch = self.kept().first_chunk();
        epoch.map_or(0, |epoch| u32::from_le_bytes(*epoch))
    }

    /// Returns the device's own key; `None`: it was given none.
    #[must_use]
    pub fn device_key(&self) -> Option<DeviceKey> {
        let (secret, rest) = self.kept().get(4..)?.split_first_chunk()?;
        Some(DeviceKey {
            secret: *secret,
            public: *rest.first_chunk()?,
        })
    }

    /// Does anything outlive a reset?
    #[must_use]
    pub fn outlives_resets(&self) -> bool {
        self.images.flash().is_some()
    }

    /// Raise the epoch. Returns the new one, when it is kept.
    ///
    /// # Errors
    ///
    /// [`Refused::Store`].
    pub fn raise_epoch(&mut self) -> Result<u32, Refused> {
        let full = berth_store::Error::Directory;
        let epoch = self.epoch().checked_add(1).ok_or(Refused::Store(full))?;
        self.keep_operators(epoch, self.device_key())?;
        Ok(epoch)
    }

    /// Keep the device's own key.
    ///
    /// # Errors
    ///
    /// [`Refused::Store`].
    pub fn keep_device_key(&mut self, key: DeviceKey) -> Result<(), Refused> {
        self.keep_operators(self.epoch(), Some(key))
    }

    fn keep_operators(&mut self, epoch: u32, key: Option<DeviceKey>) -> Result<(), Refused> {
        let mut object = [0; LENGTH];
        let (front, keys) = object.split_at_mut(EPOCH_END);
        let (magic, number) = front.split_at_mut(MAGIC.len());
        magic.copy_from_slice(&MAGIC);
        number.copy_from_slice(&epoch.to_le_bytes());
        let mut length = EPOCH_END;
        if let Some(key) = key {
            let (secret, public) = keys.split_at_mut(KEY_BYTES);
            secret.copy_from_slice(&key.secret);
            public.copy_from_slice(&key.public);
            length = LENGTH;
        }
        let object = object.get(..length).unwrap_or_default();
        self.images
            .put(OPERATORS_KEY, object)
            .map_err(Refused::Store)
    }

    /// Is what has the operators' key theirs?
    pub(super) fn is_operators(&self) -> bool {
        self.images.image(OPERATORS_KEY).starts_with(&MAGIC)
    }
}
