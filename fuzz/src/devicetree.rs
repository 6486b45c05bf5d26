//! What a manufacturer exposes: whatever its tree says, it is compiled or refused, and what is compiled is inside of its blocks.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use berth_exposure_compiler::{
    Configuration, Printed, compile_printed, header, json, kernel_table, labels,
};
use tempfile::TempDir;

/// A board of the compiler's own tests.
const BOARD: &str = include_str!("../../tools/exposure/tests/compiler/board.dtsi");
const REGISTERS: &str = include_str!("../../tools/exposure/tests/compiler/board.svd");

/// What it exposes.
const SOURCE: &str = r#"/include/ "board.dtsi"
/ { exposure { compatible = "berth,exposure"; svd = "board.svd";
    a { register-block = <&plain>; access = "mapped"; safe-state = "none"; };
    b { register-block = <&regs>; access = "mediated"; safe-state = "none"; masks = "CTRL rw 0xf0f", "BYTE rw 0xff"; };
    led { device = "led"; index = <2>; safe-state = "off"; };
}; };
"#;

const LAYOUT: &str = "MEMORY\n{\n KERNEL_FLASH (rx) : ORIGIN = 0x0, LENGTH = 0x40000\n SUPERVISOR_FLASH (rx) : ORIGIN = 0x80000, LENGTH = 0x80000\n APP0_FLASH (rx) : ORIGIN = 0x00100000, LENGTH = 0x10000\n}\n";

/// The files beside a source, for all inputs.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| folder(SOURCE, REGISTERS));

/// Makes a folder with a board and what it exposes.
pub(crate) fn folder(source: &str, registers: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in [
        ("board.dtsi", BOARD),
        ("board.svd", registers),
        ("exposure.dts", source),
        ("layout.ld", LAYOUT),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// What dtc prints of the source in a folder, without the folder's name.
fn printed(folder: &Path) -> String {
    let printed = Printed::of(&folder.join("exposure.dts")).unwrap();
    printed.tree.replace(&format!("{}/", folder.display()), "")
}

/// Compiles a print in a folder, and looks at what comes of it.
pub(crate) fn compiled(tree: &str, folder: &Path) {
    let printed = Printed {
        tree: tree.to_owned(),
        renumbered: tree.to_owned(),
    };
    let source = folder.join("exposure.dts");
    match compile_printed(&printed, &source, &folder.join("layout.ld")) {
        Ok(configuration) => look(&configuration),
        Err(problems) => {
            assert!(!problems.is_empty() && problems.iter().all(|p| !p.to_string().is_empty()))
        }
    }
}

/// Everything that is exposed lies in its block, and all outputs can be made.
fn look(configuration: &Configuration) {
    for exposure in &configuration.exposures {
        assert!(exposure.base.checked_add(exposure.length).is_some());
        for register in exposure.registers.iter().flatten() {
            assert!(register.offset + register.size / 8 <= exposure.length);
        }
        for write in &exposure.safe_state {
            assert!(write.offset + write.size / 8 <= exposure.length);
        }
    }
    json(configuration).unwrap();
    let texts = [
        labels(configuration),
        header(configuration),
        kernel_table(configuration),
    ];
    assert!(texts.iter().all(|text| !text.is_empty()));
}

/// The input is what dtc prints of a tree.
pub fn body(input: &[u8]) {
    compiled(&String::from_utf8_lossy(input), FOLDER.path());
}

/// The print of the board and what it exposes, and what the repository's own board exposes.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let own = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../kernel-board/mps2-an386/exposure.dts"
    ));
    let own = Printed::of(own).unwrap().tree;
    vec![seed(&FOLDER).into_bytes(), own.into_bytes()]
}

/// The print of what a folder exposes.
pub(crate) fn seed(folder: &TempDir) -> String {
    printed(folder.path())
}
