//! SHA-512 of what fits one block (FIPS 180-4), in rounds.

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
    /// The content is these parts, one after the other. `None`: it does not fit.
    pub(crate) fn new(parts: &[&[u8]]) -> Option<Self> {
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
        Some(Self {
            words,
            state: INITIAL,
            round: 0,
        })
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
        let constant = CONSTANTS.get(at).copied().unwrap_or_default();
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
        let sum = (self.state.get(word).zip(INITIAL.get(word)))
            .map_or(0, |(word, initial)| word.wrapping_add(*initial));
        sum.swap_bytes() >> (number % 64) & 1 == 1
    }
}

fn rotated([first, second]: [u32; 2], shifted: u32, word: u64) -> u64 {
    word.rotate_right(first) ^ word.rotate_right(second) ^ word >> shifted
}

/// The first 64 bits of the fractional parts of the square roots of the first eight primes.
#[rustfmt::skip]
const INITIAL: [u64; 8] = [
    0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f, 0x1f83_d9ab_fb41_bd6b, 0x5be0_cd19_137e_2179,
];

/// The first 64 bits of the fractional parts of the cube roots of the first eighty primes.
#[rustfmt::skip]
static CONSTANTS: [u64; 80] = [
    0x428a_2f98_d728_ae22, 0x7137_4491_23ef_65cd, 0xb5c0_fbcf_ec4d_3b2f, 0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538, 0x59f1_11f1_b605_d019, 0x923f_82a4_af19_4f9b, 0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242, 0x1283_5b01_4570_6fbe, 0x2431_85be_4ee4_b28c, 0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f, 0x80de_b1fe_3b16_96b1, 0x9bdc_06a7_25c7_1235, 0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2, 0xefbe_4786_384f_25e3, 0x0fc1_9dc6_8b8c_d5b5, 0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275, 0x4a74_84aa_6ea6_e483, 0x5cb0_a9dc_bd41_fbd4, 0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab, 0xa831_c66d_2db4_3210, 0xb003_27c8_98fb_213f, 0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2, 0xd5a7_9147_930a_a725, 0x06ca_6351_e003_826f, 0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc, 0x2e1b_2138_5c26_c926, 0x4d2c_6dfc_5ac4_2aed, 0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de, 0x766a_0abb_3c77_b2a8, 0x81c2_c92e_47ed_aee6, 0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364, 0xa81a_664b_bc42_3001, 0xc24b_8b70_d0f8_9791, 0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218, 0xd699_0624_5565_a910, 0xf40e_3585_5771_202a, 0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8, 0x1e37_6c08_5141_ab53, 0x2748_774c_df8e_eb99, 0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63, 0x4ed8_aa4a_e341_8acb, 0x5b9c_ca4f_7763_e373, 0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc, 0x78a5_636f_4317_2f60, 0x84c8_7814_a1f0_ab72, 0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28, 0xa450_6ceb_de82_bde9, 0xbef9_a3f7_b2c6_7915, 0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c, 0xd186_b8c7_21c0_c207, 0xeada_7dd6_cde0_eb1e, 0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba, 0x0a63_7dc5_a2c8_98a6, 0x113f_9804_bef9_0dae, 0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84, 0x32ca_ab7b_40c7_2493, 0x3c9e_be0a_15c9_bebc, 0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6, 0x597f_299c_fc65_7e2a, 0x5fcb_6fab_3ad6_faec, 0x6c44_198c_4a47_5817,
];

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
            let mut hash = OneBlock::new(&[first, second]).unwrap();
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
        assert!(OneBlock::new(&[&content]).is_none());
    }
}
