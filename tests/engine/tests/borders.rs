//! The scan and the engine know the same: every opcode, every type, every flag of limits is tried,
//! and what one of them admits the other takes.
//!
//! The scan's list (`crates/admission`) is written down where the engine is not; this is what
//! ties it to the engine's configuration.

use std::collections::BTreeSet;

use berth_admission::Module;
use berth_engine_tests::product::validate;
use berth_engine_tests::start::encoded;
use wasm_encoder::{CodeSection, Function, RawSection, ValType};

/// Sections of a module with something of each kind to speak of, by their numbers.
fn sections() -> Vec<(u8, Vec<u8>)> {
    let image = wat::parse_str(
        r#"(module (type (func)) (memory 1) (table 1 funcref)
           (global (mut i32) (i32.const 0)) (elem funcref (ref.func 0)) (data "x")
           (func (export "_start") (data.drop 0)))"#,
    )
    .unwrap();
    let mut sections = Vec::new();
    let mut at = 8;
    while at < image.len() {
        let (id, length) = (image[at], usize::from(image[at + 1]));
        assert!(length < 0x80, "sections of this module are short");
        sections.push((id, image[at + 2..at + 2 + length].to_vec()));
        at += 2 + length;
    }
    sections
}

/// The module with other contents of one section.
fn with(id: u8, contents: &[u8]) -> Vec<u8> {
    let mut module = wasm_encoder::Module::new();
    for (section, old) in sections() {
        let data = if section == id { contents } else { &old[..] };
        module.section(&RawSection { id: section, data });
    }
    module.finish()
}

/// Tells whether scan and engine admit a module.
fn admit(image: &[u8]) -> (bool, bool) {
    (Module::scan(image).is_ok(), validate(image).is_ok())
}

/// Tells whether scan and engine know an opcode: is there something that can follow it?
fn know(opcode: &[u8]) -> (bool, bool) {
    // Behind `unreachable` any operands are there. Zeros are numbers, and `unreachable` after them.
    let open = [0x00, 0x04, 0x40, 0x00];
    let mut known = (false, false);
    for numbers in [&[][..], &[0x70], &[1, 0x7f], &[0x40]] {
        for ends in 1..=3 {
            let code = [&open[..], opcode, numbers, &[0; 20], &[0x0b; 3][..ends]].concat();
            let mut body = Function::new([(1, ValType::I32)]);
            body.raw(code);
            let mut section = CodeSection::new();
            section.function(&body);
            let mut module = wasm_encoder::Module::new();
            for (id, data) in sections() {
                if id == 10 {
                    module.section(&section);
                } else {
                    module.section(&RawSection { id, data: &data });
                }
            }
            let (scan, engine) = admit(&module.finish());
            known = (known.0 || scan, known.1 || engine);
        }
    }
    known
}

#[test]
fn every_opcode_is_known_to_both_or_to_none() {
    let prefixed = (0xfb..=0xfe).flat_map(|prefix| {
        (0..0x180).map(move |number| [&[prefix][..], &encoded(number)].concat())
    });
    let plain = (0..=0xfa).chain([0xff]).map(|opcode| vec![opcode]);
    let mut both = 0;
    for opcode in plain.chain(prefixed) {
        let (scan, engine) = know(&opcode);
        assert_eq!(
            scan, engine,
            "{opcode:02x?}: known to the scan, to the engine"
        );
        both += u32::from(scan);
    }
    // All of the standard but vectors, and tail calls.
    assert_eq!(both, 203, "opcodes");
}

#[test]
fn every_value_type_is_known_to_both_or_to_none() {
    for byte in 0..=u8::MAX {
        for (place, image) in [
            ("parameter", with(1, &[2, 0x60, 0, 0, 0x60, 1, byte, 0])),
            ("result", with(1, &[2, 0x60, 0, 0, 0x60, 0, 1, byte])),
            ("local", with(10, &[1, 4, 1, 1, byte, 0x0b])),
            ("element of a table", with(4, &[1, byte, 0, 1])),
        ] {
            let (scan, engine) = admit(&image);
            assert_eq!(scan, engine, "{place} {byte:#x}: scan, engine");
        }
    }
}

#[test]
fn every_kind_of_global_is_known_to_both_or_to_none() {
    let values: [&[u8]; 6] = [
        &[0x41, 0],
        &[0x42, 0],
        &[0x43, 0, 0, 0, 0],
        &[0x44, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xd0, 0x70],
        &[0xd0, 0x6f],
    ];
    for kind in 0..=u8::MAX {
        for mutable in [0, 1, 2, 3, 0x80] {
            let mut known = (false, false);
            for value in values {
                let contents = [&[1, kind, mutable][..], value, &[0x0b]].concat();
                let (scan, engine) = admit(&with(6, &contents));
                known = (known.0 || scan, known.1 || engine);
            }
            assert_eq!(known.0, known.1, "global {kind:#x} {mutable}: scan, engine");
        }
    }
}

#[test]
fn every_flag_of_limits_is_known_to_both_or_to_none() {
    let mut flags_of_memories = BTreeSet::new();
    for flags in 0..=u8::MAX {
        // Least, most, logarithm of the page size.
        for numbers in [
            &[1][..],
            &[1, 1],
            &[1, 0],
            &[1, 16],
            &[1, 1, 0],
            &[1, 1, 16],
            &[1, 1, 3],
        ] {
            for (id, kind) in [(4, &[0x70][..]), (5, &[])] {
                let contents = [&[1], kind, &[flags], numbers].concat();
                let (scan, engine) = admit(&with(id, &contents));
                assert_eq!(
                    scan, engine,
                    "section {id} {flags:#x} {numbers:?}: scan, engine"
                );
                if scan && id == 5 {
                    flags_of_memories.insert(flags);
                }
            }
        }
    }
    assert_eq!(flags_of_memories, BTreeSet::from([0, 1, 8, 9]));
}
