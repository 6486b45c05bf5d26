//! See `berth_fuzz::frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: berth_fuzz::begin("frame"),
    |input: &[u8]| berth_fuzz::frame::body(input)
);
