//! Flash in which what a power cut interrupted reads differently each time the power comes back.

use berth_flash::{Cut, Flash, FlashError, Simulated, WORD_BYTES};

use berth_random::Random;

/// Bytes on their way from old to new when the power went.
#[derive(Clone, Debug)]
struct Torn {
    at: usize,
    old: Vec<u8>,
    new: Vec<u8>,
}

/// [`Simulated`], with torn words that never settle, and with a count of what no store may do.
#[derive(Clone, Debug)]
pub(crate) struct Unstable<const PAGE: usize> {
    inner: Simulated<PAGE>,
    torn: Vec<Torn>,
    /// Where programs were refused: those that set bits, or were one too many for a word.
    pub(crate) violations: Vec<usize>,
}

impl<const PAGE: usize> Unstable<PAGE> {
    pub(crate) fn new(pages: usize) -> Self {
        Self {
            inner: Simulated::new(pages),
            torn: Vec::new(),
            violations: Vec::new(),
        }
    }

    pub(crate) fn endurance(mut self, erases: u32) -> Self {
        self.inner = self.inner.endurance(erases);
        self
    }

    pub(crate) const fn cut(&mut self, after: u64, seed: u64) {
        self.inner.cut(Cut { after, seed });
    }

    pub(crate) const fn is_off(&self) -> bool {
        self.inner.is_off()
    }

    pub(crate) const fn steps(&self) -> u64 {
        self.inner.steps()
    }

    pub(crate) fn erases(&self) -> &[u32] {
        self.inner.erases()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.inner.bytes_mut()
    }

    /// Switch on again; every torn byte takes another mixture of old and new.
    pub(crate) fn power_on(&mut self, random: &mut Random) {
        self.inner.power_on();
        for torn in &self.torn {
            let bytes = self.inner.bytes_mut();
            // Now and then a word looks as if nothing, or all, had happened.
            let all = match random.below(4) {
                0 => Some(0),
                1 => Some(0xff),
                _ => None,
            };
            for (place, (old, new)) in torn.old.iter().zip(&torn.new).enumerate() {
                let mask = all.unwrap_or_else(|| random.number() as u8);
                bytes[torn.at + place] = old & !mask | new & mask;
            }
        }
    }

    /// Words that were written anew are torn no more.
    fn settle(&mut self, from: usize, to: usize) {
        self.torn
            .retain(|torn| torn.at + torn.old.len() <= from || to <= torn.at);
    }
}

impl<const PAGE: usize> Flash for Unstable<PAGE> {
    const PAGE_BYTES: usize = PAGE;

    fn bytes(&self) -> &[u8] {
        self.inner.bytes()
    }

    fn program(&mut self, offset: usize, new: &[u8]) -> Result<(), FlashError> {
        let before = self.inner.steps();
        let old = self
            .inner
            .bytes()
            .get(offset..offset + new.len())
            .unwrap_or_default()
            .to_vec();
        let was_off = self.inner.is_off();
        let done = self.inner.program(offset, new);
        match done {
            Ok(()) => self.settle(offset, offset + new.len()),
            Err(FlashError::Failed) if !was_off => {
                let word = (self.inner.steps() - before - 1) as usize * WORD_BYTES;
                let range = word..word + WORD_BYTES;
                self.settle(offset, offset + word);
                self.torn.push(Torn {
                    at: offset + word,
                    old: old[range.clone()].to_vec(),
                    new: new[range].to_vec(),
                });
            }
            Err(FlashError::Failed) => {}
            Err(_) => self.violations.push(offset),
        }
        done
    }

    fn erase(&mut self, page: usize) -> Result<(), FlashError> {
        let range = page * PAGE..(page + 1) * PAGE;
        let old = self.inner.bytes()[range.clone()].to_vec();
        let was_off = self.inner.is_off();
        let done = self.inner.erase(page);
        if done.is_ok() {
            self.settle(range.start, range.end);
        } else if self.inner.is_off() && !was_off {
            self.settle(range.start, range.end);
            self.torn.push(Torn {
                at: range.start,
                new: vec![0xff; old.len()],
                old,
            });
        }
        done
    }
}
