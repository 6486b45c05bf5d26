//! What compiled code and the device's software agree on.
//!
//! **Registers.** r9 is the address of the linear memory, below which the context lies; r10 is the fuel. r4 to r8 and
//! r11 are preserved by a call, r0 to r3, ip, lr and the flags are not. sp is a multiple of 4.
//!
//! **Calls.** Parameters are words one after the other (a value of 64 bits is two, the low one first): four in r0 to r3,
//! the others at sp, from low addresses up. Results likewise: four in r0 to r3, the others where the parameters at sp
//! were; the caller keeps room there for the longer of the two.
//!
//! **Context.** Words at fixed distances below r9 ([`context`]), then, for each table, length and address of its
//! elements, then the global variables. It moves with the memory.
//!
//! **Object.** At its front two words for each function, imported ones included ([`entry`]): the number of its
//! type and a branch to it. A reference to a function is the address of that branch plus one; null is 0. What follows is
//! code only. It names no address outside of itself: helpers are reached through the table at
//! [`context::HELPERS`], so an object may lie anywhere.
//!
//! **Helpers** ([`Helper`]) are called as the C calling convention says. They keep r9 and r10; the tables of
//! arguments and results stand at each. An imported function is reached by a jump to the address in [`context::HOST`] with its number in
//! ip and parameters as above.
//!
//! **Registers of devices.** The first import of each function of [`Direct`] may be an access that the object makes itself, if the handle
//! names a window ([`context::WINDOWS`]) with that word in it; all else it leaves to the device's software, as of any other import.
//!
//! **Traps.** A branch to a place of its own for each instruction that can trap, which calls the helper of its
//! reason. That does not return; lr tells the place.
//!
//! **Fuel.** `subs r10, r10, #n` at loop headers and at the beginning of functions that calls can lead back to, and
//! [`Helper::Pause`] is called if it has become negative. It returns with more and preserves **all** registers
//! but ip, lr and the flags; r9 and the stack may have moved with all that they hold.

/// Distances below r9 in bytes.
pub mod context {
    /// Bytes of the linear memory.
    pub const MEMORY_BYTES: u32 = 4;
    /// Address of the table of helpers, one word each.
    pub const HELPERS: u32 = 8;
    /// sp at the beginning of a function is not below this. It leaves [`super::SLACK`] bytes below, and what helpers and
    /// interrupts take.
    pub const STACK_LIMIT: u32 = 12;
    /// Address of the object.
    pub const CODE: u32 = 16;
    /// Where imported functions are called.
    pub const HOST: u32 = 20;
    /// How many windows there are.
    pub const WINDOW_COUNT: u32 = 32;
    /// Address of the windows, four words each: address of the block, how many words of it may be read and written (0: none), two
    /// that code does not use.
    pub const WINDOWS: u32 = 36;
    /// Handle and offset of the last access that code has made itself.
    pub const LAST_ACCESS: u32 = 44;
    /// Number of the imported function that it was.
    pub const LAST_NUMBER: u32 = 48;
    /// Where tables begin. The words between [`HOST`] and [`WINDOW_COUNT`] are the device's own; code does not use them.
    pub const OWN: u32 = 48;

    /// Where the length of table `index` in elements is; the address of its elements is 4 bytes further down.
    #[must_use]
    pub const fn table(index: u32) -> u32 {
        OWN + 8 * index + 4
    }

    /// Where the global whose words begin at number `word` among all globals' is, if it has `words` and the module has
    /// `tables` tables. A value of 64 bits lies with its low word first.
    #[must_use]
    pub const fn global(tables: u32, word: u32, words: u32) -> u32 {
        OWN + 8 * tables + 4 * (word + words)
    }
}

/// Bytes that a function may use below the limit of the stack without a look, and one more that calls nothing.
pub const SLACK: u32 = 2 * crate::function::UNCHECKED_BYTES;

/// What is checked once and then relied upon, if it is in the frame: words from its bottom up to this one, and no more
/// bytes than that from the address on. A checker of code has to remember as much.
pub const CHECKED_WORDS: u32 = 64;
/// See [`CHECKED_WORDS`].
pub const CHECKED_EXTENT: u32 = u16::MAX as u32;

/// Imported functions that are accesses to registers by whole words, which code makes itself where a window says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Direct {
    /// `(handle, offset)`: the register.
    Read,
    /// `(handle, offset, value)`.
    Write,
    /// `(handle, offset, mask, value)`.
    Modify,
}

impl Direct {
    /// How many there are.
    pub const COUNT: usize = Self::Modify as usize + 1;
    /// Functions from this number on are not accesses that code makes itself.
    pub const NUMBERS: u32 = 256;

