//! Forms in which a compiler goes wrong, on the emulated board and in the interpreter.

use berth_compiler_tests::batch::Batch;
use berth_compiler_tests::instance::instance;
use berth_compiler_tests::judge::{Case, STACK, compare, in_the_interpreter};
use berth_engine_tests::outcome::{Ending, Trap, Value};
use berth_engine_tests::start::with_start;

/// Modules, and what `run` is called with.
const FORMS: &[(&str, &[&[i32]])] = &[
    // A variable is set while an older read of it is still wanted.
    (
        "(func (export \"run\") (param i32) (result i32) local.get 0 (local.set 0 (i32.const 9)) local.get 0 i32.sub)",
        &[&[5], &[-1]],
    ),
    // Deep recursion to the end of the stack, and what is there afterwards.
    (
        "(global (export \"g\") (mut i32) (i32.const 0))
         (func $deep (param i32) (result i32) (global.set 0 (i32.add (global.get 0) (i32.const 1)))
           (if (result i32) (local.get 0)
             (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1))) (else (i32.const 0))))
         (func (export \"run\") (param i32) (result i32) (call $deep (local.get 0)))",
        &[&[0], &[1], &[200]],
    ),
    // More words of arguments and results than registers, one value across the border of both.
    (
        "(func $many (param i32 i64 i32 f64 i64 i32) (result i64 i32 i32 i64 i32)
           (i64.mul (local.get 1) (local.get 4)) (local.get 0) (local.get 2)
           (i64.add (local.get 4) (i64.extend_i32_s (local.get 5))) (local.get 5))
         (func (export \"run\") (param i32) (result i32)
           (call $many (local.get 0) (i64.const 0x100000003) (i32.const 7) (f64.const 1.5) (i64.const -5) (i32.const 11))
           local.set 0 i32.wrap_i64 i32.xor i32.add local.get 0 i32.sub i64.extend_i32_s i64.add i32.wrap_i64)",
        &[&[1], &[-100]],
    ),
    // A loop whose parameters go around, exchanged.
    (
        "(func (export \"run\") (param i32) (result i32) (local i32 i32)
           (i32.const 1) (i32.const 2)
           (loop (param i32 i32) (result i32) local.set 1 local.set 2 local.get 1 local.get 2
             (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) i32.sub))",
        &[&[1], &[2], &[7]],
    ),
    // Branch tables whose targets take values along, constants below them.
    (
        "(func (export \"run\") (param i32) (result i32)
           (block (result i32) (block (result i32) (i32.const 100)
             (block (result i32) (i32.const 30) (i32.const 4) (br_table 0 1 2 1 (local.get 0)))
             i32.add (br 1)) (i32.const 1000) i32.mul))",
        &[&[0], &[1], &[2], &[3], &[-1]],
    ),
    // Accesses at the end of a memory that grows.
    (
        "(memory (export \"memory\") 1 3)
         (func (export \"run\") (param i32) (result i32) (local i32)
           (local.set 1 (memory.grow (i32.const 1)))
           (i64.store offset=1 (local.get 0) (i64.const 0x0102030405060708))
           (i32.add (i32.load16_u offset=4 (local.get 0)) (i32.add (memory.size) (local.get 1))))",
        &[&[65_527], &[131_063], &[131_064], &[196_600], &[-4], &[-9]],
    ),
    // All that an i64 is divided, shifted and turned by.
    (
        "(func (export \"run\") (param i32 i32) (result i64) (local i64 i64)
           (local.set 2 (i64.mul (i64.extend_i32_s (local.get 0)) (i64.const 0x123456789)))
           (local.set 3 (i64.extend_i32_u (local.get 1)))
           (i64.xor (i64.rotl (local.get 2) (local.get 3))
             (i64.add (i64.shr_s (local.get 2) (local.get 3))
               (i64.sub (i64.shl (local.get 2) (i64.const 33)) (i64.shr_u (local.get 2) (i64.const 7))))))",
        &[&[1, 0], &[-7, 31], &[123, 32], &[-1, 63], &[77, 64], &[5, -1]],
    ),
    // More globals than a short offset reaches.
    (
        "(global (mut i64) (i64.const 1)) (global (mut i64) (i64.const 2)) (global (mut i64) (i64.const 3))
         (global (mut i64) (i64.const 4)) (global (mut i64) (i64.const 5)) (global (mut i64) (i64.const 6))
         (global (mut i64) (i64.const 7)) (global (mut i64) (i64.const 8)) (global (mut i64) (i64.const 9))
         (global (mut i64) (i64.const 1)) (global (mut i64) (i64.const 2)) (global (mut i64) (i64.const 3))
         (global (mut i64) (i64.const 4)) (global (mut i64) (i64.const 5)) (global (mut i64) (i64.const 6))
         (global (mut i64) (i64.const 7)) (global (mut i64) (i64.const 8)) (global (mut i64) (i64.const 9))
         (global (mut i64) (i64.const 7)) (global (mut i64) (i64.const 8)) (global (mut i64) (i64.const 9))
         (global (mut i64) (i64.const 7)) (global (mut i64) (i64.const 8)) (global (mut i64) (i64.const 9))
         (global (mut i64) (i64.const 7)) (global (mut i64) (i64.const 8)) (global (mut i64) (i64.const 9))
         (global (mut i64) (i64.const 7)) (global (mut i64) (i64.const 8)) (global (mut i32) (i32.const 9))
         (func (export \"run\") (param i32) (result i64)
           (global.set 28 (i64.add (global.get 28) (i64.extend_i32_s (local.get 0))))
           (global.set 29 (i32.add (global.get 29) (local.get 0)))
           (i64.add (global.get 28) (i64.add (global.get 27) (i64.extend_i32_s (global.get 29)))))",
        &[&[1], &[-2]],
    ),
];

