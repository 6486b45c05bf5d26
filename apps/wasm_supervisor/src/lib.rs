//! The Tock process that runs containers: wasmi, lifecycle, serial protocol.
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(not(target_os = "none"))]
extern crate std;

pub mod admission;
pub mod answering;
pub mod arena;
#[cfg(target_os = "none")]
pub mod board;
pub mod buses;
#[cfg(all(feature = "compiled", target_os = "none"))]
pub mod compiled;
pub mod container;
pub mod conveyors;
pub mod engine;
pub mod errno;
#[cfg(not(target_os = "none"))]
pub mod fake;
pub mod interrupts;
pub mod platform;
pub mod programs;
pub mod service;
pub mod shell;
pub mod sizes;
pub mod supervisor;
pub mod text;
pub mod window;

/// Version of the supervisor, for people.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
