//! See `berth_fuzz::modules`.
#![no_main]

use wasm_supervisor::arena::{ArenaAllocator, of_the_test, set_installed};

#[global_allocator]
static ALLOCATOR: ArenaAllocator = ArenaAllocator;

libfuzzer_sys::fuzz_target!(
    init: {
        of_the_test(|| berth_fuzz::begin("modules"));
        set_installed();
    },
    |input: &[u8]| berth_fuzz::modules::body(input)
);