    /// Returns what is imported by these names and takes and gives values of these types.
    #[must_use]
    pub fn named(module: &str, name: &str, parameters: &[u8], results: &[u8]) -> Option<Self> {
        const I32: u8 = 0x7f;
        let is = match name {
            "read32" => Self::Read,
            "write32" => Self::Write,
            "modify32" => Self::Modify,
            _ => return None,
        };
        let of_words =
            |types: &[u8], count| types.len() == count && types.iter().all(|byte| *byte == I32);
        let fits = of_words(parameters, 2 + is as usize)
            && of_words(results, usize::from(is == Self::Read));
        (module == "mmio" && fits).then_some(is)
    }
}

/// Where the two words of function `index` lie in an object.
#[must_use]
pub const fn entry(index: u32) -> u32 {
    8 * index
}

/// A function of the device's software that compiled code calls. Parameters of 64 bits take two registers, low word
/// first; `context` is r9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Helper {
    /// Fuel is used up. See the module's documentation.
    Pause,
    /// `unreachable` was reached.
    TrapUnreachable,
    /// An access outside the memory.
    TrapMemory,
    /// An access outside a table.
    TrapTable,
    /// A call through an element that is null.
    TrapNull,
    /// A call through an element of another type.
    TrapSignature,
    /// A division by zero.
    TrapDivisionByZero,
    /// A division whose result does not fit.
    TrapOverflow,
    /// The stack is used up.
    TrapStack,
    /// A trap that a helper told: r0 is its number, that of the helper which stands for the reason.
    TrapTold,
    /// A float that is no number is converted (only told).
    TrapConversion,
    /// `(pages, context)`: the pages that there were or -1, and the new r9, as words of a value of 64 bits.
    MemoryGrow,
    /// `(to, from, bytes, context)`: 0, or the reason of the trap.
    MemoryCopy,
    /// `(to, value, bytes, context)`: as above.
    MemoryFill,
    /// `(to, from, bytes, segment, context)`, the fifth at sp: as above.
    MemoryInit,
    /// `(segment, context)`: nothing.
    DataDrop,
    /// `(to, from, elements, table to | table from << 8, context)`: 0, or the reason of the trap.
    TableCopy,
    /// `(to, from, elements, table | segment << 8, context)`: as above.
    TableInit,
    /// `(from, value, elements, table, context)`: as above. A value for a table of functions is called later: it has to
    /// be null or the reference of an entry of this object, or nothing is written.
    TableFill,
    /// `(value, elements, table, context)`: the elements that there were, or -1. What holds of a value is as above.
    TableGrow,
    /// `(segment, context)`: nothing.
    ElemDrop,
    /// Operations on an `i32`.
    I32Popcnt,
    /// On an `i64`; the first of them give one.
    I64Clz,
    /// Trailing zeros.
    I64Ctz,
    /// Bits that are set.
    I64Popcnt,
    /// By a divisor that is not 0 and does not overflow.
    I64DivS,
    /// As above.
    I64DivU,
    /// By a divisor that is not 0; the lowest number by -1 leaves 0.
    I64RemS,
    /// As above.
    I64RemU,
    /// By the second value modulo 64, which is one of 64 bits.
    I64Shl,
    /// As above.
    I64ShrS,
    /// As above.
    I64ShrU,
    /// As above.
    I64Rotl,
    /// As above.
    I64Rotr,
    /// Comparisons of floats: 0 or 1. `f32.eq`, `ne`, `lt`, `gt`, `le`, `ge` and the same of `f64`: these are twelve
    /// numbers from here on, then 14 operations of `f32` from `abs` to `copysign` and the same of `f64`, in the order
    /// of their opcodes.
    FloatCompare,
    /// See [`FloatCompare`](Self::FloatCompare).
    FloatOperation = Self::FloatCompare as u8 + 12,
    /// Conversions to integers that saturate, in the order of their opcodes: `i32` of `f32` and `f64`, then `i64`,
    /// signed and unsigned: eight.
    Saturate = Self::FloatOperation as u8 + 28,
    /// The same value, and what a conversion that traps says: 0, or the reason of the trap. Eight, which return 32 bits.
    Convertible = Self::Saturate as u8 + 8,
    /// Conversions to floats in the order of their opcodes, from `f32.convert_i32_s` to `f64.promote_f32`: ten.
    ToFloat = Self::Convertible as u8 + 8,
}

impl Helper {
    /// How many there are.
    pub const COUNT: usize = Self::ToFloat as usize + 10;
}
