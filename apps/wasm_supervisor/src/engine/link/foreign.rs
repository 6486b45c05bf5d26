//! Functions of other systems as wasmi sees them.
//!
//! One wrapper for all: values of any type are turned into bits, and the result back. It is
//! slower than a typed wrapper for each, by some 400 instructions a call, and smaller by
//! some kilobytes of flash.

use berth_foreign::PARAMETERS_MAX;
use wasmi::{FuncType, Val, ValType};

use super::log;
use crate::admission::Foreign;
use crate::engine::border::{Border, Call, HostFunction};
use crate::engine::{Host, Stop};

/// The type that a byte of a signature stands for.
const fn value_type(byte: u8) -> ValType {
    match byte {
        0x7f => ValType::I32,
        0x7e => ValType::I64,
        _ => ValType::F64,
    }
}

/// Returns the host function for `function`.
pub(super) fn function<H: Host + 'static>(
    border: Border<'_, H>,
    function: Foreign,
) -> HostFunction {
    let (parameters, result) = function.signature();
    let mut types = [ValType::I32; PARAMETERS_MAX];
    for (ty, byte) in types.iter_mut().zip(parameters) {
        *ty = value_type(*byte);
    }
    let types = types.get(..parameters.len()).unwrap_or_default();
    let results: &[ValType] = if result { &[ValType::I32] } else { &[] };
    let ty = FuncType::new(types.iter().copied(), results.iter().copied());
    border.dynamic(ty, move |call, inputs| body(call, function, inputs))
}

fn body<H: Host + 'static>(
    call: &mut Call<'_, '_, H>,
    function: Foreign,
    inputs: &[Val],
) -> Result<u32, Stop> {
    let mut arguments = [0; PARAMETERS_MAX];
    for (argument, input) in arguments.iter_mut().zip(inputs) {
        *argument = bits(input);
    }
    let (memory, host) = call.memory_and_host();
    let (result, said) = host.foreign(function, &arguments, memory);
    // How much it says is known when it has been said; a text is no longer than the log.
    host.account().charge(log::text(said));
    result
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        Val::F64(value) => value.to_bits(),
        _ => 0,
    }
}
