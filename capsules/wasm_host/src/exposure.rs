//! What the manufacturer exposes: blocks, registers, masks, safe states.
//!
//! A board keeps one constant table of [`Exposure`]s and hands it to
//! [`WasmHost::new`](crate::WasmHost::new):
//!
//! ```
//! use wasm_host::{Exposure, Register, Registers, SafeWrite, Window};
//! # use wasm_host::{BusError, Width};
//! # struct Leds; impl Window for Leds {
//! #   fn len(&self) -> usize { 0x50 }
//! #   fn load(&self, _: u16, _: Width) -> Result<u32, BusError> { Ok(0) }
//! #   fn store(&self, _: u16, _: Width, _: u32) -> Result<(), BusError> { Ok(()) } }
//! static LEDS: Leds = Leds;
//! static EXPOSURES: [Exposure; 1] = [Exposure::new(
//!     "fpgaio",
//!     &LEDS,
//!     0x50,
//!     // LED0: bit 1 may be read and written; all other bits keep what they hold.
//!     Registers::List(&[Register::new(0x00, 0x2, 0x2)]),
//! )
//! // Whenever a claim ends the LED goes off.
//! .safe_state(&[SafeWrite::new(0x00, 0x0, 0x2)])];
//! # assert_eq!(EXPOSURES[0].label(), "fpgaio");
//! ```
//!
//! Registers stand in the order of their offsets and do not overlap; the table is
//! checked once, when the capsule is made ([`crate::TableError`]).

use crate::window::Window;
use berth_exposure::{AccessClass, Width};

/// A set of access widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths(u8);

impl Widths {
    /// 8-bit accesses only.
    pub const BITS8: Self = Self(1);
    /// 16-bit accesses only.
    pub const BITS16: Self = Self(2);
    /// 32-bit accesses only.
    pub const BITS32: Self = Self(4);
    /// Every width.
    pub const ALL: Self = Self(7);

    /// The widths of both sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set as a number: the sum of the widths in bytes.
    pub(crate) const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// The set of one width.
    #[must_use]
    pub const fn only(width: Width) -> Self {
        // The bits of the set are the widths in bytes.
        Self(width.bytes() as u8)
    }

    /// Returns whether accesses of this width are allowed.
    #[must_use]
    pub const fn contains(self, width: Width) -> bool {
        self.0 & Self::only(width).0 != 0
    }
}

/// What happens to the bits of a register that a write may not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// They keep their value: the kernel reads the register and writes it back.
    Kept,
    /// They are written as zero; the register is not read.
    Zero,
}

/// One register of a block, with its permissions.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// Where it lies in its block, in bytes.
    pub(crate) offset: u16,
    /// How wide it is.
    pub(crate) size: Width,
    /// The accesses that it takes.
    pub(crate) widths: Widths,
    /// The bits that a read returns.
    pub(crate) read: u32,
    /// The bits that a write may change.
    pub(crate) write: u32,
    /// What becomes of the others in a write.
    pub(crate) rest: Rest,
}

impl Register {
    /// A 32-bit register at a byte offset, reached by 32-bit accesses.
    ///
    /// A read returns only the bits of `read_mask`, the others as zero; a write
    /// changes only the bits of `write_mask`. With a mask of zero the register
    /// cannot be read, or not be written.
    ///
    /// A write that does not cover the register reads it first, to write the rest
    /// back unchanged, unless the register is write-only (`read_mask` zero): then
    /// the rest is written as zero. Two kinds of readable register need
    /// [`zero_rest`](Self::zero_rest): those where a read has an effect, and those
    /// where writing back a one has.
    #[must_use]
    pub const fn new(offset: u16, read_mask: u32, write_mask: u32) -> Self {
        Self {
            offset,
            size: Width::Bits32,
            widths: Widths::BITS32,
            read: read_mask,
            write: write_mask,
            rest: if read_mask == 0 {
                Rest::Zero
            } else {
                Rest::Kept
            },
        }
    }

    /// Make it a register of another size, reached by accesses of that size.
    #[must_use]
    pub const fn size(mut self, size: Width) -> Self {
        self.size = size;
        self.widths = Widths::only(size);
        self
    }

    /// Which access widths the register takes. One that is narrower than the
    /// register reaches its bytes or halves, under the part of the masks that lies there.
    #[must_use]
    pub const fn widths(mut self, widths: Widths) -> Self {
        self.widths = widths;
        self
    }

