//! The board that drivers are tried on at the desk is the reference board as the compiler has it now.

use std::path::Path;

use berth_exposure_compiler::{compile, json};

#[test]
fn the_board_on_the_desk_is_the_reference_board() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let source = root.join("kernel-board/mps2-an386/exposure.dts");
    let kept = root.join("crates/desk/src/boards/mps2-an386.json");
    let now = json(&compile(&source, &root.join("layout.ld")).unwrap()).unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&kept, now).unwrap();
        return;
    }
    assert!(
        now == std::fs::read_to_string(&kept).unwrap(),
        "what the reference board exposes has changed. If that is on purpose: \
         BLESS=1 cargo test -p berth-exposure-compiler desk"
    );
}
