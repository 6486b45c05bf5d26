//! SHA-256 of the front of an image (FIPS 180-4), some rounds in a pass.

use crate::constants::{CUBE_ROOTS, SQUARE_ROOTS};

/// Bytes of a block.
const BLOCK: usize = 64;
/// Bytes of the length that the last block ends with.
const LENGTH: usize = 8;
/// Rounds of a block.
const ROUNDS: usize = 64;
/// Rounds that are made in a pass, of some 60 instructions of a Cortex-M4.
const ROUNDS_OF_A_PASS: usize = 32;

/// What a hash begins with.
const INITIAL: [u32; 8] = {
    let mut words = [0; 8];
    let mut at = 0;
    while at < words.len() {
        words[at] = half(SQUARE_ROOTS[at]);
        at += 1;
    }
    words
};

/// The hash of the first bytes of an image, on its way.
pub struct Hash {
    state: [u32; 8],
    /// What the rounds of this block make of it.
    working: [u32; 8],
    /// The next sixteen words of the schedule, as a ring.
    words: [u32; 16],
    round: usize,
    /// The block's words were taken.
    has_begun: bool,
    /// How many bytes are hashed.
    length: usize,
    /// Where the block begins.
    at: usize,
}

impl Hash {
    /// The hash of the first `length` bytes.
    #[must_use]
    pub const fn new(length: usize) -> Self {
        Self {
            state: INITIAL,
            working: [0; 8],
            words: [0; 16],
            round: 0,
            has_begun: false,
            length,
            at: 0,
        }
    }

    /// Work on the hash of `image`, the same in all passes, for some 2,500 instructions of a Cortex-M4. Returns whether that was the last pass. Bytes that are not there count as zeros.
    pub fn pass(&mut self, image: &[u8]) -> bool {
        if self.round == 0 && !self.has_begun {
            self.has_begun = true;
            self.working = self.state;
            match image.get(self.at..).and_then(<[u8]>::first_chunk) {
                Some(block) if self.left() >= BLOCK => self.take(block),
                _ => {
                    let block = self.last_bytes(image);
                    self.take(&block);
                    return false;
                }
            }
        }
        self.rounds();
        if self.round < ROUNDS {
            return false;
        }
        for (state, word) in self.state.iter_mut().zip(self.working) {
            *state = state.wrapping_add(word);
        }
        let was_last = self.is_last();
        self.has_begun = false;
        self.round = 0;
        self.at += BLOCK;
        was_last
    }

    /// The hash, once the last pass was made.
    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.state) {
            *to = word.to_be_bytes();
        }
        bytes
    }

    /// How many bytes there are from this block on.
    const fn left(&self) -> usize {
        self.length.saturating_sub(self.at)
    }

    /// Returns whether the length fits behind the bytes of this block.
    const fn is_last(&self) -> bool {
        self.left() < BLOCK - LENGTH
    }

    /// A block in which the bytes end, or behind their end.
    #[inline(never)]
    fn last_bytes(&self, image: &[u8]) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let left = self.left();
        let own = image.get(self.at..).unwrap_or_default();
        for (to, from) in block.iter_mut().zip(own).take(left) {
            *to = *from;
        }
        // Behind the bytes come a one, zeros, and their number in bits. The one may stand in the block before.
        if self.at <= self.length
            && let Some(end) = block.get_mut(left)
        {
            *end = 0x80;
        }
        if self.is_last()
            && let Some(to) = block.last_chunk_mut::<LENGTH>()
        {
            *to = (8 * self.length as u64).to_be_bytes();
        }
        block
    }

    #[inline(never)]
    fn take(&mut self, block: &[u8; BLOCK]) {
        for (word, bytes) in self.words.iter_mut().zip(block.as_chunks().0) {
            *word = u32::from_be_bytes(*bytes);
        }
    }

    #[inline(never)]
    fn rounds(&mut self) {
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = self.working;
        for constant in CUBE_ROOTS.iter().skip(self.round).take(ROUNDS_OF_A_PASS) {
            let at = self.round;
            let word = |ahead: usize| self.words[(at + ahead) % 16];
            let w = word(0);
            // The word of sixteen rounds from now takes its place.
            let (w1, w14) = (word(1), word(14));
            let s0 = w1.rotate_right(7) ^ w1.rotate_right(18) ^ w1 >> 3;
            let s1 = w14.rotate_right(17) ^ w14.rotate_right(19) ^ w14 >> 10;
            let new = w.wrapping_add(s0).wrapping_add(word(9)).wrapping_add(s1);
            self.words[at % 16] = new;
            let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let choice = (e & f) ^ (!e & g);
            let t1 = (h.wrapping_add(s1).wrapping_add(choice))
                .wrapping_add(half(*constant))
                .wrapping_add(w);
            let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let majority = (a & b) ^ (a & c) ^ (b & c);
            let t2 = s0.wrapping_add(majority);
            (h, g, f, e) = (g, f, e, d.wrapping_add(t1));
            (d, c, b, a) = (c, b, a, t1.wrapping_add(t2));
            self.round += 1;
        }
        self.working = [a, b, c, d, e, f, g, h];
    }
}

/// The first 32 bits of 64.
const fn half(word: u64) -> u32 {
    (word >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use std::vec::Vec;

    #[test]
    fn every_length_has_the_hash_that_is_computed_at_once() {
        let image: Vec<u8> = (0..400_u32).map(|n| ((n * 31) >> 2) as u8).collect();
        for length in 0..=image.len() {
            let mut hash = Hash::new(length);
            let passes = (1..).find(|_| hash.pass(&image)).unwrap();
            let blocks = (length + LENGTH) / BLOCK + 1;
            assert_eq!(
                passes,
                blocks * ROUNDS / ROUNDS_OF_A_PASS + blocks - length / BLOCK
            );
            assert_eq!(hash.bytes(), Sha256::digest(&image[..length])[..]);
        }
    }
}
