//! See `berth_fuzz::devicetree`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: berth_fuzz::begin("devicetree"),
    |input: &[u8]| berth_fuzz::devicetree::body(input)
);
