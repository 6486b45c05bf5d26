//! Register programs: many accesses of one block in one call.
//!
//! The instructions, and what they may be, stand in [`berth_exposure::program`].

use crate::{ErrorCode, allow, command};
use berth_exposure::program::{DATA_MAX, INSTRUCTION_BYTES, PASSES_MAX, of_answer, state};
use berth_exposure::{DRIVER_NUM, command as number, data_of, program_of};

/// Why a program is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was refused before anything, or could not be asked for.
    Call(ErrorCode),
    /// At an instruction: refused when it was checked, or ended there.
    At {
        /// Why: `NoAck` where a device did not become ready, `Off` for a bus error; what else is as for single accesses.
        error: ErrorCode,
        /// Index of the instruction.
        instruction: u32,
        /// Bytes of output that were put out before.
        output: u32,
    },
}

impl From<ErrorCode> for Ended {
    fn from(error: ErrorCode) -> Self {
        Self::Call(error)
    }
}

/// What a pass has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// All of the program was done; so many bytes were put out.
    Done(u32),
    /// It is not over.
    GoesOn,
}

/// Does the kernel carry out programs?
#[must_use]
pub fn exists() -> bool {
    // A program of no instructions is refused whatever it is for; a kernel without programs does not know the command.
    let answer = command(DRIVER_NUM, number::PROGRAM_RUN, program_of(0, 0, 0), 0).success();
    !matches!(answer, Err(ErrorCode::NoSupport | ErrorCode::NoDevice))
}

/// Ends the program of a block where it is.
///
/// # Errors
///
/// `Already` if it has none, `Reserve` if the block is not claimed, `NoSupport` from a kernel without programs.
pub fn cancel(handle: u16) -> Result<(), ErrorCode> {
    command(DRIVER_NUM, number::PROGRAM_CANCEL, handle.into(), 0).success()
}

/// What a program is made of, in memory.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Its instructions, encoded, and behind them its input unless that is apart.
    pub code: &'a [u8],
    /// Its input, if it is not behind the instructions.
    pub input: &'a [u8],
    /// Room for what it puts out.
    pub output: &'a mut [u8],
}

/// The program of a block whose parts the kernel has.
#[derive(Debug)]
pub struct Lent {
    handle: u16,
}

/// Lends the parts of a program for the block `handle` while `body` runs.
///
/// # Errors
///
/// As [`allow::with_read_only`]. `body` did not run then.
pub fn lend<R>(
    handle: u16,
    parts: Parts<'_>,
    body: impl FnOnce(&Lent) -> R,
) -> Result<R, ErrorCode> {
    let Parts {
        code,
        input,
        output,
    } = parts;
    let lent = Lent { handle };
    // What is empty is not lent: the kernel has nothing there.
    let with_output = || {
        if output.is_empty() {
            Ok(body(&lent))
        } else {
            let number = berth_exposure::allow::RW_OUTPUT;
            allow::with_read_write(DRIVER_NUM, number, output, || body(&lent))
        }
    };
    let with_input = || {
        if input.is_empty() {
            with_output()
        } else {
            let number = berth_exposure::allow::RO_INPUT;
            allow::with_read_only(DRIVER_NUM, number, input, with_output)?
        }
    };
    let number = berth_exposure::allow::RO_PROGRAM;
    allow::with_read_only(DRIVER_NUM, number, code, with_input)?
}

impl Lent {
    /// Begins the program, which has so many instructions and bytes of input and output, and makes a pass, or up to `passes`, of which 255 count, as long as nothing
    /// comes that goes first. Returns what they have come to, and how many they were.
    ///
    /// # Errors
    ///
    /// [`Ended`]. `Already` while the block has another program, `NoMem` while as many programs are under way as
    /// the board has room for.
    pub fn begin(
        &self,
        instructions: u16,
        input: u16,
        output: u16,
        passes: u32,
    ) -> (Result<Pass, Ended>, u32) {
        // More than any kernel takes are refused by it as well.
        let instructions = u8::try_from(instructions).unwrap_or(u8::MAX);
        let passes = u8::try_from(passes).unwrap_or(u8::MAX);
        let program = program_of(self.handle, instructions, passes);
        Self::ask(number::PROGRAM_RUN, program, data_of(input, output))
    }

    /// Makes one more pass, or up to `passes` as long as nothing comes that goes first. Returns what they have come to, and how many they were.
    ///
    /// # Errors
    ///
    /// [`Ended`]. `Already` if the block has no program.
    pub fn go_on(&self, passes: u32) -> (Result<Pass, Ended>, u32) {
        let passes = passes.min(PASSES_MAX) as usize;
        Self::ask(number::PROGRAM_CONTINUE, self.handle.into(), passes)
    }

    fn ask(number: usize, first: usize, second: usize) -> (Result<Pass, Ended>, u32) {
        let answer = command(DRIVER_NUM, number, first, second);
        if let Some((error, told, output)) = answer.failure_2_u32() {
            let (instruction, made) = of_answer(told);
            let ended = Ended::At {
                error,
                instruction,
                output,
            };
            return (Err(ended), made);
        }
        match answer.success_2_u32() {
            Ok((told, output)) => {
                let (state, made) = of_answer(told);
                let pass = if state == state::GOES_ON {
                    Pass::GoesOn
                } else {
                    Pass::Done(output)
                };
                (Ok(pass), made)
            }
            Err(error) => (Err(error.into()), 0),
        }
    }
}

/// Run a program to its end. Returns how many bytes of `output` it has filled.
///
/// `code` is the instructions, encoded, and behind them the input. Between two passes the kernel looks after its
/// firmware; this process goes on asking.
///
/// # Errors
///
/// [`Ended`]. `Size` for buffers longer than [`DATA_MAX`], and as [`Lent::begin`].
pub fn run(handle: u16, instructions: u16, code: &[u8], output: &mut [u8]) -> Result<u32, Ended> {
    let input = code
        .len()
        .checked_sub(usize::from(instructions) * INSTRUCTION_BYTES)
        .ok_or(ErrorCode::Size)?;
    if input > DATA_MAX || output.len() > DATA_MAX {
        return Err(ErrorCode::Size.into());
    }
    let room = output.len();
    let parts = Parts {
        code,
        input: &[],
        output,
    };
    lend(handle, parts, |lent| {
        // Both fit 16 bits: checked above.
        let mut come = lent.begin(instructions, input as u16, room as u16, PASSES_MAX);
        loop {
            match come.0? {
                Pass::Done(output) => return Ok(output),
                Pass::GoesOn => come = lent.go_on(PASSES_MAX),
            }
        }
    })?
}
