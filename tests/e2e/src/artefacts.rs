//! Where `make build` leaves things.

use std::env;
use std::path::{Path, PathBuf};

/// The workspace.
#[must_use]
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

/// The build folder.
#[must_use]
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A host program such as `berth`.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// The module of one of the SDK's example containers.
#[must_use]
pub fn guest(name: &str) -> PathBuf {
    target()
        .join("wasm32-unknown-unknown/guest/examples")
        .join(format!("{name}.wasm"))
}
