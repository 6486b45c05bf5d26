//! Interrupts of exposed blocks and the maxima of their service, as data.
//!
//! The exposure compiler writes these tables from `exposure.dts`.

/// One interrupt that a container may handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// Index of the block in the table of exposures.
    pub exposure: usize,
    /// Input of the interrupt controller.
    pub line: u32,
    /// Most registers captured for one interrupt.
    pub captures_max: u32,
    /// The write that clears its source. `None`: the line stays masked until the
    /// handler has run.
    pub clear: Option<Clear>,
}

/// A write that clears the source of an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clear {
    /// Byte offset in the block.
    pub offset: u16,
    /// Width of the write in bytes: 1, 2 or 4.
    pub bytes: u8,
    /// What is written.
    pub value: u32,
    /// Before the registers of a capture are read; otherwise after.
    pub before_capture: bool,
}

/// Maxima over all containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Handlers registered at the same time.
    pub handlers: u32,
    /// Registers captured for one interrupt.
    pub captures: u32,
    /// Register accesses in one pass of the kernel.
    pub accesses_per_pass: u32,
    /// Share of the processor's time that the kernel spends for containers, percent.
    pub share_percent: u32,
}
