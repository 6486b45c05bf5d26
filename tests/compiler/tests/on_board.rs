//! The compiler on the board makes the code that it makes here, the checker takes it there, and both are as fast and small
//! as docs/compiler.md says.

use std::path::Path;

use berth_compiler_tests::batch::compile_on_board;
use berth_compiler_tests::instance::compile;
use berth_engine_tests::generate;

/// Bytes of stack that it takes, and the checker.
const STACK_MOST: u32 = 3_072;
const CHECK_STACK_MOST: u32 = 1_536;

/// A module with everything, a hundred times over, and one of the examples if they are built.
fn images() -> Vec<(String, Vec<u8>)> {
    let generated = (1..4).map(|seed| (format!("seed {seed}"), generate::module(seed)));
    let mut images: Vec<_> = generated.collect();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/wasm32-unknown-unknown/guest/examples");
    for name in ["report", "blink", "thermometer", "console"] {
        if let Ok(image) = std::fs::read(examples.join(name).with_extension("wasm")) {
            images.push((name.to_owned(), image));
        }
    }
    images
}

#[test]
fn the_same_code_is_made_on_the_board() {
    let folder = tempfile::tempdir().unwrap();
    for (name, image) in images() {
        let (object, report) = compile(&image).unwrap();
        let is = compile_on_board(folder.path(), &image).unwrap();
        println!(
            "{name}: {} bytes, object {}, {} instructions a byte, stack {}, room {}, made again {}",
            image.len(),
            report.bytes,
            is.instructions / image.len() as u32,
            is.stack,
            is.room,
            report.again,
        );
        println!(
            "{name}, checked: {} instructions a byte of the object, {} a byte of the module, stack {}",
            is.check_instructions / report.bytes,
            is.check_instructions / image.len() as u32,
            is.check_stack
        );
        assert!(is.object == object, "{name}");
        assert!(is.taken, "{name}");
        assert!(
            is.check_stack <= CHECK_STACK_MOST,
            "{name}: {} bytes of stack for the check",
            is.check_stack
        );
        assert!(
            is.stack <= STACK_MOST,
            "{name}: {} bytes of stack",
            is.stack
        );
    }
}
