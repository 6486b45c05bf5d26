//! Interrupts of exposed blocks and the maxima of their service, as data; and how a
//! process learns of them.
//!
//! The exposure compiler writes the tables from `exposure.dts`. What the kernel took for a
//! process stands in words that the process lent for it (*records*), so that it sees
//! without a system call that something waits:
//!
//! ```text
//!   word 0      one bit an interrupt: 0 when it is registered, changes with every record (`RAISED`)
//!   word n      record of an interrupt, n as its registration told:
//!     n + 0     interrupts since the record before (`COUNT`); 0: the line was raised, but the block says that it has not
//!               raised it, and no register was read
//!     n + 1 …   the captured registers in the order of the registration (`VALUES`)
//! ```
//!
//! A record is not written again before its interrupt was acknowledged, so a process
//! that remembers which bits it has handled knows which ones wait.

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
    /// Where the block says whether it has raised the interrupt: the offset of a register of 32 bits, and the bits of which one is 1
    /// then. It is looked at once, before anything else. If it says no, nothing is captured and nothing cleared, and the record stands for no interrupt:
    /// what comes a moment later has a record of its own. `None`: it is captured and cleared whoever raised the line.
    pub raised: Option<&'static (u16, u32)>,
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

/// Word of the records in which each interrupt has a bit.
pub const RAISED: usize = 0;
/// Word of a record that tells how many interrupts it stands for.
pub const COUNT: usize = 0;
/// First captured register of a record.
pub const VALUES: usize = 1;

/// Second argument of [`ACKNOWLEDGE`](crate::command::ACKNOWLEDGE): the interrupt is not acknowledged, its line is to open
/// if it may.
pub const ONLY_LINE: usize = 1;

/// Most interrupts that a board can expose: each has a bit of a word.
pub const INTERRUPTS_MAX: usize = 32;

/// Most captures of one registration that a process lists.
pub const CAPTURES_MAX: usize = 16;
/// How many captures of a registration are checked in one pass.
pub const CHECKS_OF_A_PASS: usize = 4;

/// An interrupt that is registered, as its process is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its number among all interrupts of the board, 0 to 31.
    pub interrupt: u32,
    /// Word of its record.
    pub record: u32,
    /// Microseconds until its line opens; if not 0, it is to be asked for after that time ([`ONLY_LINE`]).
    pub opens_us: u32,
}

impl Registered {
    /// Its bit among all interrupts.
    #[must_use]
    pub const fn bit(&self) -> u32 {
        1_u32.wrapping_shl(self.interrupt)
    }
}

/// What the kernel counted of an interrupt since its registration; they wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Taken by the kernel.
    pub taken: u32,
    /// Of these, dropped.
    pub dropped: u32,
    /// How often the line had been raised again when it opened.
    pub merged: u32,
}

/// A register that is read for every interrupt, as a registration lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Capture {
    /// Byte offset in the block.
    pub offset: u16,
    /// Width of the read in bytes: 1, 2 or 4.
    pub bytes: u8,
}

impl Capture {
    /// Bytes of one in a list.
    pub const BYTES: usize = 4;

    /// As it stands in a list: offset u16 little endian, width u8, zero.
    #[must_use]
    pub const fn encode(self) -> [u8; Self::BYTES] {
        let [low, high] = self.offset.to_le_bytes();
        [low, high, self.bytes, 0]
    }

    /// Read one. Returns `None` if its width is none or its last byte is not zero.
    #[must_use]
    pub const fn decode(bytes: [u8; Self::BYTES]) -> Option<Self> {
        match bytes {
            [low, high, bytes @ (1 | 2 | 4), 0] => Some(Self {
                offset: u16::from_le_bytes([low, high]),
                bytes,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_survives_the_way_through_the_list() {
        for bytes in 0..=255 {
            let capture = Capture {
                offset: 0x1234,
                bytes,
            };
            let expected = matches!(bytes, 1 | 2 | 4).then_some(capture);
            assert_eq!(Capture::decode(capture.encode()), expected);
        }
        assert_eq!(Capture::decode([0, 0, 4, 1]), None);
    }
}
