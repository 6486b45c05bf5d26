//! What the supervisor knows of its own failures.
//!
//! The kernel restarts a supervisor that fails. It keeps a few words of notes for it
//! ([`Platform::note`]); nothing else survives. From them the next run learns how long the last
//! runs were, which containers were active, and whose code was being executed.
//!
//! A container whose code was being executed at a failure is the cause as far as anybody can know: it is
//! quarantined at once (`persistence`). After [`ROW_MAX`] failures in a row, whoever caused them, the
//! supervisor starts no container (safe mode) and waits for its operator. Failures are in a row when none of the
//! runs between them was longer than [`ROW_RUN`]. Safe mode lasts until the device is reset, by its power or because
//! somebody asks for it.
//!
//! If the last of these failures was while the store was read, safe mode is without the store: whatever is
//! wrong with that, there is a shell.

use berth_protocol::Happening;

use super::name::CONTAINERS_MAX;
use crate::platform::{NOTES, Platform};

/// So many failures in a row lead to safe mode.
const ROW_MAX: u32 = 3;
/// A run of more units of time ends a row: two minutes.
const ROW_RUN: u32 = 120_000_000 >> TIME_SHIFT;

/// Times in the notes are microseconds shifted by this: about milliseconds, without a division.
const TIME_SHIFT: u32 = 10;

/// Failures in a row that led to this run.
const ROW: usize = 0;
/// How long this run has been.
const LENGTH: usize = 1;
/// Failures since power-on.
const FAILURES: usize = 2;
/// Instead of their number: this run was not a failure, and those before it do not count any more.
const NO_FAILURE: u32 = u32::MAX;
/// The tag of the container whose code is being executed.
pub const RUNNING: usize = 3;
/// What is being done, as the numbers of [`Work`].
const WORK: usize = 4;
/// The tag of the container that is to blame for a failure of a run before, until that is in the store.
const BLAMED: usize = 5;
/// The tags of the active containers, cut to sixteen bits, two a word.
const ACTIVE: usize = 6;
const ACTIVE_WORDS: usize = CONTAINERS_MAX / 2;
const _: () = assert!(ACTIVE + ACTIVE_WORDS <= NOTES);

/// What a supervisor is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Work {
    /// Whatever is not one of the others; and nothing of a run before, if there was none.
    #[default]
    Other = 0,
    /// It reads the store, before it answers anybody.
    Store = 1,
    /// It executes a container's image.
    Image = 2,
    /// It executes an image that is on trial, or about to be: not the one that comes back after a failure.
    Candidate = 3,
}

/// A number that stands for a container's name. Two names with the same are harmless: at
/// worst one container too many is started again, or suspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag(u32);

impl Tag {
    /// No container.
    pub const NONE: Self = Self(0);

    /// The tag of a name; never [`NONE`](Self::NONE).
    #[must_use]
    pub fn of(name: &str) -> Self {
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Self(if hash == 0 { 1 } else { hash })
    }

    /// Sixteen bits of it, which are 0 for none only.
    const fn short(self) -> u16 {
        match (self.0 ^ self.0 >> 16) as u16 {
            0 if self.0 != 0 => 1,
            short => short,
        }
    }
}

/// What the notes of the runs before told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Failures since power-on.
    pub failures: u32,
    /// Nothing is started.
    pub safe_mode: bool,
    /// The store is not read: it may be what makes the supervisor fail.
    pub without_store: bool,
    /// Whose code was being executed at the last failure.
    suspect: Tag,
    /// Who is to blame, and not known to be in the store as such.
    blamed: Tag,
}

impl Before {
    /// Read the notes of the runs before, and begin those of this one.
    pub fn read<P: Platform>(platform: &P) -> Self {
        let word = |index| platform.note_before(index);
        let asked = word(FAILURES) == Some(NO_FAILURE);
        let failures = word(FAILURES).filter(|_| !asked);
        let failures = failures.map_or(0, |failures| (failures + 1).min(NO_FAILURE - 1));
        let row = match word(LENGTH).filter(|_| !asked) {
            None => 0,
            Some(length) if length > ROW_RUN => 1,
            Some(_) => word(ROW).unwrap_or(0).saturating_add(1),
        };
        platform.note(ROW, row);
        platform.note(FAILURES, failures);
        let work = match word(WORK) {
            Some(1) => Work::Store,
            Some(2) => Work::Image,
            Some(3) => Work::Candidate,
            _ => Work::Other,
        };
        let suspect = Tag(word(RUNNING).unwrap_or(0));
        let blamed = if work == Work::Image && suspect != Tag::NONE {
            suspect
        } else {
            Tag(word(BLAMED).unwrap_or(0))
        };
        // If this run fails before it has stored that, the next one knows it, too.
        platform.note(BLAMED, blamed.0);
        let safe_mode = row >= ROW_MAX;
        Self {
            failures,
            safe_mode,
            without_store: safe_mode && work == Work::Store,
            suspect,
            blamed,
        }
    }

    /// Was the code of the container with this tag being executed at the last failure?
    #[must_use]
    pub fn suspects(&self, tag: Tag) -> bool {
        self.suspect == tag && tag != Tag::NONE
    }

    /// Is the container with this tag, with the image that it has now, the cause of the last failure as far as
    /// anybody can know?
    #[must_use]
    pub fn blames(&self, tag: Tag) -> bool {
        self.blamed == tag && tag != Tag::NONE
    }

