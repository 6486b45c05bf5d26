//! What must not run any more: the list that the device keeps.
//!
//! ```text
//!   draft ─► spare key of the store ── proven by the kernel, by a key that may revoke ── counter kept ─► key of the list
//!                                                                                        what it covers and runs ends
//! ```
//!
//! The list is a signed module ([`berth_signature::revocation`]). It is verified when it comes and once in each run of the supervisor; one that was
//! changed in flash is not taken for an empty one: nothing starts then, until it is sent again. Its counter is kept
//! with those of packages, before the list is, so an older list is refused whatever became of the newer one.

use berth_protocol::{Distrust, Happening, ImageHash, Reply};
use berth_signature::Claims;
use berth_signature::revocation::{Revoked, list};

use super::counters::LISTS;
use super::name::CONTAINERS_MAX;
use super::refused::Refused;
use super::storage::REVOKED_KEY;
use super::table::Containers;
use crate::platform::Platform;

impl<P: Platform + 'static> Containers<P> {
    /// Keep a list in place of the one that is kept, and end what it covers.
    ///
    /// # Errors
    ///
    /// [`Refused::Untrusted`], [`Refused::Older`], [`Refused::NoRoom`], [`Refused::Store`]. The one that is kept stays.
    pub fn revoke(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let spare = self.spare_key().map_err(Refused::Store)?;
        self.images.put(spare, bytes).map_err(Refused::Store)?;
        let taken = self.may_revoke(self.images.image(spare));
        let kept = taken.and_then(|counter| {
            self.keep_counter(LISTS, counter, false)?;
            let renamed = self.images.rename(spare, REVOKED_KEY);
            renamed.map_err(Refused::Store)
        });
        if kept.is_err() {
            // What the flash does not take now is swept another time.
            let _ = self.images.remove(spare, None);
            return kept;
        }
        self.revocations.set(Some(true));
        self.end_revoked();
        Ok(())
    }

    /// Returns the counter of a list that may be kept.
    fn may_revoke(&self, bytes: &[u8]) -> Result<u32, Refused> {
        let (_, signed) = list(bytes).ok_or(Refused::Untrusted(Distrust::Malformed))?;
        let proven = self.shared.prove_alone(bytes);
        let key = proven.map_err(Refused::Untrusted)?;
        let revokers = self.shared.platform.policy().revokers;
        if revokers.checked_shr(key).unwrap_or_default() & 1 == 0 {
            return Err(Refused::Untrusted(Distrust::NotRevoker));
        }
        Ok(signed.claims.counter)
    }

    /// Is there a list, as it was signed or not? What is none by its form, and was never counted, an older supervisor has left.
    pub(super) fn has_list(&self) -> bool {
        let bytes = self.images.image(REVOKED_KEY);
        !bytes.is_empty() && (list(bytes).is_some() || self.has_counter(LISTS))
    }

    /// Is the list that is kept what was signed?
    fn is_list_valid(&self) -> bool {
        self.revocations.get().unwrap_or_else(|| {
            let bytes = self.images.image(REVOKED_KEY);
            let is_valid = !self.has_list() || self.may_revoke(bytes).is_ok();
            self.revocations.set(Some(is_valid));
            is_valid
        })
    }

    /// Refuses an image that is revoked, and any while nobody knows what is.
    pub(super) fn not_revoked(
        &self,
        claims: Option<&Claims<'_>>,
        image: &[u8],
    ) -> Result<(), Distrust> {
        if !self.is_list_valid() {
            return Err(Distrust::Unproven);
        }
        let Some((entries, _)) = list(self.images.image(REVOKED_KEY)) else {
            return Ok(());
        };
        let mut hash = None;
        let mut of_image = || *hash.get_or_insert_with(|| ImageHash::of(image).0);
        let entry = entries
            .iter()
            .find(|entry| entry.covers(claims, &mut of_image));
        match entry {
            None => Ok(()),
            Some(Revoked::Key(_)) => Err(Distrust::KeyRevoked),
            Some(Revoked::Package { .. } | Revoked::Image(_)) => Err(Distrust::Revoked),
        }
    }

    /// End what is active and revoked. Its policy has no say in that.
    fn end_revoked(&mut self) {
        for slot in 0..CONTAINERS_MAX {
            if self.get(slot).is_none() {
                continue;
            }
            let claims = self.claims(slot);
            let Err(why) = self.not_revoked(claims.as_ref(), self.image(slot)) else {
                continue;
            };
            // What is not active need not end.
            if self.kill(slot).is_ok() {
                self.note(slot, Happening::Untrusted { why });
            }
        }
    }

    /// What is revoked, in numbers.
    #[must_use]
    pub fn revocations(&self) -> Reply<'static> {
        let kept = list(self.images.image(REVOKED_KEY));
        Reply::Revocations {
            counter: kept.map(|(_, signed)| signed.claims.counter),
            entries: kept.map_or(0, |(entries, _)| entries.iter().count() as u16),
            is_valid: self.is_list_valid(),
        }
    }
}
