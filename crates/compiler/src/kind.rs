//! Kinds of values, and the types of functions and blocks.
//!
//! Source: WebAssembly core specification 5.3 (types).

/// The kind of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// An integer of 32 bits.
    #[default]
    I32 = 0x7f,
    /// An integer of 64 bits.
    I64 = 0x7e,
    /// A float of 32 bits.
    F32 = 0x7d,
    /// A float of 64 bits.
    F64 = 0x7c,
    /// A reference to a function, or null.
    Function = 0x70,
    /// A reference that the host gave, or null.
    Extern = 0x6f,
    /// Any of them: what is taken from the stack where nothing is known of it, behind an instruction that does not go on.
    Any = 0,
}

impl Kind {
    /// The kind whose byte in a module is `byte`.
    #[must_use]
    pub const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0x7f => Self::I32,
            0x7e => Self::I64,
            0x7d => Self::F32,
            0x7c => Self::F64,
            0x70 => Self::Function,
            0x6f => Self::Extern,
            _ => return None,
        })
    }

    /// Words of 32 bits that a value of this kind takes.
    #[must_use]
    pub const fn words(self) -> u32 {
        match self {
            Self::I64 | Self::F64 => 2,
            _ => 1,
        }
    }

    /// Is it a reference?
    pub(crate) const fn is_reference(self) -> bool {
        matches!(self, Self::Function | Self::Extern)
    }
}

/// What a function or a block takes and gives, as the bytes of the kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signature<'a> {
    /// Kinds of what it takes.
    pub parameters: &'a [u8],
    /// Kinds of what it gives.
    pub results: &'a [u8],
}

impl Signature<'_> {
    /// A block without parameters that gives at most one value.
    pub(crate) const fn block(result: Option<Kind>) -> Self {
        let results: &'static [u8] = match result {
            None | Some(Kind::Any) => &[],
            Some(Kind::I32) => &[0x7f],
            Some(Kind::I64) => &[0x7e],
            Some(Kind::F32) => &[0x7d],
            Some(Kind::F64) => &[0x7c],
            Some(Kind::Function) => &[0x70],
            Some(Kind::Extern) => &[0x6f],
        };
        Signature {
            parameters: &[],
            results,
        }
    }
}

/// The kinds that these bytes stand for; the scan has looked at them.
pub(crate) fn kinds(bytes: &[u8]) -> impl DoubleEndedIterator<Item = Kind> + ExactSizeIterator {
    bytes.iter().map(|byte| Kind::of(*byte).unwrap_or_default())
}

/// Words that values of these kinds take.
pub(crate) fn words(bytes: &[u8]) -> u32 {
    kinds(bytes).map(Kind::words).sum()
}
