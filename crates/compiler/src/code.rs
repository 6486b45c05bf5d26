//! The code of one function while it is made, and where it goes.
//!
//! A branch whose end is not known holds the place of the one before it to the same end instead: chains that need no
//! memory of their own.

use crate::Error;
use crate::encode::{Cond, branch};

/// Where an object goes: the code from its front to its end, and then the entry table.
pub trait Sink {
    /// Takes the next halfwords of the code. The first stand behind the entry table.
    ///
    /// # Errors
    ///
    /// There is no more room.
    fn put(&mut self, halfwords: &[u16]) -> Result<(), Full>;

    /// Takes the two words of function `index` ([`entry`](crate::entry::entry)); called for all in order at the end.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    fn entry(&mut self, index: u32, words: [u32; 2]) -> Result<(), Full>;
}

/// A sink takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The end of a chain.
pub(crate) const NONE: u32 = (1 << 20) - 1;

/// The buffer. Places are numbers of halfwords.
pub(crate) struct Code<'m> {
    halfwords: &'m mut [u16],
    length: usize,
    /// It did not fit.
    overflow: bool,
    /// Instructions that are chosen for their size must not change the flags.
    pub(crate) keep_flags: bool,
}

impl<'m> Code<'m> {
    pub(crate) const fn new(halfwords: &'m mut [u16]) -> Self {
        Self {
            halfwords,
            length: 0,
            overflow: false,
            keep_flags: false,
        }
    }

    /// Nothing is in it.
    pub(crate) const fn clear(&mut self) {
        self.length = 0;
        self.overflow = false;
        self.keep_flags = false;
    }

    /// Where the next instruction comes.
    pub(crate) const fn place(&self) -> u32 {
        self.length as u32
    }

    /// All of it, if it fits.
    pub(crate) fn finished(&self) -> Result<&[u16], Error> {
        self.check()?;
        Ok(&self.halfwords[..self.length])
    }

    /// Does it fit?
    pub(crate) const fn check(&self) -> Result<(), Error> {
        if self.overflow || self.length as u32 >= NONE {
            return Err(Error::refused("a function whose code is too long"));
        }
        Ok(())
    }

    pub(crate) fn short(&mut self, halfword: u16) {
        match self.halfwords.get_mut(self.length) {
            Some(place) => {
                *place = halfword;
                self.length += 1;
            }
            None => self.overflow = true,
        }
    }

    pub(crate) fn long(&mut self, first: u16, second: u16) {
        self.short(first);
        self.short(second);
    }

    /// Writes over the instruction of 32 bits at `place`.
    pub(crate) fn patch(&mut self, place: u32, (first, second): (u16, u16)) {
        if let Some(pair) = self.halfwords.get_mut(place as usize..place as usize + 2) {
            pair[0] = first;
            pair[1] = second;
        }
    }

    /// Writes over the halfword at `place`.
    pub(crate) fn patch_short(&mut self, place: u32, halfword: u16) {
        if let Some(old) = self.halfwords.get_mut(place as usize) {
            *old = halfword;
        }
    }

    fn word(&self, place: u32) -> u32 {
        match self.halfwords.get(place as usize..place as usize + 2) {
            Some(&[first, second]) => u32::from(first) << 16 | u32::from(second),
            _ => NONE,
        }
    }

    /// Puts something of 12 bits for later at the end of a chain. What it was is told by [`take`](Self::take).
    pub(crate) fn chain(&mut self, chain: &mut u32, what: u32) {
        let place = self.place();
        let word = what << 20 | *chain;
        self.long((word >> 16) as u16, word as u16);
        if !self.overflow {
            *chain = place;
        }
    }

    /// The last of a chain: where it is and what, and the chain without it.
    pub(crate) fn take(&self, chain: &mut u32) -> Option<(u32, u32)> {
        if *chain == NONE {
            return None;
        }
        let (place, word) = (*chain, self.word(*chain));
        *chain = word & NONE;
        Some((place, word >> 20))
    }

    /// A branch to the end of a chain.
    pub(crate) fn branch_later(&mut self, condition: Cond, chain: &mut u32) {
        self.chain(chain, condition as u32);
    }

    /// All branches of a chain lead here.
    pub(crate) fn land(&mut self, chain: &mut u32) {
        while let Some((place, what)) = self.take(chain) {
            self.land_one(place, Cond::of(what));
        }
    }

    /// The branch at `place` leads here.
    pub(crate) fn land_one(&mut self, place: u32, condition: Cond) {
        let distance = 2 * (self.place() as i32 - place as i32) - 4;
        self.patch(place, branch(condition, distance));
    }

    /// A branch to a place that is known.
    pub(crate) fn branch_back(&mut self, condition: Cond, to: u32) {
        let offset = to as i32 - self.place() as i32 - 2;
        match condition {
            Cond::Always if offset >= -1024 => self.short(0xe000 | offset as u16 & 0x7ff),
            Cond::Always => {}
            _ if offset >= -128 => {
                return self.short(0xd000 | (condition as u16) << 8 | offset as u16 & 0xff);
            }
            _ => {}
        }
        if condition != Cond::Always || offset < -1024 {
            let (first, second) = branch(condition, 2 * offset);
            self.long(first, second);
        }
    }
}
