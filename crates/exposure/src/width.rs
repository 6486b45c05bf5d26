//! Width of an access: the one type that the kernel, the supervisor and a board's table of exposures know.

/// Width of an access to a register, and size of a register.
///
/// Its number is the bits of an offset that have to be zero: the width in bytes, less one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One byte.
    Bits8 = 0,
    /// Two bytes.
    Bits16 = 1,
    /// Four bytes.
    Bits32 = 3,
}

impl Width {
    /// Returns the width in bytes: 1, 2 or 4.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self as u32 + 1
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
