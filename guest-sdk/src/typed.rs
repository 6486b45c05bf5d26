//! Registers by name: what `exposure --labels` writes of a board is made of these.

use core::marker::PhantomData;

use crate::{Block, Capture, Word};

/// A register of a block: `OFFSET` bytes from its start, as wide as `T` (`u8`, `u16` or `u32`), and what may be done with it.
///
/// An access costs what the call with the offset costs, in bytes and in time.
#[derive(Clone, Copy, Debug)]
pub struct Register<const OFFSET: u16, T, A> {
    block: Block,
    kind: PhantomData<(T, A)>,
}

/// It can be read, written, and changed in part: the other bits keep their value.
#[derive(Clone, Copy, Debug)]
pub enum Changed {}

/// It can be read, and written as a whole: bits that may not be written are written as zero, since reading or writing it has an
/// effect.
#[derive(Clone, Copy, Debug)]
pub enum Whole {}

/// It can only be read.
#[derive(Clone, Copy, Debug)]
pub enum ReadOnly {}

/// It can only be written.
#[derive(Clone, Copy, Debug)]
pub enum WriteOnly {}

/// What can be read.
pub trait Readable {}
/// What can be written.
pub trait Writable {}

impl Readable for Changed {}
impl Readable for Whole {}
impl Readable for ReadOnly {}
impl Writable for Changed {}
impl Writable for Whole {}
impl Writable for WriteOnly {}

impl<const OFFSET: u16, T, A> Register<OFFSET, T, A> {
    /// Bytes from the start of the block.
    pub const OFFSET: u16 = OFFSET;

    /// The register in this block.
    #[must_use]
    pub const fn of(block: Block) -> Self {
        Self {
            block,
            kind: PhantomData,
        }
    }
}

/// The accesses of one width.
macro_rules! accesses {
    ($word:ty, $read:ident, $write:ident, $capture:ident) => {
        impl<const OFFSET: u16, A: Readable> Register<OFFSET, $word, A> {
            /// Read it.
            #[must_use]
            #[inline(always)]
            pub fn read(self) -> $word {
                self.block.$read(OFFSET.into())
            }

            /// Have it read when an interrupt comes.
            #[must_use]
            #[inline(always)]
            pub const fn capture(self, target: &'static Word) -> Capture {
                Capture::$capture(OFFSET, target)
            }
        }

        impl<const OFFSET: u16, A: Readable> Register<OFFSET, $word, A> {
            /// Have it read when an interrupt comes, for the first read of it in the handler.
            #[must_use]
            #[inline(always)]
            pub const fn captured(self) -> Capture {
                Capture::at_register(OFFSET, <$word as $crate::conveyor::Value>::WIDE)
            }
        }

        impl<const OFFSET: u16, A: Writable> Register<OFFSET, $word, A> {
            /// Write it.
            #[inline(always)]
            pub fn write(self, value: $word) {
                self.block.$write(OFFSET.into(), value);
            }
        }
    };
}

accesses!(u8, read8, write8, byte);
accesses!(u16, read16, write16, half);
accesses!(u32, read32, write32, word);

impl<const OFFSET: u16> Register<OFFSET, u32, Changed> {
    /// Change the bits of `mask` to those of `value` and leave the others as they are; nobody else's access comes in between.
    #[inline(always)]
    pub fn modify(self, mask: u32, value: u32) {
        self.block.modify32(OFFSET.into(), mask, value);
    }
}

/// Bits of a register that have a name.
///
/// ```
/// use berth_guest::typed::Field;
///
/// const LED1: Field = Field::of(0b10);
/// const SPEED: Field = Field::of(0b1100);
/// let bits = LED1.set().and(SPEED.with(2));
/// assert_eq!((bits.mask(), bits.value()), (0b1110, 0b1010));
/// assert_eq!(SPEED.in_word(0b1001), 0b10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field(u32);

impl Field {
    /// The bits of this mask, at least one.
    #[must_use]
    pub const fn of(mask: u32) -> Self {
        Self(mask)
    }

    /// Its bits.
    #[must_use]
    pub const fn mask(self) -> u32 {
        self.0
    }

    /// All of them ones.
    #[must_use]
    pub const fn set(self) -> Bits {
        Bits {
            mask: self.0,
            value: self.0,
        }
    }

