//! Words that could matter to a kernel: addresses at every edge, numbers of drivers, values for exception returns.

use core::ops::Range;

/// Words that a run has learned: handles, addresses of mapped blocks, of its program.
const KNOWN: usize = 16;

/// What lies where: the kernel's memory, other processes', devices, the processor's own registers; edges.
const PLACES: [u32; 27] = [
    0x0000_0000,
    0x0003_ff00,
    0x0004_0000,
    0x0010_0100,
    0x0014_0000,
    0x2000_0000,
    0x2000_0800,
    0x2000_1a00,
    0x2000_fff0,
    0x2001_0000,
    0x2002_ffe0,
    0x2003_ffe0,
    0x2008_0000,
    0x2200_0000,
    0x4000_0000,
    0x4000_1000,
    0x4000_4000,
    0x4000_8000,
    0x4002_8000,
    0x4200_0000,
    0x5000_0000,
    0xe000_0000,
    0xe000_1000,
    0xe000_e010,
    0xe000_e100,
    0xe000_ed00,
    0xe000_ef00,
];

/// EXC_RETURN, valid ones and others.
const RETURNS: [u32; 8] = [
    0xffff_fff1,
    0xffff_fff9,
    0xffff_fffd,
    0xffff_ffe1,
    0xffff_ffe9,
    0xffff_ffed,
    0xf000_0000,
    0xffff_ffff,
];

/// Drivers of the board.
const DRIVERS: [u32; 8] = [0, 1, 2, 8, 0x1_0002, 0xa_0000, 0xa_0001, 0xa_0002];

/// A source of random words.
pub(crate) struct Words {
    state: u64,
    ram: Range<usize>,
    flash: Range<usize>,
    known: [u32; KNOWN],
    count: usize,
}

impl Words {
    /// The source of run `number`.
    pub(crate) fn new(seed: u32, number: u32, ram: Range<usize>, flash: Range<usize>) -> Self {
        let mut words = Self {
            state: (u64::from(seed) << 32 | u64::from(number)) ^ 0x9e37_79b9_7f4a_7c15,
            ram,
            flash,
            known: [0; KNOWN],
            count: 0,
        };
        for _ in 0..4 {
            words.random();
        }
        words
    }

    /// The next word (PCG's multiplier and increment, upper half, folded once).
    pub(crate) fn random(&mut self) -> u32 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = (self.state >> 32) as u32;
        high ^ high >> 15
    }

    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        ((u64::from(self.random()) * u64::from(limit)) >> 32) as u32
    }

    pub(crate) fn one_in(&mut self, count: u32) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn one_of(&mut self, words: &[u32]) -> u32 {
        let index = self.below(words.len() as u32);
        words.get(index as usize).copied().unwrap_or_default()
    }

    /// A word that could matter in this run.
    pub(crate) fn remember(&mut self, word: u32) {
        if let Some(place) = self.known.get_mut(self.count % KNOWN) {
            *place = word;
        }
        self.count += 1;
    }

    /// A word for a register.
    pub(crate) fn word(&mut self) -> u32 {
        match self.below(16) {
            0 => self.random(),
            1 => self.below(64),
            2 => self.one_of(&DRIVERS),
            3 => self.one_of(&RETURNS),
            4..7 => {
                let index = self.below(KNOWN as u32) as usize % self.count.clamp(1, KNOWN);
                let known = self.known.get(index).copied().unwrap_or_default();
                known.wrapping_add(self.near())
            }
            7..9 => self.one_of(&PLACES).wrapping_add(self.near()),
            9 => self.flash.start as u32 + self.below(self.flash.len() as u32),
            10 => self.ram.end as u32,
            11 => (self.ram.end as u32)
                .wrapping_add(self.near())
                .wrapping_sub(32),
            12 => (self.ram.start as u32).wrapping_add(self.near()),
            _ => self.ram.start as u32 + self.below(self.ram.len() as u32),
        }
    }

    /// A small step, mostly of whole words.
    fn near(&mut self) -> u32 {
        match self.below(4) {
            0 => 0,
            1 => self.below(64),
            _ => self.below(16) * 4,
        }
    }

    /// Where a stack could be: mostly in the upper half of a stack that is used now.
    pub(crate) fn stack(&mut self) -> u32 {
        if self.one_in(3) {
            self.word()
        } else {
            self.ram.start as u32 + 1024 + self.below(256) * 4
        }
    }
}
