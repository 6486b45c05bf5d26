//! Flash as the container store sees it.
//!
//! ```text
//!   store
//!   ────────────────────────────── Flash ──────────────────────────────
//!   supervisor, board          supervisor, host           store's tests
//!   system calls               [`Simulated`]              [`Simulated`]
//!   ═══════════════
//!   emulated part: [`rules`]
//! ```
//!
//! The rules are those of the strictest part that Berth is meant for: pages are erased
//! whole to ones, programming works on words of four bytes and only clears bits, and a
//! word may be programmed [`PROGRAMS_MAX`] times between two erases of its page. Reading needs
//! no call: the flash lies in the address space.
//!
//! [`rules`] is that as functions over memory. The board's emulated part and the
//! simulation both use it, so what passes in one is not refused by the other.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "simulated")]
extern crate alloc;

pub mod driver;
pub mod rules;
#[cfg(feature = "simulated")]
mod simulated;

#[cfg(feature = "simulated")]
pub use simulated::{Cut, Simulated};

/// Bytes that are programmed together.
pub const WORD_BYTES: usize = 4;

/// Bytes that are erased together on the reference part.
pub const PAGE_BYTES: usize = 4096;

/// How often a word may be programmed between two erases of its page.
pub const PROGRAMS_MAX: u8 = 2;

/// What an erased byte reads.
pub const ERASED: u8 = 0xff;

/// Why an operation was refused or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashError {
    /// Not inside the flash, not whole words, or more than the part takes at once;
    /// nothing has changed.
    Range,
    /// A bit would have to become one, or a word was programmed too often; nothing
    /// has changed.
    Rule,
    /// The page has been erased as often as its budget allows for now; nothing has changed, and
    /// later it is erased.
    Later,
    /// The part reports a failure: the page is worn out, or the power is gone. What was
    /// to change may have changed in part.
    Failed,
}

/// The budget of erases that whoever owns the part has given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erases {
    /// Erases that the page with the fewest has left now.
    pub left: u32,
    /// Most that a page has.
    pub most: u32,
    /// Seconds until each page has one more.
    pub period_s: u32,
    /// Erases that were refused for want of budget since the board started.
    pub refused: u32,
}

/// Flash that is read as memory.
///
/// Operations are done, or refused, when they return. An operation that the power's end
/// interrupts leaves each word of what it was to change in any state between old and new:
/// a program may have cleared any of the bits it was to clear, an erase may have set any.
/// A page whose erase was interrupted must be erased again before it is programmed; a word
/// whose program was interrupted counts as programmed once more.
pub trait Flash {
    /// Bytes of a page. A constant, so that dividing by it costs nothing.
    const PAGE_BYTES: usize = PAGE_BYTES;

    /// All of it; whole pages.
    fn bytes(&self) -> &[u8];

    /// Program the words from `offset` on. `offset` and length are multiples of
    /// [`WORD_BYTES`]; any number of words. They are programmed in ascending order.
    ///
    /// # Errors
    ///
    /// [`FlashError`].
    fn program(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashError>;

    /// Set all bytes of page number `page` to [`ERASED`].
    ///
    /// # Errors
    ///
    /// [`FlashError::Range`], [`FlashError::Failed`].
    fn erase(&mut self, page: usize) -> Result<(), FlashError>;

    /// What is left of the budget of erases. Returns `None` where there is none.
    fn erases(&self) -> Option<Erases> {
        None
    }
}
