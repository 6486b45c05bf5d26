//! Counters of packages: how old an image may be.
//!
//! A counter is kept before the image is: whenever the power goes, an older image than one that was taken is not taken any more. It stays
//! when the container is deleted. Images that are stored already are not looked at for it, so a live update that fails
//! in its trial leaves the old one in its place.
//!
//! The counters are one object of the store: four bytes that say so, then for each package the first bytes of the SHA-256 of
//! key id and name, and its counter. Objects are replaced as a whole, so the old or the new is there.

use alloc::vec::Vec;

use berth_protocol::ImageHash;
use berth_signature::{Claims, KEY_ID_BYTES, NAME_MAX};

use super::refused::Refused;
use super::storage::COUNTERS_KEY;
use super::table::Containers;
use crate::platform::Platform;

/// Most packages whose counters are kept.
pub const PACKAGES_MAX: usize = 64;

/// How the object begins. (Before there were counters its key was that of the upload.)
const MAGIC: [u8; 4] = *b"BTC1";

/// Bytes that stand for a package.
const PACKAGE_BYTES: usize = 12;

/// A package, and its counter.
const ENTRY_BYTES: usize = PACKAGE_BYTES + 4;

/// Stands for a package: all versions of one have the same key and name.
pub(super) type Package = [u8; PACKAGE_BYTES];

/// Stands for the lists of what is revoked, whoever signs them. (As good as no package has this hash.)
pub(super) const LISTS: Package = [0xff; PACKAGE_BYTES];

/// Returns what stands for the package of these claims.
pub(super) fn package(claims: &Claims<'_>) -> Option<Package> {
    let mut named = [0; KEY_ID_BYTES + NAME_MAX];
    let (key, rest) = named.split_at_mut(KEY_ID_BYTES);
    key.copy_from_slice(&claims.key.0);
    rest.get_mut(..claims.name.len())?
        .copy_from_slice(claims.name.as_bytes());
    ImageHash::of(&named).0.first_chunk().copied()
}

/// Returns the entries of the object `kept`; none if it is not one of counters.
fn entries(kept: &[u8]) -> &[[u8; ENTRY_BYTES]] {
    kept.strip_prefix(&MAGIC)
        .map_or(&[], |entries| entries.as_chunks().0)
}

/// Returns how many of the entries are packages.
fn packages(entries: &[[u8; ENTRY_BYTES]]) -> usize {
    let is_package = |entry: &&[u8; ENTRY_BYTES]| !entry.starts_with(&LISTS);
    entries.iter().filter(is_package).count()
}

/// Returns the counter of an entry.
fn counter(entry: &[u8; ENTRY_BYTES]) -> u32 {
    entry
        .last_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

impl<P: Platform + 'static> Containers<P> {
    /// Keep the counter of a package, or of lists of what is revoked. One below that which is kept is refused unless `takes_older`.
    ///
    /// # Errors
    ///
    /// [`Refused::Older`], [`Refused::TooManyPackages`], [`Refused::NoRoom`], [`Refused::Store`].
    pub(super) fn keep_counter(
        &mut self,
        package: Package,
        new: u32,
        takes_older: bool,
    ) -> Result<(), Refused> {
        let kept = entries(self.images.image(COUNTERS_KEY));
        let place = kept.iter().position(|entry| entry.starts_with(&package));
        let old = place.and_then(|place| kept.get(place)).map(counter);
        match old {
            Some(old) if new < old && !takes_older => return Err(Refused::Older(old)),
            Some(old) if new <= old => return Ok(()),
            None if package != LISTS && packages(kept) >= PACKAGES_MAX => {
                return Err(Refused::TooManyPackages);
            }
            _ => {}
        }
        let mut all = Vec::new();
        let length = MAGIC.len() + (kept.len() + 1) * ENTRY_BYTES;
        all.try_reserve_exact(length).map_err(|_| Refused::NoRoom)?;
        all.extend_from_slice(&MAGIC);
        for (number, entry) in kept.iter().enumerate() {
            if Some(number) != place {
                all.extend_from_slice(entry);
            }
        }
        all.extend_from_slice(&package);
        all.extend_from_slice(&new.to_le_bytes());
        self.images.put(COUNTERS_KEY, &all).map_err(Refused::Store)
    }

    /// Is what has their key counters?
    pub(super) fn are_counters(&self) -> bool {
        self.images.image(COUNTERS_KEY).starts_with(&MAGIC)
    }

    /// Is the counter of a package kept, or of lists of what is revoked?
    pub(super) fn has_counter(&self, package: Package) -> bool {
        let kept = entries(self.images.image(COUNTERS_KEY));
        kept.iter().any(|entry| entry.starts_with(&package))
    }

    /// How many packages have one.
    pub(super) fn packages(&self) -> usize {
        packages(entries(self.images.image(COUNTERS_KEY)))
    }
}
