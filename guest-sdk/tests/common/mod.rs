//! Builds the example containers, once a test run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The module of one example.
pub(crate) fn example(name: &str) -> Vec<u8> {
    let path = directory().join(name).with_extension("wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Where they are. They are built into the target directory of this build, with
/// the flags of the workspace, so `make build` has usually done the work.
fn directory() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--profile", "guest", "--examples"])
            .args(["--target", "wasm32-unknown-unknown", "-p", "berth-guest"])
            .args(["--features", "heap"])
            .arg("--target-dir")
            .arg(target)
            .current_dir(package.parent().unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "the examples do not build");
        target.join("wasm32-unknown-unknown/guest/examples")
    })
}
