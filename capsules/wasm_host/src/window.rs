//! The two borders through which the capsule reaches hardware.
//!
//! ```text
//!   wasm_host (no unsafe, knows offsets)
//!      │ Window: len, read/write 8/16/32      │ Line: mask, unmask, clear pending
//!   board or chip (knows addresses and the interrupt controller)
//! ```
//!
//! A board implements each once, over whatever safe register or interrupt object
//! its chip offers. The capsule never uses an address, it only passes one on for a
//! block that is mapped.

/// A block of memory-mapped registers.
///
/// The capsule calls the access functions only with offsets that are multiples of
/// the access width and with `offset + width <= len()`. An implementation that
/// turns offsets into addresses must still check both, and ignore a write or
/// answer zero where they do not hold: memory safety is not this crate's to promise.
///
/// `Sync` is required so that a board can keep its table of exposures in a
/// `static`; a window is a base address and a length, which is `Sync` by itself.
pub trait Window: Sync {
    /// Length of the block in bytes.
    fn len(&self) -> usize;
    /// Whether the block has no registers at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Where the processor sees the block, if it may be mapped into a process.
    /// `None`: it is reached by commands only, whatever the table says.
    fn address(&self) -> Option<usize> {
        None
    }
    /// One 8-bit load.
    fn read8(&self, offset: usize) -> u8;
    /// One 16-bit load.
    fn read16(&self, offset: usize) -> u16;
    /// One 32-bit load.
    fn read32(&self, offset: usize) -> u32;
    /// One 8-bit store.
    fn write8(&self, offset: usize, value: u8);
    /// One 16-bit store.
    fn write16(&self, offset: usize, value: u16);
    /// One 32-bit store.
    fn write32(&self, offset: usize, value: u32);
}

/// One interrupt line of an exposed block.
///
/// The capsule masks and clears it whenever a claim ends, so that hardware whose
/// driver is gone cannot interrupt any more.
pub trait Line: Sync {
    /// Stop the line from interrupting.
    fn mask(&self);
    /// Let the line interrupt again; an interrupt that is pending fires at once.
    fn unmask(&self);
    /// Forget an interrupt that is pending in the interrupt controller. The source
    /// in the peripheral is untouched.
    fn clear_pending(&self);
}
