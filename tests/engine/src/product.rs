//! Modules in the engine as a container has them: the supervisor's configuration, fuel in slices.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasm_supervisor::engine::config;
use wasmi::{
    Engine, Error, Extern, Instance, Linker, Module, Nullable, ResumableCall, Store, TrapCode,
    Val,
};

use crate::outcome::{Ending, Outcome, Trap, Value};

/// Bytes of a value stack: enough that no generated module meets its end.
pub const STACK_BYTES: usize = 64 * 1024;
/// Slices after which a call is no call that ends.
const MOST_SLICES: u32 = 1_000_000;

/// Returns what calls of `run` come to, in slices of so much fuel.
///
/// # Errors
///
/// What the engine says if it does not take the module, or that it panicked.
pub fn run(image: &[u8], calls: &[Vec<Value>], slice: u64) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| Running::new(image, slice)?.all(calls))).unwrap_or_else(
        |panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied());
            Err(format!("panicked: {}", text.unwrap_or("")))
        },
    )
}

/// Returns what the engine says of a module, if it does not take it.
///
/// # Errors
///
/// The engine's own text.
pub fn load(image: &[u8]) -> Result<(), String> {
    let engine = Engine::new(&config::config(STACK_BYTES));
    Module::new(&engine, image)
        .map(drop)
        .map_err(|error| error.to_string())
}

struct Running {
    store: Store<()>,
    instance: Instance,
    slice: u64,
}

impl Running {
    fn new(image: &[u8], slice: u64) -> Result<Self, String> {
        let engine = Engine::new(&config::config(STACK_BYTES));
        let module = Module::new(&engine, image).map_err(|error| error.to_string())?;
        let mut store = Store::new(&engine, ());
        let text = |error: Error| error.to_string();
        store.set_fuel(u64::MAX / 2).map_err(text)?;
        let instance = Linker::new(&engine)
            .instantiate_and_start(&mut store, &module)
            .map_err(text)?;
        Ok(Self {
            store,
            instance,
            slice,
        })
    }

    fn all(mut self, calls: &[Vec<Value>]) -> Result<Outcome, String> {
        let mut endings = Vec::new();
        for call in calls {
            endings.push(self.call("run", call)?);
        }
        let exports: Vec<_> = self
            .instance
            .exports(&self.store)
            .map(|export| export.into_extern())
            .collect();
        let mut globals = Vec::new();
        let mut memory = Vec::new();
        for export in exports {
            match export {
                Extern::Global(global) => globals.push(value(&global.get(&self.store))),
                Extern::Memory(found) => memory = found.data(&self.store).to_vec(),
                Extern::Func(_) | Extern::Table(_) => {}
            }
        }
        Ok(Outcome {
            endings,
            globals,
            memory,
        })
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Ending, String> {
        let function = self
            .instance
            .get_func(&self.store, name)
            .ok_or("no such function")?;
        let arguments: Vec<Val> = arguments.iter().map(|value| val(*value)).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        let mut fuel = self.slice;
        let _ = self.store.set_fuel(fuel);
        let mut call = function.call_resumable(&mut self.store, &arguments, &mut results);
        for _ in 0..MOST_SLICES {
            match call {
                Ok(ResumableCall::Finished) => {
                    return Ok(Ending::Returned(results.iter().map(value).collect()));
                }
                Ok(ResumableCall::OutOfFuel(suspended)) => {
                    fuel = self.slice.max(suspended.required_fuel());
                    let _ = self.store.set_fuel(fuel);
                    call = suspended.resume(&mut self.store, &mut results);
                }
                Ok(ResumableCall::HostTrap(_)) => return Err("a host function called".into()),
                Err(error) => return Ok(Ending::Trapped(trap(&error))),
            }
        }
        Err("it does not end".into())
    }
}

fn val(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(f32::from_bits(bits).into()),
        Value::F64(bits) => Val::F64(f64::from_bits(bits).into()),
        Value::Reference(_) => Val::FuncRef(Nullable::Null),
    }
}

fn value(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::FuncRef(Nullable::Null) | Val::ExternRef(Nullable::Null) => Value::Reference(true),
        _ => Value::Reference(false),
    }
}

fn trap(error: &Error) -> Trap {
    match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => Trap::Unreachable,
        Some(TrapCode::MemoryOutOfBounds) => Trap::Memory,
        Some(TrapCode::TableOutOfBounds) => Trap::Table,
        Some(TrapCode::IndirectCallToNull) => Trap::Null,
        Some(TrapCode::BadSignature) => Trap::Signature,
        Some(TrapCode::IntegerDivisionByZero) => Trap::DivisionByZero,
        Some(TrapCode::IntegerOverflow) => Trap::Overflow,
        Some(TrapCode::BadConversionToInteger) => Trap::Conversion,
        Some(TrapCode::StackOverflow) => Trap::Depth,
        _ => Trap::Other,
    }
}
