//! Register programs on a board: what the kernel carries out, pass by pass.

use libtock::wasm_host::programs;

use super::Board;
use crate::interrupts::Interrupts;
use crate::programs::{Ended, Parts, Pass, Passes, Programs};

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

impl Programs for Board {
    fn runs_programs(&self) -> bool {
        programs::exists()
    }

    fn run_program(
        &self,
        handle: u16,
        parts: Parts<'_>,
        passes: Passes,
    ) -> (Result<Pass, Ended>, u32) {
        let (instructions, input) = parts.lengths;
        // At most DATA_MAX.
        let output = parts.output.len() as u16;
        let parts = programs::Parts {
            code: parts.code,
            input: parts.input,
            output: parts.output,
        };
        let mut made = 0;
        let mut come = Ok(programs::Pass::GoesOn);
        let lent = programs::lend(handle, parts, |lent: &programs::Lent| {
            let passes = match passes {
                Passes::First => {
                    (come, made) = lent.begin(instructions, input, output);
                    return;
                }
                Passes::Next(passes) => passes,
            };
            loop {
                let more;
                (come, more) = lent.go_on(passes.saturating_sub(made));
                made += more;
                if come != Ok(programs::Pass::GoesOn) || made >= passes || self.waiting() != 0 {
                    return;
                }
            }
        });
        if let Err(error) = lent {
            come = Err(error.into());
        }
        (come.map(Pass::from).map_err(Ended::from), made)
    }

    fn cancel_program(&self, handle: u16) {
        // That it has none is as good.
        let _ = programs::cancel(handle);
    }
}
