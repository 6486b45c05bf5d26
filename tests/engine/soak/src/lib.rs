//! Modules in wasmtime, beside which the product's engine is tested.

use berth_engine_tests::outcome::{Ending, Outcome, Trap, Value};
use wasmtime::{Config, Engine, Error, Extern, Instance, Module, OptLevel, Store, Val};

/// wasmtime, set up to compile quickly and to go deeper than a container does.
pub struct Reference(Engine);

impl Reference {
    /// Sets it up.
    ///
    /// # Errors
    ///
    /// If wasmtime cannot run on this machine.
    pub fn new() -> Result<Self, Error> {
        let mut config = Config::new();
        config.wasm_custom_page_sizes(true);
        config.cranelift_opt_level(OptLevel::None);
        config.wasm_backtrace_max_frames(None);
        Engine::new(&config).map(Self)
    }

    /// Returns what calls of `run` come to.
    ///
    /// # Errors
    ///
    /// If it does not take the module.
    pub fn run(&self, image: &[u8], calls: &[Vec<Value>]) -> Result<Outcome, Error> {
        let module = Module::new(&self.0, image)?;
        let mut store = Store::new(&self.0, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let run = instance
            .get_func(&mut store, "run")
            .ok_or_else(|| Error::msg("no function run"))?;
        let mut endings = Vec::new();
        for call in calls {
            let arguments: Vec<Val> = call.iter().map(|value| val(*value)).collect();
            let mut results = vec![Val::I32(0); run.ty(&store).results().len()];
            endings.push(match run.call(&mut store, &arguments, &mut results) {
                Ok(()) => Ending::Returned(results.iter().map(value).collect()),
                Err(error) => Ending::Trapped(trap(&error)),
            });
        }
        let exports: Vec<Extern> = instance
            .exports(&mut store)
            .map(|export| export.into_extern())
            .collect();
        let (mut globals, mut memory) = (Vec::new(), Vec::new());
        for export in exports {
            match export {
                Extern::Global(global) => globals.push(value(&global.get(&mut store))),
                Extern::Memory(found) => memory = found.data(&store).to_vec(),
                _ => {}
            }
        }
        Ok(Outcome {
            endings,
            globals,
            memory,
        })
    }
}

fn val(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        // None of its calls has references.
        Value::Function(_) | Value::Extern(_) => Val::FuncRef(None),
    }
}

fn value(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        other => Value::Function(!matches!(other, Val::FuncRef(None))),
    }
}

fn trap(error: &Error) -> Trap {
    use wasmtime::Trap as Told;
    match error.downcast_ref::<Told>() {
        Some(Told::UnreachableCodeReached) => Trap::Unreachable,
        Some(Told::MemoryOutOfBounds) => Trap::Memory,
        Some(Told::TableOutOfBounds) => Trap::Table,
        Some(Told::IndirectCallToNull) => Trap::Null,
        Some(Told::BadSignature) => Trap::Signature,
        Some(Told::IntegerDivisionByZero) => Trap::DivisionByZero,
        Some(Told::IntegerOverflow) => Trap::Overflow,
        Some(Told::BadConversionToInteger) => Trap::Conversion,
        Some(Told::StackOverflow) => Trap::Depth,
        _ => Trap::Other,
    }
}
