//! Vendors' register files: whatever one says, it is read or refused, and a block that is exposed by it is sound.

use std::cell::OnceCell;
use std::fs;

use berth_exposure_compiler::peripherals;
use tempfile::TempDir;

use crate::devicetree::{compiled, folder, seed};

/// Blocks of the board, whole and register by register.
const SOURCE: &str = r#"/include/ "board.dtsi"
/ { exposure { compatible = "berth,exposure"; svd = "board.svd";
    a { register-block = <&plain>; access = "mapped"; safe-state = "none"; };
    b { register-block = <&regs>; access = "mediated"; safe-state = "CTRL 0 0xf"; masks = "CTRL rw 0xf0f", "BYTE rw 0xff"; };
}; };
"#;

const REGISTERS: &str = include_str!("../../tools/exposure/tests/compiler/board.svd");

thread_local! {
    /// A folder of this thread, and what dtc prints of its source.
    static FOLDER: OnceCell<(TempDir, String)> = const { OnceCell::new() };
}

/// The input is the file.
pub fn body(input: &[u8]) {
    FOLDER.with(|cell| {
        let (folder, tree) = cell.get_or_init(|| {
            let folder = folder(SOURCE, REGISTERS);
            let tree = seed(&folder);
            (folder, tree)
        });
        let file = folder.path().join("board.svd");
        fs::write(&file, input).unwrap();
        let _ = peripherals(&file);
        compiled(tree, folder.path());
    });
}

/// The files of the compiler's own tests and of the board, and each with its first peripheral alone.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let files = [
        REGISTERS,
        include_str!("../../kernel-board/mps2-an386/mps2-an386.svd"),
    ];
    let small = files.iter().filter_map(|file| small(file));
    let whole = files.iter().map(|file| file.as_bytes().to_vec());
    small.chain(whole).collect()
}

/// The file with its first peripheral alone.
fn small(file: &str) -> Option<Vec<u8>> {
    let end = "</peripheral>";
    let first = file.find(end)? + end.len();
    let last = file.rfind(end)? + end.len();
    Some([&file[..first], &file[last..]].concat().into_bytes())
}
