//! See `berth_fuzz::package`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: berth_fuzz::begin("package"),
    |input: &[u8]| berth_fuzz::package::body(input)
);
