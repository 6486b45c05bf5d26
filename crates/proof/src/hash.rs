//! SHA-256 of the front of an image (FIPS 180-4), a block in a pass.

use sha2::block_api::compress256;

/// Bytes of a block.
const BLOCK: usize = 64;

/// Bytes of the length that the last block ends with.
const LENGTH: usize = 8;

/// The first 32 bits of the fractional parts of the square roots of the first eight primes.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The hash of so many bytes, on its way.
pub(crate) struct Hash {
    state: [u32; 8],
    /// How many bytes are hashed.
    length: usize,
    /// Where the next block begins.
    at: usize,
}

impl Hash {
    /// The hash of the first `length` bytes.
    pub(crate) const fn new(length: usize) -> Self {
        Self {
            state: INITIAL,
            length,
            at: 0,
        }
    }

    /// Hash the next block of `image`. Returns whether it was the last.
    pub(crate) fn block(&mut self, image: &[u8]) -> bool {
        let mut block = [0; BLOCK];
        let left = self.length.saturating_sub(self.at);
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
        let is_last = left < BLOCK - LENGTH;
        if is_last && let Some(to) = block.last_chunk_mut::<LENGTH>() {
            *to = (8 * self.length as u64).to_be_bytes();
        }
        compress256(&mut self.state, &[block]);
        self.at += BLOCK;
        is_last
    }

    /// The hash, once the last block was hashed.
    pub(crate) fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.state) {
            *to = word.to_be_bytes();
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use sha2::{Digest, Sha256};
    use std::vec::Vec;

    #[test]
    fn every_length_has_the_hash_that_is_computed_at_once() {
        let image: Vec<u8> = (0..400_u32).map(|n| (n * 31 >> 2) as u8).collect();
        for length in 0..=image.len() {
            let mut hash = Hash::new(length);
            let blocks = (1..).find(|_| hash.block(&image)).unwrap();
            assert_eq!(blocks, (length + LENGTH) / BLOCK + 1);
            assert_eq!(hash.bytes(), Sha256::digest(&image[..length])[..]);
        }
    }
}
