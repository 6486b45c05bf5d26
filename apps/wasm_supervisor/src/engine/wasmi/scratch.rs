//! Making wasmi give back the memory it translated with.
//!
//! An engine keeps the working memory of its validator and translator for the
//! next function, and has no call to drop it. It holds 2 KB after the smallest
//! module and grows with the largest function (11 KB after a module of 12 KB),
//! for as long as the container runs, and a container never compiles again.
//!
//! wasmi takes that memory out of the engine to translate a function and puts
//! it back only if that succeeds. So one function that cannot be valid is
//! translated after the container's own: the engine is left without.

use wasmi::{Engine, Module};

/// A module with one function `() -> ()`, which drops a value that is not
/// there. The function type is that of every container's main, so the engine
/// knows it already and keeps nothing new.
const INVALID: &[u8] = &[
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // magic, version
    0x01, 0x04, 0x01, 0x60, 0x00, 0x00, // types: () -> ()
    0x03, 0x02, 0x01, 0x00, // functions: one of that type
    0x0a, 0x05, 0x01, 0x03, 0x00, 0x1a, 0x0b, // code: no locals, drop, end
];

/// Functions in the engine's first block of entries; each block is twice as long
/// as the one before.
const FIRST_BLOCK: u32 = 32;

/// Drop the working memory of `engine`, which has compiled `functions` functions.
pub(super) fn release(engine: &Engine, functions: u32) {
    if has_room(functions) {
        // Always an error, which is the purpose.
        let _ = Module::new(engine, INVALID);
    }
}

/// Is there room for the entry of our function beside `functions` others?
/// It stays as long as the engine. Where it would need a new block of entries,
/// that block would cost more than is gained.
const fn has_room(functions: u32) -> bool {
    functions > 0 && block_of(functions) == block_of(functions.saturating_add(1))
}

/// Number of the block, plus a constant, with the entry of the last of `functions`.
const fn block_of(functions: u32) -> u32 {
    functions.saturating_add(FIRST_BLOCK - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::config;
    use std::string::ToString;

    #[test]
    fn the_module_fails_in_its_function_and_nowhere_else() {
        let error = Module::new(&config::engine(), INVALID).unwrap_err();
        assert!(error.to_string().contains("type mismatch"), "{error}");
    }

    #[test]
    fn no_new_block_of_entries_is_asked_for() {
        // Blocks of 32, 64, 128: full with 32, 96, 224 functions.
        let without: std::vec::Vec<u32> = (0..230).filter(|n| !has_room(*n)).collect();
        assert_eq!(without, [0, 32, 96, 224]);
    }
}
