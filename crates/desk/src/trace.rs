//! What was accessed, and what was on the buses.

use crate::{Traffic, Width};
use std::fmt;

/// Who made an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A container, or the driver that is tested.
    Container,
    /// The kernel, for an interrupt: a register that is captured, a source that is cleared.
    Interrupt,
    /// The kernel, when a claim ends.
    SafeState,
}

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It reads.
    Read,
    /// It writes.
    Write,
}

impl By {
    /// One stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Interrupt => "interrupt",
            Self::SafeState => "safe-state",
        }
    }
}

impl Kind {
    /// One stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// One access to a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// When, in microseconds.
    pub time_us: u64,
    /// Label of the block.
    pub block: String,
    /// The register's name, where it is known.
    pub name: Option<String>,
    /// Bytes from the start of the block.
    pub offset: u32,
    /// How wide it was.
    pub width: Width,
    /// What it did.
    pub kind: Kind,
    /// What was read or written.
    pub value: u32,
    /// Who made it.
    pub by: By,
}

impl Access {
    /// What was done, without when and where: `write32 DATA 0x41`.
    #[must_use]
    pub fn what(&self) -> String {
        let (word, bits, value) = (self.kind.word(), 8 * self.width.bytes(), self.value);
        match &self.name {
            Some(name) => format!("{word}{bits} {name} {value:#x}"),
            None => format!("{word}{bits} {:#x} {value:#x}", self.offset),
        }
    }
}

/// As a line: `0.000120  uart1 write32 DATA 0x41`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        moment(f, self.time_us)?;
        write!(f, "  {} {}", self.block, self.what())?;
        f.write_str(match self.by {
            By::Container => "",
            By::Interrupt => " (interrupt)",
            By::SafeState => " (safe state)",
        })
    }
}

/// Something that was on a bus or a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnBus {
    /// When, in microseconds.
    pub time_us: u64,
    /// Label of the block whose bus it is; `spi` or `i2c` for one of the kernel's.
    pub block: String,
    /// What.
    pub what: Traffic,
}

/// As a line: `0.000120  uart1 sent 0x41`.
impl fmt::Display for OnBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        moment(f, self.time_us)?;
        write!(f, "  {} {}", self.block, self.what)
    }
}

fn moment(f: &mut fmt::Formatter<'_>, time_us: u64) -> fmt::Result {
    write!(f, "{:>5}.{:06}", time_us / 1_000_000, time_us % 1_000_000)
}