    /// All of them zeros.
    #[must_use]
    pub const fn clear(self) -> Bits {
        Bits {
            mask: self.0,
            value: 0,
        }
    }

    /// This number in them. What does not fit is left out.
    #[must_use]
    #[inline(always)]
    pub const fn with(self, number: u32) -> Bits {
        Bits {
            mask: self.0,
            value: number << self.0.trailing_zeros() & self.0,
        }
    }

    /// The number that they hold in a register's value.
    #[must_use]
    #[inline(always)]
    pub const fn in_word(self, word: u32) -> u32 {
        (word & self.0) >> self.0.trailing_zeros()
    }
}

/// What bits of a register are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    mask: u32,
    value: u32,
}

impl Bits {
    /// And these.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            mask: self.mask | other.mask,
            value: self.value & !other.mask | other.value,
        }
    }

    /// Which.
    #[must_use]
    pub const fn mask(self) -> u32 {
        self.mask
    }

    /// What they are to be; all others are zero.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.value
    }
}

impl<const OFFSET: u16> Register<OFFSET, u32, Changed> {
    /// Change these bits and leave the others as they are, as [`modify`](Self::modify) does.
    #[inline(always)]
    pub fn change(self, bits: Bits) {
        self.modify(bits.mask, bits.value);
    }
}

impl<const OFFSET: u16, A: Writable> Register<OFFSET, u32, A> {
    /// Write these bits, and zeros beside them.
    #[inline(always)]
    pub fn put(self, bits: Bits) {
        self.write(bits.value);
    }
}

impl<const OFFSET: u16, A: Readable> Register<OFFSET, u32, A> {
    /// Read the register, and return the number in these bits of it.
    #[must_use]
    #[inline(always)]
    pub fn get(self, field: Field) -> u32 {
        field.in_word(self.read())
    }
}

#[cfg(all(test, feature = "desk"))]
mod tests {
    use super::*;
    use crate::desk::Bench;
    use crate::mps2_an386::{fpgaio, i2c_shield1, uart1};

    #[test]
    fn a_name_is_its_offset() {
        let mut bench = Bench::new();
        bench.drive(|| {
            let uart = uart1::registers();
            uart.bauddiv.write(16);
            uart.ctrl.modify(0b1, 0b1);
            assert_eq!((uart.bauddiv.read(), uart.ctrl.read()), (16, 1));
            i2c_shield1::registers().controlc.write(0b10);
            fpgaio::registers().led0.modify(0b11, 0b11);
        });
        let uart = [
            "write32 BAUDDIV 0x10",
            "read32 CTRL 0x0",
            "write32 CTRL 0x1",
            "read32 BAUDDIV 0x10",
            "read32 CTRL 0x1",
        ];
        assert_eq!(bench.accesses("uart1"), uart);
    }

    #[test]
    fn bits_have_names() {
        let mut bench = Bench::new();
        bench.drive(|| {
            let uart = uart1::registers();
            uart.ctrl
                .put(uart1::ctrl::TXEN.set().and(uart1::ctrl::RXEN.set()));
            uart.ctrl.change(uart1::ctrl::TXEN.clear());
            assert_eq!(uart.ctrl.get(uart1::ctrl::RXEN), 1);
            assert_eq!(uart.ctrl.get(uart1::ctrl::TXEN), 0);
            let led = fpgaio::registers().led0;
            led.change(fpgaio::led0::LED1.set());
        });
        assert_eq!(
            bench.writes("uart1"),
            [("CTRL".into(), 0b11), ("CTRL".into(), 0b10)]
        );
        assert_eq!(bench.writes("fpgaio"), [("LED0".into(), 0b10)]);
        // Those that come last hold.
        let twice = uart1::ctrl::TXEN.set().and(uart1::ctrl::TXEN.clear());
        assert_eq!((twice.mask(), twice.value()), (1, 0));
    }

    #[test]
    fn a_capture_is_of_the_registers_width() {
        static PLACE: Word = Word::new(0);
        let block = Block::from_handle(0);
        let word = Register::<4, u32, ReadOnly>::of(block).capture(&PLACE);
        let byte = Register::<6, u8, Whole>::of(block).capture(&PLACE);
        assert_eq!((word.place(), byte.place()), ((4, 4), (6, 1)));
    }
}
