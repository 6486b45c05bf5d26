//! See `berth_fuzz::svd`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: berth_fuzz::begin("svd"),
    |input: &[u8]| berth_fuzz::svd::body(input)
);
