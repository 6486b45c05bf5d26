//! The checker of compiled code: of objects that were changed it takes only what does no harm.

use std::sync::LazyLock;

use berth_compiler_tests::checked::Object;
use berth_compiler_tests::model::Model;

use crate::bytes::Bytes;
use crate::compiler::images;

/// Longest object that is changed.
const OBJECT_MAX: usize = 6_000;

/// Objects of the compiler.
static OBJECTS: LazyLock<Vec<Object>> = LazyLock::new(|| {
    let objects = images().iter().filter_map(|image| Object::of(image).ok());
    objects
        .filter(|object| object.bytes.len() <= OBJECT_MAX)
        .collect()
});

/// An object, and changes of it: if the checker takes it, a processor that looks at everything finds no harm in it.
pub fn body(input: &[u8]) {
    let mut bytes = Bytes(input);
    let object = &OBJECTS[bytes.below(OBJECTS.len())];
    let seed = u64::from(bytes.byte());
    let mut code = object.bytes.clone();
    while !bytes.is_empty() {
        change(&mut code, &mut bytes);
    }
    if object.check_instead(&code).is_err() {
        return;
    }
    for function in object.imported..object.shared.len() as u32 {
        for seed in [seed, seed + 256] {
            if let Err(breach) = Model::new(object, &code, seed).call(function, 300) {
                panic!("function {function}: {breach:x?}");
            }
        }
    }
}

/// One change: bits flipped, halfwords that are others, halfwords from elsewhere.
fn change(code: &mut Vec<u8>, bytes: &mut Bytes<'_>) {
    let kind = bytes.byte();
    let at = usize::from(bytes.half()) * 2 % code.len().max(2);
    let from = usize::from(bytes.half());
    match kind % 4 {
        0 => {
            if let Some(byte) = code.get_mut(at + from / 8 % 2) {
                *byte ^= 1 << (from % 8);
            }
        }
        1 => {
            if let Some(half) = code.get_mut(at..at + 2) {
                half.copy_from_slice(&(from as u16).to_le_bytes());
            }
        }
        2 => {
            let from = from * 2 % code.len().max(2);
            let length = 2 * usize::from(1 + kind / 4 % 8);
            if from + length <= code.len() && at + length <= code.len() {
                code.copy_within(from..from + length, at);
            }
        }
        _ => {
            let length = 2 * (from % 8);
            if at + length <= code.len() && code.len() > 64 {
                code.copy_within(at + length.., at);
                code.truncate(code.len() - length);
            }
        }
    }
}

/// Of each object itself, and some changes.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let objects = 0..OBJECTS.len() as u8;
    let changes = [0, 200, 0, 3, 0, 1, 80, 0, 0x08, 0x46, 2, 90, 0, 100, 0];
    objects
        .flat_map(|object| [vec![object, 0], [&[object, 1], &changes[..]].concat()])
        .collect()
}
