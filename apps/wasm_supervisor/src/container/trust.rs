//! Whether an image is trusted: its signature, and how old it is.
//!
//! ```text
//!   arrives   signature verified by the kernel ── counter not below the one that is kept ── kept ── stored
//!   loaded    signature verified by the kernel, of the bytes as they lie in flash now
//! ```
//!
//! Where the manufacturer has given the device no keys, all of this passes at once. Where there are keys, a signature that is there
//! has to be right; whether there has to be one is the manufacturer's choice. The supervisor only refuses early and says why:
//! what a label that needs a key is worth stands and falls with the kernel, which gives it for a proven image only.

use berth_protocol::{Distrust, Trust};
use berth_signature::{Claims, find};

use super::counters::{PACKAGES_MAX, package};
use super::refused::Refused;
use super::run_id::RunId;
use super::table::Containers;
use crate::platform::Platform;

impl<P: Platform + 'static> Containers<P> {
    /// Looks at the signature of `image`, where the manufacturer wants that, for a run if it is for one. Returns what it claims, if there is one.
    ///
    /// # Errors
    ///
    /// [`Refused::Untrusted`].
    pub(super) fn trusted<'a>(
        &self,
        run: Option<RunId>,
        image: &'a [u8],
    ) -> Result<Option<Claims<'a>>, Refused> {
        let policy = self.shared.platform.policy();
        if policy.keys == 0 {
            return Ok(None);
        }
        let proven = match find(image) {
            Ok(Some(signed)) => {
                let proven = self.shared.prove(run, image);
                proven.map(|()| Some(signed.claims))
            }
            Ok(None) if policy.refuses_unsigned => Err(Distrust::Unsigned),
            Ok(None) => Ok(None),
            Err(_) => Err(Distrust::Malformed),
        };
        proven
            .and_then(|claims| {
                self.not_revoked(claims.as_ref(), image)?;
                Ok(claims)
            })
            .map_err(Refused::Untrusted)
    }

    /// The image that was uploaded is to be stored: it has to be trusted and, unless `takes_older`, not older than one that was, and its
    /// counter is kept.
    ///
    /// # Errors
    ///
    /// [`Refused::Untrusted`], [`Refused::Older`], [`Refused::TooManyPackages`], [`Refused::NoRoom`], [`Refused::Store`].
    pub(super) fn take(&mut self, takes_older: bool) -> Result<(), Refused> {
        let claims = self.trusted(None, self.images.received())?;
        let named = claims.and_then(|claims| Some((package(&claims)?, claims.counter)));
        match named {
            Some((package, counter)) => self.keep_counter(package, counter, takes_older),
            None => Ok(()),
        }
    }

    /// What the device trusts.
    #[must_use]
    pub fn trust(&self) -> Trust {
        let policy = self.shared.platform.policy();
        Trust {
            keys: policy.keys,
            refuses_unsigned: policy.refuses_unsigned,
            packages: self.packages() as u16,
            packages_max: PACKAGES_MAX as u16,
        }
    }

    /// What the signature of the image of the container in `slot` claims, if it has one.
    #[must_use]
    pub fn claims(&self, slot: usize) -> Option<Claims<'_>> {
        find(self.image(slot)).ok()?.map(|signed| signed.claims)
    }
}
