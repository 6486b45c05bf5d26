//! What takes the engine long for its fuel: modules that do one such thing without end.
//!
//! Fuel counts what an engine executes, not time. Here is everything known of which a unit of fuel takes many times as long
//! as in code that computes; what is found later is added to the list.

use std::fmt::Write;

/// Something expensive.
pub struct Expensive {
    /// What it does.
    pub name: &'static str,
    /// Its module in text form.
    pub text: String,
    /// Its value stack, as `--stack` takes it.
    pub stack: &'static str,
}

/// The usual value stack, and the largest that a container can have.
const USUAL: &str = "2K";
const LARGEST: &str = "64K";

/// Everything that is known.
#[must_use]
pub fn all() -> Vec<Expensive> {
    let mut all = vec![of(
        "computing",
        USUAL,
        "",
        "(drop (i32.add (i32.const 1) (local.get $i)))",
    )];
    all.extend(frames());
    all.extend(calls());
    all.extend(branches());
    all.extend(bulk());
    all.extend(growth());
    all.extend(numbers());
    all
}

/// A module with a memory and a table whose main does `body` without end, `fields` being in it.
fn of(name: &'static str, stack: &'static str, fields: &str, body: &str) -> Expensive {
    let text = format!(
        r#"(module
          (memory (export "memory") 32768 (pagesize 1))
          (table $t 256 funcref) (table $u 256 funcref)
          (elem $e func {})
          (data $d "{}")
          (func $nothing)
          {fields}
          (func (export "_start") (local $i i32) (local $f f64) (local $l i64)
            (loop $main {} (br $main))))"#,
        "$nothing ".repeat(64),
        "a".repeat(1_024),
        body.repeat(4)
    );
    Expensive { name, text, stack }
}

/// Frames are cleared: locals, and what waits on the stack.
fn frames() -> Vec<Expensive> {
    let locals = |count: usize| format!("(func $f (local {}))", "i64 ".repeat(count));
    // The operands of one expression, each of which is in a place of its own.
    let operands = |count: usize| {
        format!(
            "(func $f (param $p i32) (if (local.get $p) (then {} {})))",
            "(i32.load8_u (local.get $p))".repeat(count),
            "drop ".repeat(count)
        )
    };
    vec![
        of("a frame of 200 locals", USUAL, &locals(200), "(call $f)"),
        of("a frame of 400 locals", "8K", &locals(400), "(call $f)"),
        of("a frame of 512 locals", LARGEST, &locals(512), "(call $f)"),
        of(
            "a frame of 1,000 operands",
            LARGEST,
            &operands(1_000),
            "(call $f (i32.const 0))",
        ),
    ]
}

/// Calls of every kind, and returns.
fn calls() -> Vec<Expensive> {
    let results = |count: usize| {
        format!(
            "(func $f (result {}) {})",
            "i64 ".repeat(count),
            "(i64.const 1)".repeat(count)
        )
    };
    let drops = |count: usize| format!("(call $f) {}", "drop ".repeat(count));
    let parameters = |count: usize| format!("(func $f (param {}))", "i64 ".repeat(count));
    let given = |count: usize| format!("{} (call $f)", "(local.get $l)".repeat(count));
    vec![
        of("a call", USUAL, "(func $f)", "(call $f)"),
        of(
            "an indirect call",
            USUAL,
            "(type $v (func)) (elem (i32.const 0) $nothing)",
            "(call_indirect (type $v) (i32.const 0))",
        ),
        of("a call with 12 results", "8K", &results(12), &drops(12)),
        of(
            "a call with 12 parameters",
            "8K",
            &parameters(12),
            &given(12),
        ),
        of(
            "recursion to 120 calls",
            USUAL,
            "(func $f (param $n i32) (if (local.get $n) (then (call $f (i32.sub (local.get $n) (i32.const 1))))))",
            "(call $f (i32.const 60))",
        ),
        of(
            "recursion to 1,000 calls",
            LARGEST,
            "(func $f (param $n i32) (if (local.get $n) (then (call $f (i32.sub (local.get $n) (i32.const 1))))))",
            "(call $f (i32.const 1000))",
        ),
    ]
}

