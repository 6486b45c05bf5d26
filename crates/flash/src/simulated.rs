//! Flash in memory that obeys the rules, counts its wear, and whose power can be cut.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::{ERASED, Flash, FlashError, PAGE_BYTES, WORD_BYTES, rules};

/// When the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// So many steps are done whole; the power goes in the next one. A step is the
    /// program of one word or the erase of one page.
    pub after: u64,
    /// Which of the bits that the interrupted step was to change have changed: all zeros, none;
    /// all ones, all; anything else, a choice that depends on the seed and the place.
    pub seed: u64,
}

/// Flash in memory, `PAGE` bytes a page.
#[derive(Clone, Debug)]
pub struct Simulated<const PAGE: usize = PAGE_BYTES> {
    bytes: Vec<u8>,
    counts: Vec<u8>,
    erases: Vec<u32>,
    endurance: u32,
    allowed: u32,
    steps: u64,
    cut: Option<Cut>,
    is_off: bool,
}

impl<const PAGE: usize> Simulated<PAGE> {
    /// Erased flash of so many pages.
    #[must_use]
    pub fn new(pages: usize) -> Self {
        Self {
            bytes: vec![ERASED; pages * PAGE],
            counts: vec![0; pages * PAGE / WORD_BYTES],
            erases: vec![0; pages],
            endurance: u32::MAX,
            allowed: u32::MAX,
            steps: 0,
            cut: None,
            is_off: false,
        }
    }

    /// Let pages wear out: an erase fails when its page has had this many.
    #[must_use]
    pub const fn endurance(mut self, erases: u32) -> Self {
        self.endurance = erases;
        self
    }

    /// Refuse erases of pages that have had this many, until more are allowed.
    pub const fn allow_erases(&mut self, erases: u32) {
        self.allowed = erases;
    }

    /// Cut the power; `after` counts from now on.
    pub const fn cut(&mut self, cut: Cut) {
        let after = self.steps.saturating_add(cut.after);
        self.cut = Some(Cut { after, ..cut });
    }

    /// Is the power gone? Every operation fails then.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.is_off
    }

    /// Switch the power on again (and cancel a cut that has not happened).
    pub const fn power_on(&mut self) {
        self.is_off = false;
        self.cut = None;
    }

    /// Steps done since the beginning, interrupted ones included.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns how often each page was erased.
    #[must_use]
    pub fn erases(&self) -> &[u32] {
        &self.erases
    }

    /// Change bytes behind the rules' back, as a broken part might.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Count a step. Returns the seed if the power goes in it.
    fn step(&mut self) -> Option<u64> {
        let cut = self.cut.filter(|cut| cut.after == self.steps);
        self.steps += 1;
        let cut = cut?;
        self.is_off = true;
        Some(cut.seed)
    }

    /// What an interrupted step makes of `range`, each byte on its way to `new`.
    fn tear(&mut self, range: Range<usize>, seed: u64, new: impl Fn(usize) -> u8) {
        for place in range {
            let Some(byte) = self.bytes.get_mut(place) else {
                continue;
            };
            let changes = (*byte ^ new(place)) & mask(seed, place);
            *byte ^= changes;
        }
    }

    fn words(range: &Range<usize>) -> Range<usize> {
        range.start / WORD_BYTES..range.end / WORD_BYTES
    }
}

