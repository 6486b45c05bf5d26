//! Forms that an engine got wrong, each as small as it can be (docs/engine-faults.md).

use berth_admission::Module;
use berth_engine_tests::outcome::{Ending, Value};
use berth_engine_tests::product::Running;

/// Results of `f` of two numbers, which is this code; alike in slices of any length.
fn results(signature: &str, body: &str, arguments: [i32; 2]) -> Vec<i32> {
    let image = wat::parse_str(format!(
        r#"(module (memory 2) (table $t 1 funcref) (elem (i32.const 0) func $two)
           (global $zero i32 (i32.const 0))
           (func $two (result i32 i32) (i32.const 5) (i32.const 6))
           (func (export "f") (param $x i32) (param $y i32) {signature} {body})
           (func (export "_start")))"#
    ))
    .unwrap();
    Module::scan(&image).unwrap();
    let all = [1, 7, 100_000].map(|slice| {
        let mut running = Running::new(&image, slice).unwrap();
        let ending = running.call("f", &arguments.map(Value::I32)).unwrap();
        let Ending::Returned(values) = ending else {
            panic!("{body}: {ending:?}");
        };
        let whole = |value| match value {
            Value::I32(value) => value,
            other => panic!("{other:?}"),
        };
        values.into_iter().map(whole).collect::<Vec<_>>()
    });
    assert_eq!(all[0], all[1], "{body}");
    assert_eq!(all[0], all[2], "{body}");
    all[0].clone()
}

#[test]
fn a_select_takes_its_condition() {
    for (condition, truth) in [
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
        (
            "(ref.is_null (table.get (i32.and (local.get $x) (i32.const 0))))",
            [false, false],
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
    ] {
        let body = format!("(i32.const 2) (i32.const 3) {condition} (select)");
        for (x, truth) in [(0, truth[0]), (5, truth[1])] {
            let is = if truth { 2 } else { 3 };
            assert_eq!(results("(result i32)", &body, [x, 3]), [is], "{condition}");
        }
    }
}

#[test]
fn operands_below_a_blocks_parameters_stay() {
    let block = "local.get $x i32.const 7 block (param i32) drop local.get $y br_if 0
                 i32.const 99 local.set $x end";
    let branch = "local.get $x i32.const 7 local.get $y
                  if (param i32) drop else drop i32.const 99 local.set $x end";
    for body in [block, branch] {
        for arguments in [[10, 0], [10, 1], [1, 3]] {
            assert_eq!(results("(result i32)", body, arguments), [arguments[0]]);
        }
    }
    let round = "local.get $x i32.const 1 i32.add local.tee $x local.get $x i32.const 7
                 loop (param i32) drop end i32.add local.get $x";
    assert_eq!(results("(result i32 i32)", round, [10, 0]), [22, 11]);
}

#[test]
fn an_if_without_else_hands_its_parameters_on() {
    let body = "local.get $x local.get $y
                if (param i32) (result i32) i32.const 5 i32.add local.tee $x end";
    assert_eq!(results("(result i32)", body, [10, 0]), [10]);
    assert_eq!(results("(result i32)", body, [10, 1]), [15]);
}

#[test]
fn a_branch_by_table_takes_all_values() {
    let body = "(block (result i32 i32 i32) (block (result i32 i32 i32)
                i32.const 100 i32.const 1 i32.const 2 i32.const 3 local.get $x br_table 0 1 0))";
    for x in 0..4 {
        assert_eq!(results("(result i32 i32 i32)", body, [x, 0]), [1, 2, 3]);
    }
}

#[test]
fn a_store_may_have_its_address_as_value() {
    for (value, store) in [
        ("local.get $x", "i32.store"),
        ("local.get $x", "i32.store8"),
        ("local.get $x", "i32.store16"),
        ("local.get $x i64.extend_i32_u", "i64.store"),
        ("local.get $x i64.extend_i32_u", "i64.store32"),
    ] {
        let body = format!(
            "local.get $x i32.const 1 i32.add local.tee $x {value} {store} offset=70000
             local.get $x i32.load8_u offset=70000"
        );
        assert_eq!(results("(result i32)", &body, [10, 0]), [11], "{store}");
    }
}

#[test]
fn a_table_grows_once_however_short_the_slice() {
    let body = "(table.size $t) (loop $again
                (drop (table.grow $t (ref.null func) (i32.const 90)))
                (br_if $again (local.tee $x (i32.sub (local.get $x) (i32.const 1)))))
                (table.size $t)";
    assert_eq!(results("(result i32 i32)", body, [10, 0]), [1, 901]);
}
