//! Width of an access: the one type that the kernel, the supervisor and a board's table of exposures know.

/// Width of an access to a register, and size of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One byte.
    Bits8,
    /// Two bytes.
    Bits16,
    /// Four bytes.
    Bits32,
}

impl Width {
    /// Returns the width in bytes: 1, 2 or 4.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Bits8 => 1,
            Self::Bits16 => 2,
            Self::Bits32 => 4,
        }
    }

    /// Returns the width of that many bytes, if there is one.
    #[must_use]
    pub const fn of_bytes(bytes: u32) -> Option<Self> {
        match bytes {
            1 => Some(Self::Bits8),
            2 => Some(Self::Bits16),
            4 => Some(Self::Bits32),
            _ => None,
        }
    }

    /// Returns the bits of a value that an access of this width carries.
    #[must_use]
    pub const fn mask(self) -> u32 {
        match self {
            Self::Bits8 => 0xff,
            Self::Bits16 => 0xffff,
            Self::Bits32 => u32::MAX,
        }
    }
}
