//! Register programs: instructions that the kernel checks all together and then carries out by itself.
//!
//! A program is for one claimed block. It is a list of at most [`INSTRUCTIONS_MAX`] instructions of
//! [`INSTRUCTION_BYTES`] bytes, little endian:
//!
//! ```text
//!   byte  0          1                2        4      8      12     16
//!        ┌───────────┬───────────────┬────────┬──────┬──────┬──────┐
//!        │ operation │ bytes moved   │ offset │  a   │  b   │  c   │
//!        └───────────┴───────────────┴────────┴──────┴──────┴──────┘
//! ```
//!
//! | operation | | a | b | c |
//! |---|---|---|---|---|
//! | 1 read | appends the register's value to the output | 0 | 0 | 0 |
//! | 2 write | | value | 0 | 0 |
//! | 3 modify | changes the bits of a mask | mask | value | 0 |
//! | 4 poll | reads until the bits of a mask have a value | mask | value | most reads |
//! | 5 take | writes the next value of the input | 0 | 0 | 0 |
//! | 6 repeat | the next instructions | how often | how many | 0 |
//! | 7 exchange | words through a data register, as a status register allows | see [`Exchange`] | | |
//!
//! Fields that an operation does not use are zero. An exchange has in `a` the offset of its status register (16 bits), the
//! most words under way (8) and its modes (8), in `b` the number of words (16) and the two bits (8 each), in `c` the most
//! reads of the status in which nothing moves.

use crate::Width;

/// Length of an instruction in bytes.
pub const INSTRUCTION_BYTES: usize = 16;
/// Most instructions of a program.
pub const INSTRUCTIONS_MAX: usize = 32;
/// Most instructions `repeat` inside each other.
pub const NESTING_MAX: usize = 4;
/// Most accesses of a program, every poll counted with all its reads.
pub const ACCESSES_MAX: u32 = 1 << 20;
/// Most bytes that a program takes from its input, and that it appends to its output.
pub const DATA_MAX: usize = 4096;

/// Work of one pass of a program, in accesses; whatever makes none counts as one, too.
pub const PASS_UNITS: u32 = 40;
/// Work of checking an instruction, in the same unit; an exchange, which has three places, takes twice as much.
const CHECK_UNITS: u32 = 20;

/// Work of checking an instruction of which this is the first byte.
#[must_use]
pub const fn check_units(operation: u8) -> u32 {
    if operation == EXCHANGE {
        2 * CHECK_UNITS
    } else {
        CHECK_UNITS
    }
}

/// What a program's run has come to.
pub mod state {
    /// It is over, all of it was done.
    pub const DONE: u32 = 0;
    /// It is not over: to be continued.
    pub const GOES_ON: u32 = 1;
}

/// Most passes that a call can ask for, and tell that it made.
pub const PASSES_MAX: u32 = 0xff_ffff;

/// Bits of the first number of an answer below that of passes.
const WHAT_BITS: u32 = 8;

/// The first number that the kernel answers: a [`state`], or the index of the instruction that is to blame, and how many
/// passes were made.
#[must_use]
pub const fn answer_of(what: u32, passes: u32) -> u32 {
    what & !(!0 << WHAT_BITS) | passes << WHAT_BITS
}

/// The state or index, and the number of passes, of an answer.
#[must_use]
pub const fn of_answer(answer: u32) -> (u32, u32) {
    (answer & !(!0 << WHAT_BITS), answer >> WHAT_BITS)
}

/// A register, or a part of one, and the width it is accessed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Offset in the block in bytes, a multiple of the width.
    pub offset: u16,
    /// Width of the access.
    pub width: Width,
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Read, and append the value to the output.
    Read(Place),
    /// Write a value.
    Write(Place, u32),
    /// Change the bits of a mask to those of a value.
    Modify {
        /// Where.
        at: Place,
        /// Which bits change.
        mask: u32,
        /// What they change to.
        value: u32,
    },
    /// Read until the bits of a mask have a value.
    Poll {
        /// Where.
        at: Place,
        /// Which bits count.
        mask: u32,
        /// What they have to be; no other bits.
        value: u32,
        /// Most reads, at least one. If none of them has the value, the program ends with an error.
        limit: u32,
    },
    /// Write the next value of the input.
    Take(Place),
    /// Do the next instructions several times.
    Repeat {
        /// How often, at least once.
        count: u32,
        /// How many instructions, at least one.
        body: u8,
    },
    /// Move words through a device with a queue.
    Exchange(Exchange),
}

