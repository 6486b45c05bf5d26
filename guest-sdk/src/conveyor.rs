//! Conveyors: registers that are mirrored in the container's memory.
//!
//! A driver loads and stores fields of a struct; the device moves all of them to and from the registers at once: when it is asked, from
//! time to time, or before and after a handler.

use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, Ordering};

use berth_exposure::conveyor::{ACCESSES_MAX, MEMORY_MAX, MOVE_BYTES, MOVES_MAX};

pub use berth_exposure::Width;
pub use berth_exposure::conveyor::{Direction, Move};

/// When a conveyor is synchronised, beside whenever it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At no other time.
    Asked,
    /// Every so many microseconds, at least 1,000. Between two turns of the container: not more often than it has one while it computes.
    EveryUs(u32),
    /// Before the handler of this interrupt of the block, in which registers are read, and after it, in which they are written. A
    /// register that is [captured](crate::Capture::at_register) at the interrupt is not read again: its value is that.
    Interrupt(u8),
}

impl When {
    /// As the import takes it.
    #[doc(hidden)]
    #[must_use]
    pub const fn word(self) -> u32 {
        match self {
            Self::Asked => 0,
            Self::EveryUs(period) => period << 2 | 1,
            Self::Interrupt(number) => (number as u32) << 2 | 2,
        }
    }
}

/// Why a conveyor was not attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// The block has one: this one, or that of the image which a live update replaces.
    Busy,
    /// As many are attached as the device has room for.
    NoRoom,
    /// Another number.
    Other(u8),
}

/// What a conveyor's functions do with the answer of the import.
#[doc(hidden)]
pub const fn outcome(errno: i32) -> Result<(), AttachError> {
    match errno {
        0 => Ok(()),
        -2 => Err(AttachError::Busy),
        -9 => Err(AttachError::NoRoom),
        code => Err(AttachError::Other(code.unsigned_abs() as u8)),
    }
}

/// A move of a conveyor, to name those that are to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part(u8);

impl Part {
    /// The move whose values begin at this byte of the memory.
    #[doc(hidden)]
    #[must_use]
    pub const fn at(moves: &[Move], place: usize) -> Self {
        let mut index = 0;
        while index < moves.len() {
            if moves[index].place as usize == place {
                return Self(index as u8);
            }
            index += 1;
        }
        panic!("each field is a move")
    }

    /// The first move from this one to `last`, and how many they are.
    #[doc(hidden)]
    #[must_use]
    pub const fn to(self, last: Self) -> (u32, u32) {
        assert!(self.0 <= last.0, "moves are made in their order");
        (self.0 as u32, last.0 as u32 - self.0 as u32 + 1)
    }
}

/// A value that a register is mirrored in: `u8`, `u16` or `u32`.
///
/// The device and handlers write it between any two instructions of main, so it is read and written by these functions only: a load
/// and a store.
#[derive(Debug)]
#[repr(transparent)]
pub struct Mirror<T: Value>(T::Atomic);

impl<T: Value> Mirror<T> {
    /// The value that the register had when it was last moved, or that was stored since.
    #[inline(always)]
    #[must_use]
    pub fn get(&self) -> T {
        T::load(&self.0)
    }

    /// The value that the register gets when it is moved next.
    #[inline(always)]
    pub fn set(&self, value: T) {
        T::store(&self.0, value);
    }
}

/// What a register can be as wide as.
pub trait Value: Copy + Sized {
    /// It, shared with the device.
    #[doc(hidden)]
    type Atomic;
    #[doc(hidden)]
    const WIDE: Width;
    #[doc(hidden)]
    const ZERO: Self::Atomic;
    #[doc(hidden)]
    fn load(place: &Self::Atomic) -> Self;
    #[doc(hidden)]
    fn store(place: &Self::Atomic, value: Self);
    #[doc(hidden)]
    fn word(self) -> u32;
    #[doc(hidden)]
    fn low(word: u32) -> Self;
}