    /// Never read the register for a write: bits outside the write mask are
    /// written as zero, and the register takes no modify.
    #[must_use]
    pub const fn zero_rest(mut self) -> Self {
        self.rest = Rest::Zero;
        self
    }

    /// First byte offset after the register.
    pub(crate) const fn end(&self) -> u32 {
        self.offset as u32 + self.size.bytes()
    }
}

/// Which registers of a block are exposed.
#[derive(Clone, Copy, Debug)]
pub enum Registers {
    /// These, in the order of their offsets; between them nothing is reachable.
    List(&'static [Register]),
    /// All of the block, every bit to read and write, in these widths.
    Whole(Widths),
}

/// One write of a safe state.
#[derive(Clone, Copy, Debug)]
pub struct SafeWrite {
    pub(crate) offset: u16,
    pub(crate) width: Width,
    pub(crate) value: u32,
    pub(crate) mask: u32,
}

impl SafeWrite {
    /// A 32-bit write of the bits of `mask` to a byte offset.
    ///
    /// Bits outside the mask keep their value; where the exposure lists the
    /// register at this offset as not to be read for a write (write-only, or
    /// [`Register::zero_rest`]), and where the mask covers all bits, the register
    /// is not read and the rest is written as zero.
    #[must_use]
    pub const fn new(offset: u16, value: u32, mask: u32) -> Self {
        Self {
            offset,
            width: Width::Bits32,
            value,
            mask,
        }
    }

    /// Make it a write of another width.
    #[must_use]
    pub const fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }
}

/// One block of registers that containers may claim, by its label.
#[derive(Clone, Copy)]
pub struct Exposure {
    /// The name that containers import the block by.
    pub(crate) label: &'static str,
    /// How its registers are reached.
    pub(crate) window: &'static dyn Window,
    /// Bytes of the window that are exposed.
    pub(crate) length: u32,
    /// Which of its registers, and of them which bits.
    pub(crate) registers: Registers,
    /// How the manufacturer wants it to be reached.
    pub(crate) access: AccessClass,
    /// What is written, in this order, whenever a claim ends.
    pub(crate) safe: &'static [SafeWrite],
    /// The board's keys of which one has to have signed, as a set; without any, claims need no proof.
    #[cfg(feature = "keys")]
    pub(crate) keys: u32,
}

impl Exposure {
    /// Expose the first `length` bytes of a window under a label, mediated.
    ///
    /// The label is 1 to [`LABEL_MAX`](berth_exposure::LABEL_MAX) printable ASCII
    /// characters without spaces, and unique in the table; `length` is 1 to 65536.
    #[must_use]
    pub const fn new(
        label: &'static str,
        window: &'static dyn Window,
        length: u32,
        registers: Registers,
    ) -> Self {
        Self {
            label,
            window,
            length,
            registers,
            access: AccessClass::Mediated,
            safe: &[],
            #[cfg(feature = "keys")]
            keys: 0,
        }
    }

    /// What is written, in this order, whenever a claim ends.
    #[must_use]
    pub const fn safe_state(mut self, writes: &'static [SafeWrite]) -> Self {
        self.safe = writes;
        self
    }

    /// Have it claimed only by who has a proof of an image that one of these keys has signed: a set of the board's keys, one bit each.
    #[cfg(feature = "keys")]
    #[must_use]
    pub const fn keys(mut self, keys: u32) -> Self {
        self.keys = keys;
        self
    }

    /// Say how the manufacturer wants the block to be reached. Only blocks that are
    /// exposed as [`Registers::Whole`] can be [`AccessClass::Mapped`].
    #[must_use]
    pub const fn access(mut self, class: AccessClass) -> Self {
        self.access = class;
        self
    }

    /// The name containers import the block by.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.label
    }

    /// Where the block is and which widths it takes, if it may be mapped.
    pub(crate) fn mappable(&self) -> Option<(usize, Widths)> {
        match (self.access, self.registers) {
            (AccessClass::Mapped, Registers::Whole(widths)) => {
                Some((self.window.address()?, widths))
            }
            _ => None,
        }
    }

    /// Address and length of the block, if it may be mapped: for the board, which has to know what
    /// its kernel may open.
    #[must_use]
    pub fn mapped_block(&self) -> Option<(usize, usize)> {
        let (start, _) = self.mappable()?;
        Some((start, self.length as usize))
    }

    /// Length of the block in bytes.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.length
    }
}
