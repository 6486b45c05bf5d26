//! Each rule of packing on the smallest module that shows it.

use berth_pack::{Basis, Options, PackError, Packed, pack};
use berth_package::{Manifest, SECTION, Sections, Stack, custom_section};
use wasmparser::{MemoryType, Parser, Payload};

const START: &str = r#"(func (export "_start"))"#;

fn options() -> Options {
    Options {
        name: "test".to_owned(),
        ..Options::default()
    }
}

fn packed_with(body: &str, options: &Options) -> Result<Packed, PackError> {
    pack(
        &wat::parse_str(format!("(module {body})")).unwrap(),
        options,
    )
}

fn packed(body: &str) -> Packed {
    packed_with(&format!("{START} {body}"), &options()).unwrap()
}

fn refusal(body: &str) -> String {
    packed_with(body, &options()).unwrap_err().to_string()
}

fn memory(image: &[u8]) -> MemoryType {
    for payload in Parser::new(0).parse_all(image) {
        if let Payload::MemorySection(section) = payload.unwrap() {
            return section.into_iter().next().unwrap().unwrap();
        }
    }
    panic!("no memory");
}

fn exports(image: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(image) {
        if let Payload::ExportSection(section) = payload.unwrap() {
            names.extend(
                section
                    .into_iter()
                    .map(|export| export.unwrap().name.to_owned()),
            );
        }
    }
    names
}

/// What clang 14 and its linker make: data, then stack.
const STACK_LAST: &str = r#"(memory (export "memory") 2)
    (global $sp (mut i32) (i32.const 66560)) (data (i32.const 1024) "hello")
    (func (global.set $sp (global.get $sp)))"#;

/// What newer linkers make: stack, then data.
const STACK_FIRST: &str = r#"(memory (export "memory") 1)
    (global $sp (mut i32) (i32.const 512)) (data (i32.const 512) "hello")
    (global (export "__data_end") i32 (i32.const 600))
    (global (export "__heap_base") i32 (i32.const 608))
    (func (global.set $sp (global.get $sp)))"#;

#[test]
fn memory_ends_where_the_linker_says_the_heap_begins() {
    let package = packed(STACK_FIRST);
    assert_eq!(package.basis, Basis::HeapBase);
    assert_eq!(package.memory, (65536, 608));
    let memory = memory(&package.image);
    assert_eq!((memory.initial, memory.maximum), (608, None));
    assert_eq!(memory.page_size_log2, Some(0));
    let manifest = Manifest::of(&package.image).unwrap().unwrap();
    assert_eq!(manifest.memory, 608);
    let stack = Stack {
        bottom: 0,
        top: 512,
    };
    assert_eq!(manifest.stack, Some(stack));
}

#[test]
fn memory_ends_at_a_stack_that_lies_above_the_data() {
    let package = packed(STACK_LAST);
    assert_eq!(package.basis, Basis::StackTop);
    assert_eq!(package.memory, (131_072, 66560));
    // Where variables without a first value end, and the stack may reach, is not known.
    assert_eq!(Manifest::of(&package.image).unwrap().unwrap().stack, None);
    let told = r#"(global (export "__data_end") i32 (i32.const 1029))"#;
    let package = packed(&format!("{STACK_LAST} {told}"));
    let stack = Stack {
        bottom: 1040,
        top: 66560,
    };
    assert_eq!(
        Manifest::of(&package.image).unwrap().unwrap().stack,
        Some(stack)
    );
}

