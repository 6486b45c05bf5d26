//! What a run of a module comes to, so that two engines' can be compared.

use std::fmt;

/// A value; floats by their bits.
#[derive(Clone, Copy)]
pub enum Value {
    /// 32 bits.
    I32(i32),
    /// 64 bits.
    I64(i64),
    /// A float of 32 bits.
    F32(u32),
    /// A float of 64 bits.
    F64(u64),
    /// A function, or null: is there one?
    Function(bool),
    /// A reference of the host's: the number that it stands for, or null.
    Extern(Option<u32>),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::I32(a), Self::I32(b)) => a == b,
            (Self::I64(a), Self::I64(b)) => a == b,
            // An engine chooses the bits of what is not a number.
            (Self::F32(a), Self::F32(b)) => {
                a == b || (f32::from_bits(a).is_nan() && f32::from_bits(b).is_nan())
            }
            (Self::F64(a), Self::F64(b)) => {
                a == b || (f64::from_bits(a).is_nan() && f64::from_bits(b).is_nan())
            }
            (Self::Function(a), Self::Function(b)) => a == b,
            (Self::Extern(a), Self::Extern(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::I32(value) => write!(f, "{value}"),
            Self::I64(value) => write!(f, "{value}L"),
            Self::F32(bits) => write!(f, "{}f", f32::from_bits(bits)),
            Self::F64(bits) => write!(f, "{}d", f64::from_bits(bits)),
            Self::Function(some) => f.write_str(if some { "function" } else { "null" }),
            Self::Extern(number) => write!(f, "extern {number:?}"),
        }
    }
}

/// Why a call did not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// `unreachable`.
    Unreachable,
    /// Outside memory.
    Memory,
    /// Outside a table.
    Table,
    /// An element that is null.
    Null,
    /// An element of another type.
    Signature,
    /// A division by zero.
    DivisionByZero,
    /// A result that does not fit.
    Overflow,
    /// A float that is no number, converted.
    Conversion,
    /// Deeper than this engine allows: no difference.
    Depth,
    /// What no engine should say.
    Other,
}

/// How one call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// With these results.
    Returned(Vec<Value>),
    /// With a trap.
    Trapped(Trap),
}

/// What is there after some calls.
#[derive(Clone, PartialEq)]
pub struct Outcome {
    /// How each of them ended.
    pub endings: Vec<Ending>,
    /// All exported globals in order.
    pub globals: Vec<Value>,
    /// All of the memory.
    pub memory: Vec<u8>,
}

impl Outcome {
    /// Says where this differs from what is wanted.
    #[must_use]
    pub fn difference(&self, want: &Self) -> String {
        let mut bytes = self.memory.iter().zip(&want.memory).enumerate();
        let byte = bytes.find(|(_, (is, want))| is != want);
        format!(
            "\n  is   {self:?}\n  want {want:?}\n  memory of {} and {} bytes, first other byte {byte:x?}",
            self.memory.len(),
            want.memory.len(),
        )
    }

    /// Was a limit met that differs between engines?
    #[must_use]
    pub fn met_a_limit(&self) -> bool {
        self.endings.contains(&Ending::Trapped(Trap::Depth))
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The memory is told by where its bytes are that are not zero.
        let set = self
            .memory
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte != 0);
        let sum = set.fold(self.memory.len() as u64, |sum, (at, byte)| {
            sum.rotate_left(5) ^ ((at as u64) << 8) ^ u64::from(*byte)
        });
        write!(
            f,
            "{:?} globals {:?} memory {sum:x}",
            self.endings, self.globals
        )
    }
}
