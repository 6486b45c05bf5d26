//! What compiled code calls has to be total: a bit of the flash that changes can give it arguments that no module has, and then a
//! wrong result is the worst that may come of it.

use berth_compiler_tests::batch::{Batch, Run};
use berth_compiler_tests::instance::{CODE, Instance, instance};
use berth_compiler_tests::judge::STACK;
use berth_engine_tests::outcome::{Ending, Trap, Value};

fn compiled(text: &str) -> Instance {
    let text = format!(r#"(module {text} (func (export "_start")))"#);
    instance(&wat::parse_str(text).unwrap(), STACK).unwrap()
}

fn run(module: &Instance, calls: &[(String, Vec<Value>)]) -> Run {
    let mut batch = Batch::default();
    batch.add(module, calls, 1_000);
    let folder = tempfile::tempdir().unwrap();
    let run = batch.run(folder.path()).unwrap().remove(0);
    assert_eq!(run.fault, None);
    run
}

fn call(name: &str, arguments: &[Value]) -> (String, Vec<Value>) {
    (name.to_owned(), arguments.to_vec())
}

/// Takes the branches away that stand behind `orrs ip, …`: the looks at divisors. Returns how many these were.
fn unchecked(code: &mut [u8]) -> usize {
    const NOP: u16 = 0xbf00;
    let mut halfwords: Vec<u16> = code
        .chunks_exact(2)
        .map(|bytes| u16::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    let mut looks = 0;
    for window in (0..halfwords.len().saturating_sub(3)).rev() {
        let is = halfwords.get(window..window + 4).unwrap();
        let sets_flags = is[0] & 0xfff0 == 0xea50 && is[1] & 0x0f00 == 0x0c00;
        let branches = is[2] & 0xffc0 == 0xf000 && is[3] & 0xd000 == 0x8000;
        if sets_flags && branches {
            halfwords[window + 2] = NOP;
            halfwords[window + 3] = NOP;
            looks += 1;
        }
    }
    for (bytes, halfword) in code.chunks_exact_mut(2).zip(halfwords) {
        bytes.copy_from_slice(&halfword.to_le_bytes());
    }
    looks
}

#[test]
fn divisions_whose_check_is_lost_give_a_number_and_go_on() {
    let functions = ["div_s", "div_u", "rem_s", "rem_u"].map(|name| {
        format!(
            r#"(func (export "{name}") (param i64 i64) (result i64) (i64.{name} (local.get 0) (local.get 1)))"#
        )
    });
    let mut module = compiled(&functions.concat());
    assert_eq!(unchecked(&mut module.code), functions.len());
    let by_zero = [Value::I64(77), Value::I64(0)];
    let calls = ["div_s", "div_u", "rem_s", "rem_u"].map(|name| call(name, &by_zero));
    let endings = run(&module, &calls).outcome.endings;
    assert_eq!(
        endings,
        vec![Ending::Returned(vec![Value::I64(0)]); functions.len()]
    );
}

#[test]
fn only_references_of_the_object_come_into_a_table_of_functions() {
    let module = compiled(
        r#"(table $t 2 funcref) (table $e 1 externref)
            (elem declare func $seven)
            (func $seven (result i32) (i32.const 7))
            (func (export "set") (param funcref) (table.set $t (i32.const 0) (local.get 0)))
            (func (export "fill") (param funcref) (table.fill $t (i32.const 0) (local.get 0) (i32.const 2)))
            (func (export "other") (param externref) (table.set $e (i32.const 0) (local.get 0)))
            (func (export "own") (table.set $t (i32.const 1) (ref.func $seven)))
            (func (export "call") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))"#,
    );
    // The reference of entry 0 is at 5; there are as many entries as functions.
    let forged = [4, 6, 9, 5 + 8 * 7, 0x1_0000, -3];
    let mut calls = Vec::new();
    for name in ["set", "fill"] {
        calls.extend(forged.map(|word| call(name, &[Value::I32(CODE as i32 + word)])));
        calls.push(call("call", &[Value::I32(0)]));
    }
    let bad = calls.len();
    calls.push(call("other", &[Value::I32(12)]));
    calls.push(call("own", &[]));
    calls.push(call("call", &[Value::I32(1)]));
    let endings = run(&module, &calls).outcome.endings;
    let (refused, taken) = endings.split_at(bad);
    for (index, ending) in refused.iter().enumerate() {
        let want = match index % (forged.len() + 1) {
            6 => Trap::Null,
            _ => Trap::Table,
        };
        assert_eq!(*ending, Ending::Trapped(want), "{index}: {endings:?}");
    }
    assert_eq!(taken[0], Ending::Returned(vec![]));
    assert_eq!(taken[1], Ending::Returned(vec![]));
    assert_eq!(taken[2], Ending::Returned(vec![Value::I32(7)]));
}
