//! Register programs: many accesses in one call, carried out by the device's kernel.

use berth_exposure::program::{self, INSTRUCTION_BYTES, INSTRUCTIONS_MAX, NESTING_MAX};

pub use berth_exposure::Width;
pub use berth_exposure::program::{Exchange, Instruction, Place, Ready};

use crate::{Block, imports};

/// A list of accesses to one block, which the device checks all together before the first and then carries out by itself.
///
/// Made by the compiler where it is a constant; what can never be carried out does not compile there:
///
/// ```
/// use berth_guest::{Program, program::{Width, register}};
///
/// /// Waits for a word, then reads it and acknowledges.
/// const RECEIVE: Program<3> = Program::new()
///     .poll(register(0x04), 0b10, 0b10, 1_000)
///     .read(register(0x00))
///     .write(register(0x0c), 0b10);
/// assert_eq!(RECEIVE.output_bytes(), 4);
/// ```
///
/// ```compile_fail
/// use berth_guest::{Program, program::register};
///
/// // No bit of the value is under the mask.
/// const NEVER: Program<1> = Program::new().poll(register(0x04), 0b01, 0b10, 1_000);
/// let _ = NEVER;
/// ```
///
/// What only the device knows (which registers and bits are exposed, with which widths) it checks when the program is run: as with
/// single accesses, what is not allowed ends the container, and nothing was accessed then.
#[derive(Clone, Copy, Debug)]
pub struct Program<const N: usize> {
    code: [[u8; INSTRUCTION_BYTES]; N],
    length: usize,
    /// What a run takes and puts out, in bytes.
    input: u32,
    output: u32,
    /// Worst number of accesses.
    accesses: u64,
    /// Where the repetitions around what comes next end, and how often that is done.
    around: [(usize, u32); NESTING_MAX],
    depth: usize,
}

/// A register of 32 bits at a byte offset.
#[must_use]
pub const fn register(offset: u16) -> Place {
    Place {
        offset,
        width: Width::Bits32,
    }
}

/// A register, or a part of one, of another width.
#[must_use]
pub const fn narrow(offset: u16, width: Width) -> Place {
    Place { offset, width }
}

/// Why a program was not done. What it did before it had done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramError {
    /// A device did not become ready within the reads that a poll or an exchange gave it.
    NotReady {
        /// Index of the instruction.
        instruction: u8,
        /// Bytes that were put out before.
        output: u16,
    },
    /// The block has a program under way: this is a handler, and main's is not over.
    Busy,
    /// As many programs are under way as the device has room for.
    NoRoom,
    /// Another number.
    Other(u8),
}

impl<const N: usize> Program<N> {
    /// Begins one of `N` instructions.
    #[must_use]
    pub const fn new() -> Self {
        assert!(N > 0, "a program has at least one instruction");
        assert!(
            N <= INSTRUCTIONS_MAX,
            "a program has at most 32 instructions"
        );
        Self {
            code: [[0; INSTRUCTION_BYTES]; N],
            length: 0,
            input: 0,
            output: 0,
            accesses: 0,
            around: [(0, 1); NESTING_MAX],
            depth: 0,
        }
    }

    /// Reads, and appends the value to the output.
    #[must_use]
    pub const fn read(self, at: Place) -> Self {
        self.with(Instruction::Read(at))
    }

    /// Writes a value.
    #[must_use]
    pub const fn write(self, at: Place, value: u32) -> Self {
        self.with(Instruction::Write(at, value))
    }

    /// Changes the bits of `mask` to those of `value`.
    #[must_use]
    pub const fn modify(self, at: Place, mask: u32, value: u32) -> Self {
        self.with(Instruction::Modify { at, mask, value })
    }

    /// Reads until the bits of `mask` are those of `value`, at most `limit` times.
    #[must_use]
    pub const fn poll(self, at: Place, mask: u32, value: u32, limit: u32) -> Self {
        self.with(Instruction::Poll {
            at,
            mask,
            value,
            limit,
        })
    }

    /// Writes the next value of the input.
    #[must_use]
    pub const fn take(self, at: Place) -> Self {
        self.with(Instruction::Take(at))
    }

