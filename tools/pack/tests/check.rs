//! Each reason for which a board refuses a package, and what it takes.

use berth_pack::check::{Board, Checked, Missing, Needed, Problem, ROOM_MAX, check};
use berth_pack::{Options, pack};
use berth_protocol::MissingWhy;

/// As the exposure compiler writes it, without what is not looked at.
const BOARD: &str = r#"{
    "exposures": [
        { "label": "fpgaio", "length": 4096, "access": "mediated", "interrupts": [] },
        { "label": "uart1", "length": 4096, "access": "mapped", "interrupts": [{ "name": "rx" }] }
    ],
    "devices": [{ "class": "led", "index": 0, "driver": 2 }]
}"#;

const START: &str = r#"(func (export "_start"))"#;

fn board() -> Board {
    Board::from_json(BOARD).unwrap()
}

fn module(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {body})")).unwrap()
}

fn checked(body: &str) -> Checked {
    check(&module(&format!("{body} {START}")), &board(), ROOM_MAX)
}

fn whys(checked: &Checked) -> Vec<(&str, MissingWhy)> {
    match &checked.problems[..] {
        [Problem::Missing(missing)] => missing
            .iter()
            .map(|Missing { module, why, .. }| (module.as_str(), *why))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_board_has_passes_and_its_needs_are_told() {
    let checked = checked(
        r#"(import "mmio:fpgaio" "claim" (func (result i32)))
           (import "irq:uart1" "register" (func (param i32 i32 i32 i32) (result i32)))
           (import "tock:led" "on" (func (param i32) (result i32)))
           (import "berth" "log" (func (param i32 i32 i32)))
           (memory (export "memory") 1)"#,
    );
    assert_eq!(checked.problems, []);
    assert!(checked.labels.iter().eq(["fpgaio", "uart1"]));
    assert_eq!(checked.memory, 65536);
    assert!((65536..80_000).contains(&measured(&checked)));
}

/// What loading it takes, which a build of this repository measures.
fn measured(checked: &Checked) -> u32 {
    match checked.needed {
        Needed::Measured(bytes) => bytes,
        counted => panic!("{counted}"),
    }
}

#[test]
fn everything_that_is_missing_is_named_at_once_with_its_reason() {
    let checked = checked(
        r#"(import "mmio:flash" "claim" (func (result i32)))
           (import "irq:fpgaio" "unregister" (func))
           (import "mmio:fpgaio" "claim" (func (param i32) (result i32)))
           (import "mmio:fpgaio" "open" (func (result i32)))
           (import "env" "puts" (func))"#,
    );
    assert_eq!(
        whys(&checked),
        [
            ("mmio:flash", MissingWhy::NotExposed),
            // Exposed, but without interrupts.
            ("irq:fpgaio", MissingWhy::NotExposed),
            ("mmio:fpgaio", MissingWhy::Signature),
            ("mmio:fpgaio", MissingWhy::UnknownFunction),
            ("env", MissingWhy::UnknownModule),
        ]
    );
    let text = checked.problems[0].to_string();
    assert!(text.starts_with("5 imports are not available"), "{text}");
    assert!(
        text.contains("\n  mmio:flash claim: not exposed by this board"),
        "{text}"
    );
}

#[test]
fn a_board_without_lights_has_none() {
    let dark = Board::from_json(&BOARD.replace("led", "spi")).unwrap();
    let lamp = module(&format!(
        r#"(import "tock:led" "on" (func (param i32) (result i32))) {START}"#
    ));
    let checked = check(&lamp, &dark, ROOM_MAX);
    assert_eq!(whys(&checked), [("tock:led", MissingWhy::NotExposed)]);
}

#[test]
fn what_a_device_tells_of_itself_is_enough_for_labels() {
    let told = r#"{ "exposures": [{ "label": "uart1", "length": 4096, "access": "mapped",
        "holder": "free", "registers": 0 }], "status_code": 0 }"#;
    let told = Board::from_json(told).unwrap();
    assert!(!told.is_complete() && board().is_complete());
    let image = module(&format!(
        r#"(import "irq:uart1" "unregister" (func)) (import "mmio:gone" "claim" (func (result i32)))
           {START}"#
    ));
    let checked = check(&image, &told, ROOM_MAX);
    assert_eq!(whys(&checked), [("mmio:gone", MissingWhy::NotExposed)]);
}

#[test]
fn memory_is_compared_with_what_the_device_has() {
    let image = module(&format!("(memory 2) {START}"));
    assert_eq!(check(&image, &board(), ROOM_MAX).problems, []);
    let room = 100_000;
    let checked = check(&image, &board(), room);
    let needed = 2 << 16;
    assert_eq!(checked.problems, [Problem::Memory { needed, room }]);
    // Four pages fit no device.
    let image = module(&format!("(memory 4) {START}"));
    assert!(matches!(
        check(&image, &board(), ROOM_MAX).problems[..],
        [Problem::Memory { .. }]
    ));
    // To the page: what has to be there beside it counts, too.
    let image = module(&format!("(memory 2) {START}"));
    let needed = measured(&check(&image, &board(), ROOM_MAX));
    assert!(needed > 2 << 16);
    assert_eq!(check(&image, &board(), needed).problems, []);
    let room = needed - 1;
    assert_eq!(
        check(&image, &board(), room).problems,
        [Problem::Room { needed, room }]
    );
}