/// Branches with many targets, and with many values.
fn branches() -> Vec<Expensive> {
    let mut table = String::from("(block $out (block $in (br_table ");
    for _ in 0..250 {
        let _ = write!(table, "$in $out ");
    }
    table.push_str("(i32.const 499))))");
    let values = |count: usize| {
        format!(
            "(block $b (result {}) {} (br $b)) {}",
            "i64 ".repeat(count),
            "(local.get $l)".repeat(count),
            "drop ".repeat(count)
        )
    };
    vec![
        of("a branch with 500 targets", USUAL, "", &table),
        of("a branch with 12 values", USUAL, "", &values(12)),
    ]
}

/// One instruction over much.
fn bulk() -> Vec<Expensive> {
    vec![
        of(
            "memory.fill of everything",
            USUAL,
            "",
            "(memory.fill (i32.const 1) (i32.const 7) (i32.const 32767))",
        ),
        of(
            "memory.copy of everything, overlapping",
            USUAL,
            "",
            "(memory.copy (i32.const 1) (i32.const 0) (i32.const 32767))",
        ),
        of(
            "memory.copy of 63 bytes",
            USUAL,
            "",
            "(memory.copy (i32.const 1) (i32.const 0) (i32.const 63))",
        ),
        of(
            "memory.init",
            USUAL,
            "",
            "(memory.init $d (i32.const 1) (i32.const 0) (i32.const 1024))",
        ),
        of(
            "table.fill",
            USUAL,
            "",
            "(table.fill $t (i32.const 0) (ref.null func) (i32.const 256))",
        ),
        of(
            "table.copy, overlapping",
            USUAL,
            "",
            "(table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 255))",
        ),
        of(
            "table.copy to another",
            USUAL,
            "",
            "(table.copy $t $u (i32.const 0) (i32.const 0) (i32.const 256))",
        ),
        of(
            "table.init",
            USUAL,
            "",
            "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 64))",
        ),
    ]
}

/// Growth: refused for good, for now, and again and again with success.
fn growth() -> Vec<Expensive> {
    vec![
        of(
            "memory.grow, refused by 32 bits",
            USUAL,
            "",
            "(drop (memory.grow (i32.const -1)))",
        ),
        of(
            "memory.grow, refused for room",
            USUAL,
            "",
            "(drop (memory.grow (i32.const 200000)))",
        ),
        of(
            "memory.grow by a byte until it is refused",
            USUAL,
            "",
            "(drop (memory.grow (i32.const 1)))",
        ),
        of(
            "memory.grow, refused by ever less",
            USUAL,
            "",
            "(local.set $i (i32.add (local.get $i) (i32.const 1)))
             (drop (memory.grow (i32.sub (i32.const 160000) (local.get $i))))",
        ),
        of(
            "memory.grow, refused by more and less",
            USUAL,
            "",
            "(local.set $i (i32.sub (local.get $i) (i32.const 1)))
             (drop (memory.grow (i32.add (i32.const 190000) (i32.and (local.get $i) (i32.const 0xffff)))))",
        ),
    ]
}

/// Numbers that the processor has no instructions for.
fn numbers() -> Vec<Expensive> {
    vec![
        of(
            "f64.sqrt",
            USUAL,
            "",
            "(local.set $f (f64.sqrt (f64.add (local.get $f) (f64.const 3))))",
        ),
        of(
            "f64.div",
            USUAL,
            "",
            "(local.set $f (f64.div (local.get $f) (f64.const 1e-310)))",
        ),
        of(
            "f64.nearest",
            USUAL,
            "",
            "(local.set $f (f64.nearest (f64.const 3.5)))",
        ),
        of(
            "i64.div_u",
            USUAL,
            "",
            "(local.set $l (i64.div_u (i64.const -3) (i64.or (local.get $l) (i64.const 7))))",
        ),
        of(
            "i64.rem_s",
            USUAL,
            "",
            "(local.set $l (i64.rem_s (i64.const -3) (i64.or (local.get $l) (i64.const 7))))",
        ),
    ]
}
