//! Typed system calls: what the registers mean, and rules that make them safe.

pub mod allow;
pub(crate) mod command;
pub(crate) mod exit;
pub mod memop;
pub(crate) mod subscribe;
pub(crate) mod yielding;