#[test]
fn where_nothing_tells_the_end_there_is_slack_behind_what_is_known() {
    // A data segment up to 1029, a variable at 2000 that the code stores to.
    let package = packed(
        r#"(memory (export "memory") 1) (data (i32.const 1024) "hello")
           (func (i32.store offset=2000 (i32.const 0) (i32.const -5)))"#,
    );
    assert_eq!(package.basis, Basis::Estimated);
    assert_eq!(package.memory.1, (2008 + 4096u64).next_multiple_of(16));
    // The top of a stack that may have variables above it is no end.
    let package = packed(
        r#"(memory (export "memory") 1) (global $sp (mut i32) (i32.const 4096))
           (func (global.set $sp (global.get $sp)))"#,
    );
    assert_eq!(package.basis, Basis::Estimated);
    assert_eq!(package.memory.1, 8192);
    // Never more than it had.
    let package = packed(r#"(memory (export "memory") 1) (data (i32.const 65000) "x")"#);
    assert_eq!(package.memory.1, 65536);
}

#[test]
fn an_allocator_keeps_its_pages() {
    let body = r#"(memory (export "memory") 1 4) (data (i32.const 1024) "x")
        (func (drop (memory.grow (i32.const 1))) (drop (memory.size)))"#;
    let package = packed(body);
    assert_eq!(package.basis, Basis::CountsPages);
    let memory = memory(&package.image);
    assert_eq!((memory.initial, memory.maximum), (1, Some(4)));
    assert_eq!(memory.page_size_log2, None);
    // And no other size can be chosen for it.
    let smaller = Options {
        memory: Some(4096),
        ..options()
    };
    let error = packed_with(&format!("{START} {body}"), &smaller).unwrap_err();
    assert!(
        matches!(
            error,
            PackError::CountsPages {
                what: "memory.grow"
            }
        ),
        "{error}"
    );
}

#[test]
fn a_size_that_is_asked_for_holds_what_is_known_or_is_refused() {
    let ask = |memory| {
        let options = Options {
            memory: Some(memory),
            ..options()
        };
        packed_with(&format!("{START} {STACK_FIRST}"), &options)
    };
    assert_eq!(ask(700).unwrap().memory, (65536, 700));
    assert_eq!(ask(700).unwrap().basis, Basis::Asked);
    assert_eq!(
        ask(516).unwrap_err().to_string(),
        "a memory of 516 bytes does not hold what the module has from the start: 517 bytes"
    );
}

#[test]
fn globals_that_nobody_uses_go_and_the_others_keep_their_meaning() {
    let package = packed(
        r#"(global $a (export "__heap_base") i32 (i32.const 1))
           (global $b (mut i32) (i32.const 2))
           (global $c (export "x") i32 (i32.const 3))
           (global $d (mut i64) (i64.const 4))
           (func (global.set $b (i32.const 7)) (global.set $d (i64.const 8)))"#,
    );
    assert_eq!(package.globals_dropped, 2);
    assert_eq!(exports(&package.image), ["_start"]);
    // Still valid, so `$d` (an i64) is where its index says.
    assert_eq!(packed("(memory 1)").globals_dropped, 0);
}

#[test]
fn names_leave_the_module_and_stay_in_the_side_file() {
    let module = wat::parse_str(
        r#"(module (import "berth" "yield" (func $pause)) (func $main (export "_start") (call $pause))
           (@custom "producers" "x") (@custom ".debug_info" "y"))"#,
    )
    .unwrap();
    let package = pack(&module, &options()).unwrap();
    let names: Vec<_> = package
        .names
        .0
        .iter()
        .map(|(n, name)| (*n, name.as_str()))
        .collect();
    assert_eq!(names, [(0, "pause"), (1, "main")]);
    assert_eq!(
        package.names.to_json("ab").to_string(),
        r#"{"functions":{"0":"pause","1":"main"},"sha256":"ab"}"#
    );
    let custom: Vec<_> = Sections::of(&package.image)
        .unwrap()
        .flatten()
        .filter(|(number, _)| *number == 0)
        .collect();
    assert_eq!(custom.len(), 1);
    assert!(custom_section(&package.image, SECTION).unwrap().is_some());
}

#[test]
fn the_manifest_says_what_the_author_chose() {
    let options = Options {
        name: "pump".to_owned(),
        version: "2.1".to_owned(),
        description: "drives the pump".to_owned(),
        memory_limit: Some(9000),
        value_stack: Some(1024),
        share: Some(10),
        ..Options::default()
    };
    let package = packed_with(START, &options).unwrap();
    let manifest = Manifest::of(&package.image).unwrap().unwrap();
    assert_eq!((manifest.name, manifest.version), ("pump", "2.1"));
    assert_eq!(manifest.description, "drives the pump");
    assert_eq!(manifest.memory_limit, Some(9000));
    assert_eq!(
        (manifest.value_stack, manifest.share),
        (Some(1024), Some(10))
    );
    for wrong in [
        Options {
            name: "a b".to_owned(),
            ..options.clone()
        },
        Options {
            share: Some(0),
            ..options.clone()
        },
        Options {
            version: "x".repeat(33),
            ..options.clone()
        },
        Options {
            description: "x".repeat(201),
            ..options.clone()
        },
    ] {
        let error = packed_with(START, &wrong).unwrap_err();
        assert!(matches!(error, PackError::Manifest(_)), "{error}");
    }
}

#[test]
fn what_no_device_runs_is_refused_with_what_to_do() {
    assert!(matches!(
        pack(b"hello", &options()),
        Err(PackError::Invalid { offset: 0, .. })
    ));
    assert_eq!(
        refusal(r#"(func (export "main"))"#),
        "exports no function _start without parameters and results: that is where a container begins"
    );
    assert!(refusal(r#"(func (export "_start") (param i32))"#).starts_with("exports no function"));
    assert!(
        refusal(r#"(import "env" "memory" (memory 1)) (func (export "_start"))"#)
            .contains("link without --import-memory")
    );
    assert!(
        refusal(r#"(import "env" "x" (global i32)) (func (export "_start"))"#)
            .starts_with("imports the global env.x")
    );
    let simd = r#"(func (export "_start") (drop (v128.const i64x2 0 0)))"#;
    assert!(refusal(simd).contains("SIMD"), "{}", refusal(simd));
    let component = wat::parse_str("(component)").unwrap();
    assert!(matches!(
        pack(&component, &options()),
        Err(PackError::Component)
    ));
    let twice = pack(&packed("").image, &options());
    assert!(matches!(twice, Err(PackError::AlreadyPacked)));
}
