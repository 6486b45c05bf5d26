//! What the tests of the store share: flash that forgets, a reference model, operations on both.

#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod model;
pub(crate) mod operations;
pub(crate) mod unstable;

/// A number from the environment, for longer runs.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}
