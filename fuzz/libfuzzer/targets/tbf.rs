//! See `berth_fuzz::tbf`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: berth_fuzz::begin("tbf"),
    |input: &[u8]| berth_fuzz::tbf::body(input)
);
