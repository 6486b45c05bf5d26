//! How wasmi is set up for containers.
//!
//! One engine a container (a shared one would leak code at every start and
//! stop), compiled eagerly (out of fuel during lazy compilation could not be
//! resumed), with the smallest stacks that carry real drivers.

use wasmi::{CompilationMode, Config, Engine};

/// First size of a call's value stack in bytes; it grows on demand.
const STACK_FIRST_BYTES: usize = 64;
/// Smallest limit of a value stack in bytes that a container can ask for.
pub const STACK_MIN_BYTES: usize = 128;
/// Largest value stack of one call in bytes, unless a container asks for another.
pub const STACK_MAX_BYTES: usize = 2048;
/// Calls that may be nested in a container whatever its stack.
const CALLS_MIN: usize = 32;
/// Bytes of value stack for each nested call beyond: two values. A function with fewer meets the limit of calls
/// before that of its stack; each call in progress costs 12 bytes of the arena besides.
const CALL_BYTES: usize = 16;

/// Returns how deep calls may be nested with a value stack of `stack_bytes`. They take nothing from the
/// supervisor's own stack: the engine keeps them in the arena.
#[must_use]
pub const fn calls_max(stack_bytes: usize) -> usize {
    let calls = stack_bytes / CALL_BYTES;
    if calls > CALLS_MIN { calls } else { CALLS_MIN }
}

/// Value stacks that an engine with handlers keeps for the next call: main may hold one. It
/// saves a call 610 instructions, and costs 448 bytes.
pub const HANDLER_STACKS: usize = 2;

/// The configuration of a container's engine with stacks up to `stack_bytes`.
#[must_use]
pub fn config(stack_bytes: usize) -> Config {
    let mut config = Config::default();
    config
        .compilation_mode(CompilationMode::Eager)
        .consume_fuel(true)
        .wasm_custom_page_sizes(true)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .ignore_custom_sections(true)
        // The first size before the limit: the engine's own would be above a small one, which it panics about.
        .set_min_stack_height(STACK_FIRST_BYTES)
        .set_max_stack_height(stack_bytes.max(STACK_MIN_BYTES))
        .set_max_recursion_depth(calls_max(stack_bytes))
        // A cached stack is memory that an idle container holds for nothing.
        .set_max_cached_stacks(0);
    config
}

/// A new engine with the usual stack.
#[must_use]
pub fn engine() -> Engine {
    Engine::new(&config(STACK_MAX_BYTES))
}
