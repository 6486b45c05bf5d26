//! SHA-512 of what fits one block (FIPS 180-4), in rounds.

use crate::constants::{CUBE_ROOTS, SQUARE_ROOTS};

/// Most bytes that fit one block: behind them come a byte and the length.
pub(crate) const CONTENT_MAX: usize = BLOCK_BYTES - 1 - LENGTH_BYTES;

const BLOCK_BYTES: usize = 128;
const LENGTH_BYTES: usize = 16;
const ROUNDS: u8 = 80;

/// The hash of one block, on its way.
pub(crate) struct OneBlock {
    /// The next sixteen words of the schedule, as a ring.
    words: [u64; 16],
    state: [u64; 8],
    round: u8,
}

impl OneBlock {
    /// Nothing to hash.
    pub(crate) const fn empty() -> Self {
        Self {
            words: [0; 16],
            state: SQUARE_ROOTS,
            round: 0,
        }
    }

    /// Begin with the content that is these parts, one after the other. Returns whether it fits.
    pub(crate) fn begin(&mut self, parts: &[&[u8]]) -> bool {
        let Some(words) = block_of(parts) else {
            return false;
        };
        *self = Self {
            words,
            ..Self::empty()
        };
        true
    }

    /// Make one round. Returns whether it was the last.
    pub(crate) fn round(&mut self) -> bool {
        let at = usize::from(self.round);
        let word = |ahead: usize| self.words[(at + ahead) % 16];
        let w = word(0);
        // The word of sixteen rounds from now takes its place.
        let s0 = rotated([1, 8], 7, word(1));
        let s1 = rotated([19, 61], 6, word(14));
        let new = w.wrapping_add(s0).wrapping_add(word(9)).wrapping_add(s1);
        let [a, b, c, d, e, f, g, h] = self.state;
        let s1 = e.rotate_right(14) ^ e.rotate_right(18) ^ e.rotate_right(41);
        let choice = (e & f) ^ (!e & g);
        let constant = CUBE_ROOTS.get(at).copied().unwrap_or_default();
        let t1 = h
            .wrapping_add(s1)
            .wrapping_add(choice)
            .wrapping_add(constant)
            .wrapping_add(w);
        let s0 = a.rotate_right(28) ^ a.rotate_right(34) ^ a.rotate_right(39);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let t2 = s0.wrapping_add(majority);
        self.state = [t1.wrapping_add(t2), a, b, c, d.wrapping_add(t1), e, f, g];
        self.words[at % 16] = new;
        self.round += 1;
        self.round >= ROUNDS
    }

    /// A bit of the hash, once the last round was made, as a number of 512 bits whose lowest byte is the first.
    pub(crate) fn bit(&self, number: u16) -> bool {
        let word = usize::from(number / 64);
        let sum = (self.state.get(word).zip(SQUARE_ROOTS.get(word)))
            .map_or(0, |(word, initial)| word.wrapping_add(*initial));
        sum.swap_bytes() >> (number % 64) & 1 == 1
    }
}

/// The words of the block with these parts and what comes behind them.
#[inline(never)]
fn block_of(parts: &[&[u8]]) -> Option<[u64; 16]> {
    let mut block = [0; BLOCK_BYTES];
    let mut length = 0;
    for part in parts {
        let end = length + part.len();
        if end > CONTENT_MAX {
            return None;
        }
        block.get_mut(length..end)?.copy_from_slice(part);
        length = end;
    }
    *block.get_mut(length)? = 0x80;
    let bits = 8 * length as u128;
    let behind = block.last_chunk_mut::<LENGTH_BYTES>()?;
    *behind = bits.to_be_bytes();
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u64::from_be_bytes(*bytes);
    }
    Some(words)
}

fn rotated([first, second]: [u32; 2], shifted: u32, word: u64) -> u64 {
    word.rotate_right(first) ^ word.rotate_right(second) ^ word >> shifted
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha512};
    use std::vec::Vec;

    #[test]
    fn every_length_that_fits_has_the_hash_of_another_implementation() {
        let content: Vec<u8> = (0..=CONTENT_MAX as u8)
            .map(|n| n.wrapping_mul(37))
            .collect();
        for length in 0..=CONTENT_MAX {
            let (content, _) = content.split_at(length);
            let (first, second) = content.split_at(length / 3);
            let mut hash = OneBlock::empty();
            assert!(hash.begin(&[first, second]));
            let rounds = core::iter::from_fn(|| Some(hash.round())).position(|last| last);
            assert_eq!(rounds, Some(79));
            let bytes: Vec<u8> = (0..64)
                .map(|byte| {
                    (0..8)
                        .map(|bit| u8::from(hash.bit(8 * byte + bit)) << bit)
                        .sum()
                })
                .collect();
            assert_eq!(bytes, Sha512::digest(content).to_vec(), "{length} bytes");
        }
        assert!(!OneBlock::empty().begin(&[&content]));
    }
}
