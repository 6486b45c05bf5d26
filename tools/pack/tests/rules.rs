//! Each rule of packing on the smallest module that shows it.

use berth_pack::{Basis, Options, PackError, Packed, SideFile, pack};
use berth_package::{Manifest, SECTION, Stack};
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
    (func (global.set $sp (i32.sub (global.get $sp) (i32.const 16))))"#;

/// What newer linkers make: stack, then data.
const STACK_FIRST: &str = r#"(memory (export "memory") 1)
    (global $sp (mut i32) (i32.const 512)) (data (i32.const 512) "hello")
    (global (export "__data_end") i32 (i32.const 600))
    (global (export "__heap_base") i32 (i32.const 608))
    (func (global.set $sp (i32.sub (global.get $sp) (i32.const 16))))"#;

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
           (func (global.set $sp (i32.sub (global.get $sp) (i32.const 16))))"#,
    );
    assert_eq!(package.basis, Basis::Estimated);
    assert_eq!(package.memory.1, 8192);
    // Never more than it had.
    let package = packed(r#"(memory (export "memory") 1) (data (i32.const 65000) "x")"#);
    assert_eq!(package.memory.1, 65536);
}

/// How a module may name the address PLACE, or, in data, the bytes of it. In each of these the number may as well be
/// something else.
const NAMES_A_PLACE: [(&str, &str); 8] = [
    ("an argument", "(func (call $poke (i32.const PLACE)))"),
    (
        "a value that is kept",
        "(func (i32.store (i32.const 8) (i32.const PLACE)))",
    ),
    (
        "one of two that are kept at once",
        "(func (i64.store (i32.const 8) (i64.const 0xHEXA_0000_0007)))",
    ),
    ("a result", "(func (result i32) (i32.const PLACE))"),
    (
        "the base of a table",
        "(func (param i32) (result i32) (i32.load offset=PLACE (local.get 0)))",
    ),
    (
        "a sum",
        "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const PLACE)))",
    ),
    ("data", r#"(data (i32.const 528) "BYTES")"#),
    (
        "a global",
        "(global $g (mut i32) (i32.const PLACE)) (func (result i32) (global.get $g))",
    ),
];

/// The same, of this place.
fn names_a_place(place: u16) -> impl Iterator<Item = (&'static str, String)> {
    let [low, high] = place.to_le_bytes();
    let bytes = format!("\\{low:02x}\\{high:02x}\\00\\00");
    NAMES_A_PLACE.into_iter().map(move |(what, code)| {
        let code = code.replace("PLACE", &place.to_string());
        let code = code.replace("HEXA", &format!("{place:x}"));
        (what, code.replace("BYTES", &bytes))
    })
}

/// Packs a module with a stack below its data, up to where its linker says that the heap begins, and `more`.
fn laid_out(more: &str) -> Packed {
    let module = format!(
        r#"(import "berth" "sleep_us" (func $sleep (param i64)))
           (import "env" "poke" (func $poke (param i32)))
           {START} (memory (export "memory") 1) (global $sp (mut i32) (i32.const 512))
           (global (export "__heap_base") i32 (i32.const 1040)) (data (i32.const 512) "hello")
           (func (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))) {more}"#
    );
    packed_with(&module, &options()).unwrap()
}

