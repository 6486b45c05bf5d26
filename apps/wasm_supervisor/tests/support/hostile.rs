//! Modules that mean harm.

/// What a hostile module is made of, and whether the scan alone refuses it.
pub fn hostile() -> Vec<(&'static str, String, bool)> {
    let start = r#"(func (export "_start"))"#;
    let many = |part: &str, count: usize| format!("(module {start} {})", part.repeat(count));
    let nested = format!(
        "(module {start} (func {} {}))",
        "block ".repeat(1000),
        "end ".repeat(1000)
    );
    let targets = format!(
        "(module {start} (func (block (br_table {} (i32.const 0)))))",
        "0 ".repeat(3000)
    );
    let exports: String = (0..1000)
        .map(|n| format!(r#"(export "e{n}" (func 0))"#))
        .collect();
    let long_name = format!(
        r#"(module {start} (func (export "{}")))"#,
        "n".repeat(20_000)
    );
    let imports = format!(
        "(module {} {start})",
        r#"(import "mmio" "read32" (func (param i32 i32) (result i32)))"#.repeat(1000)
    );
    let constants = format!(
        "(module {start} (func {}))",
        "(drop (i64.const 77))".repeat(4000)
    );
    vec![
        ("locals", many(&format!("(func {})", "(local i64)".repeat(20_000)), 1), true),
        ("imports", imports, true),
        ("exports", format!("(module {start} {exports})"), true),
        ("functions", many("(func)", 1000), false),
        ("types", many("(type (func (param i32 i64 f32 f64)))", 300), true),
        ("globals", many("(global i32 (i32.const 1))", 1000), true),
        ("elements", format!("(module {start} (table 1 funcref) {})", "(elem (i32.const 0) 0)".repeat(1000)), true),
        ("table", many("(table 100000 funcref)", 1), true),
        ("nesting", nested, false),
        ("targets", targets, false),
        ("name", long_name, false),
        ("code", constants, false),
        ("memory", many("(memory 60000)", 1), false),
        ("grower", r#"(module (memory 1) (func (export "_start") (loop $a (drop (memory.grow (i32.const 1))) (br $a))))"#.into(), false),
        ("recursion", r#"(module (func $f (export "_start") (call $f)))"#.into(), false),
        ("start", r#"(module (func $s (loop $a (br $a))) (start $s) (func (export "_start")))"#.into(), false),
    ]
}
