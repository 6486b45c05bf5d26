//! Conveyors: registers of one claimed block that are mirrored in memory.
//!
//! A conveyor is a list of at most [`MOVES_MAX`] moves of [`MOVE_BYTES`] bytes, little endian, and memory of at most
//! [`MEMORY_MAX`] bytes:
//!
//! ```text
//!   byte  0        2             3           4       6       8
//!        ┌────────┬─────────────┬───────────┬───────┬───────┐
//!        │ offset │ bytes moved │ direction │ place │ count │
//!        └────────┴─────────────┴───────────┴───────┴───────┘
//! ```
//!
//! A move is `count` accesses to the register at `offset` of the block, one after the other, and as many values that lie in the memory
//! from `place` on, as wide as the access and without gaps. Direction 0 goes from the register into the memory, 1 from the memory into
//! the register.

use crate::Width;

/// Length of a move in bytes.
pub const MOVE_BYTES: usize = 8;
/// Most moves of a conveyor.
pub const MOVES_MAX: usize = 16;
/// Most accesses of a conveyor; one for which bits of the register are kept counts twice.
pub const ACCESSES_MAX: u32 = 40;
/// Work of a move beside its accesses, in accesses. A pass is as much as [that of a program](crate::program::PASS_UNITS).
pub const MOVE_UNITS: u8 = 1;
/// How many moves are checked in one pass.
pub const CHECKS_OF_A_PASS: usize = 2;
/// Bytes of the longest memory.
pub const MEMORY_MAX: usize = 256;

/// What a call that attaches or synchronises has come to.
pub mod state {
    /// All moves are checked, or made.
    pub const DONE: u32 = 0;
    /// It is not over. Attaching: to be called again with the same; synchronising: with the moves that are not made, of which the first
    /// may be under way.
    pub const GOES_ON: u32 = 1;
}

/// Which moves a call that synchronises makes, as bits.
pub mod directions {
    /// Those from registers into memory.
    pub const IN: u32 = 1;
    /// Those from memory into registers.
    pub const OUT: u32 = 2;
    /// Both.
    pub const ALL: u32 = IN | OUT;
}

/// Where a move goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// From the register into the memory.
    In = 0,
    /// From the memory into the register.
    Out = 1,
}

impl Direction {
    /// Its bit among [`directions`].
    #[must_use]
    pub const fn bit(self) -> u32 {
        match self {
            Self::In => directions::IN,
            Self::Out => directions::OUT,
        }
    }
}

/// Accesses to one register, and the values in memory that belong to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Offset of the register in the block in bytes, a multiple of the width.
    pub offset: u16,
    /// Width of an access, and of a value.
    pub width: Width,
    /// Where the values go.
    pub direction: Direction,
    /// Offset of the first value in the memory in bytes, a multiple of the width.
    pub place: u16,
    /// How many accesses, at least one.
    pub count: u16,
}

impl Move {
    /// The bytes of the move. What has a range in its description is taken as it is; the kernel refuses it.
    #[must_use]
    pub const fn encode(self) -> [u8; MOVE_BYTES] {
        let [o0, o1] = self.offset.to_le_bytes();
        let [p0, p1] = self.place.to_le_bytes();
        let [c0, c1] = self.count.to_le_bytes();
        // 1, 2 or 4.
        let width = self.width.bytes() as u8;
        [o0, o1, width, self.direction as u8, p0, p1, c0, c1]
    }

    /// The move of these bytes. Returns `None` if there is none: a width or a direction that does not exist.
    #[must_use]
    pub const fn decode(bytes: [u8; MOVE_BYTES]) -> Option<Self> {
        let [o0, o1, width, direction, p0, p1, c0, c1] = bytes;
        let Some(width) = Width::of_bytes(width as u32) else {
            return None;
        };
        let direction = match direction {
            0 => Direction::In,
            1 => Direction::Out,
            _ => return None,
        };
        Some(Self {
            offset: u16::from_le_bytes([o0, o1]),
            width,
            direction,
            place: u16::from_le_bytes([p0, p1]),
            count: u16::from_le_bytes([c0, c1]),
        })
    }

    /// The offset in the block of the move of these bytes, which need not be one.
    #[must_use]
    pub const fn offset(bytes: [u8; MOVE_BYTES]) -> u16 {
        let [o0, o1, ..] = bytes;
        u16::from_le_bytes([o0, o1])
    }

    /// First byte of the memory behind its values.
    #[must_use]
    pub const fn end(self) -> u32 {
        // At most 2^16 + 4 * 2^16.
        self.place as u32 + self.count as u32 * self.width.bytes()
    }

    /// Is each of its numbers in the range that its description says?
    #[must_use]
    pub const fn is_sound(self) -> bool {
        self.count != 0 && self.place as u32 & (self.width.bytes() - 1) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_exactly_one_string_of_bytes() {
        let mut read = 0;
        let of = |direction, width| Move {
            offset: 0x1234,
            width,
            direction,
            place: 0xabcd,
            count: 0x9876,
        };
        for width in [Width::Bits8, Width::Bits16, Width::Bits32] {
            for one in [of(Direction::In, width), of(Direction::Out, width)] {
                let bytes = one.encode();
                assert_eq!(Move::decode(bytes), Some(one));
                assert_eq!(Move::offset(bytes), 0x1234);
                for at in 0..MOVE_BYTES {
                    for value in 0..=u8::MAX {
                        let mut other = bytes;
                        other[at] = value;
                        if let Some(other_move) = Move::decode(other) {
                            assert_eq!(other_move.encode(), other);
                            read += 1;
                        }
                    }
                }
            }
        }
        assert!(read > 6 * 6 * 256, "{read}");
    }

    #[test]
    fn values_lie_behind_each_other() {
        let one = Move {
            offset: 0,
            width: Width::Bits16,
            direction: Direction::In,
            place: 6,
            count: 5,
        };
        assert_eq!(one.end(), 16);
        assert!(one.is_sound());
        assert!(!Move { place: 7, ..one }.is_sound());
        assert!(!Move { count: 0, ..one }.is_sound());
        let longest = Move {
            width: Width::Bits32,
            place: u16::MAX,
            count: u16::MAX,
            ..one
        };
        assert_eq!(longest.end(), 5 * 65_535);
    }
}
