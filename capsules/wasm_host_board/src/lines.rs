//! Interrupt lines of the NVIC, and which of them a chip attends to.
//!
//! A chip of upstream's services every line that is pending, enabled or not, and enables it again. A line that waits for a
//! container's handler is pending for as long as the handler takes, so the chip has to pass it over: it asks here which line
//! is next, and this knows which ones wait.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::ptr;
use wasm_host::Lines;

/// Words of 32 lines that a NVIC has at most.
const WORDS: usize = 8;

/// Registers of the NVIC, from its base.
const ENABLE: usize = 0x100;
const DISABLE: usize = 0x180;
const PENDING: usize = 0x200;
const CLEAR_PENDING: usize = 0x280;

/// Where the NVIC is in every Cortex-M.
const NVIC: usize = 0xE000_E000;

/// The lines, one bit each for those that are attended to.
pub struct AttendedLines {
    base: usize,
    attended: [Cell<u32>; WORDS],
}

impl AttendedLines {
    /// All lines attended to but `exposed`, which are while a container waits for them.
    ///
    /// # Safety
    ///
    /// On a Cortex-M, once: two objects would not know of each other which lines are attended to.
    #[must_use]
    pub unsafe fn new(exposed: impl IntoIterator<Item = u32>) -> Self {
        // SAFETY: the NVIC is there, as the caller promises.
        unsafe { Self::at(NVIC, exposed) }
    }

    /// # Safety
    ///
    /// Words that can be read and written are at these offsets from `base`.
    unsafe fn at(base: usize, exposed: impl IntoIterator<Item = u32>) -> Self {
        let lines = Self {
            base,
            attended: [const { Cell::new(u32::MAX) }; WORDS],
        };
        for line in exposed {
            lines.attend_to(line, false);
        }
        lines
    }

    /// The lowest line that is pending and attended to: what a chip's `service_pending_interrupts` asks, instead of
    /// `nvic::next_pending`.
    #[must_use]
    pub fn next_pending(&self) -> Option<u32> {
        let mut first = 0;
        for (word, attended) in self.attended.iter().enumerate() {
            let pending = self.read(PENDING, word) & attended.get();
            if pending != 0 {
                return Some(first + pending.trailing_zeros());
            }
            first += 32;
        }
        None
    }

    /// Returns whether any is: what `has_pending_interrupts` asks, instead of `nvic::has_pending`.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.next_pending().is_some()
    }

    /// What a chip does behind the service of a line: it clears it, and enables it if it is still attended to.
    pub fn finish(&self, line: u32) {
        self.clear_pending(line);
        if self.is_attended(line) {
            self.write(ENABLE, line);
        }
    }

    fn is_attended(&self, line: u32) -> bool {
        self.attended
            .get(line as usize / 32)
            .is_some_and(|word| word.get() >> (line % 32) & 1 != 0)
    }

    fn attend_to(&self, line: u32, attend: bool) {
        if let Some(word) = self.attended.get(line as usize / 32) {
            let bit = 1 << (line % 32);
            word.set(if attend {
                word.get() | bit
            } else {
                word.get() & !bit
            });
        }
    }

    fn register(&self, which: usize, word: usize) -> *mut u32 {
        ptr::with_exposed_provenance_mut(self.base + which + word * 4)
    }

    fn read(&self, which: usize, word: usize) -> u32 {
        // SAFETY: `word` is one of the eight that `new`'s caller vouched for; those that a core does
        // not have read zero.
        unsafe { ptr::read_volatile(self.register(which, word)) }
    }

    /// Write a line's bit to a register where ones count and zeros do nothing.
    fn write(&self, which: usize, line: u32) {
        let word = line as usize / 32;
        if word < WORDS {
            // SAFETY: as in `read`.
            unsafe { ptr::write_volatile(self.register(which, word), 1 << (line % 32)) }
        }
    }
}

impl Lines for AttendedLines {
    fn mask(&self, line: u32) {
        self.attend_to(line, false);
        self.write(DISABLE, line);
    }

    fn unmask(&self, line: u32) {
        self.attend_to(line, true);
        self.write(ENABLE, line);
    }

    fn clear_pending(&self, line: u32) {
        self.write(CLEAR_PENDING, line);
    }

    fn is_pending(&self, line: u32) -> bool {
        let word = line as usize / 32;
        word < WORDS && self.read(PENDING, word) >> (line % 32) & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;

    /// Registers that keep what was written last.
    struct Registers(&'static [Cell<u32>]);

    impl Registers {
        fn new() -> Self {
            let words = (0..0x300 / 4).map(|_| Cell::new(0));
            Self(Box::leak(words.collect()))
        }

        fn lines(&self, exposed: &[u32]) -> AttendedLines {
            let base = self.0.as_ptr().expose_provenance();
            // SAFETY: the words of this test, which are only ever reached as cells.
            unsafe { AttendedLines::at(base, exposed.iter().copied()) }
        }

        fn word(&self, which: usize, word: usize) -> &Cell<u32> {
            &self.0[which / 4 + word]
        }
    }

    #[test]
    fn a_line_that_waits_for_a_container_is_passed_over() {
        let nvic = Registers::new();
        let lines = nvic.lines(&[3, 40]);
        nvic.word(PENDING, 0).set(0b1000);
        nvic.word(PENDING, 1).set(1 << 8);
        assert_eq!((lines.next_pending(), lines.has_pending()), (None, false));
        assert!(lines.is_pending(3) && lines.is_pending(40) && !lines.is_pending(4));
        lines.unmask(40);
        assert_eq!(nvic.word(ENABLE, 1).take(), 1 << 8);
        assert_eq!(lines.next_pending(), Some(40));
        lines.mask(40);
        assert_eq!(nvic.word(DISABLE, 1).take(), 1 << 8);
        assert_eq!(lines.next_pending(), None);
        // The firmware's come as ever.
        nvic.word(PENDING, 7).set(1 << 31);
        assert_eq!(lines.next_pending(), Some(255));
    }

    /// Behind a service that masked the line, it stays masked.
    #[test]
    fn what_the_service_masked_the_chip_does_not_enable() {
        let nvic = Registers::new();
        let lines = nvic.lines(&[3]);
        lines.unmask(3);
        nvic.word(ENABLE, 0).set(0);
        lines.mask(3);
        lines.finish(3);
        assert_eq!(nvic.word(CLEAR_PENDING, 0).take(), 0b1000);
        assert_eq!(nvic.word(ENABLE, 0).take(), 0);
        lines.finish(5);
        assert_eq!(nvic.word(ENABLE, 0).take(), 1 << 5);
    }

    #[test]
    fn a_line_that_no_nvic_has_is_none() {
        let nvic = Registers::new();
        let lines = nvic.lines(&[256, u32::MAX]);
        lines.mask(256);
        lines.unmask(u32::MAX);
        lines.finish(1000);
        assert!(!lines.is_pending(256) && !lines.has_pending());
        assert!(nvic.0.iter().all(|word| word.get() == 0));
    }
}
