//! Does the global hold, whenever the module fails, the place that failed?

use arbitrary::Unstructured;
use proptest::prelude::*;
use wasm_smith::{Config, Module as Smith};
use wasmi::{Engine, Instance, Module, Store, TrapCode, Val};
use wasmparser::{Operator, Parser, Payload};

use super::*;
use crate::memory;
use crate::rewrite::{What, rewrite};
use crate::survey::Survey;
use berth_admission::entries::PLACE;

const FUEL: u64 = 200_000;

/// The package of a module, with marks as planned and with one before whatever may fail; and the functions of the places. `None` if it
/// cannot be started, or has nothing that may fail.
fn both(module: &[u8]) -> Option<(Vec<u8>, Vec<u8>, Vec<Place>)> {
    let survey = Survey::of(module).unwrap();
    let bytes = survey.memory.map(|memory| (memory.initial as u32) << 16);
    let memory = memory::Plan::of(&survey, bytes).ok()?;
    let plan = Plan::of(module, Places::Lines, &survey.names).unwrap()?;
    let mut naive = Plan {
        restoring: plan.restoring.clone(),
        ..Plan::default()
    };
    let number = |function| plan.places.iter().position(|p| p.function == function);
    let mut defined = 0;
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            let operators = body.get_operators_reader().unwrap().into_iter();
            for (index, operator) in operators.enumerate() {
                let function = survey.imported_functions + defined as u32;
                if may_fail(&operator.unwrap()) {
                    let number = number(function).unwrap() as u32 + 1;
                    naive.marks.insert((defined, index), number);
                }
            }
            defined += 1;
        }
    }
    let write = |places: &Plan| {
        let what = What {
            survey: &survey,
            memory: &memory,
            mapped: None,
            places: Some(places),
        };
        rewrite(module, what, &[]).unwrap().image
    };
    Some((write(&plan), write(&naive), plan.places))
}

/// Run `_start`: how it ended, and the place then.
fn run(image: &[u8]) -> (Option<TrapCode>, i32) {
    let mut config = wasmi::Config::default();
    config.consume_fuel(true).wasm_custom_page_sizes(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, image).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_fuel(FUEL).unwrap();
    let Ok(instance) = Instance::new(&mut store, &module, &[]) else {
        // It fails before it is one.
        return (Some(TrapCode::OutOfFuel), 0);
    };
    let main = instance.get_typed_func::<(), ()>(&store, MAIN).unwrap();
    let end = main.call(&mut store, ());
    let place = instance.get_global(&store, PLACE).unwrap().get(&store);
    let Val::I32(place) = place else {
        panic!("{place:?}")
    };
    (end.err().and_then(|error| error.as_trap_code()), place)
}

fn config() -> Config {
    let required =
        wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#)
            .unwrap();
    Config {
        exports: Some(required),
        max_imports: 0,
        max_memories: 0,
        max_memory32_bytes: 4 << 16,
        memory64_enabled: false,
        gc_enabled: false,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        threads_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        max_instructions: 400,
        ..Config::default()
    }
}

/// What the generator makes its choices from (xorshift64).
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(600).flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wherever_a_generated_module_fails_it_has_told_the_place(seed: u64) {
        let module = Smith::new(config(), &mut Unstructured::new(&noise(seed))).unwrap().to_bytes();
        let Some((planned, naive, _)) = both(&module) else {
            return Ok(());
        };
        let (planned, naive) = (run(&planned), run(&naive));
        // Where marks are cheaper it comes further with its fuel.
        let out = Some(TrapCode::OutOfFuel);
        if planned.0.is_some() && planned.0 != out && naive.0 != out {
            prop_assert_eq!(planned, naive);
        }
    }
}

/// The number of the function where a module fails, and how many marks it has.
fn fails_in(body: &str) -> (u32, usize) {
    let module = wat::parse_str(format!("(module {body})")).unwrap();
    let (planned, naive, places) = both(&module).unwrap();
    let (end, place) = run(&planned);
    assert!(end.is_some(), "{body}");
    assert_eq!(run(&naive).1, place, "{body}");
    let survey = Survey::of(&module).unwrap();
    let plan = Plan::of(&module, Places::Lines, &survey.names);
    let marks = plan.unwrap().unwrap().marks.len();
    (places[place as usize - 1].function, marks)
}

