//! See `berth_fuzz::store`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: berth_fuzz::begin("store"),
    |input: &[u8]| berth_fuzz::store::body(input)
);