#[test]
fn more_labels_than_a_container_can_hold_are_counted() {
    let exposures: Vec<_> = (0..9)
        .map(|n| format!(r#"{{ "label": "b{n}", "length": 4096, "interrupts": [] }}"#))
        .collect();
    let board = format!(
        r#"{{ "exposures": [{}], "devices": [] }}"#,
        exposures.join(",")
    );
    let board = Board::from_json(&board).unwrap();
    let imports = |count| -> String {
        (0..count)
            .map(|n| format!(r#"(import "mmio:b{n}" "claim" (func (result i32)))"#))
            .collect()
    };
    let eight = module(&format!("{} {START}", imports(8)));
    assert_eq!(check(&eight, &board, ROOM_MAX).problems, []);
    let nine = module(&format!("{} {START}", imports(9)));
    assert_eq!(
        check(&nine, &board, ROOM_MAX).problems,
        [Problem::TooManyLabels {
            labels: 9,
            imports: 9
        }]
    );
}

#[test]
fn an_authors_wishes_must_be_possible() {
    let options = Options {
        name: "test".to_owned(),
        memory_limit: Some(100),
        value_stack: Some(100),
        ..Options::default()
    };
    let package = pack(
        &module(&format!(
            r#"(memory 1) (data (i32.const 496) "0123456789abcdef") {START}"#
        )),
        &options,
    )
    .unwrap();
    let checked = check(&package.image, &board(), ROOM_MAX);
    let memory = checked.memory;
    assert_eq!(
        checked.problems,
        [
            Problem::MemoryLimit { memory, limit: 100 },
            Problem::Stack { stack: 100 }
        ]
    );
}

#[test]
fn what_is_no_module_or_too_large_is_told_first() {
    assert!(matches!(
        check(b"hello", &board(), ROOM_MAX).problems[..],
        [Problem::Invalid { offset: 0, .. }]
    ));
    // Well formed, but adds nothing to nothing.
    let mut wrong = module(&format!("{START} (func (drop (i32.const 1)))"));
    let at = wrong.len() - 4;
    wrong[at..at + 2].copy_from_slice(&[0x6a, 0x01]);
    assert!(matches!(
        check(&wrong, &board(), ROOM_MAX).problems[..],
        [Problem::Invalid { .. }]
    ));
    let large = module(&format!(
        r#"(memory 2) (data (i32.const 0) "{}") {START}"#,
        "x".repeat(97 * 1024)
    ));
    let bytes = large.len();
    assert_eq!(
        check(&large, &board(), u32::MAX).problems,
        [Problem::TooLarge { bytes }]
    );
}

/// It was "this board takes it", and 5 MB of some 200 KB.
#[test]
fn what_loads_with_no_memory_that_a_device_has_is_refused() {
    let deep = format!(
        r#"(func (export "_start") {} {})"#,
        "block ".repeat(20_000),
        "end ".repeat(20_000)
    );
    let checked = check(&module(&deep), &board(), ROOM_MAX);
    assert!(
        matches!(checked.problems[..], [Problem::TooMuch { .. }]),
        "{checked:?}"
    );
}

#[test]
fn what_lists_no_exposures_is_no_board() {
    for wrong in ["", "{}", "[]", r#"{ "exposures": 3 }"#] {
        assert!(Board::from_json(wrong).is_err(), "{wrong}");
    }
    let long = BOARD.replace("fpgaio", &"x".repeat(33));
    assert!(Board::from_json(&long).is_err());
}

#[test]
fn segments_without_a_place_are_found_before_the_device_does() {
    for (body, expected) in [
        (
            r#"(memory 1) (data (i32.const 65530) "hello world")"#,
            "data segment 0 ends at 65541, its memory has 65536",
        ),
        (
            r#"(memory 16 (pagesize 1)) (data (i32.const 0) "x") (data (i32.const 15) "yz")"#,
            "data segment 1 ends at 17, its memory has 16",
        ),
        (
            r#"(memory 1) (data (offset (i32.sub (i32.const 65536) (i32.const 2))) "abc")"#,
            "data segment 0 ends at 65537, its memory has 65536",
        ),
        (
            r#"(memory 1) (data (i32.const -1) "")"#,
            "data segment 0 ends at 4294967295, its memory has 65536",
        ),
        (
            "(table 2 funcref) (elem (i32.const 1) func $f $f) (func $f)",
            "element segment 0 ends at 3, its table has 2",
        ),
        (
            "(table 9 funcref) (table $t 1 funcref)
             (elem (table $t) (i32.const 1) funcref (ref.func $f)) (func $f)",
            "element segment 0 ends at 2, its table has 1",
        ),
    ] {
        let checked = checked(body);
        let [problem] = &checked.problems[..] else {
            panic!("{body}: {:?}", checked.problems);
        };
        assert!(problem.to_string().starts_with(expected), "{problem}");
    }
    for body in [
        r#"(memory 16 (pagesize 1)) (data (i32.const 14) "yz")"#,
        "(table 2 funcref) (elem (i32.const 0) func $f $f) (func $f)",
        r#"(memory 1) (data "anywhere, or nowhere")"#,
    ] {
        assert_eq!(checked(body).problems, []);
    }
}

#[test]
fn what_a_module_calls_its_imports_cannot_control_a_terminal() {
    let checked = checked(r#"(import "mmio:\1b[2J" "cl\07aim\u{9b}" (func (result i32)))"#);
    let [problem] = &checked.problems[..] else {
        panic!("{:?}", checked.problems);
    };
    let text = problem.to_string();
    assert!(
        text.contains(r"mmio:\u{1b}[2J cl\u{7}aim\u{9b}: "),
        "{text}"
    );
    let refused = pack(
        &module(r#"(import "e\1bnv" "x\0d" (global i32)) (func (export "_start"))"#),
        &Options {
            name: "x".to_owned(),
            ..Options::default()
        },
    );
    let text = refused.unwrap_err().to_string();
    assert!(text.contains(r"e\u{1b}nv.x\r"), "{text}");
}