/// Eight bits that look random (SplitMix64's mixing function).
const fn mask(seed: u64, place: usize) -> u8 {
    if seed == 0 || seed == u64::MAX {
        return seed as u8;
    }
    let mut mixed = seed.wrapping_add((place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 56) as u8
}

impl<const PAGE: usize> Flash for Simulated<PAGE> {
    const PAGE_BYTES: usize = PAGE;

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn program(&mut self, offset: usize, new: &[u8]) -> Result<(), FlashError> {
        if self.is_off {
            return Err(FlashError::Failed);
        }
        if offset % WORD_BYTES != 0 {
            return Err(FlashError::Range);
        }
        let end = offset.checked_add(new.len()).ok_or(FlashError::Range)?;
        let range = offset..end;
        let old = self.bytes.get(range.clone()).ok_or(FlashError::Range)?;
        let counts = self.counts.get(Self::words(&range));
        rules::check_program(old, counts.unwrap_or_default(), new)?;
        for (word, new) in (offset..).step_by(WORD_BYTES).zip(new.chunks(WORD_BYTES)) {
            let range = word..word + WORD_BYTES;
            let cut = self.step();
            if let Some(counts) = self.counts.get_mut(Self::words(&range)) {
                rules::count_program(counts);
            }
            let seed = cut.unwrap_or(u64::MAX);
            self.tear(range, seed, |place| {
                new.get(place - word).copied().unwrap_or(ERASED)
            });
            if cut.is_some() {
                return Err(FlashError::Failed);
            }
        }
        Ok(())
    }

    fn erase(&mut self, page: usize) -> Result<(), FlashError> {
        if self.is_off {
            return Err(FlashError::Failed);
        }
        let erases = self.erases.get_mut(page).ok_or(FlashError::Range)?;
        if *erases >= self.allowed {
            return Err(FlashError::Later);
        }
        let is_worn = *erases >= self.endurance;
        *erases = erases.saturating_add(1);
        let range = page * PAGE..(page + 1) * PAGE;
        let words = Self::words(&range);
        if let Some(counts) = self.counts.get_mut(words.clone()) {
            rules::count_erase(counts);
        }
        if let Some(seed) = self.step() {
            self.tear(range, seed, |_| ERASED);
            return Err(FlashError::Failed);
        }
        if is_worn {
            return Err(FlashError::Failed);
        }
        if let (Some(bytes), Some(counts)) = (self.bytes.get_mut(range), self.counts.get_mut(words))
        {
            rules::erase(bytes, counts);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pages of 16 bytes.
    fn flash() -> Simulated<16> {
        Simulated::new(2)
    }

    #[test]
    fn programs_and_erases_are_what_a_part_does() {
        let mut flash = flash();
        assert_eq!(flash.program(4, &[1, 2, 3, 4, 5, 6, 7, 8]), Ok(()));
        assert_eq!(flash.bytes()[3..13], [255, 1, 2, 3, 4, 5, 6, 7, 8, 255]);
        assert_eq!(flash.program(4, &[0; 4]), Ok(()));
        assert_eq!(flash.program(4, &[0; 4]), Err(FlashError::Rule));
        // Refused as a whole.
        assert_eq!(flash.program(0, &[0; 8]), Err(FlashError::Rule));
        assert_eq!(flash.bytes()[0], 255);
        flash.erase(0).unwrap();
        assert!(flash.bytes().iter().all(|byte| *byte == ERASED));
        assert_eq!(flash.erases(), [1, 0]);
        assert_eq!(flash.steps(), 4);
    }

    #[test]
    fn what_is_outside_or_not_whole_words_is_refused() {
        let mut flash = flash();
        for (offset, length) in [(2, 4), (0, 3), (32, 4), (28, 8), (usize::MAX - 3, 4)] {
            let new = vec![0; length];
            assert_eq!(flash.program(offset, &new), Err(FlashError::Range));
        }
        assert_eq!(flash.erase(2), Err(FlashError::Range));
        assert_eq!(flash.program(32, &[]), Ok(()));
        assert_eq!(flash.steps(), 0);
    }

    #[test]
    fn a_cut_tears_one_word_and_stops_everything() {
        for seed in [0, u64::MAX, 7] {
            let mut flash = flash();
            flash.cut(Cut { after: 1, seed });
            assert_eq!(flash.program(0, &[0x5a; 12]), Err(FlashError::Failed));
            assert_eq!(flash.bytes()[..4], [0x5a; 4]);
            for byte in &flash.bytes()[4..8] {
                assert_eq!(byte & 0x5a, 0x5a, "a bit that was to stay is cleared");
                match seed {
                    0 => assert_eq!(*byte, ERASED),
                    u64::MAX => assert_eq!(*byte, 0x5a),
                    _ => {}
                }
            }
            assert_eq!(flash.bytes()[8..12], [ERASED; 4]);
            assert!(flash.is_off());
            assert_eq!(flash.erase(1), Err(FlashError::Failed));
            flash.power_on();
            assert_eq!(flash.program(4, &[0; 4]), Ok(()));
            assert_eq!(
                flash.program(4, &[0; 4]),
                Err(FlashError::Rule),
                "the torn program counts"
            );
        }
    }

    #[test]
    fn a_torn_erase_must_be_repeated() {
        let mut flash = flash();
        flash.program(0, &[0; 16]).unwrap();
        flash.cut(Cut { after: 0, seed: 3 });
        assert_eq!(flash.erase(0), Err(FlashError::Failed));
        let torn = flash.bytes()[..16].to_vec();
        assert_ne!(torn, [0; 16]);
        assert_ne!(torn, [ERASED; 16]);
        flash.power_on();
        assert_eq!(flash.program(0, &[0; 4]), Err(FlashError::Rule));
        flash.erase(0).unwrap();
        assert_eq!(flash.program(0, &[0; 4]), Ok(()));
    }

    #[test]
    fn a_worn_page_fails_to_erase() {
        let mut flash = flash().endurance(2);
        flash.erase(0).unwrap();
        flash.erase(0).unwrap();
        assert_eq!(flash.erase(0), Err(FlashError::Failed));
        assert!(!flash.is_off());
        assert_eq!(flash.erase(1), Ok(()));
    }
}
