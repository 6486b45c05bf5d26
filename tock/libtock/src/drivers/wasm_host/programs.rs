//! Register programs: many accesses of one block in one call.
//!
//! The instructions, and what they may be, stand in [`berth_exposure::program`].

use crate::{ErrorCode, allow, command};
use berth_exposure::program::{DATA_MAX, INSTRUCTION_BYTES, state};
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

/// Run a program to its end. Returns how many bytes of `output` it has filled.
///
/// `code` is the instructions, encoded, and behind them the input. Between two passes the kernel looks after its
/// firmware; this process goes on asking.
///
/// # Errors
///
/// [`Ended`]. `Size` for buffers longer than [`DATA_MAX`], `Already` while the block has another program, `NoMem` while as many
/// programs are under way as the board has room for.
pub fn run(handle: u16, instructions: u16, code: &[u8], output: &mut [u8]) -> Result<u32, Ended> {
    let input = code
        .len()
        .checked_sub(usize::from(instructions) * INSTRUCTION_BYTES)
        .ok_or(ErrorCode::Size)?;
    if input > DATA_MAX || output.len() > DATA_MAX {
        return Err(ErrorCode::Size.into());
    }
    // Both fit 16 bits: checked above.
    let data = data_of(input as u16, output.len() as u16);
    let ask = |number, first, second| {
        let answer = command(DRIVER_NUM, number, first, second);
        match answer.failure_2_u32() {
            Some((error, instruction, output)) => Err(Ended::At {
                error,
                instruction,
                output,
            }),
            None => Ok(answer.success_2_u32()?),
        }
    };
    allow::with_read_only(DRIVER_NUM, berth_exposure::allow::RO_PROGRAM, code, || {
        allow::with_read_write(
            DRIVER_NUM,
            berth_exposure::allow::RW_OUTPUT,
            output,
            || -> Result<u32, Ended> {
                let mut come = ask(number::PROGRAM_RUN, program_of(handle, instructions), data)?;
                while come.0 == state::GOES_ON {
                    come = ask(number::PROGRAM_CONTINUE, handle.into(), 0)?;
                }
                Ok(come.1)
            },
        )
    })??
}
