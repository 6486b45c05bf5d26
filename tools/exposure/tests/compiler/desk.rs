//! What is kept of the reference board in the repository, for drivers at the desk and for authors, is what the compiler says now.

use std::path::Path;

use berth_exposure_compiler::{compile, header, json, labels};

#[test]
fn the_board_that_is_kept_is_the_reference_board() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let source = root.join("kernel-board/mps2-an386/exposure.dts");
    let configuration = compile(&source, &root.join("layout.ld")).unwrap();
    for (kept, now) in [
        (
            "crates/desk/src/boards/mps2-an386.json",
            json(&configuration).unwrap(),
        ),
        ("guest-sdk/src/mps2_an386.rs", labels(&configuration)),
        ("guest-sdk/mps2_an386.h", header(&configuration)),
    ] {
        let path = root.join(kept);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, now).unwrap();
            continue;
        }
        assert!(
            now == std::fs::read_to_string(&path).unwrap_or_default(),
            "what the reference board exposes has changed: {kept}. If that is on purpose: \
             BLESS=1 cargo test -p berth-exposure-compiler reference_board"
        );
    }
}