    /// Does the next `body` instructions `count` times.
    #[must_use]
    pub const fn repeat(self, count: u32, body: u8) -> Self {
        self.with(Instruction::Repeat { count, body })
    }

    /// Moves words through a device with a queue.
    #[must_use]
    pub const fn exchange(self, exchange: Exchange) -> Self {
        self.with(Instruction::Exchange(exchange))
    }

    /// Appends an instruction.
    #[must_use]
    #[allow(
        clippy::indexing_slicing,
        reason = "what is constant can do nothing else; all of it is checked above"
    )]
    pub const fn with(mut self, instruction: Instruction) -> Self {
        assert!(self.length < N, "more instructions than were announced");
        assert!(instruction.is_sound(), "a number outside its range");
        if let Some(at) = instruction.place() {
            assert!(
                (at.offset as u32).is_multiple_of(at.width.bytes()),
                "an offset that is no multiple of the width"
            );
        }
        while self.depth > 0 && self.around[self.depth - 1].0 <= self.length {
            self.depth -= 1;
        }
        let (end, times) = match self.depth {
            0 => (N, 1),
            depth => self.around[depth - 1],
        };
        let (accesses, input, output) = needs(instruction);
        self.accesses = self
            .accesses
            .saturating_add(accesses.saturating_mul(times as u64));
        self.input = self.input.saturating_add(input.saturating_mul(times));
        self.output = self.output.saturating_add(output.saturating_mul(times));
        assert!(
            self.accesses <= program::ACCESSES_MAX as u64,
            "more than 1,048,576 accesses, each poll counted with all its reads"
        );
        assert!(
            self.input <= program::DATA_MAX as u32 && self.output <= program::DATA_MAX as u32,
            "more than 4,096 bytes of input or output"
        );
        if let Instruction::Repeat { count, body } = instruction {
            let own = self.length + 1 + body as usize;
            assert!(
                own <= end,
                "a repetition that is not all inside of what is around it"
            );
            assert!(
                self.depth < NESTING_MAX,
                "more than four repetitions in each other"
            );
            self.around[self.depth] = (own, times.saturating_mul(count));
            self.depth += 1;
        }
        self.code[self.length] = instruction.encode();
        self.length += 1;
        self
    }

    /// How many bytes a run takes from its input.
    #[must_use]
    pub const fn input_bytes(&self) -> usize {
        self.input as usize
    }

    /// How many bytes a run puts out.
    #[must_use]
    pub const fn output_bytes(&self) -> usize {
        self.output as usize
    }

    /// Its bytes, as the device takes them.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        self.code.as_flattened()
    }

    /// Runs it on `block`: takes the first [`input_bytes`](Self::input_bytes) of `input` and fills the first
    /// [`output_bytes`](Self::output_bytes) of `output`. Others run meanwhile, if it is long; in a handler, where nobody can wait,
    /// its time is the handler's.
    ///
    /// # Errors
    ///
    /// [`ProgramError`].
    ///
    /// # Panics
    ///
    /// If there is less input or room, or the program has fewer instructions than were announced.
    pub fn run(&self, block: Block, input: &[u8], output: &mut [u8]) -> Result<(), ProgramError> {
        assert!(self.length == N, "fewer instructions than were announced");
        let (Some(input), Some(output)) = (
            input.get(..self.input_bytes()),
            output.get_mut(..self.output_bytes()),
        ) else {
            panic!("input or output is too short");
        };
        outcome(imports::run(block.number(), self.bytes(), input, output))
    }
}

impl<const N: usize> Default for Program<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// The most accesses of an instruction, and the bytes that it takes and puts out, each time.
const fn needs(instruction: Instruction) -> (u64, u32, u32) {
    match instruction {
        Instruction::Read(at) => (2, 0, at.width.bytes()),
        Instruction::Write(..) | Instruction::Modify { .. } => (2, 0, 0),
        Instruction::Poll { limit, .. } => (limit as u64, 0, 0),
        Instruction::Take(at) => (2, at.width.bytes(), 0),
        Instruction::Repeat { .. } => (1, 0, 0),
        Instruction::Exchange(exchange) => {
            let bytes = exchange.words as u32 * exchange.data.width.bytes();
            (
                2 * exchange.words as u64 * (exchange.limit as u64 + 2),
                if exchange.from_input { bytes } else { 0 },
                if exchange.to_output { bytes } else { 0 },
            )
        }
    }
}

