//! Modules in wasmtime, beside which the product's engine is tested.

use berth_engine_tests::outcome::{Ending, Outcome, Trap, Value};
use wasmtime::{
    Config, Engine, Error, Extern, Instance, Module, OptLevel, Store, StoreLimitsBuilder, Val,
    ValType,
};

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
        let named = calls.iter().map(|call| ("run".to_owned(), call.clone()));
        self.call(image, &named.collect::<Vec<_>>(), usize::MAX)
    }

    /// Does it take this module? Set up like this it has no references of the host's.
    #[must_use]
    pub fn takes(&self, image: &[u8]) -> bool {
        Module::validate(&self.0, image).is_ok()
    }

    /// Returns what calls of exported functions come to, and the exported globals in the order of their names. The memory has
    /// at most so many bytes.
    ///
    /// # Errors
    ///
    /// If it does not take the module, or that has no such function.
    pub fn call(
        &self,
        image: &[u8],
        calls: &[(String, Vec<Value>)],
        memory_bytes: usize,
    ) -> Result<Outcome, Error> {
        let module = Module::new(&self.0, image)?;
        let limits = StoreLimitsBuilder::new().memory_size(memory_bytes).build();
        let mut store = Store::new(&self.0, limits);
        store.limiter(|limits| limits);
        let instance = Instance::new(&mut store, &module, &[])?;
        let mut endings = Vec::new();
        for (name, call) in calls {
            let run = instance
                .get_func(&mut store, name)
                .ok_or_else(|| Error::msg("no such function"))?;
            let kinds: Vec<ValType> = run.ty(&store).params().collect();
            let arguments = call.iter().zip(kinds);
            let arguments: Vec<Val> = arguments.map(|(value, kind)| val(*value, &kind)).collect();
            let mut results = vec![Val::I32(0); run.ty(&store).results().len()];
            endings.push(match run.call(&mut store, &arguments, &mut results) {
                Ok(()) => Ending::Returned(results.iter().map(value).collect()),
                Err(error) => Ending::Trapped(trap(&error)),
            });
        }
        let mut exports: Vec<(String, Extern)> = instance
            .exports(&mut store)
            .map(|export| (export.name().to_owned(), export.into_extern()))
            .collect();
        exports.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (mut globals, mut memory) = (Vec::new(), Vec::new());
        for (_, export) in exports {
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

fn val(value: Value, kind: &ValType) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        // No call has another reference than null.
        Value::Function(_) | Value::Extern(_) => match kind {
            ValType::Ref(reference) => Val::null_ref(reference.heap_type()),
            _ => Val::FuncRef(None),
        },
    }
}

fn value(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::ExternRef(_) => Value::Extern(None),
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
