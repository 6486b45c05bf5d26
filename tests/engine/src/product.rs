//! Modules in the engine as a container has them: the supervisor's configuration, fuel in slices.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasm_supervisor::engine::config;
use wasmi::errors::{ErrorKind, InstantiationError::ElementSegmentDoesNotFit, TableError};
use wasmi::{
    Engine, Error, Extern, ExternRef, Instance, Linker, Module, Ref, ResumableCall, Store,
    StoreLimits, StoreLimitsBuilder, TrapCode, Val,
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
    let all = || {
        let mut running = Running::new(image, slice).map_err(|refused| format!("{refused:?}"))?;
        let endings = calls.iter().map(|call| running.call("run", call));
        let endings = endings.collect::<Result<_, _>>()?;
        Ok(running.outcome(endings))
    };
    catch_unwind(AssertUnwindSafe(all)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("")))
    })
}

/// Why a module does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not valid for the engine.
    Invalid(String),
    /// It trapped while it was instantiated.
    Trapped(Trap),
}

/// Tells whether the engine takes a module.
///
/// # Errors
///
/// What the engine says.
pub fn validate(image: &[u8]) -> Result<(), String> {
    Module::new(&Engine::new(&config::config(STACK_BYTES)), image)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// A module in the engine.
pub struct Running {
    store: Store<StoreLimits>,
    instance: Instance,
    slice: u64,
}

impl Running {
    /// Instantiates a module without imports. Calls are made in slices of so much fuel.
    ///
    /// # Errors
    ///
    /// If the engine does not take it, or it traps.
    pub fn new(image: &[u8], slice: u64) -> Result<Self, Refused> {
        Self::with_memory(image, slice, usize::MAX)
    }

    /// The same on a device with room for a linear memory of at most so many bytes.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_memory(image: &[u8], slice: u64, bytes: usize) -> Result<Self, Refused> {
        let invalid = |error: Error| Refused::Invalid(error.to_string());
        let engine = Engine::new(&config::config(STACK_BYTES));
        let module = Module::new(&engine, image).map_err(invalid)?;
        let limits = StoreLimitsBuilder::new().memory_size(bytes).build();
        let mut store = Store::new(&engine, limits);
        store.limiter(|limits| limits);
        store.set_fuel(u64::MAX / 2).map_err(invalid)?;
        let instance = Linker::new(&engine)
            .instantiate_and_start(&mut store, &module)
            .map_err(|error| match (error.kind(), trap(&error)) {
                (ErrorKind::Instantiation(ElementSegmentDoesNotFit { .. }), _) => {
                    Refused::Trapped(Trap::Table)
                }
                (_, Trap::Other) => invalid(error),
                (_, known) => Refused::Trapped(known),
            })?;
        Ok(Self {
            store,
            instance,
            slice,
        })
    }

    /// Returns the value of a global that is exported, if there is one.
    #[must_use]
    pub fn global(&self, name: &str) -> Option<Value> {
        let global = self.instance.get_global(&self.store, name)?;
        Some(value(&self.store, &global.get(&self.store)))
    }

    /// Returns what is there after calls that ended like this.
    #[must_use]
    pub fn outcome(self, endings: Vec<Ending>) -> Outcome {
        let mut globals = Vec::new();
        let mut memory = Vec::new();
        for export in self.instance.exports(&self.store) {
            match export.into_extern() {
                Extern::Global(global) => {
                    globals.push(value(&self.store, &global.get(&self.store)));
                }
                Extern::Memory(found) => memory = found.data(&self.store).to_vec(),
                Extern::Func(_) | Extern::Table(_) => {}
            }
        }
        Outcome {
            endings,
            globals,
            memory,
        }
    }

    /// Calls an exported function.
    ///
    /// # Errors
    ///
    /// If there is none of that name, or the call cannot be made or does not end.
    pub fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Ending, String> {
        let function = self
            .instance
            .get_func(&self.store, name)
            .ok_or("no such function")?;
        let arguments: Vec<Val> = arguments
            .iter()
            .map(|value| val(&mut self.store, *value))
            .collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        let _ = self.store.set_fuel(self.slice);
        let mut call = function.call_resumable(&mut self.store, &arguments, &mut results);
        for _ in 0..MOST_SLICES {
            match call {
                Ok(ResumableCall::Finished) => {
                    let results = results.iter().map(|result| value(&self.store, result));
                    return Ok(Ending::Returned(results.collect()));
                }
                Ok(ResumableCall::OutOfFuel(suspended)) => {
                    let fuel = self.slice.max(suspended.required_fuel());
                    let _ = self.store.set_fuel(fuel);
                    call = suspended.resume(&mut self.store, &mut results);
                }
                Ok(ResumableCall::HostTrap(_)) => return Err("a host function called".into()),
                Err(error) => {
                    return match trap(&error) {
                        Trap::Other => Err(error.to_string()),
                        known => Ok(Ending::Trapped(known)),
                    };
                }
            }
        }
        Err("it does not end".into())
    }
}

fn val(store: &mut Store<StoreLimits>, value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(f32::from_bits(bits).into()),
        Value::F64(bits) => Val::F64(f64::from_bits(bits).into()),
        Value::Function(_) => Val::FuncRef(Ref::Null),
        Value::Extern(None) => Val::ExternRef(Ref::Null),
        Value::Extern(Some(number)) => Val::ExternRef(Ref::Val(ExternRef::new(store, number))),
    }
}

fn value(store: &Store<StoreLimits>, value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::FuncRef(function) => Value::Function(!function.is_null()),
        Val::ExternRef(reference) => {
            let number =
                |reference: &ExternRef| reference.data(store).downcast_ref::<u32>().copied();
            Value::Extern(reference.val().and_then(number))
        }
        Val::V128(_) => Value::Function(false),
    }
}

fn trap(error: &Error) -> Trap {
    if matches!(error.kind(), ErrorKind::Table(TableError::CopyOutOfBounds)) {
        return Trap::Table;
    }
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
