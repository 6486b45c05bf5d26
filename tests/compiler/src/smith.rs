//! Modules of wasm-smith, of the features that containers may have.

use arbitrary::Unstructured;
use berth_engine_tests::outcome::Value;
use berth_random::Random;
use wasm_smith::{Config, Module};
use wasmparser::{ExternalKind, Parser, Payload, ValType};

/// The module of a seed: valid, with an exported function `_start`, and the fuel of wasm-smith's own in a global, so that it ends.
#[must_use]
pub fn module(seed: u64) -> Option<Vec<u8>> {
    let mut random = Random(seed ^ 0x9e37);
    let length = 200 + random.below(3_000);
    let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
    made_of(&bytes, random.0)
}

/// The same made of these bytes, with features that follow from a number.
#[must_use]
pub fn made_of(bytes: &[u8], features: u64) -> Option<Vec<u8>> {
    let mut random = Random(features);
    let config = Config {
        max_imports: 0,
        min_funcs: 1,
        max_funcs: 10,
        export_everything: true,
        max_memories: 1,
        max_tables: 3,
        max_memory32_bytes: 3 << 16,
        max_table_elements: 200,
        max_globals: 20,
        max_instructions: 300,
        bulk_memory_enabled: true,
        reference_types_enabled: random.one_in(2),
        multi_value_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        tail_call_enabled: random.one_in(3),
        extended_const_enabled: false,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        memory64_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        wide_arithmetic_enabled: false,
        canonicalize_nans: true,
        disallow_traps: random.one_in(2),
        ..Config::default()
    };
    let mut module = Module::new(config, &mut Unstructured::new(bytes)).ok()?;
    module.ensure_termination(300).ok()?;
    berth_engine_tests::start::with_start(&module.to_bytes())
}

/// Calls of all functions that the module exports, each twice, with values at random.
#[must_use]
pub fn calls(image: &[u8], seed: u64) -> Vec<(String, Vec<Value>)> {
    let mut random = Random(seed);
    let mut calls = Vec::new();
    for (name, parameters) in exported(image) {
        for _ in 0..2 {
            let arguments = parameters.iter().map(|kind| argument(&mut random, *kind));
            calls.push((name.clone(), arguments.collect()));
        }
    }
    calls
}

/// Exported functions and their parameters.
fn exported(image: &[u8]) -> Vec<(String, Vec<ValType>)> {
    let mut types = Vec::new();
    let mut functions = Vec::new();
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(image) {
        match payload {
            Ok(Payload::TypeSection(section)) => {
                let known = section.into_iter_err_on_gc_types();
                types.extend(known.flatten().map(|function| function.params().to_vec()));
            }
            Ok(Payload::FunctionSection(section)) => {
                functions.extend(section.into_iter().flatten())
            }
            Ok(Payload::ExportSection(section)) => {
                let section = section.into_iter().flatten();
                exports.extend(section.filter(|export| export.kind == ExternalKind::Func));
            }
            _ => {}
        }
    }
    let of = |index: u32| types[functions[index as usize] as usize].clone();
    let all = exports.iter();
    all.map(|export| (export.name.to_owned(), of(export.index)))
        .collect()
}

fn argument(random: &mut Random, kind: ValType) -> Value {
    let bits = match random.below(4) {
        0 => random.below(16),
        1 => random.below(16).wrapping_neg(),
        2 => 1 << random.below(64),
        _ => random.number(),
    };
    match kind {
        ValType::I32 => Value::I32(bits as i32),
        ValType::I64 => Value::I64(bits as i64),
        ValType::F32 => Value::F32((bits as i32 as f32).to_bits()),
        ValType::F64 => Value::F64((bits as i64 as f64).to_bits()),
        ValType::EXTERNREF => Value::Extern(None),
        _ => Value::Function(false),
    }
}