#[test]
fn a_mark_stands_where_the_place_may_be_another_and_nowhere_else() {
    for (body, function, marks) in [
        // One for all of a function that calls nobody, whatever branches it has.
        (
            r#"(memory 1) (func (export "_start") (local $n i32)
                 (local.set $n (i32.const 65000))
                 (loop $next
                   (drop (i32.load (local.get $n)))
                   (if (i32.and (local.get $n) (i32.const 1))
                     (then (drop (i32.load (local.get $n)))))
                   (local.set $n (i32.add (local.get $n) (i32.const 3)))
                   (br $next)))"#,
            0,
            1,
        ),
        // Behind a call it is known no more, unless who is called has nothing that may fail.
        (
            r#"(func $f (param i32) (result i32) (i32.div_u (i32.const 6) (local.get 0)))
               (func (export "_start")
                 (drop (i32.div_u (i32.const 6) (i32.const 3)))
                 (drop (call $f (i32.const 3)))
                 (unreachable))"#,
            1,
            3,
        ),
        (
            r#"(func $f (param i32) (result i32) (i32.add (i32.const 6) (local.get 0)))
               (func (export "_start")
                 (drop (i32.div_u (i32.const 6) (i32.const 3)))
                 (drop (call $f (i32.const 3)))
                 (unreachable))"#,
            1,
            1,
        ),
        (
            r#"(func $f (param i32) (result i32) (i32.div_u (i32.const 6) (local.get 0)))
               (func (export "_start") (loop $next (drop (call $f (i32.const 3))) (drop (call $f (i32.const 0))) (br $next)))"#,
            0,
            3,
        ),
        // What a branch has told is not known where another comes from.
        (
            r#"(func $f (param i32) (result i32) (i32.div_u (i32.const 6) (local.get 0)))
               (func (export "_start")
                 (drop (call $f (i32.const 3)))
                 (block (br_if 0 (i32.const 1)) (drop (i32.div_u (i32.const 6) (i32.const 3))))
                 (unreachable))"#,
            1,
            4,
        ),
        (
            r#"(func $f (param i32) (result i32) (i32.div_u (i32.const 6) (local.get 0)))
               (func (export "_start")
                 (drop (call $f (i32.const 3)))
                 (if (i32.const 0)
                   (then (drop (i32.div_u (i32.const 6) (i32.const 3))))
                   (else (drop (i32.div_u (i32.const 6) (i32.const 0))))))"#,
            1,
            4,
        ),
        // Nor at the beginning of a loop what is told in it.
        (
            r#"(func $f (param i32) (result i32) (i32.div_u (i32.const 6) (local.get 0)))
               (func (export "_start") (local $n i32)
                 (local.set $n (i32.const 2))
                 (drop (i32.div_u (i32.const 6) (i32.const 3)))
                 (loop $next
                   (drop (i32.div_u (i32.const 6) (local.get $n)))
                   (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                   (drop (call $f (i32.const 3)))
                   (br $next)))"#,
            1,
            3,
        ),
    ] {
        assert_eq!(fails_in(body), (function, marks), "{body}");
    }
}

/// Between two instructions of main: what it has told stays.
#[test]
fn a_handler_and_a_pause_put_back_what_they_found() {
    let module = wat::parse_str(
        r#"(module (import "berth" "yield" (func $yield))
             (import "irq:uart1" "register" (func $register (param i32 i32 i32 i32) (result i32)))
             (memory (export "memory") 1) (table (export "t") 2 funcref) (elem (i32.const 1) $handler)
             (func $handler (param i32 i32)
               (drop (i32.load (local.get 0)))
               (block (br_if 0 (local.get 1)) (return))
               (drop (i32.load (local.get 1))))
             (func (export "_pause") (drop (i32.load (i32.const 8))) (return))
             (func (export "_start")
               (drop (call $register (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
               (drop (i32.load (i32.const 4)))
               (call $yield) (unreachable)))"#,
    )
    .unwrap();
    let (image, _, _) = both(&module).unwrap();
    let mut config = wasmi::Config::default();
    config.wasm_custom_page_sizes(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, &image).unwrap();
    let mut store = Store::new(&engine, 0_i32);
    let register = wasmi::Func::wrap(&mut store, |_: i32, _: i32, _: i32, _: i32| 0_i32);
    // While main yields, both are called.
    let yields = wasmi::Func::wrap(&mut store, |mut caller: wasmi::Caller<'_, i32>| {
        let table = caller.get_export("t").unwrap().into_table().unwrap();
        for source in [0, 1] {
            let Some(Val::FuncRef(handler)) = table.get(&caller, 1) else {
                panic!("it is a function")
            };
            let handler = *handler.val().unwrap();
            let arguments = [Val::I32(4), Val::I32(source)];
            handler.call(&mut caller, &arguments, &mut []).unwrap();
        }
        let pause = caller.get_export("_pause").unwrap().into_func().unwrap();
        pause.call(&mut caller, &[], &mut []).unwrap();
        let place = caller.get_export(PLACE).unwrap().into_global().unwrap();
        let Val::I32(place) = place.get(&caller) else {
            panic!("it is a number")
        };
        *caller.data_mut() = place;
    });
    let externs = [yields.into(), register.into()];
    let instance = Instance::new(&mut store, &module, &externs).unwrap();
    let main = instance.get_typed_func::<(), ()>(&store, MAIN).unwrap();
    main.call(&mut store, ()).unwrap_err();
    let place = instance.get_global(&store, PLACE).unwrap().get(&store);
    assert!(matches!(place, Val::I32(own) if own == *store.data() && own > 0));
}

#[test]
fn every_instruction_that_may_fail_is_known_as_such() {
    for fails in [
        Operator::Unreachable,
        Operator::I32DivS,
        Operator::I64RemU,
        Operator::I64TruncF32S,
        Operator::Call { function_index: 0 },
    ] {
        assert!(may_fail(&fails), "{fails:?}");
    }
    for does_not in [Operator::I32Add, Operator::Nop, Operator::I32TruncSatF32S] {
        assert!(!may_fail(&does_not), "{does_not:?}");
    }
}