macro_rules! values {
    ($($Value:ident $Atomic:ident $wide:ident;)*) => {$(
        impl Value for $Value {
            type Atomic = $Atomic;
            const WIDE: Width = Width::$wide;
            #[allow(clippy::declare_interior_mutable_const, reason = "each use is a place of its own")]
            const ZERO: $Atomic = $Atomic::new(0);

            #[inline(always)]
            fn load(place: &$Atomic) -> Self {
                place.load(Ordering::Relaxed)
            }

            #[inline(always)]
            fn store(place: &$Atomic, value: Self) {
                place.store(value, Ordering::Relaxed);
            }

            fn word(self) -> u32 {
                self.into()
            }

            fn low(word: u32) -> Self {
                word as Self
            }
        }
    )*};
}

values! {
    u8 AtomicU8 Bits8;
    u16 AtomicU16 Bits16;
    u32 AtomicU32 Bits32;
}

/// What a field of a conveyor can be: a value, or an array of them for as many accesses one after the other.
pub trait Values {
    /// What the field is in memory.
    #[doc(hidden)]
    type Field: Field;
    #[doc(hidden)]
    const WIDTH: Width;
    #[doc(hidden)]
    const COUNT: usize;
    #[doc(hidden)]
    const EMPTY: Self::Field;
}

impl<T: Value> Values for T {
    type Field = Mirror<T>;
    const WIDTH: Width = T::WIDE;
    const COUNT: usize = 1;
    const EMPTY: Mirror<T> = Mirror(T::ZERO);
}

impl<T: Value, const N: usize> Values for [T; N] {
    type Field = [Mirror<T>; N];
    const WIDTH: Width = T::WIDE;
    const COUNT: usize = N;
    const EMPTY: [Mirror<T>; N] = [const { Mirror(T::ZERO) }; N];
}

/// The values of a field, for a board on the desk.
#[doc(hidden)]
pub trait Field {
    fn value(&self, number: usize) -> Option<u32>;
    fn set_value(&self, number: usize, value: u32);
}

impl<T: Value> Field for Mirror<T> {
    fn value(&self, number: usize) -> Option<u32> {
        (number == 0).then(|| self.get().word())
    }

    fn set_value(&self, number: usize, value: u32) {
        if number == 0 {
            self.set(T::low(value));
        }
    }
}

impl<T: Value, const N: usize> Field for [Mirror<T>; N] {
    fn value(&self, number: usize) -> Option<u32> {
        Some(self.get(number)?.get().word())
    }

    fn set_value(&self, number: usize, value: u32) {
        if let Some(place) = self.get(number) {
            place.set(T::low(value));
        }
    }
}

/// The fields of a conveyor, for a board on the desk.
#[doc(hidden)]
pub trait Fields: Sync {
    /// The field that begins at this byte.
    fn field(&self, place: usize) -> Option<&dyn Field>;
}

/// The bytes of a list, if it is one that a device can attach.
#[doc(hidden)]
#[must_use]
pub const fn listed<const N: usize>(moves: &[Move], memory: usize) -> [[u8; MOVE_BYTES]; N] {
    assert!(N > 0, "a conveyor moves something");
    assert!(N <= MOVES_MAX, "a conveyor has at most 16 fields");
    assert!(memory <= MEMORY_MAX, "a conveyor has at most 256 bytes");
    let mut list = [[0; MOVE_BYTES]; N];
    let (mut index, mut accesses) = (0, 0);
    while index < N {
        let one = moves[index];
        assert!(
            one.offset as u32 & (one.width.bytes() - 1) == 0,
            "a register is accessed at a multiple of the width"
        );
        accesses += one.count as u32;
        list[index] = one.encode();
        index += 1;
    }
    assert!(
        accesses <= ACCESSES_MAX,
        "a conveyor makes at most 40 accesses"
    );
    list
}

