//! See `berth_fuzz::compiler`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: berth_fuzz::begin("compiler"),
    |input: &[u8]| berth_fuzz::compiler::body(input)
);