    /// Was the container with this tag active at the last failure?
    pub fn was_active<P: Platform>(&self, platform: &P, tag: Tag) -> bool {
        (ACTIVE..ACTIVE + ACTIVE_WORDS)
            .filter_map(|index| platform.note_before(index))
            .any(|word| word as u16 == tag.short() || (word >> 16) as u16 == tag.short())
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

/// Note that this run is over because somebody asks for it: the next is as the first.
pub fn forget<P: Platform>(platform: &P) {
    for index in 0..NOTES {
        platform.note(index, 0);
    }
    platform.note(FAILURES, NO_FAILURE);
}

/// Do `work` for a container, with the image that it has or with one that is `on_trial`. If the supervisor
/// fails in it, that one is the cause.
pub fn on_behalf<P: Platform, R>(
    platform: &P,
    tag: Tag,
    on_trial: bool,
    work: impl FnOnce() -> R,
) -> R {
    let kind = if on_trial {
        Work::Candidate
    } else {
        Work::Image
    };
    platform.note(WORK, kind as u32);
    platform.note(RUNNING, tag.0);
    let result = work();
    platform.note(RUNNING, 0);
    result
}

/// Note that who is to blame is in the store as such.
pub fn blame_is_stored<P: Platform>(platform: &P) {
    platform.note(BLAMED, 0);
}

/// Read the store. If the supervisor fails in it again and again, the store is the cause.
pub fn reading_the_store<P: Platform, R>(platform: &P, read: impl FnOnce() -> R) -> R {
    platform.note(WORK, Work::Store as u32);
    let result = read();
    platform.note(WORK, Work::Other as u32);
    result
}

/// Note which of the two containers in slots `2 * pair` and behind are active.
pub fn note_active<P: Platform>(platform: &P, pair: usize, tags: [Tag; 2]) {
    let [low, high] = tags;
    let word = u32::from(high.short()) << 16 | u32::from(low.short());
    platform.note(ACTIVE + pair, word);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    /// Let runs of these lengths (in seconds) fail, one after the other. Returns what the next finds.
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
    fn three_failures_in_a_row_are_too_many() {
        assert_eq!(after(&[]), Before::default());
        assert!(!after(&[1, 1]).safe_mode);
        assert!(after(&[1, 1, 1]).safe_mode);
        assert!(after(&[1, 29, 30]).safe_mode);
        // Every 33 s, or every 59, too.
        for seconds in 1..=120 {
            assert!(after(&[seconds; 3]).safe_mode, "{seconds}");
        }
        assert!(!after(&[1, 125, 125]).safe_mode);
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
    fn after_a_reset_that_was_asked_for_nothing_has_been() {
        let fake = Fake::default();
        for _ in 0..3 {
            note_length(&fake, 1_000_000);
            note_active(&fake, 0, [Tag::of("a"), Tag::of("b")]);
            on_behalf(&fake, Tag::of("a"), false, || fake.fail());
            Before::read(&fake);
        }
        assert!(Before::read(&fake).safe_mode);
        forget(&fake);
        fake.fail();
        let before = Before::read(&fake);
        assert_eq!(before, Before::default());
        assert!(!before.suspects(Tag::of("a")) && !before.was_active(&fake, Tag::of("a")));
        // And from then on failures count as ever.
        fake.fail();
        assert_eq!(Before::read(&fake).failures, 1);
    }

    #[test]
    fn who_was_running_and_who_was_active_is_known() {
        let fake = Fake::default();
        let [a, b, c] = ["a", "b", "c"].map(Tag::of);
        on_behalf(&fake, a, false, || {
            note_active(&fake, 0, [a, b]);
            note_active(&fake, 7, [Tag::NONE, c]);
            fake.fail();
        });
        let before = Before::read(&fake);
        assert!(before.suspects(a) && !before.suspects(b) && !before.suspects(Tag::NONE));
        assert!(before.blames(a) && !before.blames(b) && !before.blames(Tag::NONE));
        for (tag, active) in [(a, true), (b, true), (c, true), (Tag::of("d"), false)] {
            assert_eq!(before.was_active(&fake, tag), active);
        }
        blame_is_stored(&fake);
        on_behalf(&fake, a, true, || fake.fail());
        let before = Before::read(&fake);
        assert!(before.suspects(a) && !before.blames(a));
        blame_is_stored(&fake);
        // Between two turns nobody's code is executed.
        on_behalf(&fake, a, false, || ());
        fake.fail();
        let before = Before::read(&fake);
        assert!(![a, b, c, Tag::NONE].iter().any(|tag| before.suspects(*tag)));
        assert!(!before.was_active(&fake, a));
    }

    #[test]
    fn a_store_that_cannot_be_read_is_left_alone_in_safe_mode() {
        let fake = Fake::default();
        for failures in 0..20 {
            let before = Before::read(&fake);
            assert_eq!(before.without_store, failures >= ROW_MAX, "{failures}");
            if failures % 4 < 3 || !before.without_store {
                reading_the_store(&fake, || fake.fail());
            } else {
                break;
            }
        }
        // One that was read is not the cause of what came after it.
        let fake = Fake::default();
        for _ in 0..5 {
            assert!(!Before::read(&fake).without_store);
            reading_the_store(&fake, || ());
            fake.fail();
        }
        assert!(Before::read(&fake).safe_mode);
    }

    #[test]
    fn who_is_to_blame_is_known_until_it_is_stored() {
        let fake = Fake::default();
        let a = Tag::of("a");
        on_behalf(&fake, a, false, || fake.fail());
        for _ in 0..3 {
            let before = Before::read(&fake);
            assert!(before.blames(a));
            fake.fail();
        }
        assert!(Before::read(&fake).blames(a));
        blame_is_stored(&fake);
        fake.fail();
        assert!(!Before::read(&fake).blames(a));
    }
}