/// Mirror registers of a block in memory.
///
/// ```
/// berth_guest::conveyor! {
///     /// A controller with a queue of eight words.
///     pub static SPI: Spi = "conveyor:spi_shield0" {
///         received: [u16; 8] = from(0x08),
///         sent: [u16; 8] = to(0x08),
///         status: u32 = from(0x0c),
///     }
/// }
///
/// fn exchange(words: &[u16; 8]) {
///     for (place, word) in SPI.sent.iter().zip(words) {
///         place.set(*word);
///     }
///     SPI.sync_part(Spi::sent, Spi::status);
/// }
/// ```
///
/// makes a struct of registers and the one of it that there is. A field is `u8`, `u16` or `u32`, as wide as the access, or an array of
/// them for as many accesses one after the other; `from` the register at this byte offset of the block, or `to` it. It is read and
/// written with [`get`](Mirror::get) and [`set`](Mirror::set), which are a load and a store. Its functions:
///
/// * `attach(when)` has the device check the whole list and keep it: a register, width or direction that is not exposed ends the
///   container. From then on it is synchronised [when](When) it is to be.
/// * `sync()` makes all moves, in the order of the fields; `sync_part(first, last)` those from one field to another.
/// * `detach()` ends it.
///
/// A conveyor that no device would attach does not compile:
///
/// ```compile_fail
/// berth_guest::conveyor! {
///     static LED: Led = "conveyor:fpgaio" { led: u32 = to(0x02) }
/// }
/// # fn main() { LED.sync() }
/// ```
///
/// The container holds the block as if it had asked for it with [`block!`](crate::block!).
#[macro_export]
macro_rules! conveyor {
    ($(#[$attribute:meta])* $visibility:vis static $name:ident : $Type:ident = $module:literal {
        $($(#[$of_field:meta])* $field:ident : $Values:ty = $way:ident($offset:expr)),* $(,)?
    }) => {
        $(#[$attribute])*
        #[repr(C)]
        $visibility struct $Type {
            $($(#[$of_field])* $visibility $field: <$Values as $crate::conveyor::Values>::Field,)*
        }

        $(#[$attribute])*
        $visibility static $name: $Type = $Type {
            $($field: <$Values as $crate::conveyor::Values>::EMPTY,)*
        };

        #[allow(dead_code, non_upper_case_globals)]
        impl $Type {
            $(
                /// The move of this field.
                $visibility const $field: $crate::conveyor::Part = $crate::conveyor::Part::at(
                    Self::MOVES,
                    ::core::mem::offset_of!($Type, $field),
                );
            )*
            const MOVES: &'static [$crate::conveyor::Move] = &[$($crate::conveyor::Move {
                offset: $offset as u16,
                width: <$Values as $crate::conveyor::Values>::WIDTH,
                direction: $crate::__conveyor_way!($way),
                place: ::core::mem::offset_of!($Type, $field) as u16,
                count: <$Values as $crate::conveyor::Values>::COUNT as u16,
            }),*];
            const LIST: &'static [[u8; 8]; Self::MOVES.len()] =
                &$crate::conveyor::listed(Self::MOVES, ::core::mem::size_of::<$Type>());

            /// Have the device attach it.
            ///
            /// # Errors
            /// The block has one, or the device has no room for one more.
            $visibility fn attach(
                &'static self,
                when: $crate::conveyor::When,
            ) -> ::core::result::Result<(), $crate::conveyor::AttachError> {
                #[cfg(target_arch = "wasm32")]
                #[link(wasm_import_module = $module)]
                unsafe extern "C" {
                    safe fn attach(
                        list: *const [u8; 8],
                        moves: usize,
                        memory: *const $Type,
                        when: u32,
                    ) -> i32;
                }
                #[cfg(target_arch = "wasm32")]
                let answer = attach(Self::LIST.as_ptr(), Self::LIST.len(), self, when.word());
                #[cfg(not(target_arch = "wasm32"))]
                let answer = {
                    let _ = Self::LIST;
                    $crate::host::attach($module, Self::MOVES, self, when.word())
                };
                $crate::conveyor::outcome(answer)
            }

            /// Make all its moves.
            #[inline(always)]
            $visibility fn sync(&'static self) {
                self.sync_moves(0, Self::MOVES.len() as u32);
            }

            /// Make its moves from that of one field to that of another.
            #[inline(always)]
            $visibility fn sync_part(
                &'static self,
                first: $crate::conveyor::Part,
                last: $crate::conveyor::Part,
            ) {
                let (first, count) = first.to(last);
                self.sync_moves(first, count);
            }

            #[inline(always)]
            fn sync_moves(&'static self, first: u32, count: u32) {
                #[cfg(target_arch = "wasm32")]
                #[link(wasm_import_module = $module)]
                unsafe extern "C" {
                    safe fn sync(first: u32, count: u32) -> i32;
                }
                #[cfg(not(target_arch = "wasm32"))]
                fn sync(first: u32, count: u32) -> i32 {
                    $crate::host::sync($module, first, count)
                }
                // What can go wrong ends the container.
                let _ = sync(first, count);
            }

            /// End it.
            $visibility fn detach(&'static self) {
                #[cfg(target_arch = "wasm32")]
                #[link(wasm_import_module = $module)]
                unsafe extern "C" {
                    safe fn detach();
                }
                #[cfg(not(target_arch = "wasm32"))]
                fn detach() {
                    $crate::host::detach($module);
                }
                detach();
            }
        }

        #[cfg(not(target_arch = "wasm32"))]
        impl $crate::conveyor::Fields for $Type {
            fn field(&self, place: usize) -> ::core::option::Option<&dyn $crate::conveyor::Field> {
                $(
                    if place == ::core::mem::offset_of!($Type, $field) {
                        return ::core::option::Option::Some(&self.$field);
                    }
                )*
                ::core::option::Option::None
            }
        }
    };
}

/// Which way a field goes.
#[doc(hidden)]
#[macro_export]
macro_rules! __conveyor_way {
    (from) => {
        $crate::conveyor::Direction::In
    };
    (to) => {
        $crate::conveyor::Direction::Out
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::conveyor! {
        static MIXED: Mixed = "conveyor:anything" {
            byte: u8 = from(0x3),
            words: [u32; 3] = to(0x8),
            halves: [u16; 2] = from(0x2),
        }
    }

    #[test]
    fn a_field_is_a_move_at_its_place() {
        let moves: std::vec::Vec<Move> = Mixed::MOVES.to_vec();
        let of = |offset, width, direction, place, count| Move {
            offset,
            width,
            direction,
            place,
            count,
        };
        let expected = [
            of(3, Width::Bits8, Direction::In, 0, 1),
            of(8, Width::Bits32, Direction::Out, 4, 3),
            of(2, Width::Bits16, Direction::In, 16, 2),
        ];
        assert_eq!(moves, expected);
        let list: std::vec::Vec<_> = expected.iter().map(|one| one.encode()).collect();
        assert_eq!(Mixed::LIST.to_vec(), list);
        assert_eq!(Mixed::words.to(Mixed::halves), (1, 2));
        assert_eq!(Mixed::byte.to(Mixed::byte), (0, 1));
        assert_eq!(size_of::<Mixed>(), 20);
    }

    #[test]
    fn a_field_is_found_by_its_place() {
        MIXED.words[2].set(7);
        assert_eq!(MIXED.field(4).unwrap().value(2), Some(7));
        MIXED.field(16).unwrap().set_value(1, 0x1_2345);
        assert_eq!(MIXED.halves[1].get(), 0x2345);
        assert!(MIXED.field(0).unwrap().value(1).is_none());
        assert!(MIXED.field(1).is_none());
    }

    #[test]
    fn an_answer_is_a_tock_error_code() {
        assert_eq!(outcome(0), Ok(()));
        assert_eq!(outcome(-2), Err(AttachError::Busy));
        assert_eq!(outcome(-9), Err(AttachError::NoRoom));
        assert_eq!(outcome(-10), Err(AttachError::Other(10)));
        assert_eq!(When::Interrupt(3).word(), 14);
        assert_eq!(When::EveryUs(1_000).word(), 4_001);
    }
}
