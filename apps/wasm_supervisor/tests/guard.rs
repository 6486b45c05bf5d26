//! Code that the engine gets wrong: what comes unchanged is refused, what is guarded is right.

use berth_admission::{Module, guard::guard};
use wasm_supervisor::engine::config;
use wasmi::{Linker, Module as WasmiModule, Store};

/// A module whose `f` is `body`, of a number and a reference.
fn module(body: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module (memory (export "memory") 1 1) (table 4 funcref) (elem (i32.const 1) func $two)
           (global $zero i32 (i32.const 0)) (global $cell (mut i32) (i32.const 7))
           (func $two (result i32 i32) (i32.const 5) (i32.const 6))
           (func (export "_start"))
           (func (export "f") (param $x i32) (param $y i32) (result i32) (local $t i32) {body}))"#
    ))
    .unwrap()
}

fn run(image: &[u8], x: i32) -> i32 {
    let engine = config::engine();
    let module = WasmiModule::new(&engine, image).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_fuel(10_000).unwrap();
    let instance = Linker::new(&engine)
        .instantiate_and_start(&mut store, &module)
        .unwrap();
    let f = instance.get_typed_func::<(i32, i32), i32>(&store, "f");
    f.unwrap().call(&mut store, (x, 3)).unwrap()
}

fn select(condition: &str) -> String {
    format!("(i32.const 2) (i32.const 3) {condition} (select)")
}

/// Conditions that the engine gets wrong, and whether each is true for 0 and for 5.
const WRONG: &[(&str, [bool; 2])] = &[
    ("(i32.eqz (local.get $x))", [true, false]),
    ("(i32.eq (local.get $x) (i32.const 0))", [true, false]),
    ("(i32.eq (i32.const 0) (local.get $x))", [true, false]),
    ("(i32.ne (local.get $x) (i32.const 0))", [false, true]),
    ("(i32.ne (local.get $x) (global.get $zero))", [false, true]),
    (
        "(i32.ne (local.get $x) (i32.sub (i32.const 4) (i32.const 4)))",
        [false, true],
    ),
    ("(i32.eqz (i32.eqz (local.get $x)))", [false, true]),
    (
        "(i64.eqz (i64.extend_i32_u (i32.eqz (local.get $x))))",
        [false, true],
    ),
    (
        "(i32.shl (i32.eqz (local.get $x)) (i32.const 32))",
        [true, false],
    ),
    (
        "(i32.eqz (local.get $x)) (drop (i32.const 1)) (nop) (drop (local.get $y))",
        [true, false],
    ),
    (
        "(i32.eqz (i32.xor (local.get $x) (i32.const 0)))",
        [true, false],
    ),
    ("(ref.is_null (table.get (local.get $x)))", [true, true]),
    // A value that had to give way to another.
    (
        "(i32.add (local.get $x) (local.get $x)) (local.set $t (i32.mul (local.get $y) (i32.const 3))) (i32.eqz)",
        [true, false],
    ),
    (
        "(call $two) (drop) (drop) (i32.eqz (local.get $x))",
        [true, false],
    ),
    (
        "(loop (result i32) (i32.eqz (local.get $x)))",
        [true, false],
    ),
    (
        "(select (i32.eqz (local.get $x)) (i32.const 9) (i32.const 1))",
        [true, false],
    ),
];

#[test]
fn guarded_conditions_are_what_they_were() {
    for (condition, truth) in WRONG {
        let image = module(&select(condition));
        let (image, _) = guard(&image).unwrap();
        assert!(Module::scan(&image).is_ok(), "{condition}");
        for (x, truth) in [(0, truth[0]), (5, truth[1])] {
            let x = if condition.contains("table.get") {
                0
            } else {
                x
            };
            let is = if truth { 2 } else { 3 };
            assert_eq!(run(&image, x), is, "{condition} of {x}");
        }
    }
}

#[test]
fn what_is_not_guarded_is_refused_with_what_to_do() {
    let image = module(&select(WRONG[0].0));
    let refused = Module::scan(&image).unwrap_err();
    assert!(
        refused.what.contains("pack the module again"),
        "{}",
        refused.what
    );
    // The instruction itself.
    assert_eq!(image[refused.offset as usize], 0x1b);
}

#[test]
fn what_the_engine_gets_right_stays_as_it_is() {
    for condition in [
        "(local.get $x)",
        "(i32.const 0)",
        "(i32.and (local.get $x) (i32.const 1))",
        "(i32.eqz (i32.and (local.get $x) (i32.const 1)))",
        "(i32.eqz (i32.load (local.get $x)))",
        "(i32.eq (local.get $x) (local.get $y))",
        "(i32.ne (local.get $x) (i32.const 5))",
        "(i32.lt_s (local.get $x) (i32.const 0))",
        "(i64.eqz (i64.extend_i32_u (local.get $x)))",
        "(i32.and (i32.eqz (local.get $x)) (i32.eqz (local.get $y)))",
    ] {
        let image = module(&select(condition));
        assert_eq!(guard(&image).unwrap(), (image, 0), "{condition}");
    }
}

/// An `i32.eqz` is guarded without another instruction at run time.
#[test]
fn the_usual_form_grows_by_one_byte() {
    let image = module(&select(WRONG[0].0));
    let (guarded, count) = guard(&image).unwrap();
    assert_eq!((guarded.len(), count), (image.len() + 1, 1));
}
