//! Modules made at random, such as a container could be.

use arbitrary::Unstructured;
use berth_random::Random;
use wasm_smith::{Config, MemoryOffsetChoices, Module};

/// What a generated module may import: everything that a container may.
fn imports() -> Vec<u8> {
    wat::parse_str(
        r#"(module
          (import "mmio:timer0" "claim" (func (result i32)))
          (import "mmio" "read32" (func (param i32 i32) (result i32)))
          (import "mmio" "write8" (func (param i32 i32 i32)))
          (import "mmio" "modify32" (func (param i32 i32 i32 i32)))
          (import "berth" "log" (func (param i32 i32 i32)))
          (import "berth" "now_us" (func (result i64)))
          (import "berth" "sleep_us" (func (param i64)))
          (import "berth" "yield" (func))
          (import "berth" "exit" (func (param i32))))"#,
    )
    .unwrap()
}

/// The module of seed `seed`; `None` if that seed gives none. One in four has a
/// bit flipped somewhere.
pub fn module(seed: u64) -> Option<Vec<u8>> {
    let mut random = Random(seed);
    let length = 64 << random.below(6);
    let bytes: Vec<u8> = (0..length + random.below(length))
        .map(|_| random.number() as u8)
        .collect();
    let config = Config {
        available_imports: Some(imports()),
        exports: Some(
            wat::parse_str(
                r#"(module (memory 0) (func (export "_start")) (export "memory" (memory 0)))"#,
            )
            .unwrap(),
        ),
        allow_start_export: true,
        custom_page_sizes_enabled: true,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        simd_enabled: false,
        threads_enabled: false,
        // The exported one is made besides.
        max_memories: 0,
        max_memory32_bytes: 16 * 1024,
        memory_offset_choices: MemoryOffsetChoices(60, 30, 10),
        max_table_elements: 200,
        max_tables: 3,
        max_instructions: 20 << random.below(7),
        max_nesting_depth: 1 << random.below(9),
        ..Config::default()
    };
    let mut unstructured = Unstructured::new(&bytes);
    let mut image = Module::new(config, &mut unstructured).ok()?.to_bytes();
    if random.below(4) == 0 {
        let at = random.below(image.len() as u64) as usize;
        *image.get_mut(at)? ^= 1 << random.below(8);
    }
    Some(image)
}
