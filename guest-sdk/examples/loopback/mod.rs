//! What the examples `loopback_*` have in common: a kilobyte through an SPI controller whose loopback is closed, and what is said
//! of it.
//!
//! The controller is Arm's PL022, as on the shields of MPS2 boards.

#![allow(dead_code, reason = "each of them uses a part")]

use berth_guest::mps2_an386::spi_shield0::{sspcr0, sspcr1, sspsr};
use berth_guest::{error, exit, info, now_us};

/// Words of a transfer, 16 bits each.
pub(crate) const WORDS: usize = 512;

/// Frames of 16 bits.
pub(crate) const FRAMES: u32 = sspcr0::DSS.with(15).value();
/// The smallest prescaler.
pub(crate) const PRESCALER: u32 = 2;
/// Loopback, enabled.
pub(crate) const LOOPBACK: u32 = sspcr1::LBM.set().and(sspcr1::SSE.set()).value();
/// Status: there is room for a word.
pub(crate) const ROOM: u32 = sspsr::TNF.mask();
/// Status: there is a word.
pub(crate) const FILLED: u32 = sspsr::RNE.mask();
/// Words that each queue holds.
pub(crate) const QUEUE: usize = 8;

/// Word `index` of what is sent.
pub(crate) const fn word(index: usize) -> u16 {
    (index as u16).wrapping_mul(0x9e37) ^ 0x55aa
}

/// What came back so far.
pub(crate) struct Received {
    words: u32,
    wrong: u32,
    /// When the transfer began: microseconds since the device started.
    begun: u64,
    /// When the last word was there.
    ended: Option<u64>,
}

impl Received {
    /// Nothing yet: the transfer begins.
    pub(crate) fn new() -> Self {
        Self {
            words: 0,
            wrong: 0,
            begun: now_us(),
            ended: None,
        }
    }

    /// All words are there, even if they are not taken yet.
    pub(crate) fn all_there(&mut self) {
        self.ended = Some(now_us());
    }

    /// The next word.
    #[inline(always)]
    pub(crate) fn take(&mut self, value: u16) {
        if value != word(self.words as usize) {
            self.wrong += 1;
        }
        self.words += 1;
    }

    /// Says what came back, and ends: the exit code is the microseconds that the transfer took, or -1.
    pub(crate) fn tell(self) -> ! {
        let took = self.ended.unwrap_or_else(now_us) - self.begun;
        if self.words as usize == WORDS && self.wrong == 0 {
            info!("1024 bytes came back, wrong words: 0");
            exit(took as i32)
        }
        error!("other words came back");
        exit(-1)
    }
}
