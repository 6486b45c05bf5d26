//! Register programs: `program.run`.

use crate::engine::border::{Call, price};
use crate::engine::{Host, Stop};
use crate::programs::{Places, Span};

/// Passes of a program in what has a budget, which are paid for together.
const PASSES: u32 = 4;

/// A program that one pass does not finish suspends main. What has a budget (a handler, the start function, `_pause`) cannot wait: there
/// the passes follow each other, as far as the budget pays for them, so a driver's handlers may use programs as main does.
#[expect(clippy::too_many_arguments, reason = "as many as the function has")]
pub(super) fn run<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    handle: u32,
    code: u32,
    code_length: u32,
    input: u32,
    input_length: u32,
    output: u32,
    output_length: u32,
) -> Result<u32, Stop> {
    let span = |pointer, length| Span { pointer, length };
    let places = Places {
        code: span(code, code_length),
        input: span(input, input_length),
        output: span(output, output_length),
    };
    let has_budget = call.has_budget();
    let (memory, host) = call.memory_and_host();
    let mut come = host.begin_program(handle, places, memory)?;
    loop {
        match come {
            Some(result) => return Ok(result),
            None if has_budget => {
                call.more(price::LEND + PASSES * price::PASS)?;
                let (memory, host) = call.memory_and_host();
                come = host.continue_program(PASSES, memory)?;
            }
            None => return Err(call.host().await_program()),
        }
    }
}
