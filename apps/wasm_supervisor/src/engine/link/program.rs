//! Register programs: `program.run`.

use crate::engine::border::{Call, Returned, Words, price};
use crate::engine::{Host, Stop};
use crate::programs::{Places, Span};

/// What a call with one pass costs.
const FIRST: u32 = price::LEND + price::PROGRAM_CALL + price::PASS;
/// Passes of a program in what has a budget, which are paid for together.
const PASSES: u32 = 4;

/// A program that goes on for longer than what is left of the slice pays for suspends main. What has a budget (a handler, the start function, `_pause`) cannot wait: there
/// the passes follow each other, as far as the budget pays for them, so a driver's handlers may use programs as main does.
pub(super) fn run<H: Host>(call: &mut Call<'_, H>, words: &Words) -> Result<Returned, Stop> {
    let [
        handle,
        code,
        code_length,
        input,
        input_length,
        output,
        output_length,
    ] = *words;
    let span = |pointer, length| Span { pointer, length };
    let places = Places {
        code: span(code, code_length),
        input: span(input, input_length),
        output: span(output, output_length),
    };
    // The first pass is in the price of the function; main has as many more as its slice pays for.
    let passes = if call.has_budget() {
        1
    } else {
        1 + call.spare().saturating_sub(FIRST.into()) / u64::from(price::PASS)
    };
    let (memory, host) = call.memory_and_host();
    // No slice pays for more than a few dozen.
    let passes = u32::try_from(passes).unwrap_or(1);
    let (begun, work) = host.begin_program(handle, places, passes, memory)?;
    call.used((price::LEND + work.price()).saturating_sub(FIRST));
    if let Some(result) = begun {
        return Ok(result.into());
    }
    if !call.has_budget() {
        return Err(call.host().await_program());
    }
    loop {
        call.more(price::LEND + price::PROGRAM_CALL + PASSES * price::PASS)?;
        let (memory, host) = call.memory_and_host();
        if let (Some(result), _) = host.continue_program(PASSES, memory)? {
            return Ok(result.into());
        }
    }
}
