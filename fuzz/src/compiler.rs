//! The compiler on the device: it takes what the engine takes, and what it makes the checker takes.

use std::sync::LazyLock;

use berth_compiler_tests::checked::Object;
use berth_compiler_tests::instance::Unlike;
use berth_compiler_tests::model::Model;
use berth_compiler_tests::room::validate;
use berth_compiler_tests::{shapes, smith};
use berth_engine_tests::{generate, product};
use wasm_supervisor::admission::Module;

/// The first byte says whether the others are a module, or what one is made of.
pub fn body(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    match kind % 4 {
        0 => module(rest, 0),
        kind => {
            if let Some(image) = smith::made_of(rest, u64::from(kind)) {
                module(&image, u64::from(kind));
            }
        }
    }
}

fn module(image: &[u8], seed: u64) {
    if Module::scan(image).is_err() {
        // Neither ends in a panic.
        let _ = validate(image);
        return;
    }
    let (is, wanted) = (validate(image), product::validate(image));
    assert_eq!(is.is_ok(), wanted.is_ok(), "{is:?}, engine {wanted:?}");
    let object = match Object::of(image) {
        Ok(object) => object,
        Err(Unlike::Invalid(_)) => return assert!(is.is_err()),
        Err(_) => return,
    };
    if let Err(refusal) = object.check() {
        panic!("the checker refuses what the compiler made: {refusal:?}");
    }
    for function in object.imported..object.shared.len() as u32 {
        if let Err(breach) = Model::new(&object, &object.bytes, seed).call(function, 500) {
            panic!("function {function}: {breach:?}");
        }
    }
}

/// Modules of two generators, with every shape of code, and what the second one makes modules of.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    images()
        .iter()
        .map(|image| [&[0], &image[..]].concat())
        .chain((1..4).map(|kind| vec![kind; 1500]))
        .collect()
}

/// Modules of two generators, with every shape of code.
#[must_use]
pub fn images() -> &'static [Vec<u8>] {
    static IMAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let shapes = wat::parse_str(shapes::module()).unwrap();
        let generated = (1..5).map(generate::module);
        let smith = (1..9).filter_map(smith::module);
        std::iter::once(shapes)
            .chain(generated)
            .chain(smith)
            .collect()
    });
    &IMAGES
}