/// Words that are written to a data register while its device has room, and read from it while there are some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The data register.
    pub data: Place,
    /// Offset of the status register, which is read in 32 bits.
    pub status: u16,
    /// How many words, at least one.
    pub words: u16,
    /// Most words that are written and not read yet: the length of the device's queue. Where nothing is written or nothing
    /// read it does not count. At least one.
    pub under_way: u8,
    /// When a word can be written. `None`: no words are written.
    pub room: Option<Ready>,
    /// Whether the words written come from the input; else they are zero.
    pub from_input: bool,
    /// When a word can be read. `None`: no words are read.
    pub filled: Option<Ready>,
    /// Whether the words read are appended to the output; else they are dropped.
    pub to_output: bool,
    /// Most reads of the status, one after the other, in which nothing can be moved; at least one.
    pub limit: u32,
}

/// A bit of the status register, and what it is when the device is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Number of the bit, 0 to 31.
    pub bit: u8,
    /// Whether it is 1 then.
    pub is: bool,
}

impl Ready {
    const NOT: u8 = 0x80;

    const fn encode(self) -> u8 {
        self.bit | if self.is { 0 } else { Self::NOT }
    }

    const fn decode(byte: u8) -> Option<Self> {
        let bit = byte & !Self::NOT;
        if bit > 31 {
            return None;
        }
        Some(Self {
            bit,
            is: byte & Self::NOT == 0,
        })
    }

    /// The bit, as a mask; none: no bit.
    #[must_use]
    pub const fn mask(ready: Option<Self>) -> u32 {
        match ready {
            Some(ready) => 1 << ready.bit,
            None => 0,
        }
    }

    /// The bit, as a mask, if it is 0 when the device is ready.
    #[must_use]
    pub const fn turned(ready: Option<Self>) -> u32 {
        match ready {
            Some(Self { is: false, bit }) => 1 << bit,
            _ => 0,
        }
    }
}

const READ: u8 = 1;
const WRITE: u8 = 2;
const MODIFY: u8 = 3;
const POLL: u8 = 4;
const TAKE: u8 = 5;
const REPEAT: u8 = 6;
const EXCHANGE: u8 = 7;

const MODE_WRITES: u8 = 1;
const MODE_FROM_INPUT: u8 = 2;
const MODE_READS: u8 = 4;
const MODE_TO_OUTPUT: u8 = 8;

impl Instruction {
    /// The bytes of the instruction. What has a range in its description is taken as it is; the kernel refuses it.
    #[must_use]
    pub const fn encode(self) -> [u8; INSTRUCTION_BYTES] {
        let nowhere = Place {
            offset: 0,
            width: Width::Bits32,
        };
        let (operation, place, a, b, c) = match self {
            Self::Read(at) => (READ, at, 0, 0, 0),
            Self::Write(at, value) => (WRITE, at, value, 0, 0),
            Self::Modify { at, mask, value } => (MODIFY, at, mask, value, 0),
            Self::Poll {
                at,
                mask,
                value,
                limit,
            } => (POLL, at, mask, value, limit),
            Self::Take(at) => (TAKE, at, 0, 0, 0),
            Self::Repeat { count, body } => (REPEAT, nowhere, count, body as u32, 0),
            Self::Exchange(exchange) => {
                let (a, b) = exchange.encode();
                (EXCHANGE, exchange.data, a, b, exchange.limit)
            }
        };
        // 1, 2 or 4.
        let width = place.width.bytes() as u8;
        let [o0, o1] = place.offset.to_le_bytes();
        let [a0, a1, a2, a3] = a.to_le_bytes();
        let [b0, b1, b2, b3] = b.to_le_bytes();
        let [c0, c1, c2, c3] = c.to_le_bytes();
        [
            operation, width, o0, o1, a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3,
        ]
    }

