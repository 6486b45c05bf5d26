//! Of upstream Tock's `tock_build_scripts` what the example board uses, and what it refuses.

use std::env;
use std::path::Path;

pub fn default_linker_script() {
    assert!(Path::new("layout.ld").exists(), "no layout.ld");
    // Flags of a target that any folder above sets replace those of `[build]`, and say nothing of it.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    assert!(flags.contains("cfg_tock_buildflagssentinel"), "not with the board's flags: {flags:?}");
}
