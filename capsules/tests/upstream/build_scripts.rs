//! Of upstream Tock's `tock_build_scripts` what the example board uses.

pub fn default_linker_script() {}
