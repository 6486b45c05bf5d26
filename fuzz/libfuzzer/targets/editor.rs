//! See `berth_fuzz::editor`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: berth_fuzz::begin("editor"),
    |input: &[u8]| berth_fuzz::editor::body(input)
);
