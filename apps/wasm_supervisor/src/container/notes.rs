//! What the supervisor knows of its own failures.
//!
//! The kernel restarts a supervisor that fails. It keeps a few words of notes for it
//! ([`Platform::note`]); nothing else survives. From them the next run learns how long the last
//! runs were, which containers were active, and whose code was being executed.
//!
//! After [`FAILURES_MAX`] failures within a minute something on the device makes it fail each
//! time: then it starts no container (safe mode), says whom it suspects, and waits for
//! its operator. Safe mode lasts until the device is reset.

use berth_protocol::Happening;

use super::name::CONTAINERS_MAX;
use crate::platform::{NOTES, Platform};

/// So many failures ...
const FAILURES_MAX: u32 = 3;
/// ... in so many units of time lead to safe mode: a minute.
const FAILURES_IN: u32 = 60_000_000 >> TIME_SHIFT;

/// Times in the notes are microseconds shifted by this: about milliseconds, without a division.
const TIME_SHIFT: u32 = 10;

/// How long the run before this one was.
const EARLIER: usize = 0;
/// How long this run has been.
const LENGTH: usize = 1;
/// Failures since power-on.
const FAILURES: usize = 2;
/// The tag of the container whose code is being executed.
pub(crate) const RUNNING: usize = 3;
/// The tags of the active containers, two a word.
const ACTIVE: usize = 4;
const ACTIVE_WORDS: usize = CONTAINERS_MAX / 2;
const _: () = assert!(ACTIVE + ACTIVE_WORDS <= NOTES);

/// Sixteen bits that stand for a container's name. Two names with the same are harmless: at
/// worst one container too many is started again, or suspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag(u16);

impl Tag {
    /// No container.
    pub const NONE: Self = Self(0);

    /// The tag of a name; never [`NONE`](Self::NONE).
    #[must_use]
    pub fn of(name: &str) -> Self {
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Self(((hash ^ hash >> 16) as u16).max(1))
    }
}

/// What the notes of the runs before told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Failures since power-on.
    pub failures: u32,
    /// Nothing is started.
    pub safe_mode: bool,
    suspect: Tag,
}

impl Before {
    /// Read the notes of the runs before, and begin those of this one.
    pub fn read<P: Platform>(platform: &P) -> Self {
        let word = |index| platform.note_before(index);
        let failures = word(FAILURES).map_or(0, |failures| failures.saturating_add(1));
        let last = word(LENGTH).unwrap_or(0);
        platform.note(EARLIER, last);
        platform.note(FAILURES, failures);
        // From the first to the last of three failures it is two runs.
        let two_runs = last.saturating_add(word(EARLIER).unwrap_or(0));
        Self {
            failures,
            safe_mode: failures >= FAILURES_MAX && two_runs < FAILURES_IN,
            suspect: Tag(word(RUNNING).unwrap_or(0) as u16),
        }
    }

    /// Was the code of the container with this tag being executed at the last failure?
    #[must_use]
    pub fn suspects(&self, tag: Tag) -> bool {
        self.suspect == tag && tag != Tag::NONE
    }

    /// Was the container with this tag active at the last failure?
    pub fn was_active<P: Platform>(&self, platform: &P, tag: Tag) -> bool {
        (ACTIVE..ACTIVE + ACTIVE_WORDS)
            .filter_map(|index| platform.note_before(index))
            .any(|word| word as u16 == tag.0 || (word >> 16) as u16 == tag.0)
    }

    /// What is to be told of it.
    #[must_use]
    pub fn happening(&self) -> Happening {
        Happening::Boot {
            restarts: u8::try_from(self.failures).unwrap_or(u8::MAX),
            safe_mode: self.safe_mode,
        }
    }
}

/// Note for how long this run has been.
pub fn note_length<P: Platform>(platform: &P, length_us: u64) {
    let length = u32::try_from(length_us >> TIME_SHIFT).unwrap_or(u32::MAX);
    platform.note(LENGTH, length);
}

/// Note whose code is being executed from now on.
pub fn note_running<P: Platform>(platform: &P, tag: Tag) {
    platform.note(RUNNING, u32::from(tag.0));
}

/// Note which of the two containers in slots `2 * pair` and behind are active.
pub fn note_active<P: Platform>(platform: &P, pair: usize, tags: [Tag; 2]) {
    let [low, high] = tags;
    let word = u32::from(high.0) << 16 | u32::from(low.0);
    platform.note(ACTIVE + pair, word);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    /// Let runs of these lengths (in seconds) fail, one after the other; what the next finds.
    fn after(runs: &[u64]) -> Before {
        let fake = Fake::default();
        let mut before = Before::read(&fake);
        for seconds in runs {
            note_length(&fake, seconds * 1_000_000);
            fake.fail();
            before = Before::read(&fake);
        }
        before
    }

    #[test]
    fn three_failures_within_a_minute_are_too_many() {
        assert_eq!(after(&[]), Before::default());
        assert!(!after(&[1, 1]).safe_mode);
        assert!(after(&[1, 1, 1]).safe_mode);
        assert!(after(&[1, 29, 30]).safe_mode);
        assert!(!after(&[1, 31, 31]).safe_mode);
        // However long it had been well before.
        assert!(after(&[100_000_000, 5, 5]).safe_mode);
        // Many, but seldom.
        let seldom = after(&[1000; 50]);
        assert_eq!((seldom.failures, seldom.safe_mode), (50, false));
        assert!(after(&[1000, 1000, 1000, 3, 3]).safe_mode);
        // Safe mode itself may last: it ends with the power.
        assert!(!after(&[1, 1, 1, 500]).safe_mode);
    }

    #[test]
    fn who_was_running_and_who_was_active_is_known() {
        let fake = Fake::default();
        let [a, b, c] = ["a", "b", "c"].map(Tag::of);
        note_running(&fake, a);
        note_active(&fake, 0, [a, b]);
        note_active(&fake, 7, [Tag::NONE, c]);
        fake.fail();
        let before = Before::read(&fake);
        assert!(before.suspects(a) && !before.suspects(b) && !before.suspects(Tag::NONE));
        for (tag, active) in [(a, true), (b, true), (c, true), (Tag::of("d"), false)] {
            assert_eq!(before.was_active(&fake, tag), active);
        }
        note_running(&fake, Tag::NONE);
        fake.fail();
        let before = Before::read(&fake);
        assert!(![a, b, c, Tag::NONE].iter().any(|tag| before.suspects(*tag)));
        assert!(!before.was_active(&fake, a));
    }
}
