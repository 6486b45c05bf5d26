//! Sizes that containers, the arena and the engine agree on.

/// Most containers that a device stores.
pub const CONTAINERS_MAX: usize = 16;
/// Bytes of a container's log, record heads included.
pub const LOG_BYTES: usize = 768;
/// Most bytes that a container can save.
pub const SAVED_MAX: usize = 1024;
