//! What the supervisor needs of the system for register programs of containers.
//!
//! A program's instructions, its input and room for its output lie in a container's memory. The system below sees them
//! for the length of a call and no longer: handlers may let the memory grow between two, so whoever goes on with a program
//! shows them anew.

use crate::engine::border::price;
use crate::errno;
use berth_protocol::Fault;

pub use berth_exposure::program::{DATA_MAX, INSTRUCTION_BYTES, INSTRUCTIONS_MAX, Instruction};

/// A part of a container's memory: address and length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first byte.
    pub pointer: u32,
    /// Bytes.
    pub length: u32,
}

impl Span {
    /// First byte, and the first behind it.
    fn bounds(self) -> Option<(usize, usize)> {
        let start = self.pointer as usize;
        Some((start, start.checked_add(self.length as usize)?))
    }
}

/// Where in its memory a container has a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Its instructions.
    pub code: Span,
    /// What it takes.
    pub input: Span,
    /// Where to put what it reads.
    pub output: Span,
}

/// A program as it lies in memory.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Its instructions, and the input behind them unless that is apart.
    pub code: &'a [u8],
    /// Its input, if that is apart.
    pub input: &'a [u8],
    /// Where to put what it reads.
    pub output: &'a mut [u8],
    /// How many instructions, and how much input, there are.
    pub lengths: (u16, u16),
}

impl Places {
    /// Returns the parts of the program. `None`: one of them is not inside `memory`, or what it reads is to be
    /// put where it still has to look.
    pub fn of<'a>(&self, memory: &'a mut [u8]) -> Option<Parts<'a>> {
        // What is more than a program can have is not looked at.
        let cut = |span: Span| Span {
            length: span.length.min(DATA_MAX as u32),
            ..span
        };
        let all = memory.len();
        let inside = |span: Span| span.bounds().filter(|(_, end)| *end <= all);
        let (_, _, _) = (
            inside(self.code)?,
            inside(self.input)?,
            inside(self.output)?,
        );
        let ((start, end), input, output) = (
            self.code.bounds()?,
            cut(self.input).bounds()?,
            cut(self.output).bounds()?,
        );
        let lengths = (
            u16::try_from((end - start) / INSTRUCTION_BYTES).unwrap_or(u16::MAX),
            (input.1 - input.0) as u16,
        );
        // Most have it there, and it is one loan then.
        let (code, apart) = if input.0 == end {
            ((start, input.1), (start, start))
        } else {
            ((start, end), input)
        };
        let (before, rest) = memory.split_at_mut_checked(output.0)?;
        let (output, behind) = rest.split_at_mut_checked(output.1 - output.0)?;
        let behind_start = before.len() + output.len();
        let (before, behind) = (&*before, &*behind);
        let find = move |(start, end): (usize, usize)| {
            if start == end {
                Some(&[][..])
            } else if end <= before.len() {
                before.get(start..end)
            } else {
                let from = start.checked_sub(behind_start)?;
                behind.get(from..end - behind_start)
            }
        };
        Some(Parts {
            code: find(code)?,
            input: find(apart)?,
            output,
            lengths,
        })
    }

    /// Returns the offset in the block that instruction `index` has.
    fn offset(&self, memory: &[u8], index: u32) -> Option<u32> {
        let at = (self.code.pointer as usize)
            .checked_add((index as usize).checked_mul(INSTRUCTION_BYTES)?)?;
        let bytes = memory.get(at..)?.first_chunk()?;
        Some(Instruction::offset(bytes).into())
    }
}

/// Which passes of a program are to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// The first, and at most so many together with it.
    First(u32),
    /// At most so many of the rest.
    Next(u32),
}

/// What it was that the system below did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Passes.
    pub passes: u32,
    /// System calls that they were made in.
    pub calls: u32,
}

impl Work {
    /// Returns what it costs, in fuel.
    #[must_use]
    pub const fn price(self) -> u32 {
        let calls = price::PROGRAM_CALL.saturating_mul(self.calls);
        calls.saturating_add(price::PASS.saturating_mul(self.passes))
    }
}

/// What passes have come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// All of it was done; so many bytes were put out.
    Done(u32),
    /// It is not over.
    GoesOn,
}

/// Why a program is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// A Tock error code.
    pub code: u8,
    /// The instruction to blame, and how much was put out before; `None`: it was refused before any was looked at.
    pub at: Option<(u32, u32)>,
}

/// A program of a container that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// What the container calls the block.
    pub number: u32,
    /// What the system below calls it.
    pub handle: u16,
    /// Where the program is.
    pub places: Places,
}

/// What a container did wrong with a program: the fault, and what its record says of the call: the block, and the register's
/// offset or, where no register is to blame, the instruction's index.
pub type Wrong = (Fault, [u32; 2]);

