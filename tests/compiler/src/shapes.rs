//! A module with each shape that the checker has a rule for.

/// Its fields.
const FIELDS: &str = r#"
    (type $pair (func (param i32 i32) (result i32)))
    (import "berth" "a" (func $host (type $pair)))
    (memory 1 3) (global $g (mut i32) (i32.const 5)) (global $w (mut i64) (i64.const 7))
    (table 12 funcref) (table 12 externref) (elem declare func $leaf) (data "abcdefgh")
    (func $leaf (type $pair) (i32.add (i32.mul (local.get 0) (i32.const 13)) (i32.rotl (local.get 1) (i32.const 3))))
    (func $sum (param i32 i32) (result i32) (local i32)
      (loop $l
        (local.set 2 (i32.add (local.get 2) (i32.load offset=4 (local.get 0))))
        (i32.store8 offset=9 (local.get 0) (local.get 2))
        (local.set 0 (i32.add (local.get 0) (i32.const 4)))
        (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
      (i64.store offset=70000 (local.get 2) (i64.load offset=8 (local.get 0)))
      (i32.store16 (local.get 1) (i32.load16_s (i32.const 100)))
      (local.get 2))
    (func $tables (type $pair)
      (table.set 0 (local.get 0) (ref.func $leaf))
      (drop (table.get 1 (local.get 1)))
      (call_indirect (type $pair) (local.get 0) (i32.const 7) (local.get 1)))
    (func $bulk (type $pair)
      (memory.copy (local.get 0) (local.get 1) (i32.const 9)) (memory.init 0 (local.get 0) (i32.const 1) (local.get 1))
      (data.drop 0) (table.fill 1 (local.get 0) (ref.null extern) (local.get 1)) (memory.grow (local.get 0)))
    (func $many (param i32 i64 i32 f64 i64 i32) (result i64 i32 i32)
      (i64.mul (local.get 1) (local.get 4)) (i32.sub (local.get 0) (local.get 5)) (i32.div_s (local.get 2) (local.get 5)))
    (func $calls (param i32 i32) (result i32)
      (call $many (local.get 0) (i64.const 0x100000003) (local.get 1) (f64.const 1.5) (global.get $w) (i32.const 11))
      (i32.add) (global.set $g) (global.set $w)
      (call $host (global.get $g) (call $leaf (local.get 0) (local.get 1))))
    (func $switch (type $pair)
      (block $a (block $b (block $c (br_table $a $b $c $b (local.get 0))) (return (i32.const 3)))
        (return (select (local.get 0) (local.get 1) (i32.lt_s (local.get 0) (local.get 1)))))
      (if (result i32) (i64.lt_u (i64.extend_i32_u (local.get 0)) (global.get $w))
        (then (i32.wrap_i64 (i64.div_s (global.get $w) (i64.extend_i32_s (local.get 1))))) (else (i32.clz (local.get 1)))))
    (func $tail (type $pair)
      (if (local.get 0) (then (return_call $tail (i32.sub (local.get 0) (i32.const 1)) (local.get 1))))
      (return_call_indirect (type $pair) (local.get 1) (local.get 1) (local.get 0)))
    (func (export "_start"))"#;

/// Returns its text.
#[must_use]
pub fn module() -> String {
    format!("(module {FIELDS})")
}
