//! Register programs on a board: what the kernel carries out, pass by pass.

use libtock::wasm_host::programs;

use super::Board;
use crate::interrupts::Interrupts;
use crate::programs::{Ended, Parts, Pass, Passes, Programs, Work};

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
    ) -> (Result<Pass, Ended>, Work) {
        let (instructions, input) = parts.lengths;
        // At most DATA_MAX.
        let output = parts.output.len() as u16;
        let parts = programs::Parts {
            code: parts.code,
            input: parts.input,
            output: parts.output,
        };
        let begins = matches!(passes, Passes::First(_));
        let mut work = Work::default();
        let mut come = Ok(programs::Pass::GoesOn);
        let lent = programs::lend(handle, parts, |lent: &programs::Lent| {
            let (Passes::First(passes) | Passes::Next(passes)) = passes;
            loop {
                let left = passes.saturating_sub(work.passes);
                let made;
                (come, made) = if begins && work.calls == 0 {
                    lent.begin(instructions, input, output, left)
                } else {
                    lent.go_on(left)
                };
                work.calls += 1;
                work.passes += made;
                let is_over = come != Ok(programs::Pass::GoesOn);
                if is_over || work.passes >= passes || self.waiting() != 0 {
                    return;
                }
            }
        });
        if let Err(error) = lent {
            come = Err(error.into());
        }
        (come.map(Pass::from).map_err(Ended::from), work)
    }

    fn cancel_program(&self, handle: u16) {
        // That it has none is as good.
        let _ = programs::cancel(handle);
    }
}
