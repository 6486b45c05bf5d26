//! Functions of other systems as wasmi sees them.
//!
//! One wrapper for all: values of any type are turned into bits, and the result back. It is
//! slower than a typed wrapper for each, by some 400 instructions a call, and smaller by
//! some kilobytes of flash.

use berth_foreign::PARAMETERS_MAX;
use wasmi::{Error, Func, FuncType, Store, Val, ValType};

use super::{Calling, log, memory_and_data};
use crate::admission::Foreign;
use crate::engine::Host;
use crate::engine::border::{enter, leave, price};
use crate::engine::wasmi::Data;

/// The type that a byte of a signature stands for.
const fn value_type(byte: u8) -> ValType {
    match byte {
        0x7f => ValType::I32,
        0x7e => ValType::I64,
        _ => ValType::F64,
    }
}

/// The host function for `function`.
pub(super) fn wrap<H: Host + 'static>(store: &mut Store<Data<H>>, function: Foreign) -> Func {
    let (parameters, result) = function.signature();
    let mut types = [ValType::I32; PARAMETERS_MAX];
    for (ty, byte) in types.iter_mut().zip(parameters) {
        *ty = value_type(*byte);
    }
    let types = types.get(..parameters.len()).unwrap_or_default();
    let results: &[ValType] = if result { &[ValType::I32] } else { &[] };
    let ty = FuncType::new(types.iter().copied(), results.iter().copied());
    Func::new(
        store,
        ty,
        move |mut from: Calling<'_, H>, inputs: &[Val], outputs: &mut [Val]| {
            call(&mut from, function, inputs, outputs)
        },
    )
}

fn call<H: Host + 'static>(
    from: &mut Calling<'_, H>,
    function: Foreign,
    inputs: &[Val],
    outputs: &mut [Val],
) -> Result<(), Error> {
    let mut arguments = [0; PARAMETERS_MAX];
    for (argument, input) in arguments.iter_mut().zip(inputs) {
        *argument = bits(input);
    }
    let fuel = fuel(function);
    enter(from, fuel)?;
    let (memory, data) = memory_and_data(from);
    let (result, said) = data.host.foreign(function, &arguments, memory);
    let text = if said > 0 { log::fuel(said) } else { 0 };
    match outputs.first_mut() {
        Some(output) => *output = Val::I32(leave(from, fuel + text, result)? as i32),
        None => leave(from, fuel + text, result.map(|_| ()))?,
    }
    Ok(())
}

/// Returns what a function costs, text apart.
const fn fuel(function: Foreign) -> u32 {
    price::FOREIGN
        + match function {
            // The first of ten lights that is exposed.
            Foreign::GetPinLed => 10 * price::SYSTEM_CALL,
            Foreign::PauseTask | Foreign::ResumeTask => 2 * price::STATE,
            Foreign::Print | Foreign::PrintInt | Foreign::PrintDouble | Foreign::FdWrite => {
                price::LOG
            }
            Foreign::Delay | Foreign::ProcExit | Foreign::PollOneoff | Foreign::SchedYield => {
                price::SUSPEND
            }
            _ => price::SYSTEM_CALL,
        }
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        Val::F64(value) => value.to_bits(),
        _ => 0,
    }
}
