//! See `berth_fuzz::checker`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: berth_fuzz::begin("checker"),
    |input: &[u8]| berth_fuzz::checker::body(input)
);
