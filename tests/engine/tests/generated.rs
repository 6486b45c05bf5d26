//! Generated modules compute what they compute in another engine: an old wasmi that interprets
//! WebAssembly's own stack machine, so that nothing of how code is translated is shared.
//! `make soak` does the same beside wasmtime, with many more.
//!
//! `BERTH_MODULES` is their number, `BERTH_SEED` the first of them.

use berth_admission::Module as Admitted;
use berth_engine_tests::outcome::{Ending, Outcome, Trap, Value};
use berth_engine_tests::{generate, product};
use stack_machine::core::TrapCode;
use stack_machine::{Engine, Error, Extern, Instance, Linker, Module, Store};

/// Returns what calls of `run` come to there.
fn expected(engine: &Engine, image: &[u8], calls: &[Vec<Value>]) -> Outcome {
    let module = Module::new(engine, image).unwrap();
    let mut store = Store::new(engine, ());
    let linker = Linker::<()>::new(engine);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let instance = instance.start(&mut store).unwrap();
    let endings = calls.iter().map(|call| ending(&mut store, instance, call));
    let endings = endings.collect();
    let mut globals = Vec::new();
    let mut memory = Vec::new();
    for export in instance.exports(&store) {
        match export.into_extern() {
            Extern::Global(global) => globals.push(value(&global.get(&store))),
            Extern::Memory(found) => memory = found.data(&store).to_vec(),
            Extern::Func(_) | Extern::Table(_) => {}
        }
    }
    Outcome {
        endings,
        globals,
        memory,
    }
}

fn ending(store: &mut Store<()>, instance: Instance, arguments: &[Value]) -> Ending {
    let run = instance.get_func(&*store, "run").unwrap();
    let arguments: Vec<_> = arguments.iter().map(val).collect();
    let mut results = vec![stack_machine::Value::I32(0); run.ty(&*store).results().len()];
    match run.call(&mut *store, &arguments, &mut results) {
        Ok(()) => Ending::Returned(results.iter().map(value).collect()),
        Err(Error::Trap(trap)) => Ending::Trapped(match trap.trap_code() {
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
        }),
        Err(error) => panic!("{error}"),
    }
}

fn val(value: &Value) -> stack_machine::Value {
    match *value {
        Value::I32(value) => stack_machine::Value::I32(value),
        Value::I64(value) => stack_machine::Value::I64(value),
        Value::F32(bits) => stack_machine::Value::F32(f32::from_bits(bits).into()),
        Value::F64(bits) => stack_machine::Value::F64(f64::from_bits(bits).into()),
        Value::Function(_) | Value::Extern(_) => panic!("generated modules have no references"),
    }
}

fn value(value: &stack_machine::Value) -> Value {
    match value {
        stack_machine::Value::I32(value) => Value::I32(*value),
        stack_machine::Value::I64(value) => Value::I64(*value),
        stack_machine::Value::F32(value) => Value::F32(value.to_bits()),
        stack_machine::Value::F64(value) => Value::F64(value.to_bits()),
        _ => panic!("generated modules have no references"),
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn generated_modules_compute_what_they_do_elsewhere() {
    let engine = Engine::default();
    let first = number("BERTH_SEED", 1);
    let many = number("BERTH_MODULES", 4_000);
    let (mut returned, mut trapped, mut limited) = (0, 0, 0);
    for seed in first..first + many {
        let image = generate::module(seed);
        let calls = generate::calls(seed);
        Admitted::scan(&image).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        let want = expected(&engine, &image, &calls);
        // Slices so short that most calls are suspended somewhere.
        let is = product::run(&image, &calls, 20 + seed % 300)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        if is.met_a_limit() || want.met_a_limit() {
            limited += 1;
            continue;
        }
        assert!(is == want, "seed {seed}: {}", is.difference(&want));
        for ending in &is.endings {
            match ending {
                Ending::Returned(_) => returned += 1,
                Ending::Trapped(_) => trapped += 1,
            }
        }
    }
    println!("{returned} calls returned, {trapped} trapped, {limited} modules met a limit");
    // They compute something.
    assert!(returned > many * 2 && trapped > many / 10 && limited * 20 < many);
}