/// On the board an imported function with number n returns 31 times its argument and n.
#[test]
fn imported_functions_are_called_by_their_number() {
    let text = r#"(module
        (type $t (func (param i32) (result i32)))
        (import "berth" "a" (func $a (type $t))) (import "berth" "b" (func $b (type $t)))
        (table funcref (elem $a $own $b))
        (func $own (type $t) (i32.mul (local.get 0) (i32.const 1000)))
        (func (export "_start"))
        (func (export "run") (param i32 i32) (result i32)
            (i32.sub (i32.add (call $a (local.get 0)) (i32.mul (call $b (local.get 0)) (i32.const 7)))
                (call_indirect (type $t) (local.get 0) (local.get 1)))))"#;
    let module = instance(&wat::parse_str(text).unwrap(), STACK).unwrap();
    let mut batch = Batch::default();
    let mut want = Vec::new();
    let mut calls = Vec::new();
    for (argument, index) in [(5, 0), (-3, 1), (100_000, 2), (1, 3)] {
        let values = vec![Value::I32(argument), Value::I32(index)];
        calls.push(("run".to_owned(), values));
        let indirect = match index {
            0 => Some(argument * 31),
            1 => Some(argument * 1000),
            2 => Some(argument * 31 + 1),
            _ => None,
        };
        let direct = argument * 31 + 7 * (argument * 31 + 1);
        want.push(match indirect {
            Some(value) => Ending::Returned(vec![Value::I32(direct - value)]),
            None => Ending::Trapped(Trap::Table),
        });
    }
    batch.add(&module, &calls, 1);
    let folder = tempfile::tempdir().unwrap();
    let runs = batch.run(folder.path()).unwrap();
    assert_eq!(runs[0].fault, None);
    assert_eq!(runs[0].outcome.endings, want);
}

#[test]
fn forms_compute_on_the_board_what_they_do_in_the_interpreter() {
    let forms = FORMS.iter().enumerate();
    let cases = forms.flat_map(|(number, (text, calls))| {
        let image = wat::parse_str(format!("(module {text})")).unwrap();
        let image = with_start(&image).unwrap();
        let calls = calls.iter().map(|values| {
            let values = values.iter().map(|value| Value::I32(*value));
            ("run".to_owned(), values.collect())
        });
        let calls: Vec<_> = calls.collect();
        [1, 20, 100_000].map(|slice| Case {
            name: format!("form {number} in slices of {slice}"),
            image: image.clone(),
            calls: calls.clone(),
            slice,
        })
    });
    let tally = compare(cases, in_the_interpreter);
    assert_eq!(tally.same as usize, 3 * FORMS.len());
}
