//! The borders through which the capsule reaches hardware.
//!
//! ```text
//!   wasm_host (no unsafe, knows offsets and line numbers)
//!      │ Window: load, store          │ Lines: mask, unmask, clear pending   │ Clock   │ Turn
//!   board or chip (knows addresses, the interrupt controller, a timer)
//! ```
//!
//! A board implements each once, over whatever safe register or interrupt object
//! its chip offers. The capsule never uses an address, it only passes one on for a
//! block that is mapped.

#[cfg(feature = "conveyors")]
use crate::conveyor::Moving;
#[cfg(feature = "programs")]
use crate::running::Running;
use berth_exposure::Width;

/// The bus answered an access with an error: the block has no clock or no power, or nothing is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusError;

/// A block of memory-mapped registers.
///
/// The capsule calls the access functions only with offsets that are multiples of
/// the access width and with `offset + width <= len()`. An implementation that
/// turns offsets into addresses must still check both, and ignore a write or
/// answer zero where they do not hold: memory safety is not this crate's to promise.
///
/// An access whose error the board can catch answers [`BusError`]; it is then an error
/// code of the process's command. A board that cannot must not expose a block that its firmware ever
/// leaves without clock or power.
///
/// `Sync` is required so that a board can keep its table of exposures in a
/// `static`; a window is a base address and a length, which is `Sync` by itself.
pub trait Window: Sync {
    /// Length of the block in bytes.
    fn len(&self) -> usize;
    /// Returns whether the block has no registers at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Where the processor sees the block, if it may be mapped into a process.
    /// `None`: it is reached by commands only, whatever the table says.
    fn address(&self) -> Option<usize> {
        None
    }
    /// One load. Bits beyond the width are zero.
    ///
    /// # Errors
    /// [`BusError`].
    fn load(&self, offset: u16, width: Width) -> Result<u32, BusError>;
    /// One store of the low bits of `value`, as many as the width has.
    ///
    /// # Errors
    /// [`BusError`].
    fn store(&self, offset: u16, width: Width, value: u32) -> Result<(), BusError>;
    /// A pass of a register program: its accesses are made by this window's own functions, without a look-up for each. A board leaves this
    /// as it is.
    #[cfg(feature = "programs")]
    fn pass(&self, pass: &mut Running<'_>) {
        pass.on(self);
    }
    /// Moves of a conveyor, as a [pass](Self::pass).
    #[cfg(feature = "conveyors")]
    fn carry(&self, moving: &mut Moving<'_>) {
        moving.on(self);
    }
}

/// The interrupt controller, for the lines of exposed blocks.
///
/// The capsule masks a line before it looks at what raised it and opens it when that is
/// handled. A line of a block whose claim ended is masked and cleared, so hardware whose
/// driver is gone cannot interrupt any more.
///
/// A line must be the containers' alone: one that the firmware uses too could not be
/// masked for a container's sake.
pub trait Lines {
    /// Stop a line from interrupting.
    fn mask(&self, line: u32);
    /// Let a line interrupt again; an interrupt that is pending fires at once.
    fn unmask(&self, line: u32);
    /// Forget that a line is pending. One that is still held high stays pending.
    fn clear_pending(&self, line: u32);
    /// Returns whether a line is pending, masked or not.
    fn is_pending(&self, line: u32) -> bool;
}

/// The turn of the process whose system call the capsule works on.
///
/// A call can make more than one pass of work whose length the process chose. Between two it asks here, as the kernel's loop does between
/// two calls of a process.
pub trait Turn {
    /// Returns whether the process that has called may go on at once, with the kernel's loop not asked: no interrupt waits for its
    /// driver, no deferred call waits, and its time slice, if it has one, is not over. Whatever else may have become more important than it must have come by one
    /// of these.
    fn goes_on(&self) -> bool;
}

/// A counter that runs freely and wraps at 32 bits: what work for containers takes.
pub trait Clock {
    /// The counter.
    fn now(&self) -> u32;
    /// Ticks a second, ten thousand to a hundred million.
    fn ticks_per_second(&self) -> u32;
}
