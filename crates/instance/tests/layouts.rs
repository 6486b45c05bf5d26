//! What a module begins with, in memory. The judge of the compiler (`tests/compiler`) runs thousands of modules that were laid out here.

use berth_compiler::Kind;
use berth_compiler::entry::{context, entry};
use berth_instance::{Error, KNOWN, Layout, Most};

const CODE: u32 = 0x10_0000;
const MOST: Most = Most {
    elements: 8,
    memory: 4_096,
};

const EVERYTHING: &str = r#"(module
    (import "a" "b" (func))
    (memory (export "memory") 100 200 (pagesize 1))
    (table $t 3 5 funcref) (table $u 1 externref) (table $v 2 funcref)
    (global i32 (i32.const -7))
    (global $wide (export "wide") (mut i64) (i64.const 0x1_2345_6789_abcd))
    (global funcref (ref.func $f))
    (global i32 (i32.sub (i32.const 60) (i32.const 4)))
    (global f64 (f64.const 1.5))
    (elem (table $t) (i32.const 1) func $f $g)
    (elem func $g $g $f)
    (elem (table $v) (i32.const 0) funcref (ref.null func) (ref.func $g))
    (elem declare func $f)
    (data (i32.const 96) "ends")
    (data "passive")
    (data (global.get 3) "by a global")
    (func $f) (func $g (export "g"))
    (start $g))"#;

/// The words and the memory at `at`.
fn filled(image: &[u8], at: u32) -> Result<(Vec<u32>, Vec<u8>), Error> {
    let layout = Layout::of(image, MOST)?;
    let mut words = vec![0; layout.words()];
    let mut memory = vec![0; layout.memory as usize];
    layout.fill(&mut words, &mut memory, at, CODE)?;
    Ok((words, memory))
}

fn image(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn everything_is_where_code_looks_for_it() {
    const AT: u32 = 0x2000_0000;
    let image = image(EVERYTHING);
    let layout = Layout::of(&image, MOST).unwrap();
    let (words, memory) = filled(&image, AT).unwrap();
    assert_eq!(
        (layout.memory, layout.pages, layout.page_log2),
        (100, 200, 0)
    );
    assert_eq!(layout.words() % 4, 0);
    let end = AT + 4 * words.len() as u32;
    let word = |address: u32| words[(address - AT) as usize / 4];
    let below = |distance: u32| word(end - distance);
    let reference = |function| CODE + entry(function) + 5;
    let (f, g) = (reference(1), reference(2));
    assert_eq!(below(context::MEMORY_BYTES), 100);
    assert_eq!(below(context::CODE), CODE);
    assert_eq!(layout.start, Some(2));

    let table = |index, length| {
        assert_eq!(below(context::table(index)), length);
        let first = below(context::table(index) + 4);
        move |element: u32| word(first + 4 * element)
    };
    let (t, u, v) = (table(0, 3), table(1, 1), table(2, 2));
    assert_eq!([t(0), t(1), t(2), t(3), t(4)], [0, f, g, 0, 0]);
    assert_eq!([u(0), v(0), v(1)], [0, 0, g]);

    let global = |index| {
        let (distance, kind) = layout.global(index).unwrap();
        let high = if kind.words() == 2 {
            below(distance - 4)
        } else {
            0
        };
        (kind, u64::from(high) << 32 | u64::from(below(distance)))
    };
    assert_eq!(global(0), (Kind::I32, u64::from(-7i32 as u32)));
    assert_eq!(global(1), (Kind::I64, 0x1_2345_6789_abcd));
    assert_eq!(global(2), (Kind::Function, f.into()));
    assert_eq!(global(3), (Kind::I32, 56));
    assert_eq!(global(4), (Kind::F64, 1.5f64.to_bits()));
    assert!(layout.global(5).is_err());

    let known = below(KNOWN);
    assert_eq!([word(known), word(known + 4)], [0, 200]);
    let (data, elements, most) = (word(known + 8), word(known + 12), word(known + 16));
    assert_eq!([word(most), word(most + 4), word(most + 8)], [5, 8, 8]);
    // Three functions, and the first table and the third are of functions.
    assert_eq!(layout.functions(), 3);
    assert_eq!([word(known + 20), word(known + 24)], [3, 0b101]);
    // Active and declared segments are empty.
    assert_eq!(
        [word(data + 4), word(data + 12), word(data + 20)],
        [0, 7, 0]
    );
    assert_eq!(word(word(data + 8)), u32::from_le_bytes(*b"pass"));
    assert_eq!([4, 12, 20, 28].map(|at| word(elements + at)), [0, 3, 0, 0]);
    let passive = word(elements + 8);
    assert_eq!([0, 4, 8].map(|at| word(passive + at)), [g, g, f]);

    assert_eq!(&memory[56..67], b"by a global");
    assert_eq!(&memory[96..], b"ends");
    assert_eq!(layout.export("g", 0), Some(2));
    assert_eq!(layout.export("wide", 3), Some(1));
    assert_eq!(layout.export("memory", 0), None);
}

#[test]
fn types_that_say_the_same_have_the_number_of_the_first() {
    let image = image(
        "(module (type (func (param i32 i64))) (type (func (param i32) (result i32))) (type (func))
            (type (func (param i32 i32))) (type (func)) (func (type 4)))",
    );
    let layout = Layout::of(&image, MOST).unwrap();
    const I32: u8 = 0x7f;
    assert_eq!(layout.type_number(&[], &[]), Some(2));
    assert_eq!(layout.type_number(&[I32], &[I32]), Some(1));
    assert_eq!(layout.type_number(&[I32, I32], &[]), Some(3));
    assert_eq!(layout.type_number(&[], &[I32]), None);
}

#[test]
fn one_that_was_moved_is_as_if_it_had_been_made_there() {
    let image = image(EVERYTHING);
    let (there, _) = filled(&image, 0x2001_0040).unwrap();
    let (mut here, _) = filled(&image, 0x2000_0000).unwrap();
    assert_ne!(here, there);
    let layout = Layout::of(&image, MOST).unwrap();
    layout.moved(&mut here, 0x2000_0000, 0x2001_0040);
    assert_eq!(here, there);
    layout.moved(&mut here, 0x2001_0040, 0x2000_0000);
    assert_eq!(here, filled(&image, 0x2000_0000).unwrap().0);
}

#[test]
fn what_does_not_fit_is_told() {
    let refused = |text: &str| filled(&image(text), 0x2000_0000).err();
    let elements = "(table 2 funcref) (elem (i32.const 1) func $f $f) (func $f)";
    assert_eq!(refused(elements), Some(Error::Table));
    let data = |place| format!("(memory 10 (pagesize 1)) (data (i32.const {place}) \"abc\")");
    assert_eq!(refused(&data(7)), None);
    assert_eq!(refused(&data(8)), Some(Error::Memory));
    assert_eq!(refused(&data(-1)), Some(Error::Memory));
    assert_eq!(refused("(memory 5000 (pagesize 1))"), Some(Error::TooMuch));
    assert_eq!(refused("(memory 1)"), Some(Error::TooMuch));
    assert_eq!(refused("(func)"), None);
    // Room of another module's.
    let image = image(&data(0));
    let layout = Layout::of(&image, MOST).unwrap();
    let (mut words, mut memory) = (vec![0; layout.words()], vec![0; 11]);
    let filled = layout.fill(&mut words, &mut memory, 0, CODE);
    assert_eq!(filled, Err(Error::TooMuch));
}