    /// Is each of its numbers in the range that its description says? What stands around it is not looked at.
    #[must_use]
    pub const fn is_sound(self) -> bool {
        match self {
            Self::Read(_) | Self::Write(..) | Self::Modify { .. } | Self::Take(_) => true,
            Self::Poll {
                mask, value, limit, ..
            } => limit != 0 && mask != 0 && value & !mask == 0,
            Self::Repeat { count, body } => count != 0 && body != 0,
            Self::Exchange(exchange) => exchange.is_sound(),
        }
    }

    /// Where it accesses its block first; `None`: nowhere.
    #[must_use]
    pub const fn place(self) -> Option<Place> {
        match self {
            Self::Read(at)
            | Self::Write(at, _)
            | Self::Modify { at, .. }
            | Self::Poll { at, .. }
            | Self::Take(at) => Some(at),
            Self::Repeat { .. } => None,
            Self::Exchange(exchange) => Some(exchange.data),
        }
    }

    /// The offset in the block of the instruction of these bytes, where it has one.
    #[must_use]
    pub const fn offset(bytes: &[u8; INSTRUCTION_BYTES]) -> u16 {
        let [_, _, o0, o1, ..] = *bytes;
        u16::from_le_bytes([o0, o1])
    }

    /// The instruction of these bytes. Returns `None` if there is none: an operation or a width that does not exist, a field
    /// that is not used and not zero.
    #[must_use]
    pub fn decode(bytes: &[u8; INSTRUCTION_BYTES]) -> Option<Self> {
        let [
            operation,
            width,
            o0,
            o1,
            a0,
            a1,
            a2,
            a3,
            b0,
            b1,
            b2,
            b3,
            c0,
            c1,
            c2,
            c3,
        ] = *bytes;
        let at = Place {
            offset: u16::from_le_bytes([o0, o1]),
            width: match width {
                1 => Width::Bits8,
                2 => Width::Bits16,
                4 => Width::Bits32,
                _ => return None,
            },
        };
        let a = u32::from_le_bytes([a0, a1, a2, a3]);
        let b = u32::from_le_bytes([b0, b1, b2, b3]);
        let c = u32::from_le_bytes([c0, c1, c2, c3]);
        let instruction = match operation {
            READ => Self::Read(at),
            WRITE => Self::Write(at, a),
            MODIFY => Self::Modify {
                at,
                mask: a,
                value: b,
            },
            POLL => Self::Poll {
                at,
                mask: a,
                value: b,
                limit: c,
            },
            TAKE => Self::Take(at),
            REPEAT => Self::Repeat {
                count: a,
                body: u8::try_from(b).ok()?,
            },
            EXCHANGE => Self::Exchange(Exchange::decode(at, a, b, c)?),
            _ => return None,
        };
        // Whatever the fields above left out must be zero.
        (instruction.encode() == *bytes).then_some(instruction)
    }
}

impl Exchange {
    /// Whether its numbers are in their ranges, and its modes fit together.
    const fn is_sound(self) -> bool {
        let modes_fit = (self.room.is_some() || !self.from_input)
            && (self.filled.is_some() || !self.to_output)
            && (self.room.is_some() || self.filled.is_some());
        self.words != 0 && self.under_way != 0 && self.limit != 0 && modes_fit
    }