/// What the device's answer means.
const fn outcome(answer: i32) -> Result<(), ProgramError> {
    if answer >= 0 {
        return Ok(());
    }
    let [code, instruction, low, high] = answer.to_le_bytes();
    Err(match code {
        13 => ProgramError::NotReady {
            instruction,
            output: u16::from_le_bytes([low, high & 0x7f]),
        },
        2 => ProgramError::Busy,
        9 => ProgramError::NoRoom,
        other => ProgramError::Other(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXCHANGE: Exchange = Exchange {
        data: narrow(0x08, Width::Bits16),
        status: 0x0c,
        words: 512,
        under_way: 8,
        room: Some(Ready { bit: 1, is: true }),
        from_input: true,
        filled: Some(Ready { bit: 2, is: true }),
        to_output: true,
        limit: 100,
    };

    #[test]
    fn lengths_are_those_of_all_repetitions() {
        const ALL: Program<7> = Program::new()
            .repeat(3, 4)
            .take(narrow(0, Width::Bits8))
            .repeat(5, 1)
            .read(narrow(2, Width::Bits16))
            .read(register(4))
            .read(register(4))
            .exchange(Exchange {
                words: 10,
                ..EXCHANGE
            });
        assert_eq!(ALL.input_bytes(), 3 + 20);
        assert_eq!(ALL.output_bytes(), 3 * (5 * 2 + 4) + 4 + 20);
        assert_eq!(ALL.bytes().len(), 7 * 16);
        assert_eq!(ALL.bytes().first(), Some(&6));
    }

    #[test]
    fn what_can_never_be_carried_out_is_refused() {
        let refused = |make: fn() -> usize| std::panic::catch_unwind(make).is_err();
        let cases: [fn() -> usize; 12] = [
            || Program::<1>::new().read(register(2)).length,
            || Program::<1>::new().read(narrow(1, Width::Bits16)).length,
            || Program::<1>::new().poll(register(0), 0, 0, 1).length,
            || Program::<1>::new().poll(register(0), 1, 2, 1).length,
            || Program::<1>::new().poll(register(0), 1, 1, 0).length,
            || {
                Program::<1>::new()
                    .poll(register(0), 1, 1, 1 << 20 | 1)
                    .length
            },
            || Program::<2>::new().repeat(0, 1).length,
            || Program::<2>::new().repeat(1, 2).length,
            || Program::<3>::new().repeat(1, 1).repeat(1, 1).length,
            || {
                Program::<6>::new()
                    .repeat(1, 5)
                    .repeat(1, 4)
                    .repeat(1, 3)
                    .repeat(1, 2)
                    .repeat(1, 1)
                    .length
            },
            || {
                Program::<1>::new()
                    .exchange(Exchange {
                        words: 4096,
                        ..EXCHANGE
                    })
                    .length
            },
            || {
                Program::<1>::new()
                    .read(register(0))
                    .read(register(0))
                    .length
            },
        ];
        for (index, case) in cases.into_iter().enumerate() {
            assert!(refused(case), "case {index}");
        }
        assert!(!refused(|| Program::<1>::new().exchange(EXCHANGE).length));
    }

    #[test]
    fn answers_say_what_and_where() {
        assert_eq!(outcome(0), Ok(()));
        assert_eq!(outcome(4096), Ok(()));
        let answer = (1 << 31 | 0x1000 << 16 | 31 << 8 | 13_u32).cast_signed();
        let error = ProgramError::NotReady {
            instruction: 31,
            output: 0x1000,
        };
        assert_eq!(outcome(answer), Err(error));
        assert_eq!(outcome(i32::MIN | 2), Err(ProgramError::Busy));
        assert_eq!(outcome(i32::MIN | 9), Err(ProgramError::NoRoom));
    }
}