impl UnderWay {
    /// Returns what passes, or the attempt to begin, mean for the container: what its call returns, or `None` if the program
    /// goes on.
    ///
    /// # Errors
    ///
    /// The container is to be ended.
    pub fn judge(&self, come: Result<Pass, Ended>, memory: &[u8]) -> Result<Option<u32>, Wrong> {
        let Ended { code, at } = match come {
            Ok(Pass::GoesOn) => return Ok(None),
            Ok(Pass::Done(output)) => return Ok(Some(output)),
            Err(ended) => ended,
        };
        let wrong = |fault, place| Err((fault, [self.number, place]));
        match (code, at) {
            (errno::NO_ACK, Some((instruction, output))) => {
                Ok(Some(failed(code, instruction, output)))
            }
            (errno::ALREADY, None) => Ok(Some(failed(errno::BUSY, 0, 0))),
            (errno::NO_MEMORY, None) => Ok(Some(failed(code, 0, 0))),
            (errno::RESERVE, None) => wrong(Fault::BadHandle, 0),
            (_, None) => wrong(Fault::BadProgram, self.instructions()),
            (errno::FAIL | errno::SIZE, Some((index, _))) => wrong(Fault::BadProgram, index),
            (_, Some((index, _))) => match self.places.offset(memory, index) {
                Some(offset) => wrong(Fault::BadRegister, offset),
                None => wrong(Fault::BadProgram, index),
            },
        }
    }

    /// How many instructions it has.
    const fn instructions(&self) -> u32 {
        self.places.code.length / INSTRUCTION_BYTES as u32
    }
}

/// What `program.run` returns for a program that was not done: bit 31, bytes put out before in bits 16 to 30, the
/// instruction in bits 8 to 15, a Tock error code below.
const fn failed(code: u8, instruction: u32, output: u32) -> u32 {
    1 << 31 | (output & 0x7fff) << 16 | (instruction & 0xff) << 8 | code as u32
}

/// The part of the [`Platform`](crate::platform::Platform) that carries out register programs. Nothing here allocates.
pub trait Programs {
    /// Are they carried out?
    fn runs_programs(&self) -> bool {
        false
    }

    /// Begin a program for a claimed block, or go on with the one that was begun, for at most so many passes, at
    /// least one; fewer if an interrupt waits. Returns what work it was, too.
    fn run_program(
        &self,
        handle: u16,
        parts: Parts<'_>,
        passes: Passes,
    ) -> (Result<Pass, Ended>, Work) {
        let _ = (handle, parts, passes);
        let ended = Ended {
            code: errno::NO_SUPPORT,
            at: None,
        };
        (Err(ended), Work::default())
    }

    /// End the program of a block where it is, if it has one.
    fn cancel_program(&self, handle: u16) {
        let _ = handle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn span(pointer: u32, length: u32) -> Span {
        Span { pointer, length }
    }

    fn memory() -> [u8; 100] {
        core::array::from_fn(|at| at as u8)
    }

    #[test]
    fn parts_are_where_they_are_said_to_be() {
        let mut bytes = memory();
        for (code, input, output) in [
            (span(0, 16), span(20, 4), span(30, 5)),
            (span(80, 16), span(0, 4), span(40, 40)),
            (span(40, 16), span(60, 0), span(0, 40)),
            (span(40, 16), span(96, 4), span(56, 40)),
            (span(0, 16), span(16, 0), span(100, 0)),
        ] {
            let places = Places {
                code,
                input,
                output,
            };
            let parts = places.of(&mut bytes).unwrap();
            let begins = |part: &[u8]| part.first().map(|byte| u32::from(*byte));
            assert_eq!(begins(parts.code), Some(code.pointer));
            assert_eq!(parts.code.len(), 16);
            assert_eq!(parts.input.len() as u32, input.length);
            if input.length > 0 {
                assert_eq!(begins(parts.input), Some(input.pointer));
            }
            assert_eq!(parts.output.len() as u32, output.length);
            if output.length > 0 {
                assert_eq!(begins(parts.output), Some(output.pointer));
            }
            assert_eq!(parts.lengths, (1, input.length as u16));
        }
    }

    #[test]
    fn input_behind_the_instructions_is_one_part_with_them() {
        let places = Places {
            code: span(8, 32),
            input: span(40, 6),
            output: span(0, 8),
        };
        let mut bytes = memory();
        let parts = places.of(&mut bytes).unwrap();
        assert_eq!((parts.code.len(), parts.input.len()), (38, 0));
        assert_eq!(parts.lengths, (2, 6));
    }

    #[test]
    fn what_is_not_inside_or_overlaps_the_output_is_refused() {
        let good = span(0, 16);
        let mut bytes = memory();
        for (code, input, output) in [
            (span(90, 16), span(0, 0), span(0, 0)),
            (span(u32::MAX, 16), span(0, 0), span(0, 0)),
            (good, span(97, 4), span(20, 0)),
            (good, span(0, u32::MAX), span(20, 0)),
            (good, span(0, 0), span(97, 4)),
            (good, span(0, 0), span(101, 0)),
            (good, span(u32::MAX, 0), span(20, 4)),
            (good, span(0, 0), span(15, 4)),
            (good, span(0, 0), span(0, 1)),
            (good, span(20, 8), span(27, 4)),
            (good, span(20, 8), span(18, 4)),
            (good, span(16, 8), span(23, 1)),
        ] {
            let places = Places {
                code,
                input,
                output,
            };
            assert!(places.of(&mut bytes).is_none(), "{places:?}");
        }
    }
}