/// The linker's word on where stack and statics end says nothing of who uses the memory behind them.
#[test]
fn what_is_used_behind_the_linkers_end_is_kept() {
    assert_eq!(laid_out("").basis, Basis::HeapBase);
    assert_eq!(laid_out("").memory.1, 1040);
    // Stack, data, and the address of the heap that an allocator gives memory from.
    let named = names_a_place(1040);
    let otherwise = [
        (
            "a pointer in packed data",
            r#"(data (i32.const 529) "\10\04\00\00")"#,
        ),
        (
            "a pointer in passive data",
            r#"(data $passive "\10\04\00\00") (func (data.drop $passive))"#,
        ),
        (
            "a global that grows",
            "(global $next (mut i32) (i32.const 1040))
             (func (global.set $next (i32.add (global.get $next) (i32.const 8))))",
        ),
        (
            "a global that grows from where the statics end",
            r#"(global (export "__data_end") i32 (i32.const 517))
             (global $next (mut i32) (i32.const 520))
             (func (param i32) (global.set $next (i32.add (local.get 0) (global.get $next))))"#,
        ),
        (
            "a global that nobody changes",
            "(global $heap i32 (i32.const 1040)) (func (result i32) (global.get $heap))",
        ),
        (
            "a store behind it",
            "(func (i32.store (i32.const 2000) (i32.const 1)))",
        ),
        (
            "a load that begins before it",
            "(func (result i64) (i64.load (i32.const 1036)))",
        ),
        (
            "an access by its offset",
            "(func (result i32) (i32.load8_u offset=3000 (i32.const 4)))",
        ),
    ];
    let otherwise = otherwise.map(|(what, more)| (what, more.to_owned()));
    for (what, more) in named.chain(otherwise) {
        let package = laid_out(&more);
        assert_eq!(
            (package.basis, package.memory.1),
            (Basis::UsesMore, 65536),
            "{what}"
        );
        assert!(package.basis.text().contains("--memory"));
    }
    // What is never used is no allocator's.
    let unused = laid_out("(global (mut i32) (i32.const 1040))");
    assert_eq!(unused.basis, Basis::HeapBase);
}

