//! Register programs on a board: what the kernel carries out, pass by pass.

use libtock::wasm_host::programs;

use super::Board;
use crate::interrupts::Interrupts;
use crate::programs::{Ended, Parts, Pass, Programs};

impl From<programs::Ended> for Ended {
    fn from(ended: programs::Ended) -> Self {
        match ended {
            programs::Ended::Call(error) => Self {
                code: error as u8,
                at: None,
            },
            programs::Ended::At {
                error,
                instruction,
                output,
            } => Self {
                code: error as u8,
                at: Some((instruction, output)),
            },
        }
    }
}

impl From<programs::Pass> for Pass {
    fn from(pass: programs::Pass) -> Self {
        match pass {
            programs::Pass::Done(output) => Self::Done(output),
            programs::Pass::GoesOn => Self::GoesOn,
        }
    }
}

/// Lends the parts of a program while `body` runs.
fn lent(
    handle: u16,
    parts: Parts<'_>,
    body: impl FnOnce(&programs::Lent) -> Result<programs::Pass, programs::Ended>,
) -> Result<Pass, Ended> {
    let parts = programs::Parts {
        code: parts.code,
        input: parts.input,
        output: parts.output,
    };
    let pass = programs::lend(handle, parts, body).unwrap_or_else(|error| Err(error.into()))?;
    Ok(pass.into())
}

impl Programs for Board {
    fn runs_programs(&self) -> bool {
        programs::exists()
    }

    fn begin_program(&self, handle: u16, parts: Parts<'_>) -> Result<Pass, Ended> {
        let (instructions, input) = parts.lengths;
        // At most DATA_MAX.
        let output = parts.output.len() as u16;
        lent(handle, parts, |lent| {
            lent.begin(instructions, input, output)
        })
    }

    fn continue_program(
        &self,
        handle: u16,
        parts: Parts<'_>,
        passes: u32,
    ) -> (Result<Pass, Ended>, u32) {
        let mut made = 0;
        let come = lent(handle, parts, |lent| {
            loop {
                made += 1;
                let pass = lent.go_on()?;
                if pass != programs::Pass::GoesOn || made >= passes || self.waiting() != 0 {
                    return Ok(pass);
                }
            }
        });
        (come, made)
    }

    fn cancel_program(&self, handle: u16) {
        // That it has none is as good.
        let _ = programs::cancel(handle);
    }
}
