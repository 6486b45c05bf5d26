//! Register programs on the simulated board: the kernel's own machine carries them out.

use crate::simulated::Simulated;
use wasm_host::desk::{self, Program};
use wasm_supervisor::arena;
use wasm_supervisor::errno;
use wasm_supervisor::interrupts::Interrupts;
use wasm_supervisor::programs::{Ended, INSTRUCTION_BYTES, Parts, Pass, Passes, Programs, Work};

fn ended(ended: desk::Ended) -> Ended {
    Ended {
        code: ended.code as u8,
        at: ended.at,
    }
}

const fn refused(code: u8) -> Ended {
    Ended { code, at: None }
}

impl Simulated {
    /// The program to go on with, or a new one.
    fn program(&self, handle: u16, parts: &Parts<'_>, passes: Passes) -> Result<Program, Ended> {
        let mut programs = self.0.programs.borrow_mut();
        match passes {
            Passes::First(_) if programs.contains_key(&handle) => Err(refused(errno::ALREADY)),
            Passes::First(_) if programs.len() as u32 >= self.0.board.limits.programs => {
                Err(refused(errno::NO_MEMORY))
            }
            Passes::First(_) => {
                let (instructions, input) = parts.lengths;
                Program::new(instructions.into(), input.into(), parts.output.len()).map_err(ended)
            }
            Passes::Next(_) => programs.remove(&handle).ok_or(refused(errno::ALREADY)),
        }
    }

    fn passes(&self, handle: u16, parts: Parts<'_>, passes: Passes) -> (Result<Pass, Ended>, u32) {
        let Some((_, exposure)) = self.held(handle) else {
            return (Err(refused(errno::RESERVE)), 0);
        };
        let mut program = match self.program(handle, &parts, passes) {
            Ok(program) => program,
            Err(ended) => return (Err(ended), 0),
        };
        let (Passes::First(most) | Passes::Next(most)) = passes;
        let most = most.max(1);
        let instructions = usize::from(parts.lengths.0) * INSTRUCTION_BYTES;
        let input = match parts.input {
            [] => parts.code.get(instructions..).unwrap_or_default(),
            apart => apart,
        };
        for made in 1..=most {
            match program.pass(exposure, parts.code, input, parts.output) {
                Ok(Some(output)) => return (Ok(Pass::Done(output)), made),
                Err(end) => return (Err(ended(end)), made),
                Ok(None) if made == most || self.waiting() != 0 => {
                    self.0.programs.borrow_mut().insert(handle, program);
                    return (Ok(Pass::GoesOn), made);
                }
                Ok(None) => {}
            }
        }
        (Ok(Pass::GoesOn), most)
    }
}

impl Programs for Simulated {
    fn runs_programs(&self) -> bool {
        self.0.board.limits.programs > 0
    }

    fn run_program(
        &self,
        handle: u16,
        parts: Parts<'_>,
        passes: Passes,
    ) -> (Result<Pass, Ended>, Work) {
        let (come, passes) = arena::of_the_board(|| self.passes(handle, parts, passes));
        // In one call, as on a board that says when a call must end.
        (come, Work { passes, calls: 1 })
    }

    fn cancel_program(&self, handle: u16) {
        arena::of_the_board(|| self.0.programs.borrow_mut().remove(&handle));
    }
}