/// Linkers align the end of all: an allocator may begin where the variables end, some bytes before it.
#[test]
fn an_address_between_the_variables_and_the_aligned_end_is_no_variables() {
    let told = |end: u32| format!(r#"(global (export "__data_end") i32 (i32.const {end}))"#);
    // With the linker's word it is the end.
    for place in [1028, 1036] {
        for (what, more) in names_a_place(place) {
            let package = laid_out(&format!("{} {more}", told(1028)));
            let kept = (package.basis, package.memory.1);
            assert_eq!(kept, (Basis::UsesMore, 65536), "{what}: {place}");
        }
    }
    let packed_pointer = r#"(data (i32.const 529) "\04\04\00\00")"#;
    let package = laid_out(&format!("{} {packed_pointer}", told(1028)));
    assert_eq!(package.basis, Basis::UsesMore);
    // Or, with that word again, the address of a variable.
    for (what, more) in names_a_place(1028) {
        let package = laid_out(&format!("{} {more}", told(1036)));
        let exact = (package.basis, package.memory.1);
        assert_eq!(exact, (Basis::HeapBase, 1040), "{what}");
    }
    // Without it, who knows?
    for (what, more) in names_a_place(1028) {
        let package = laid_out(&more);
        assert_eq!(package.basis, Basis::Estimated, "{what}");
        assert!(package.memory.1 >= 1028 + 4096, "{what}");
        assert!(package.basis.text().contains("--memory"), "{what}");
    }
    let grows = "(global $next (mut i32) (i32.const 1028))
        (func (global.set $next (i32.add (global.get $next) (i32.const 8))))";
    assert_eq!(laid_out(grows).basis, Basis::UsesMore);
    // A variable that is accessed there, and nothing else, leaves it as it is.
    let variable = "(func (i32.store (i32.const 1036) (i32.const 1)))";
    assert_eq!(laid_out(variable).basis, Basis::HeapBase);
}

/// Linkers and optimisers leave zeros out of the data, at the end of a segment above all: a pointer may have but its
/// other bytes there.
#[test]
fn a_pointer_in_data_is_one_without_its_zeros() {
    for (what, more) in [
        ("behind it", r#"(data (i32.const 528) "\10\04")"#),
        (
            "between its bytes, and order",
            r#"(data (i32.const 529) "\04\00") (data (i32.const 528) "\10")"#,
        ),
        (
            "what is written over",
            r#"(data (i32.const 528) "\ff\04\ff\00") (data (i32.const 530) "\00") (data (i32.const 528) "\10")"#,
        ),
    ] {
        let package = laid_out(more);
        let kept = (package.basis, package.memory.1);
        assert_eq!(kept, (Basis::UsesMore, 65536), "{what}");
    }
    // 5,120 is 0x1400.
    let package = laid_out(r#"(data (i32.const 529) "\14")"#);
    assert_eq!(package.basis, Basis::Estimated);
    assert!(package.memory.1 >= 5120 + 4096);
    let over = r#"(data (i32.const 528) "\10\04") (data (i32.const 529) "\00")"#;
    assert_eq!(laid_out(over).basis, Basis::HeapBase);
}

/// A number that could be an address makes an estimate of the end, a number that cannot leaves it exact.
#[test]
fn constants_that_could_be_addresses_make_it_an_estimate() {
    for (what, more) in names_a_place(5000) {
        let package = laid_out(&more);
        assert_eq!(package.basis, Basis::Estimated, "{what}");
        let memory = package.memory.1;
        assert!((5008 + 4096..65536).contains(&memory), "{what}: {memory}");
    }
    for (what, more) in [
        ("a time", "(func (call $sleep (i64.const 5000)))"),
        (
            "a border",
            "(func (param i32) (result i32) (i32.lt_u (local.get 0) (i32.const 5000)))",
        ),
        (
            "a factor",
            "(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const 5000)))",
        ),
        (
            "a mask",
            "(func (param i32) (result i32) (i32.and (local.get 0) (i32.const 0x3fff)))",
        ),
        (
            "more than there is",
            "(func (call $poke (i32.const 70000)))",
        ),
        (
            "a text",
            r#"(data (i32.const 528) "open\00\00\00\00-ab\00")"#,
        ),
    ] {
        assert_eq!(laid_out(more).basis, Basis::HeapBase, "{what}");
    }
}

/// Only what functions take their frames from is a stack's pointer.
#[test]
fn a_global_that_is_used_otherwise_is_no_stack() {
    let with = |code: &str| {
        packed(&format!(
            r#"(memory (export "memory") 1) (global $sp (mut i32) (i32.const 2048))
               (data (i32.const 1024) "hello") {code}"#
        ))
    };
    let frame = "(func (local i32)
        (global.set $sp (local.tee 0 (i32.sub (global.get $sp) (i32.const 32))))
        (global.set $sp (i32.add (local.get 0) (i32.const 32))))";
    assert_eq!(with(frame).basis, Basis::StackTop);
    // As compilers write it without optimisation.
    let slow = "(func (local i32 i32)
        (local.set 0 (global.get $sp)) (local.set 1 (i32.const 32))
        (local.set 0 (i32.sub (local.get 0) (local.get 1))) (global.set $sp (local.get 0)))";
    assert_eq!(with(slow).basis, Basis::StackTop);
    for (what, other) in [
        ("set", "(func (global.set $sp (i32.const 9)))"),
        ("read", "(func (result i32) (global.get $sp))"),
    ] {
        let package = with(other);
        assert_eq!(package.basis, Basis::Estimated, "{what}");
        assert!(package.memory.1 >= 2048 + 4096, "{what}");
    }
    let grows = "(func (global.set $sp (i32.add (global.get $sp) (i32.const 8))))";
    assert_eq!(with(grows).basis, Basis::UsesMore);
}

/// Linked with pages of one byte, an allocator for pages of 64 KiB took the bytes that it was given for pages.
#[test]
fn an_allocator_that_counts_large_pages_is_told_the_truth_and_its_author_too() {
    let asks = |code: &str| {
        packed(&format!(
            r#"(memory (export "memory") 4096 (pagesize 1)) (func (param i32) (result i32) {code})"#
        ))
    };
    // As Rust's and Zig's do it.
    for code in [
        "(i32.shl (memory.grow (i32.shr_u (local.get 0) (i32.const 16))) (i32.const 16))",
        "(i32.mul (memory.grow (local.get 0)) (i32.const 65536))",
        "(i32.shl (memory.size) (i32.const 16))",
    ] {
        let package = asks(code);
        assert_eq!(
            (package.basis, package.memory.1),
            (Basis::NoMorePages, 4096),
            "{code}"
        );
        assert!(package.basis.is_doubtful());
        assert!(!has_growth(&package.image), "{code}");
    }
    // Who counts bytes goes on to.
    let package = asks("(memory.grow (local.get 0))");
    assert_eq!(package.basis, Basis::AsLinked);
    assert!(has_growth(&package.image));
}

/// Unoptimised code has the instruction in a function of its own, or in one that one calls; the allocator counts.
#[test]
fn who_has_large_pages_asked_for_by_another_function_is_told_the_truth() {
    let asks = |code: &str| {
        packed(&format!(
            r#"(memory (export "memory") 4096 (pagesize 1))
               (func $more (param i32) (result i32) (memory.grow (local.get 0)))
               (func $grow (param i32) (result i32) (call $more (local.get 0)))
               (func $allocate (param i32) (result i32) (local i32) {code})"#
        ))
    };
    for code in [
        "(i32.shl (call $more (i32.shr_u (local.get 0) (i32.const 16))) (i32.const 16))",
        "(i32.mul (call $grow (local.get 0)) (i32.const 65536))",
        "(call $grow (i32.div_u (local.get 0) (i32.const 65536)))",
        // As compilers write it without optimisation.
        "(local.set 1 (i32.const 16)) (call $grow (i32.shr_u (local.get 0) (local.get 1)))",
    ] {
        let package = asks(code);
        assert_eq!(package.basis, Basis::NoMorePages, "{code}");
        assert!(!has_growth(&package.image), "{code}");
    }
    for counts_bytes in [
        "(call $grow (local.get 0))",
        "(call $more (i32.const 65536))",
        "(drop (call $more (local.get 0))) (i32.shl (local.get 0) (i32.const 2))",
    ] {
        let package = asks(counts_bytes);
        assert_eq!(package.basis, Basis::AsLinked, "{counts_bytes}");
        assert!(has_growth(&package.image), "{counts_bytes}");
    }
}

/// What was linked in bytes stays as it is; that it is too short is said.
#[test]
fn a_memory_in_bytes_that_ends_before_what_is_used_is_said_to_be_short() {
    let with = |code: &str| {
        packed(&format!(
            r#"(memory (export "memory") 1040 (pagesize 1)) {code}"#
        ))
    };
    for code in [
        "(func (i32.store (i32.const 1040) (i32.const 1)))",
        "(func (result i64) (i64.load (i32.const 1036)))",
        "(global $next (mut i32) (i32.const 1040))
         (func (global.set $next (i32.add (global.get $next) (i32.const 8))))",
    ] {
        let package = with(code);
        assert_eq!(
            (package.basis, package.memory.1),
            (Basis::TooShort, 1040),
            "{code}"
        );
        assert!(package.basis.is_doubtful());
    }
    for code in [
        "(func (i32.store (i32.const 1036) (i32.const 1040)))",
        // A register, in the SDK's windows.
        "(func (i32.store (i32.const 0xF0000000) (i32.const 1)))",
    ] {
        assert_eq!(with(code).basis, Basis::AsLinked, "{code}");
    }
}

/// An access at a multiple of something that is added to nothing goes wherever the program likes.
#[test]
fn an_access_without_a_base_keeps_what_was_linked() {
    for code in [
        "(i32.load (i32.shl (local.get 0) (i32.const 14)))",
        "(i32.load8_u offset=3 (i32.mul (local.get 0) (i32.const 128)))",
        "(i32.load (local.tee 0 (i32.mul (i32.const 128) (local.get 0))))",
    ] {
        let package = laid_out(&format!("(func (param i32) (result i32) {code})"));
        let kept = (package.basis, package.memory.1);
        assert_eq!(kept, (Basis::UsesMore, 65536), "{code}");
    }
    for indexed in [
        "(i32.load offset=520 (i32.shl (local.get 0) (i32.const 2)))",
        "(i32.load (i32.add (i32.shl (local.get 0) (i32.const 2)) (i32.const 520)))",
        "(i32.shl (i32.const 1) (i32.load (i32.const 520)))",
    ] {
        let package = laid_out(&format!("(func (param i32) (result i32) {indexed})"));
        assert_eq!(package.basis, Basis::HeapBase, "{indexed}");
    }
}

fn has_growth(image: &[u8]) -> bool {
    Parser::new(0)
        .parse_all(image)
        .any(|payload| match payload.unwrap() {
            Payload::CodeSectionEntry(body) => body
                .get_operators_reader()
                .unwrap()
                .into_iter()
                .any(|operator| {
                    use wasmparser::Operator;
                    matches!(
                        operator.unwrap(),
                        Operator::MemoryGrow { .. } | Operator::MemorySize { .. }
                    )
                }),
            _ => false,
        })
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
    let side = SideFile::parse(&package.names_file().unwrap()).unwrap();
    assert_eq!(side.functions, package.names.0);
    assert_eq!(side.sha256.len(), 64);
    // Where it may fail: at the call.
    assert_eq!(side.place(1).as_deref(), Some("main"));
    let custom: Vec<_> = Parser::new(0)
        .parse_all(&package.image)
        .filter_map(|payload| match payload.unwrap() {
            Payload::CustomSection(section) => Some(section.name()),
            _ => None,
        })
        .collect();
    assert_eq!(custom, [SECTION]);
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
    for none in [&b""[..], b"\0as", b"hello"] {
        let refused = pack(none, &options());
        assert!(matches!(refused, Err(PackError::NoModule)), "{refused:?}");
    }
    // One line each, whatever the validator makes of it.
    for wrong in [
        &b"\0asm\x02\0\0\0"[..],
        b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f",
    ] {
        let refused = pack(wrong, &options()).unwrap_err().to_string();
        assert!(
            !refused.contains('\n') && !refused.contains("  "),
            "{refused}"
        );
    }
    assert!(
        refusal(r#"(import "tock:led" "on" (func $on)) (export "_start" (func $on))"#)
            .starts_with("exports no function")
    );
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
        refusal(r#"(import "env" "__linear_memory" (memory 0)) (func (export "_start"))"#)
            .contains("this is an object file: link it")
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

/// A driver of interrupts that was linked without `--export-table`.
#[test]
fn a_driver_of_interrupts_has_a_table_that_the_device_sees() {
    const DRIVER: &str = r#"(import "irq:uart1" "register" (func $register (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (func $handler (param i32 i32))
        (func (export "_start") (drop (call $register (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0))))"#;
    const TABLE: &str = "(table 2 funcref) (elem (i32.const 1) $handler)";
    let driver = packed_with(&format!("{DRIVER} {TABLE}"), &options()).unwrap();
    assert!(driver.table_exported);
    assert!(exports(&driver.image).contains(&"__indirect_function_table".to_owned()));
    // One that was linked with it has it once.
    let exported = r#"(export "__indirect_function_table" (table 0))"#;
    let driver = packed_with(&format!("{DRIVER} {TABLE} {exported}"), &options()).unwrap();
    assert!(!driver.table_exported);
    // Others do not get one, which costs memory.
    let other = packed(&format!("{TABLE} (func $handler)"));
    assert!(!other.table_exported && exports(&other.image) == ["_start"]);
    let error = refusal(DRIVER);
    assert!(error.contains("table of functions"), "{error}");
}

/// What rustc and its linker make when nobody says how large the stack is to be.
#[test]
fn a_stack_that_nobody_has_chosen_is_told() {
    let linked = |stack: u32| {
        packed(&format!(
            r#"(memory (export "memory") 17) (global $sp (mut i32) (i32.const {stack}))
            (global (export "__heap_base") i32 (i32.const {end})) (data (i32.const {stack}) "hello")
            (func (global.set $sp (i32.sub (global.get $sp) (i32.const 16))))"#,
            end = stack + 16
        ))
    };
    let advice = linked(1_048_576).advice().unwrap();
    assert!(
        advice.starts_with("1048576 of its 1048592 bytes"),
        "{advice}"
    );
    assert!(advice.contains("-zstack-size=1024"), "{advice}");
    assert_eq!(linked(4096).advice(), None);
}