    /// Fields `a` and `b`.
    const fn encode(self) -> (u32, u32) {
        const fn mode(set: bool, mode: u8) -> u8 {
            if set { mode } else { 0 }
        }
        const fn bit(ready: Option<Ready>) -> u8 {
            match ready {
                Some(ready) => ready.encode(),
                None => 0,
            }
        }
        let modes = mode(self.room.is_some(), MODE_WRITES)
            | mode(self.from_input, MODE_FROM_INPUT)
            | mode(self.filled.is_some(), MODE_READS)
            | mode(self.to_output, MODE_TO_OUTPUT);
        let [s0, s1] = self.status.to_le_bytes();
        let [w0, w1] = self.words.to_le_bytes();
        (
            u32::from_le_bytes([s0, s1, self.under_way, modes]),
            u32::from_le_bytes([w0, w1, bit(self.room), bit(self.filled)]),
        )
    }

    fn decode(data: Place, a: u32, b: u32, limit: u32) -> Option<Self> {
        let [s0, s1, under_way, modes] = a.to_le_bytes();
        let [w0, w1, room, filled] = b.to_le_bytes();
        let (writes, reads) = (modes & MODE_WRITES != 0, modes & MODE_READS != 0);
        let ready = |used: bool, byte| {
            if used {
                Ready::decode(byte).map(Some)
            } else {
                Some(None)
            }
        };
        Some(Self {
            data,
            status: u16::from_le_bytes([s0, s1]),
            words: u16::from_le_bytes([w0, w1]),
            under_way,
            room: ready(writes, room)?,
            from_input: modes & MODE_FROM_INPUT != 0,
            filled: ready(reads, filled)?,
            to_output: modes & MODE_TO_OUTPUT != 0,
            limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Place = Place {
        offset: 0x1234,
        width: Width::Bits16,
    };
    const EXCHANGE: Exchange = Exchange {
        data: AT,
        status: 0xabcd,
        words: 512,
        under_way: 8,
        room: Some(Ready { bit: 1, is: true }),
        from_input: true,
        filled: Some(Ready { bit: 31, is: false }),
        to_output: true,
        limit: 0xdead_beef,
    };

    fn all() -> [Instruction; 9] {
        [
            Instruction::Read(AT),
            Instruction::Write(AT, 0x8765_4321),
            Instruction::Modify {
                at: AT,
                mask: 1,
                value: 2,
            },
            Instruction::Poll {
                at: AT,
                mask: 1,
                value: 2,
                limit: 3,
            },
            Instruction::Take(AT),
            Instruction::Repeat { count: 7, body: 3 },
            Instruction::Exchange(EXCHANGE),
            Instruction::Exchange(Exchange {
                room: None,
                from_input: false,
                ..EXCHANGE
            }),
            Instruction::Exchange(Exchange {
                filled: None,
                to_output: false,
                ..EXCHANGE
            }),
        ]
    }

    #[test]
    fn an_instruction_survives_the_way_through_its_bytes() {
        for instruction in all() {
            assert_eq!(
                Instruction::decode(&instruction.encode()),
                Some(instruction)
            );
        }
    }

    /// Whatever the bytes are, they are no instruction or exactly those of the one they are read as.
    #[test]
    fn no_two_byte_strings_are_the_same_instruction() {
        let mut read = 0_u32;
        for instruction in all() {
            let bytes = instruction.encode();
            for at in 0..INSTRUCTION_BYTES {
                for value in 0..=u8::MAX {
                    let mut other = bytes;
                    other[at] = value;
                    if let Some(instruction) = Instruction::decode(&other) {
                        assert_eq!(instruction.encode(), other);
                        read += 1;
                    }
                }
            }
        }
        assert!(read > 9 * 256, "{read}");
        assert_eq!(Instruction::decode(&[0; INSTRUCTION_BYTES]), None);
        assert_eq!(Instruction::decode(&[0xff; INSTRUCTION_BYTES]), None);
    }

    #[test]
    fn readiness_is_a_bit_or_its_absence() {
        for (is, status, says) in [
            (true, 0x8, true),
            (true, 0x7, false),
            (false, 0x8, false),
            (false, 0x7, true),
        ] {
            let ready = Some(Ready { bit: 3, is });
            let bit = (status ^ Ready::turned(ready)) & Ready::mask(ready);
            assert_eq!(bit != 0, says, "{is} {status}");
        }
    }
}
