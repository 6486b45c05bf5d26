//! See `berth_fuzz::requests`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: berth_fuzz::begin("requests"),
    |input: &[u8]| berth_fuzz::requests::body(input)
);
