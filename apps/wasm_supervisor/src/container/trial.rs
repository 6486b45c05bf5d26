//! A new image that runs and may still fail.

use berth_protocol::{ImageHash, Parameters, Update};

use super::saved::Saved;
use super::storage::{Belongings, Image};

/// An image with what belongs to it.
#[derive(Debug)]
pub(super) struct Version {
    /// Where it is.
    pub(super) image: Image,
    /// SHA-256 of it.
    pub(super) hash: ImageHash,
    /// How it is to run.
    pub(super) parameters: Parameters,
    /// What else was chosen for it.
    pub(super) belongings: Belongings,
}

/// The live update whose new image runs, and what comes back if it fails.
pub(super) struct Trial {
    /// The container's slot.
    pub(super) slot: usize,
    /// When the new image stays, in microseconds.
    pub(super) until_us: u64,
    /// If the store does not take its end then, it is tried again after so many microseconds.
    pub(super) retry_us: u64,
    /// The old run had to end before the new one was loaded.
    pub(super) stopped_first: bool,
    /// What comes back if it fails.
    pub(super) old: Version,
    /// The state that the old run left.
    pub(super) saved: Saved,
}

impl Trial {
    /// Returns where it stands at `now`.
    pub(super) fn status(&self, now: u64) -> Update {
        let left_us = self.until_us.saturating_sub(now);
        Update::Trial {
            left_ms: u32::try_from(left_us / 1000).unwrap_or(u32::MAX),
            stopped_first: self.stopped_first,
        }
    }
}
